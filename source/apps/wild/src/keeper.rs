//! The keeper: lets the wild processes loose, asks the ordinary services meanwhile, and sees what
//! comes of it.

use alloc::format;
use alloc::string::String;
use core::convert::Infallible;

use nexus_abi::{Error, Handle, Message};
use nexus_proto::init::{Init, Mem, MemInfo, ServiceStat, ServiceState, Stat};
use nexus_proto::{Zero, ids};
use nexus_rt::{
    CallError, Client, Deadline, StartError, startup, sys, ticks, ticks_of_ns, uptime_ns,
};
use nexus_test::{Host, Waiter};

use crate::counts::{Counts, ROWS};
use crate::end::{self, COUNT, FIRST};
use crate::probes::Probes;
use crate::random::Random;
use crate::talk::{self, Say};

/// Service id of the keeper.
pub const KEEPER: u32 = 59;
/// Calls that each wild process makes.
pub const CALLS: u64 = 25_000;

/// Milliseconds that the owners have to become ready: instructions pass slowly here.
const READY_MS: u64 = 60_000;
/// Milliseconds that init has to answer, and to see that a process has ended.
const INIT_MS: u64 = 10_000;
/// Nanoseconds between two rounds of questions.
const ROUND_NS: u64 = 20_000_000;
/// Rounds in which the services must have been asked for the run to say anything.
const ROUNDS: u64 = 200;

/// Why it cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Something is missing in the startup block.
    Start(StartError),
    /// The kernel refused.
    Kernel(Error),
    /// A service did not answer.
    Call(CallError),
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Failed {
        Failed::Start(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Kernel(error)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Failed {
        Failed::Call(error)
    }
}

/// What is wrong with a fact, or nothing.
type Check = Result<(), String>;

/// The keeper at work.
#[derive(Debug)]
pub struct Keeper {
    host: Host,
    endpoint: Handle,
    init: Client<Init>,
    waiter: Waiter,
    probes: Probes,
    seed: u64,
    counts: Counts,
    /// Wild processes that have told everything.
    ended: u32,
}

impl Keeper {
    /// From the startup block.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Keeper, Failed> {
        let start = startup();
        Ok(Keeper {
            host: Host::new()?,
            endpoint: start.serve()?,
            init: start.client(ids::INIT)?,
            waiter: Waiter::new()?,
            probes: Probes::new()?,
            seed: start.block().nonce,
            counts: Counts::default(),
            ended: 0,
        })
    }

    /// Runs everything and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        self.host.wait_until_ready(Deadline::after_ms(READY_MS))?;
        let before = self.mem()?;
        let held = self.held()?;
        self.host.console.line(&format!("wild: seed {}", self.seed))?;
        self.keep()?;
        for row in 0..ROWS {
            self.host.console.line(&format!("wild: {}", self.counts.line(row)))?;
        }
        let ms = uptime_ns() / 1_000_000;
        self.host.console.line(&format!("wild: {} rounds in {ms} ms", self.probes.rounds))?;
        for line in self.probes.lines() {
            self.host.console.line(&format!("wild: {line}"))?;
        }
        let ends = self.ends()?;
        let facts = [
            ("wild-calls", self.calls()),
            ("services-in-time", self.in_time()),
            ("wild-ends", ends),
            ("everything-comes-back", comes_back(&before, &self.mem()?, held)),
        ];
        let mut failed = 0;
        for (name, check) in &facts {
            let words = name.replace('-', " ");
            let line = match check {
                Ok(()) => format!("SELFTEST: {words} ok"),
                Err(why) => format!("SELFTEST: {words} FAILED: {why}"),
            };
            self.host.console.line(&line)?;
            match check {
                Ok(()) => nexus_rt::proof(name)?,
                Err(_) => failed += 1,
            }
        }
        let passed = u32::try_from(facts.len()).unwrap_or(0) - failed;
        Ok(self.host.end(passed, failed)?)
    }

    /// Serves the wild processes until all have told what they did, and asks the services.
    fn keep(&mut self) -> Result<(), Failed> {
        let mut reply = Handle::NONE;
        let mut answer = Message::default();
        let mut round = ticks();
        while self.ended < COUNT {
            if ticks() >= round {
                self.probes.round();
                round = ticks() + ticks_of_ns(ROUND_NS);
            }
            match sys::reply_recv(self.endpoint, reply, &answer, round) {
                Ok(received) => {
                    let say = Say::from_message(&received.message);
                    for cap in received.message.caps() {
                        // What it cannot be rid of costs only the keeper.
                        let _ = sys::cap_drop(cap);
                    }
                    reply = received.reply;
                    answer = self.answer(received.sender.service_id, say);
                }
                Err(Error::TimedOut) => {
                    self.probes.woken(ticks() - round);
                    reply = Handle::NONE;
                }
                // Its asker has given up, or sends more than there is room for.
                Err(Error::BadHandle | Error::NoMemory | Error::PeerGone) => reply = Handle::NONE,
                Err(error) => return Err(error.into()),
            }
        }
        // The last one waits for its answer.
        let _ = sys::reply(reply, &answer);
        Ok(())
    }

    fn answer(&mut self, service: u32, say: Option<Say>) -> Message {
        match say {
            Some(Say::Begin) => {
                let seed = Random::new(self.seed ^ u64::from(service)).word();
                Message::new(0, &[seed, CALLS])
            }
            Some(Say::Rows(first, rows)) => {
                talk::add_rows(&mut self.counts, first, rows);
                Message::default()
            }
            Some(Say::End) => {
                self.ended += 1;
                Message::default()
            }
            None => Message::new(1, &[]),
        }
    }

    /// Every call was reached, in every way in which it can end.
    fn calls(&self) -> Check {
        let (total, expected) = (self.counts.total(), CALLS * u64::from(COUNT));
        if total < expected {
            return Err(format!("{total} calls of {expected}"));
        }
        match self.counts.gaps().first() {
            None => Ok(()),
            Some(gap) => Err(gap.clone()),
        }
    }

    /// The services gave the right answers in time, all the while.
    fn in_time(&self) -> Check {
        match &self.probes.wrong {
            Some(wrong) => Err(wrong.clone()),
            None if self.probes.rounds < ROUNDS => {
                Err(format!("{} rounds of {ROUNDS}", self.probes.rounds))
            }
            None => Ok(()),
        }
    }

    /// Each has ended in its own way.
    fn ends(&self) -> Result<Check, Failed> {
        for place in 0..COUNT {
            let stat = self.ended(FIRST + place)?;
            if !end::fits(place, stat.end, stat.code) {
                return Ok(Err(format!("wild process {place}: {:?} {}", stat.end, stat.code)));
            }
        }
        Ok(Ok(()))
    }

    fn ended(&self, service: u32) -> Result<ServiceStat, Failed> {
        let deadline = Deadline::after_ms(INIT_MS);
        loop {
            let stat = self.stat(service)?;
            if stat.state == ServiceState::Ended || deadline.has_passed() {
                return Ok(stat);
            }
            // It has threads left, maybe, that are less important.
            self.waiter.pause(1);
        }
    }

    fn stat(&self, service: u32) -> Result<ServiceStat, CallError> {
        self.init.call(&Stat { service, zero: Zero::ZERO }, Deadline::after_ms(INIT_MS))
    }

    fn mem(&self) -> Result<MemInfo, CallError> {
        self.init.call(&Mem {}, Deadline::after_ms(INIT_MS))
    }

    /// Frames and objects that were cut off for the wild processes.
    fn held(&self) -> Result<[u64; 2], CallError> {
        let mut held = [0; 2];
        for place in 0..COUNT {
            let stat = self.stat(FIRST + place)?;
            held[0] += u64::from(stat.frames_limit);
            held[1] += u64::from(stat.objects_limit);
        }
        Ok(held)
    }
}

/// All that was cut off for the wild processes is free again.
fn comes_back(before: &MemInfo, after: &MemInfo, [frames, objects]: [u64; 2]) -> Check {
    let given = |one: u64, two: u64| one.saturating_sub(two);
    for (what, expected, no_longer_given, free) in [
        (
            "frames",
            frames,
            given(before.frames_given, after.frames_given),
            given(after.frames_free, before.frames_free),
        ),
        (
            "objects",
            objects,
            given(before.objects_given, after.objects_given),
            given(after.objects_free, before.objects_free),
        ),
    ] {
        if no_longer_given != expected || free < expected {
            return Err(format!("{no_longer_given} {what} came back, {free} free, of {expected}"));
        }
    }
    Ok(())
}
