//! The server between clients with rings and a card with rings, and a peer at the other end of the wire. Time is the
//! test's.

mod answers;
mod bounds;
mod cards;
mod cases;
mod client;
mod datagrams;
mod due;
mod ends;
mod honest;
mod hostile;
mod itself;
mod lives;
mod neighbours;
mod peer;
mod quotas;
mod rules;
mod second;
mod shown;
mod storm;
mod streams;
mod turns;
mod units;
mod wait;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use nexus_mmio::ReadWrite;
use nexus_mmio::fake::{FakeMemory, FakePeer, FakeShared};
use nexus_proto::net::{Card as Says, RECEIVE, TRANSMIT};
use nexus_proto::socket::ring::{self as wire, ENTRIES, Opened, Target};
use nexus_proto::{Text, Zero, read_payload};
use nexus_ring::{Consumer, DONE, Driver, Ops, Submission, memory_len};
use nexus_rt::Tell;
use nexus_rt::abi::{Handle, Sender};
use nexus_rt::refusals::{Denied, Refusals};
use nexus_sysdesc::testing::{service, system};
use nexus_sysdesc::{
    Address, Description, Ip, NetDirection, NetProtocol, Network, NetworkSays, Permission, Ports,
    Profile, Reach, Service, Sockets, mapped,
};
use smoltcp::time::{Duration, Instant};
use zerocopy::IntoBytes;

use crate::card::Card;
use crate::frame::{Head, What};
use crate::numbers::{Numbers, Source};
use crate::road::Road;
use crate::rules::Rules;
use crate::server::Server;
use crate::session::{Session, side};
use peer::Peer;

pub(super) type Memory = FakeShared<ReadWrite>;
type Fake = Server<Memory, FakeRoad, FakeSource, Told>;

/// This machine, by DHCP; the peer, who is the router too; and somebody behind it.
pub(super) const OWN: [u8; 4] = [10, 0, 2, 15];
pub(super) const PEER: [u8; 4] = [10, 0, 2, 2];
pub(super) const BACK: [u8; 4] = [10, 0, 2, 77];
pub(super) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Clients. A may do much, B little, C resolves and may call A, D nothing.
pub(super) const A: u32 = 20;
pub(super) const B: u32 = 21;
pub(super) const C: u32 = 22;
pub(super) const D: u32 = 23;
/// Bytes of the data of a request of a client.
const SLOT: usize = 4096;
/// Bytes of the rings of the card.
const CARD: usize = 2 * (4096 + 64 * 2048);

/// The side of virtionetd.
pub(super) struct Netd {
    memory: FakeMemory,
    receive: Driver<FakePeer, 64>,
    transmit: Driver<FakePeer, 64>,
    pub(super) answers: bool,
    pub(super) link: bool,
    /// It takes what is to go.
    pub(super) takes: bool,
    pub(super) tells: u64,
    bell: Bell,
}

/// Set when somebody told netstackd of something.
pub(super) type Bell = Rc<Cell<bool>>;

/// Tells it, for the rings, where it wants to be told.
fn rings(bell: &Bell) -> impl FnOnce() -> Result<(), ()> + '_ {
    || {
        bell.set(true);
        Ok(())
    }
}

impl Netd {
    fn new(memory: &FakeMemory, bell: Bell) -> Netd {
        let half = CARD / 2;
        let side = |range, op| Driver::new(memory.peer(range), Ops::of(&[op])).unwrap();
        Netd {
            memory: memory.clone(),
            receive: side(0..half, RECEIVE),
            transmit: side(half..CARD, TRANSMIT),
            answers: true,
            link: true,
            takes: true,
            tells: 0,
            bell,
        }
    }

    /// It ends, and is another, who tells that it is there.
    pub(super) fn restart(&mut self) {
        let tells = self.tells;
        self.bell.set(true);
        *self = Netd { tells, ..Netd::new(&self.memory.clone(), Rc::clone(&self.bell)) };
    }

    /// Frames that went out.
    fn went(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while self.takes
            && let Ok(Some(request)) = self.transmit.take()
        {
            let len = request.submission().len;
            let mut frame = vec![0; len as usize];
            self.transmit.read(&request, 0, &mut frame).unwrap();
            self.transmit.complete(request, DONE, len).unwrap();
            frames.push(frame);
        }
        let _ = self.transmit.ring(rings(&self.bell));
        frames
    }

    /// A frame comes. False when there is no buffer for it.
    fn comes(&mut self, frame: &[u8]) -> bool {
        let Ok(Some(request)) = self.receive.take() else { return false };
        self.receive.write(&request, 0, frame).unwrap();
        let came = self.receive.complete(request, DONE, frame.len() as u32).is_ok();
        let _ = self.receive.ring(rings(&self.bell));
        came
    }
}

#[derive(Clone)]
pub(super) struct FakeRoad(Rc<RefCell<Netd>>);

impl std::fmt::Debug for FakeRoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeRoad")
    }
}

impl Road for FakeRoad {
    fn tell(&mut self) {
        self.0.borrow_mut().tells += 1;
    }

    fn is_over(&self) -> bool {
        false
    }

    fn info(&mut self) -> Option<Says> {
        let netd = self.0.borrow();
        let card = Says { mac: MAC, mtu: 1500, consumer: 14, link: netd.link, zero: Zero::ZERO };
        netd.answers.then_some(card)
    }

    fn join(&mut self) -> bool {
        let mut netd = self.0.borrow_mut();
        netd.answers && netd.receive.attach(1).is_ok() && netd.transmit.attach(1).is_ok()
    }
}

/// Numbers that a test can guess, or none.
#[derive(Clone, Debug)]
pub(super) struct FakeSource {
    pub(super) has: bool,
    next: u64,
}

impl Source for FakeSource {
    fn draw(&mut self) -> Option<Text> {
        let mut bytes = [0; Text::MAX];
        for chunk in bytes.chunks_exact_mut(8) {
            self.next = self.next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            chunk.copy_from_slice(&(self.next ^ self.next >> 29).to_le_bytes());
        }
        self.has.then(|| Text::piece(&bytes))
    }
}

/// What was told of denials.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(pub(super) Rc<RefCell<Vec<Denied>>>);

impl Refusals for Told {
    fn first(&mut self, denied: Denied) {
        self.0.borrow_mut().push(denied);
    }
}

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
    peer: Peer,
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
fn connects_to(frame: &[u8]) -> Option<u16> {
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

/// A client that says what it wants, word for word.
pub(super) struct Client {
    pub(super) side: Consumer<FakePeer, ENTRIES>,
    done: BTreeMap<u16, (u8, Vec<u8>)>,
    bell: Bell,
}

impl Client {
    /// Asks, with a whole slot of data that begins with these bytes.
    pub(super) fn ask(&mut self, op: u8, socket: u64, bytes: &[u8]) -> u16 {
        self.ask_len(op, socket, bytes, SLOT)
    }

    pub(super) fn ask_len(&mut self, op: u8, socket: u64, bytes: &[u8], len: usize) -> u16 {
        self.look();
        let id = self.side.free_id().expect("room in the ring");
        let offset = u32::from(id) * SLOT as u32;
        let none = Target::default();
        let bytes = if bytes.is_empty() && len >= SLOT { none.as_bytes() } else { bytes };
        self.side.write(offset, bytes).unwrap();
        let len = len as u32;
        self.side.submit(Submission { id, op, len, offset, arg: socket }).unwrap();
        self.tell();
        self.done.remove(&id);
        id
    }

    /// Tells the server of what was asked, if it wants to be told.
    pub(super) fn tell(&mut self) {
        let _ = self.side.ring(rings(&self.bell));
    }

    fn look(&mut self) {
        while let Ok(Some(done)) = self.side.pop() {
            let mut bytes = vec![0; done.len as usize];
            // What was sent is not read back.
            self.side.read(u32::from(done.id) * SLOT as u32, &mut bytes).unwrap();
            self.done.insert(done.id, (done.status, bytes));
        }
    }

    pub(super) fn is_done(&mut self, id: u16) -> bool {
        self.look();
        self.done.contains_key(&id)
    }

    /// What has come of it by now.
    pub(super) fn take(&mut self, id: u16) -> Option<(u8, Vec<u8>)> {
        self.look();
        self.done.remove(&id)
    }

    pub(super) fn send(&mut self, socket: u64, data: &[u8]) -> u16 {
        let len = data.len() as u32;
        let head = Target { len, ..Target::default() };
        self.ask(wire::SEND, socket, &[head.as_bytes(), data].concat())
    }
}

pub(super) fn to(v4: [u8; 4], port: u16) -> Target {
    Target { address: mapped(v4), port, ..Target::default() }
}

/// At a port here.
pub(super) fn at(n: u16) -> Target {
    Target { n, ..Target::default() }
}

pub(super) fn reach(
    protocol: NetProtocol,
    direction: NetDirection,
    ports: &[(u16, u16)],
    addresses: &[(Ip, u8)],
) -> Reach {
    let ports = ports.iter().map(|(first, last)| Ports { first: *first, last: *last });
    let network = |(address, bits): &(Ip, u8)| Network { address: *address, bits: *bits };
    Reach {
        protocol,
        direction,
        ports: ports.collect(),
        addresses: addresses.iter().map(network).collect(),
        id: "net".into(),
        reason: "a test".into(),
    }
}

/// Every address of IPv4.
pub(super) fn any4() -> (Ip, u8) {
    (mapped([0; 4]), 96)
}

/// Every address of IPv6.
pub(super) const ANY6: (Ip, u8) = ([0; 16], 0);

pub(super) fn description() -> Description {
    use NetDirection::{In, Out};
    use NetProtocol::{Echo, Tcp, Udp};
    let all = [any4(), ANY6];
    let client = |id, name, permissions: &[Permission], reaches| Service {
        sockets: Some(Sockets { count: 8, bytes: 1 << 20 }),
        reaches,
        ..service(id, name, permissions)
    };
    let ports = [(1, u16::MAX)];
    let a = vec![
        reach(Tcp, Out, &ports, &all),
        reach(Tcp, In, &[(80, 90)], &all),
        reach(Udp, Out, &ports, &all),
        reach(Udp, In, &[(5000, 5010)], &all),
        reach(Echo, Out, &[], &all),
    ];
    let b = vec![
        reach(Tcp, Out, &[(80, 80), (443, 443)], &[(mapped([10, 0, 2, 0]), 120)]),
        reach(Tcp, In, &[(8080, 8080)], &[(mapped(PEER), 128)]),
    ];
    let c = vec![
        reach(Tcp, Out, &ports, &all),
        reach(Udp, Out, &ports, &all),
        reach(Echo, Out, &[], &all),
    ];
    let services = vec![
        client(A, "a", &[], a),
        client(B, "b", &[], b),
        Service { talks_to: vec![A], ..client(C, "c", &[Permission::Resolve], c) },
        Service { sockets: None, ..client(D, "d", &[Permission::View], Vec::new()) },
    ];
    let network = NetworkSays { address: Address::Dhcp, leads_back: vec![mapped(BACK)] };
    Description { network: Some(network), ..system(Profile::Test, services) }
}
