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
use nexus_store::{BlockDevice, DeviceError, Engine, Extent, OpenOptions};

use super::{A, B, DATA, ENTRIES, GUID, Memory, Raw, Told, description, formatted};
use crate::server::Server;
use crate::session::{Session, side};
use crate::trees::Trees;

std::thread_local! {
    /// What happens at the next flush of a disk: a disk moves between threads, and what a test shares does not.
    static AT_FLUSH: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A disk that something happens at while it is flushed.
#[derive(Debug)]
struct Slow(FakeDisk);

impl BlockDevice for Slow {
    fn sectors(&self) -> u64 {
        self.0.sectors()
    }

    fn read(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError> {
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
    let disk = Slow(formatted(256, 1024));
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
