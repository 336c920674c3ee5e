//! What is asked while the disk works for somebody else.

use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use nexus_mmio::fake::FakeMemory;
use nexus_proto::state::ring as wire;
use nexus_ring::{Consumer, DONE, memory_len};
use nexus_rt::abi::{Handle, Sender};
use nexus_rt::{Deadline, Service, Tell};
use nexus_store::fake::FakeDisk;
use nexus_store::{BlockDevice, DeviceError, Engine, Expect, Extent, Key, OpenOptions, Store};

use super::{
    A, B, DATA, ENTRIES, GUID, Memory, Raw, Told, description, formatted, head, step, tree,
};
use crate::server::Server;
use crate::session::{SHARE, Session, side};
use crate::trees::Trees;

std::thread_local! {
    /// What happens at the next flush of a disk: a disk moves between threads, and what a test shares does not.
    static AT_FLUSH: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    /// The same, at the next read.
    static AT_READ: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A disk that something happens at while it is flushed, or read.
#[derive(Debug)]
struct Slow(FakeDisk);

impl BlockDevice for Slow {
    fn sectors(&self) -> u64 {
        self.0.sectors()
    }

    fn read(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError> {
        if let Some(happens) = AT_READ.take() {
            happens();
        }
        self.0.read(sector, out)
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        self.0.write(sector, data)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        if let Some(happens) = AT_FLUSH.take() {
            happens();
        }
        self.0.flush()
    }
}

type OnSlow = Server<Engine<Slow>, Memory, Told>;

/// The server on such a disk, with a ring of each of these, which is attached to.
fn serve<const N: usize>(services: [u32; N]) -> (OnSlow, [Raw; N]) {
    serve_on(formatted(256, 1024), services)
}

/// The same of a store that is there.
fn serve_on<const N: usize>(disk: FakeDisk, services: [u32; N]) -> (OnSlow, [Raw; N]) {
    let disk = Slow(disk);
    let all = Extent { first: 0, sectors: disk.sectors() };
    let store = Engine::open(disk, all, &OpenOptions::new(GUID, 99)).unwrap();
    let trees = Trees::new(&description());
    let rings = services.map(|_| FakeMemory::new(memory_len(DATA)));
    let session = |(id, ring): (u32, &FakeMemory)| {
        let tell = Tell::new(Handle(u64::from(id)), 1);
        Session::new(id, side(ring.part(0..memory_len(DATA))).unwrap(), tell, trees.access(id))
    };
    let sessions = services.into_iter().zip(&rings).map(session).collect();
    let mut server = Server::new(Ok(store), GUID, trees.clone(), sessions, Told::default(), None);
    let mut rings = rings.iter();
    let clients = services.map(|service_id| {
        let ring = rings.next().unwrap();
        let mut side = Consumer::new(ring.peer(0..memory_len(DATA)), 1).unwrap();
        server.attach(Sender { service_id, incarnation: 1 }).unwrap();
        side.attached().unwrap();
        Raw { side, slot: DATA / ENTRIES, told: false }
    });
    (server, clients)
}

// attack 92 U: while a sync of one client is at the disk, another asks and tells, and then the first again, who need not tell; both are answered by the next turn, which comes of itself: what told at the disk tells no second time; broken: state-asked-meanwhile
#[test]
fn who_asks_while_a_sync_is_at_the_disk_is_answered() {
    for (again, tells) in [(B, true), (A, false)] {
        let (mut server, clients) = serve([A, B]);
        while server.deadline() != Deadline::NEVER {
            server.tick();
        }
        let [a, b] = clients.map(|client| Rc::new(RefCell::new(client)));
        let meanwhile = Rc::clone(if again == A { &a } else { &b });
        let told = Rc::new(Cell::new(None));
        let (asks, tell) = (Rc::clone(&meanwhile), Rc::clone(&told));
        AT_FLUSH.set(Some(Box::new(move || {
            asks.borrow_mut().get("x");
            tell.set(Some(asks.borrow().told));
        })));
        a.borrow_mut().put("x", b"1", wire::FLAG_SYNC);
        server.notified(1);
        assert_eq!(told.get(), Some(tells), "of {again}");
        assert_eq!(a.borrow_mut().statuses(), [DONE], "its sync, and no more");
        assert_eq!(b.borrow_mut().statuses(), []);
        assert_eq!(server.deadline(), Deadline::at(0), "the next turn waits for nobody");
        server.tick();
        assert_eq!(meanwhile.borrow_mut().statuses().len(), 1, "of {again}");
    }
}

/// A store of which each of these has so many keys, all of them in the table, each in a leaf of its own.
fn filled(services: &[u32], keys: u64) -> FakeDisk {
    let disk = formatted(256, 1024);
    let mut store = super::open(&disk).unwrap();
    for service in services {
        for key in 0..keys {
            let key = key.to_string();
            let key = Key::new(&key).unwrap();
            store.put(tree(*service), key, &[1; 2900], Expect::Any).unwrap();
        }
    }
    store.sync().unwrap();
    while store.turn().unwrap() {}
    for round in 0..200 {
        let key = Key::new("last").unwrap();
        store.put(tree(B), key, &[round; 2000], Expect::Any).unwrap();
        store.sync().unwrap();
        while store.turn().unwrap() {}
    }
    disk
}

// attack 92 U: one client puts, and others while the leaf of its key is read, one of them more than its share; one sync is for all of them, and nobody is served twice in that turn; broken: state-same-sync
#[test]
fn who_asks_while_a_leaf_is_read_has_the_same_sync() {
    let (mut server, [a, b]) = serve_on(filled(&[A], 20), [A, B]);
    let a = Rc::new(RefCell::new(a));
    let b = Rc::new(RefCell::new(b));
    let (first, other) = (Rc::clone(&a), Rc::clone(&b));
    AT_READ.set(Some(Box::new(move || {
        first.borrow_mut().put("8", b"2", wire::FLAG_SYNC);
        let mut other = other.borrow_mut();
        for key in 0..SHARE + 4 {
            other.put(&key.to_string(), b"1", wire::FLAG_SYNC);
        }
    })));
    let before = server.stats();
    a.borrow_mut().put("7", b"2", wire::FLAG_SYNC);
    server.notified(1);
    let stats = server.stats();
    assert_eq!(a.borrow_mut().statuses(), [DONE], "the next one is of the next turn");
    assert_eq!(b.borrow_mut().statuses(), [DONE; SHARE]);
    assert_eq!((stats.syncs - before.syncs, stats.flushes - before.flushes), (1, 1));
    assert_eq!(server.deadline(), Deadline::at(0));
    server.tick();
    assert_eq!((a.borrow_mut().statuses().len(), b.borrow_mut().statuses().len()), (1, 4));
}

/// How often the disk was waited for.
fn waits(server: &mut OnSlow) -> u64 {
    server.store().unwrap().counters().waits
}

// attack 92 U: many requests, each for a key of a leaf of its own that is not in memory; they are read together, before any is carried out; broken: state-ahead
#[test]
fn leaves_of_what_is_asked_are_read_together() {
    let (mut server, [mut a, mut b]) = serve_on(filled(&[A, B], 100), [A, B]);
    let all = |a: &mut Raw, key: &str| match key.len() % 2 {
        0 => a.put(key, b"2", 0),
        _ => a.get(key),
    };
    for round in 0..3_usize {
        for key in 0..SHARE {
            all(&mut a, &(round * SHARE + key).to_string());
            all(&mut b, &(round * SHARE + key).to_string());
        }
        let (before, reads) = (waits(&mut server), server.stats().reads);
        server.notified(1);
        assert_eq!(a.statuses(), [DONE; SHARE]);
        assert_eq!(b.statuses(), [DONE; SHARE]);
        let (waits, reads) = (waits(&mut server) - before, server.stats().reads - reads);
        assert!(reads > SHARE as u64, "each key has a leaf of its own: {reads}");
        // How deep the leaves lie is learned from the first one.
        assert!(waits <= 4, "{waits} waits for {reads} reads in round {round}");
    }
    // A batch is one request.
    let steps: Vec<u8> = (60..92).flat_map(|key| step(&key.to_string(), Some(b"1"), 0)).collect();
    let head = wire::Head { n: 32, value: steps.len() as u32, ..wire::Head::default() };
    a.ask(wire::BATCH, head, &steps, 0);
    let before = waits(&mut server);
    server.notified(1);
    assert_eq!(a.statuses(), [DONE]);
    assert!(waits(&mut server) - before <= 4, "{} waits", waits(&mut server) - before);
}

// attack 92 U: ask for many keys of another's tree that are not open, and of none; they are refused, and nothing is read for them; broken: state-ahead-open
#[test]
fn what_may_not_be_seen_is_not_read() {
    let (mut server, [mut a]) = serve_on(filled(&[B], 100), [A]);
    for key in 0..SHARE {
        let (key, owner) = (key.to_string(), if key % 4 == 0 { 99 } else { B });
        a.ask(wire::GET, wire::Head { owner, ..head(&key, &[]) }, key.as_bytes(), 0);
    }
    let before = server.stats().reads;
    server.notified(1);
    assert_eq!(a.statuses(), [wire::DENIED; SHARE]);
    assert_eq!(server.stats().reads, before);
}

// attack 92 U: many requests for which one page each is read together; what is read is of the share of who asks; broken: state-ahead-share
#[test]
fn what_is_read_together_counts() {
    let (mut server, [mut a]) = serve_on(filled(&[A], 100), [A]);
    let batch = |from: usize| -> Vec<u8> {
        (from..from + 16).flat_map(|key| step(&key.to_string(), Some(b"1"), 0)).collect()
    };
    for from in [0, 16, 32] {
        let steps = batch(from);
        let head = wire::Head { n: 16, value: steps.len() as u32, ..wire::Head::default() };
        a.ask(wire::BATCH, head, &steps, 0);
    }
    server.notified(1);
    // 48 pages are read for three of them, which is more than a share without what they change.
    assert_eq!(a.statuses(), [DONE]);
    server.tick();
    assert_eq!(a.statuses(), [DONE, DONE]);
}
