//! A consumer at the rings of drivers that writes what it likes, while they run: requests that cannot be, and
//! words anywhere, those of the driver too.

use alloc::vec::Vec;

use nexus_abi::{Message, Sender};
use nexus_mmio::{ReadWrite, Shared, SharedMemory, SharedMut, Split};
use nexus_proto::disk::{self, Disk};
use nexus_proto::net::{AttachRings, Net};
use nexus_proto::{Malformed, Protocol, ids};
use nexus_ring::{Consumer, MAX_ENTRIES, PAGE, Submission};
use nexus_rt::{
    Answer, CallError, Client, Deadline, ReplyTo, Ring, Service, StartError, attach, startup,
};
use rogue::random::Random;

use crate::ask::{KEEPER, LIFE_NS, Life, WRITE, WRITTEN, Written, answer};
use crate::change::random;

/// Nanoseconds between two times that it writes, at most.
const PAUSE_NS: u64 = 60_000;
/// Milliseconds in which a driver must join an attachment.
const ATTACH_MS: u64 = 20;
/// The bit that each number has which could be one of a sector: others use those before 8192.
const BEYOND: u64 = 1 << 13;
/// Words of both sides, bytes; the requests and completions follow.
const WORDS: usize = 256;

type Memory = SharedMemory<ReadWrite>;

/// It is asked to write, and what it has written.
#[derive(Debug)]
pub enum Asked {}

impl Protocol for Asked {
    const NUMBER: u16 = 0x7ffe;
    const NAME: &'static str = "what is written into rings";
    const OPERATIONS: &'static [(u16, &'static str)] = &[];
    type Request = Request;
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Request {
    /// See [`WRITE`].
    Write(Life),
    /// See [`WRITTEN`].
    Written,
}

impl nexus_proto::Request for Request {
    fn decode(message: &Message) -> Result<Request, Malformed> {
        match message.tag.label() {
            WRITE => Life::of(message).map(Request::Write).ok_or(Malformed::Value),
            WRITTEN => Ok(Request::Written),
            _ => Err(Malformed::Label),
        }
    }

    fn encode(&self) -> Message {
        match self {
            Request::Write(life) => Message::new(WRITE, &life.words()),
            Request::Written => Message::new(WRITTEN, &[]),
        }
    }
}

/// A ring in shared memory, as a consumer has it, and as bytes.
#[derive(Debug)]
struct Side {
    consumer: Consumer<Memory, MAX_ENTRIES>,
    raw: Memory,
}

impl Side {
    fn new(consumer: Memory, raw: Memory) -> Result<Side, StartError> {
        let consumer = Consumer::new(consumer, startup().block().incarnation);
        Ok(Side { consumer: consumer.map_err(|_| StartError::BadMemory)?, raw })
    }

    /// One thing that it does.
    fn act(&mut self, random: &mut Random) {
        let len = self.raw.len();
        let rest = (len - WORDS) as u64 / 8;
        match random.below(6) {
            0..3 => self.submit(random),
            3 => {
                let at = random.below(WORDS as u64 / 8) as usize * 8;
                self.put(at, random.next());
            }
            // More often where requests and completions are.
            4 => {
                let near = random.below((PAGE - WORDS) as u64 / 8) as usize * 8;
                self.put(WORDS + near, random.next() | BEYOND);
            }
            _ => self.put(WORDS + random.below(rest) as usize * 8, random.next() | BEYOND),
        }
    }

    fn put(&mut self, at: usize, word: u64) {
        // Each is inside.
        let _ = self.raw.put_words(at, [word].into_iter());
    }

    /// A request that may or may not be one, and what came of others, which is dropped.
    fn submit(&mut self, random: &mut Random) {
        let number = |random: &mut Random| match random.below(3) {
            0 => random.next() as u32,
            1 => 512 << random.below(9),
            _ => random.below(1 << 12) as u32,
        };
        let (len, offset) = (number(random), number(random));
        let (op, arg) = (random.below(8) as u8, random.below(1 << 15) | BEYOND);
        let id = self.consumer.free_id().unwrap_or(0);
        // It refuses what it has in flight; the ring has whatever it had.
        let _ = self.consumer.submit(Submission { id, op, len, offset, arg });
        let _ = self.consumer.pop();
    }
}

/// A driver with its rings.
#[derive(Debug)]
struct Victim {
    driver: u32,
    ring: Ring,
    sides: Vec<Side>,
}

impl Victim {
    /// With `count` rings in its memory.
    fn new(driver: u32, count: usize) -> Result<Victim, StartError> {
        let ring = startup().ring(driver).ok_or(StartError::NoMemory)?;
        let (mut memory, mut raw) = (ring.map()?, ring.map()?);
        let mut sides = Vec::new();
        let part = memory.len() / count / PAGE * PAGE;
        let split = |memory: Memory| memory.split(part).map_err(|_| StartError::BadMemory);
        for _ in 1..count {
            let (first, rest) = split(memory)?;
            let (first_raw, rest_raw) = split(raw)?;
            sides.push(Side::new(first, first_raw)?);
            (memory, raw) = (rest, rest_raw);
        }
        sides.push(Side::new(memory, raw)?);
        Ok(Victim { driver, ring, sides })
    }
}

/// What it is at.
#[derive(Debug)]
struct Work {
    victim: usize,
    random: Random,
    until: Deadline,
    next: Deadline,
    written: Written,
}

/// The service.
#[derive(Debug)]
pub struct Hostile {
    disk: Client<Disk>,
    net: Client<Net>,
    victims: [Victim; 2],
    work: Option<Work>,
}

impl Hostile {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Hostile, StartError> {
        let start = startup();
        Ok(Hostile {
            disk: start.client(ids::VIRTIOBLKD)?,
            net: start.client(ids::VIRTIONETD)?,
            victims: [Victim::new(ids::VIRTIOBLKD, 1)?, Victim::new(ids::VIRTIONETD, 2)?],
            work: None,
        })
    }

    /// Has the driver join an attachment, and begins.
    fn begin(&mut self, Life { driver, seed }: Life) -> Option<Written> {
        let index = self.victims.iter().position(|victim| victim.driver == driver)?;
        let attached = self.attach(index).is_ok();
        let written = Written { attached, ..Written::default() };
        let (until, next) = (Deadline::after_ns(LIFE_NS), Deadline::after_ns(1));
        self.work = Some(Work { victim: index, random: random(seed), until, next, written });
        Some(written)
    }

    fn attach(&mut self, index: usize) -> Result<(), CallError> {
        let by = Deadline::after_ms(ATTACH_MS);
        let sides = self.victims.get_mut(index).map(|victim| victim.sides.as_mut_slice());
        let sides = sides.unwrap_or_default();
        sides.iter_mut().for_each(|side| drop(side.consumer.begin()));
        match sides {
            [one] => attach(&self.disk, &disk::Attach {}, [&mut one.consumer], by),
            [first, second] => {
                let both = [&mut first.consumer, &mut second.consumer];
                attach(&self.net, &AttachRings {}, both, by)
            }
            _ => Ok(()),
        }
    }
}

impl Service for Hostile {
    type Protocol = Asked;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        let written = match request {
            _ if sender.service_id != KEEPER => None,
            Request::Write(life) => self.begin(life),
            Request::Written => self.work.as_ref().map(|work| work.written),
        };
        reply.message(answer(written.map(Written::words)))
    }

    fn deadline(&self) -> Deadline {
        let work = self.work.as_ref().filter(|work| !work.written.over);
        work.map_or(Deadline::NEVER, |work| work.next)
    }

    fn tick(&mut self) {
        let Some(work) = &mut self.work else { return };
        let Some(victim) = self.victims.get_mut(work.victim) else { return };
        for _ in 0..1 + work.random.below(8) {
            let side = work.random.below(victim.sides.len() as u64) as usize;
            if let Some(side) = victim.sides.get_mut(side) {
                side.act(&mut work.random);
                work.written.writes += 1;
            }
        }
        // Nobody hears it when the driver has ended, which its keeper sees.
        let _ = victim.ring.tell().tell();
        work.written.over = work.until.has_passed();
        work.next = Deadline::after_ns(work.random.below(PAUSE_NS));
    }
}
