//! The server over a real store on a disk in memory, and clients with memory that both see.

mod ask;
mod clients;
mod faults;
mod hostile;
mod limits;
mod meanwhile;
mod model;
mod pieces;
mod trees;
mod turns;
mod wait;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use nexus_mmio::ReadWrite;
use nexus_mmio::fake::{FakeMemory, FakePeer, FakeShared};
use nexus_proto::Zero;
use nexus_proto::state::ring::{self as wire, ENTRIES};
use nexus_proto::state::{Request, Wait};
use nexus_ring::{Completion, Consumer, Submission, memory_len};
use nexus_rt::abi::{Error as KernelError, Handle, Sender};
use nexus_rt::refusals::{Denied, Refusals};
use nexus_rt::{Answer, CallError, Deadline, ReplyTo, Service, Tell, host};
use nexus_state::{Link, State};
use nexus_store::fake::FakeDisk;
use nexus_store::{
    BlockDevice, Engine, Extent, FormatOptions, Identity, OpenOptions, TreeId, format,
};
use nexus_sysdesc::{Description, OpenTree, Profile, Tree};
use zerocopy::IntoBytes;

use crate::open::Why;
use crate::reason;
use crate::server::Server;
use crate::session::{Session, side};
use crate::trees::Trees;

pub(super) const GUID: [u8; 16] = *b"the store's guid";
/// Clients: each has a tree. A reads and lists what B has under `open`, B puts what A has under `in`.
pub(super) const A: u32 = 20;
pub(super) const B: u32 = 21;
/// It has a ring, and no tree.
pub(super) const C: u32 = 22;
/// Bytes of the data of a ring.
pub(super) const DATA: usize = 17 * 4096;
/// Bytes of the head of an answer.
pub(super) const ANSWER: usize = size_of::<wire::Answer>();
/// Keys and bytes of a tree.
pub(super) const KEYS: u64 = 200;
pub(super) const BYTES: u64 = 512 << 10;

type Memory = FakeShared<ReadWrite>;
pub(super) type Store = Engine<FakeDisk>;
pub(super) type Client = State<FakeLink, FakePeer>;

pub(super) const fn tree(service: u32) -> TreeId {
    TreeId(service as u128 + 1000)
}

/// Who is told of denials.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(pub(super) Rc<RefCell<Vec<Denied>>>);

impl Refusals for Told {
    fn first(&mut self, denied: Denied) {
        self.0.borrow_mut().push(denied);
    }
}

pub(super) type Fake = Server<Store, Memory, Told>;

/// A system with these three.
pub(super) fn description() -> Description {
    let open = |owner, prefix: &str, rights, id: &str| OpenTree {
        owner,
        prefix: prefix.into(),
        rights,
        id: id.into(),
        reason: "a test".into(),
    };
    let mut services =
        [A, B, C].map(|id| nexus_sysdesc::testing::service(id, &format!("s{id}"), &[]));
    for service in &mut services[..2] {
        service.tree = Some(Tree { id: tree(service.id).0, keys: KEYS, bytes: BYTES });
    }
    services[0].opens = vec![open(B, "open", 0b011, "a-b")];
    services[1].opens = vec![open(A, "in", 0b100, "b-a")];
    nexus_sysdesc::testing::system(Profile::Test, services.to_vec())
}

/// The server, and what it stands on.
pub(super) struct World {
    pub(super) server: RefCell<Option<Fake>>,
    pub(super) disk: FakeDisk,
    pub(super) told: Told,
    rings: BTreeMap<u32, FakeMemory>,
    data: usize,
    /// Waits until statefsd ends, and its next life begins.
    pub(super) dies: Cell<Option<u32>>,
    pub(super) lives: Cell<u32>,
    pub(super) turns: Cell<u32>,
    /// statefsd was told of something.
    awake: Cell<bool>,
    /// Clients that were.
    woken: RefCell<BTreeSet<u32>>,
}

impl World {
    pub(super) fn new() -> Rc<World> {
        World::on(formatted(256, 1024), DATA)
    }

    pub(super) fn on(disk: FakeDisk, data: usize) -> Rc<World> {
        let rings = [A, B, C].map(|id| (id, FakeMemory::new(memory_len(data))));
        let world = World {
            server: RefCell::new(None),
            disk,
            told: Told::default(),
            rings: rings.into(),
            data,
            dies: Cell::new(None),
            lives: Cell::new(0),
            turns: Cell::new(0),
            awake: Cell::new(false),
            woken: RefCell::default(),
        };
        world.restart();
        Rc::new(world)
    }

    /// Ends statefsd wherever it is, and begins its next life.
    pub(super) fn restart(&self) {
        self.server.replace(None);
        let store = open(&self.disk).map_err(|why| reason::failed(Why::Store(why)));
        let trees = Trees::new(&description());
        let sessions = self.rings.iter().map(|(id, memory)| {
            let side = side(memory.part(0..memory_len(self.data))).unwrap();
            let tell = Tell::new(Handle(u64::from(*id)), 1);
            Session::new(*id, side, tell, trees.access(*id))
        });
        let sessions = sessions.collect();
        let server = Server::new(store, GUID, trees.clone(), sessions, self.told.clone(), None);
        self.server.replace(Some(server));
        self.lives.set(self.lives.get() + 1);
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Fake) -> T) -> T {
        work(self.server.borrow_mut().as_mut().unwrap())
    }

    pub(super) fn turn(&self) {
        self.turns.set(self.turns.get() + 1);
        self.with(Server::turn);
    }

    /// What statefsd does of itself, or because it was told.
    fn goes_on(&self) {
        let told = self.awake.take();
        let due = self.with(|server| server.deadline()) != Deadline::NEVER;
        assert!(told || due, "statefsd waits, and so does its client");
        self.turns.set(self.turns.get() + 1);
        self.with(|server| if told { server.notified(1) } else { server.tick() });
    }

    /// A wait passes; whether statefsd ends in it.
    fn is_dying(&self) -> bool {
        let left = self.dies.get();
        self.dies.set(left.and_then(|left| left.checked_sub(1)));
        if left == Some(0) {
            self.restart();
        }
        left == Some(0)
    }

    /// A client waits in a call, which `reply` answers; the answer that it has as soon as it is taken.
    pub(super) fn call(&self, service: u32, reply: Handle) -> Answer {
        let sender = Sender { service_id: service, incarnation: 1 };
        let reply = ReplyTo::by(reply);
        self.with(|server| server.handle(sender, Request::Wait(Wait {}), reply))
    }

    /// Whether this client was told of something.
    fn is_woken(&self, service: u32) -> bool {
        let told = host::signals().into_iter().filter_map(|(at, _)| u32::try_from(at.0).ok());
        self.woken.borrow_mut().extend(told);
        self.woken.borrow_mut().remove(&service)
    }

    /// This life of a service has begun an attachment.
    pub(super) fn attach(&self, service: u32, life: u32) {
        let sender = Sender { service_id: service, incarnation: life };
        self.with(|server| server.attach(sender)).unwrap();
    }

    pub(super) fn peer(&self, service: u32) -> FakePeer {
        self.rings[&service].peer(0..memory_len(self.data))
    }

    pub(super) fn memory(&self, service: u32) -> &FakeMemory {
        &self.rings[&service]
    }

    pub(super) fn client(self: &Rc<World>, service: u32) -> Client {
        self.client_in(service, 1)
    }

    /// In this life of it.
    pub(super) fn client_in(self: &Rc<World>, service: u32, life: u32) -> Client {
        let link = FakeLink { world: Rc::clone(self), service, life };
        State::new(link, self.peer(service), life).unwrap()
    }

    /// As [`raw`](Self::raw), where the words of the ring may be anything.
    pub(super) fn raw_anew(&self, service: u32, life: u32) -> Raw {
        let mut side = Consumer::new(self.peer(service), life).unwrap();
        let sender = Sender { service_id: service, incarnation: life };
        let _ = self.with(|server| server.attach(sender));
        let _ = side.attached();
        Raw { side, slot: self.data / ENTRIES, told: false }
    }

    pub(super) fn raw(&self, service: u32, life: u32) -> Raw {
        let mut side = Consumer::new(self.peer(service), life).unwrap();
        self.attach(service, life);
        side.attached().unwrap();
        Raw { side, slot: self.data / ENTRIES, told: false }
    }
}

/// What is between a client and the server: while it waits, the server does what it is told, or has left to do.
pub(super) struct FakeLink {
    world: Rc<World>,
    service: u32,
    life: u32,
}

impl Link<FakePeer> for FakeLink {
    fn attach(
        &mut self,
        side: &mut Consumer<FakePeer, ENTRIES>,
        _: Deadline,
    ) -> Result<(), CallError> {
        self.world.attach(self.service, self.life);
        side.attached().map_err(|_| CallError::Kernel(KernelError::PeerGone))
    }

    fn is_opening(&mut self) -> bool {
        false
    }

    fn tell(&mut self) -> Result<(), KernelError> {
        self.world.awake.set(true);
        Ok(())
    }

    fn wait(&mut self, _: Deadline) -> Result<(), KernelError> {
        while !self.world.is_woken(self.service) {
            if !self.world.is_dying() {
                self.world.goes_on();
            }
        }
        Ok(())
    }

    fn tell_and_wait(&mut self, _: Deadline) -> Result<(), KernelError> {
        let reply = Handle(u64::from(self.service) + 1000);
        let delivery = host::deliver([]);
        // A call to a life that ends before it takes it comes to the next one.
        self.world.is_dying();
        self.world.turns.set(self.world.turns.get() + 1);
        self.world.call(self.service, reply).deliver();
        while !delivery.sent().iter().any(|(to, _)| *to == reply) {
            if delivery.dropped().contains(&reply) {
                return Err(KernelError::PeerGone);
            }
            if !self.world.is_dying() {
                self.world.goes_on();
            }
        }
        Ok(())
    }
}

/// A client that says what it wants, word for word.
pub(super) struct Raw {
    side: Consumer<FakePeer, ENTRIES>,
    /// Bytes of the data that each id has.
    slot: usize,
    /// statefsd was to be told of what was submitted last.
    pub(super) told: bool,
}

impl Raw {
    /// Submits; the data is that of its id.
    pub(super) fn ask(&mut self, op: u8, head: wire::Head, body: &[u8], arg: u64) -> u16 {
        let bytes = [head.as_bytes(), body].concat();
        self.submit(op, &bytes, arg)
    }

    pub(super) fn submit(&mut self, op: u8, bytes: &[u8], arg: u64) -> u16 {
        let id = self.side.free_id().expect("room in the ring");
        let offset = u32::from(id) * self.slot as u32;
        self.side.write(offset, bytes).unwrap();
        let len = self.slot as u32;
        self.side.submit(Submission { id, op, len, offset, arg }).unwrap();
        self.told = self.side.ring(|| Ok::<(), ()>(())).unwrap();
        id
    }

    pub(super) fn side(&mut self) -> &mut Consumer<FakePeer, ENTRIES> {
        &mut self.side
    }

    /// All that was done: each completion, with its bytes.
    pub(super) fn done(&mut self) -> Vec<(Completion, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some(done) = self.side.pop().unwrap() {
            let mut bytes = vec![0; done.len as usize];
            self.side.read(u32::from(done.id) * self.slot as u32, &mut bytes).unwrap();
            all.push((done, bytes));
        }
        all
    }

    pub(super) fn statuses(&mut self) -> Vec<u8> {
        self.done().into_iter().map(|(done, _)| done.status).collect()
    }

    pub(super) fn put(&mut self, key: &str, value: &[u8], flags: u16) -> u16 {
        let head = head(key, value);
        self.ask(wire::PUT, wire::Head { flags, ..head }, &[key.as_bytes(), value].concat(), 0)
    }

    pub(super) fn get(&mut self, key: &str) -> u16 {
        self.ask(wire::GET, head(key, &[]), key.as_bytes(), 0)
    }
}

pub(super) fn head(key: &str, value: &[u8]) -> wire::Head {
    wire::Head { key: key.len() as u16, value: value.len() as u32, ..wire::Head::default() }
}

/// What stands in the head of an answer.
pub(super) fn answer(bytes: &[u8]) -> wire::Answer {
    nexus_proto::read_payload(bytes).unwrap().0
}

/// An empty store.
pub(super) fn formatted(log_pages: u32, table_pages: u64) -> FakeDisk {
    let pages = 2 + u64::from(log_pages) + table_pages;
    let extent = Extent { first: 0, sectors: pages * 8 };
    let identity = Identity { guid: GUID, key: 0x1234_5678_9abc_def1 };
    let options = FormatOptions { log_pages: Some(log_pages) };
    format(FakeDisk::new(pages * 8), extent, identity, options).unwrap()
}

pub(super) fn open(disk: &FakeDisk) -> Result<Store, nexus_store::Refused> {
    let options =
        OpenOptions { cache: 256 << 10, branches: 256 << 10, ..OpenOptions::new(GUID, 99) };
    let sectors = disk.sectors();
    Engine::open(disk.clone(), Extent { first: 0, sectors }, &options)
}

/// A step of a batch, in bytes.
pub(super) fn step(key: &str, value: Option<&[u8]>, expect: u64) -> Vec<u8> {
    let body = value.unwrap_or_default();
    let step = wire::Step {
        expect,
        value: body.len() as u32,
        key: key.len() as u16,
        remove: value.is_none(),
        zero: Zero::ZERO,
    };
    [step.as_bytes(), key.as_bytes(), body].concat()
}
