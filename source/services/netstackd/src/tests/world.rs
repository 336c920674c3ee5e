//! The server, its card, its clients and the peer, and time.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use nexus_mmio::fake::FakeMemory;
use nexus_proto::read_payload;
use nexus_proto::socket::ring::{self as wire, ENTRIES, Opened, Target};
use nexus_ring::{Consumer, DONE, memory_len};
use nexus_rt::Tell;
use nexus_rt::abi::{Handle, Sender};
use nexus_rt::refusals::Denied;
use nexus_sysdesc::Description;
use smoltcp::time::{Duration, Instant};
use zerocopy::IntoBytes;

use super::asks::{Client, SLOT, to};
use super::netd::{Bell, CARD, FakeRoad, Netd};
use super::peer::Peer;
use super::says::description;
use super::{A, B, C, D, FakeSource, Memory, PEER, Told};
use crate::card::Card;
use crate::frame::{Head, What};
use crate::numbers::Numbers;
use crate::rules::Rules;
use crate::server::Server;
use crate::session::{Session, side};

type Fake = Server<Memory, FakeRoad, FakeSource, Told>;

/// What the wire does to frames.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    /// Of a hundred frames, so many are lost.
    pub(super) loss: u64,
    /// So many are late, behind others.
    pub(super) late: u64,
}

pub(super) struct World {
    pub(super) server: Fake,
    pub(super) netd: Rc<RefCell<Netd>>,
    pub(super) told: Told,
    pub(super) rings: BTreeMap<u32, FakeMemory>,
    pub(super) peer: Peer,
    pub(super) now: Instant,
    pub(super) trouble: Trouble,
    /// Frames under way to this machine that have no buffer yet.
    pub(super) coming: VecDeque<Vec<u8>>,
    chance: u64,
    /// Most frames that came, and that went, in a turn.
    pub(super) most: (u16, usize),
    /// Somebody has told the server of something.
    pub(super) bell: Bell,
    /// When it is to have a turn though nobody has.
    pub(super) next: Option<Instant>,
    /// Connections that this machine asked for: from which port, and by which sequence number.
    pub(super) asked: Vec<(u16, u32)>,
    /// Frames that went, while they are to be kept.
    pub(super) seen: Option<Vec<Vec<u8>>>,
}

impl World {
    pub(super) fn new() -> World {
        World::of(description())
    }

    pub(super) fn of(description: Description) -> World {
        let card = FakeMemory::new(CARD);
        let bell = Bell::default();
        let netd = Rc::new(RefCell::new(Netd::new(&card, Rc::clone(&bell))));
        let road = FakeRoad(Rc::clone(&netd));
        let says = description.network.clone().unwrap();
        let rules = Rules::new(description);
        let card = Card::new(card.part(0..CARD), 1, road).unwrap();
        let len = memory_len(ENTRIES * SLOT);
        let rings = [A, B, C, D].map(|id| (id, FakeMemory::new(len)));
        let sessions = rings.iter().map(|(id, memory)| {
            let side = side(memory.part(0..len)).unwrap();
            Session::new(*id, side, Tell::new(Handle(u64::from(*id)), 1), &rules)
        });
        let sessions = sessions.collect();
        let numbers = Numbers::new(FakeSource { has: true, next: 7 });
        let told = Told::default();
        let server = Server::new(card, says, rules, numbers, sessions, told.clone());
        World {
            server,
            netd,
            told,
            rings: rings.into(),
            peer: Peer::new(),
            now: Instant::from_millis(5),
            trouble: Trouble::default(),
            coming: VecDeque::new(),
            chance: 12345,
            most: (0, 0),
            bell,
            next: Some(Instant::ZERO),
            asked: Vec::new(),
            seen: None,
        }
    }

    /// With an address.
    pub(super) fn up() -> World {
        let mut world = World::new();
        world.until(|world| world.has_address());
        world
    }

    pub(super) fn has_address(&mut self) -> bool {
        self.server.stack().is_some_and(|stack| stack.has_v4())
    }

    fn chance(&mut self, of_hundred: u64) -> bool {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.chance >> 33) % 100 < of_hundred
    }

    /// Frames, as the wire lets them through.
    fn carry(&mut self, frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let Trouble { loss, late } = self.trouble;
        let (mut through, mut behind) = (Vec::new(), Vec::new());
        for frame in frames {
            if self.chance(loss) {
                continue;
            }
            if self.chance(late) { behind.push(frame) } else { through.push(frame) }
        }
        through.extend(behind);
        through
    }

    /// One turn of the server, if it is told of something or it is time to, one look of the peer, and then time goes on.
    pub(super) fn step(&mut self) {
        while let Some(frame) = self.coming.pop_front() {
            if !self.netd.borrow_mut().comes(&frame) {
                self.coming.push_front(frame);
                break;
            }
        }
        if self.bell.take() || self.next.is_some_and(|next| next <= self.now) {
            let turn = self.server.turn(self.now);
            self.most.0 = self.most.0.max(turn.came);
            self.next = turn.next;
        }
        let went = self.netd.borrow_mut().went();
        self.most.1 = self.most.1.max(went.len());
        self.asked.extend(went.iter().filter_map(|frame| asks(frame)));
        if let Some(seen) = &mut self.seen {
            seen.extend(went.iter().cloned());
        }
        let moved = !went.is_empty();
        let went = self.carry(went);
        let back = self.peer.poll(went, self.now);
        let back = self.carry(back);
        let moved = moved || !back.is_empty();
        self.coming.extend(back);
        let soon = self.now + Duration::from_micros(200);
        let due = [self.next, self.peer.due(self.now)].into_iter().flatten().min();
        let idle = self.now + Duration::from_millis(500);
        let due = due.unwrap_or(idle).clamp(soon, idle);
        self.now = if moved || !self.coming.is_empty() { soon } else { due };
    }

    /// Steps until it is so.
    pub(super) fn until(&mut self, mut so: impl FnMut(&mut World) -> bool) {
        let end = self.now + Duration::from_secs(300);
        while !so(self) {
            assert!(self.now < end, "it takes too long");
            self.step();
        }
    }

    /// For so many milliseconds.
    pub(super) fn run(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while self.now < end {
            self.step();
        }
    }

    pub(super) fn client(&mut self, service: u32) -> Client {
        self.client_in(service, 1)
    }

    /// In this life of it.
    pub(super) fn client_in(&mut self, service: u32, life: u32) -> Client {
        let memory = self.rings[&service].peer(0..memory_len(ENTRIES * SLOT));
        let mut side = Consumer::new(memory, life).unwrap();
        let sender = Sender { service_id: service, incarnation: life };
        self.server.attach(sender, self.now).unwrap();
        side.attached().unwrap();
        // Whoever attaches asks something at once.
        self.bell.set(true);
        Client { side, done: BTreeMap::new(), bell: Rc::clone(&self.bell) }
    }

    /// What comes of a request.
    pub(super) fn wait(&mut self, client: &mut Client, id: u16) -> (u8, Vec<u8>) {
        self.until(|_| client.is_done(id));
        client.done.remove(&id).unwrap()
    }

    /// Asks, and waits for what comes of it.
    pub(super) fn ask(
        &mut self,
        client: &mut Client,
        op: u8,
        socket: u64,
        bytes: &[u8],
    ) -> (u8, Vec<u8>) {
        let id = client.ask(op, socket, bytes);
        self.wait(client, id)
    }

    pub(super) fn status(&mut self, client: &mut Client, op: u8, head: Target) -> u8 {
        self.ask(client, op, 0, head.as_bytes()).0
    }

    pub(super) fn opens(&mut self, client: &mut Client, op: u8, head: Target) -> Opened {
        let (status, bytes) = self.ask(client, op, 0, head.as_bytes());
        assert_eq!(status, DONE, "of operation {op}");
        read_payload(&bytes).unwrap().0
    }

    /// A connection of a client to the peer, at whose port somebody listens.
    pub(super) fn connection(&mut self, client: &mut Client, port: u16) -> u64 {
        self.opens(client, wire::CONNECT, to(PEER, port)).socket
    }

    pub(super) fn denied(&self) -> Vec<Denied> {
        self.told.0.borrow().clone()
    }

    /// Sockets and bytes that are counted for a client.
    pub(super) fn counted(&self, service: u32) -> (u32, u64) {
        let session = self.server.sessions().iter().find(|one| one.service() == service);
        session.unwrap().counted()
    }

    /// Number of frames of which something was made that this machine sent in answer to these.
    pub(super) fn sends(&mut self, frames: impl IntoIterator<Item = Vec<u8>>) -> usize {
        self.coming.extend(frames);
        let before = self.server.stats().frames_out;
        self.run(5);
        (self.server.stats().frames_out - before) as usize
    }
}

/// The port that a frame asks for a connection to.
pub(super) fn connects_to(frame: &[u8]) -> Option<u16> {
    match Head::of(frame)?.what {
        What::Segment { to, asks: true, .. } => Some(to),
        _ => None,
    }
}

/// The port and the sequence number of a frame of IPv4 that asks for a connection.
fn asks(frame: &[u8]) -> Option<(u16, u32)> {
    connects_to(frame)?;
    let (port, sequence) = (frame.get(34..36)?, frame.get(38..42)?);
    Some((u16::from_be_bytes(port.try_into().ok()?), u32::from_be_bytes(sequence.try_into().ok()?)))
}
