//! A disk that is not there, and the two who ask for it: for tests, and for what is done with random bytes.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Range;

use nexus_mmio::fake::{FakeMemory, FakePeer, FakeShared};
use nexus_mmio::{ReadOnly, ReadWrite};
use nexus_ring::{Consumer, Driver, Submission, memory_len};
use nexus_sysdesc::{Queue, Shape as Heads};
use nexus_virtio::block::{Config, Op, RANGE, SECTOR, SERIAL, Shape, Use};
use nexus_virtio::fake::{FakeDevice, FakeDoorbell, Layout, Order};
use nexus_virtio::{Misbehaved, Notices};

use crate::calls::Answer;
use crate::disk::Disk;
use crate::engine::{Engine, Next, Trouble};
use crate::requests::{ENTRIES, OPS};

mod exercise;

pub use exercise::{Outcome, exercise};

/// Heads of the queue.
pub const HEADS: usize = 16;
/// The life of the consumer.
pub const LIFE: u32 = 1;
/// Sectors of the disk.
pub const SECTORS: u64 = 64;
/// Bytes of the data area of the ring.
pub const DATA: usize = 48 << 10;
/// Bytes of the shapes: how many heads, use, bytes of data.
const SHAPES: [(u16, Shape); 9] = [
    (2, shape(Use::Read, SECTOR)),
    (2, shape(Use::Write, SECTOR)),
    (3, shape(Use::Read, 4096)),
    (3, shape(Use::Write, 4096)),
    (1, shape(Use::Read, 8192)),
    (1, shape(Use::Write, 8192)),
    (1, shape(Use::Flush, 0)),
    (2, shape(Use::Range, RANGE)),
    (1, shape(Use::Serial, SERIAL)),
];

const fn shape(used_for: Use, len: u32) -> Shape {
    Shape { used_for, len }
}

/// What every such disk offers.
pub const CONFIG: Config = Config {
    sectors: SECTORS,
    block: SECTOR,
    most: u32::MAX,
    writes: true,
    flushes: true,
    discard: 4,
    zeroes: 4,
};

/// The queue of the disk.
#[must_use]
pub fn layout() -> Layout {
    let shapes = SHAPES.iter().map(|(heads, shape)| {
        let (mut reads, mut writes) = (vec![16], vec![1]);
        match shape.used_for {
            Use::Flush => {}
            Use::Read | Use::Serial => writes.insert(0, shape.len),
            Use::Write | Use::Range => reads.push(shape.len),
        }
        Heads { heads: *heads, reads, writes }
    });
    Layout::of(&[Queue { shapes: shapes.collect() }])
}

fn shape_of(head: u16) -> Shape {
    let each = SHAPES.iter().flat_map(|(heads, shape)| vec![*shape; usize::from(*heads)]);
    each.into_iter().nth(head.into()).expect("a head of this queue")
}

/// What is on the disk, as the device has it.
#[derive(Clone)]
pub struct Platter(Rc<RefCell<State>>);

struct State {
    bytes: Vec<u8>,
    /// What it was asked for: the type of each request, and its first sector.
    asked: Vec<(u32, u64)>,
    /// What was done that changes it, or makes a change last.
    done: Vec<Change>,
    /// The status of every request from now on, instead of doing it.
    status: Option<u8>,
    /// The request that fails instead of being done, counted from the first.
    fails: Option<usize>,
}

/// What was done to the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sectors were written from this one on.
    Write {
        /// The first.
        sector: u64,
        /// Whole sectors.
        data: Vec<u8>,
    },
    /// All before it lasts.
    Flush,
}

impl Default for Platter {
    /// Each sector holds its number.
    fn default() -> Platter {
        let sector = |number: u64| number.to_le_bytes().repeat(SECTOR as usize / 8);
        Platter::of((0..SECTORS).flat_map(sector).collect())
    }
}

impl Platter {
    /// Whole sectors with these bytes.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Platter {
        let (asked, done) = (Vec::new(), Vec::new());
        Platter(Rc::new(RefCell::new(State { bytes, asked, done, status: None, fails: None })))
    }

    /// The writes and flushes so far, as they were done.
    #[must_use]
    pub fn done(&self) -> Vec<Change> {
        self.0.borrow().done.clone()
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.borrow().bytes.clone()
    }

    /// The requests so far: type and first sector.
    #[must_use]
    pub fn asked(&self) -> Vec<(u32, u64)> {
        self.0.borrow().asked.clone()
    }

    /// From now on nothing is done, and this is the status; or everything is done again.
    pub fn answer_with(&self, status: Option<u8>) {
        self.0.borrow_mut().status = status;
    }

    /// The request behind so many others fails, and is not done.
    pub fn fail(&self, behind: usize) {
        self.0.borrow_mut().fails = Some(behind);
    }

    /// Does a request, as the bytes that the device reads of a head say: the bytes that it writes.
    fn work(&self, head: u16, reads: &[u8]) -> Vec<u8> {
        let State { bytes, asked, done: changes, status, fails } = &mut *self.0.borrow_mut();
        let shape = shape_of(head);
        let writes = if matches!(shape.used_for, Use::Read | Use::Serial) { shape.len } else { 0 };
        let mut answer = vec![0; writes as usize];
        let number =
            |at: usize| u64::from_le_bytes(reads[at..at + 8].try_into().expect("eight bytes"));
        let (code, first) = (number(0), number(8));
        asked.push((code as u32, first));
        let place = |first: u64, len: usize| {
            let start = usize::try_from(first).ok()?.checked_mul(SECTOR as usize)?;
            Some(start..start.checked_add(len)?).filter(|range| range.end <= bytes.len())
        };
        let done = match (code, shape.used_for, place(first, shape.len as usize)) {
            _ if status.is_some() => status.unwrap_or(0),
            _ if *fails == Some(asked.len() - 1) => 1,
            (0, Use::Read, Some(range)) => {
                answer.copy_from_slice(&bytes[range]);
                0
            }
            (1, Use::Write, Some(range)) => {
                bytes[range].copy_from_slice(&reads[16..]);
                changes.push(Change::Write { sector: first, data: reads[16..].to_vec() });
                0
            }
            (0, Use::Read, None) | (1, Use::Write, None) => 1,
            (4, Use::Flush, _) => {
                changes.push(Change::Flush);
                0
            }
            (8, Use::Serial, _) => {
                answer[..7].copy_from_slice(b"nexus-1");
                0
            }
            (11 | 13, Use::Range, _) => match place(number(16), number(24) as usize * 512) {
                Some(range) => {
                    bytes[range].fill(0);
                    0
                }
                None => 1,
            },
            _ => 2,
        };
        answer.push(done);
        answer
    }
}

/// A driver's side of the device, over fake memory.
pub type FakeDisk = Disk<FakeShared<ReadWrite>, FakeShared<ReadOnly>, FakeShared<ReadWrite>, HEADS>;
/// An engine with it, and a ring over fake memory.
pub type FakeEngine<W> = Engine<
    FakeShared<ReadWrite>,
    FakeShared<ReadOnly>,
    FakeShared<ReadWrite>,
    FakeShared<ReadWrite>,
    W,
    HEADS,
>;

/// A device, and the driver's side of it.
pub struct Parts {
    /// The pool and the used ring.
    pub memory: FakeMemory,
    /// The device.
    pub device: FakeDevice,
    /// What is on it.
    pub platter: Platter,
    /// The driver's side.
    pub disk: FakeDisk,
}

/// A device that has nothing to do.
///
/// # Panics
/// It cannot be driven.
#[must_use]
pub fn parts(config: Config, notices: Notices, order: Order) -> Parts {
    parts_with(Platter::default(), config, notices, order)
}

/// The same, with this on it, which has as many sectors as `config` says.
///
/// # Panics
/// It cannot be driven.
#[must_use]
pub fn parts_with(platter: Platter, config: Config, notices: Notices, order: Order) -> Parts {
    let layout = layout();
    let memory = layout.memory();
    let its = platter.clone();
    let work = move |head, reads: &[u8]| its.work(head, reads);
    let device = FakeDevice::new(&memory, &layout, 0, notices, work).in_order(order);
    let (queue, heads, slots) = layout.sealed(&memory, notices).queue(0).expect("this queue");
    let disk = Disk::new(config, queue, heads, slots).expect("a disk");
    Parts { memory, device, platter, disk }
}

/// A disk, its driver, and who asks: by messages with numbers, and through a ring.
pub struct Bench {
    /// The pool and the used ring.
    pub memory: FakeMemory,
    /// The device; a hostile one takes it.
    pub device: Option<FakeDevice>,
    /// Its registers.
    pub doorbell: FakeDoorbell,
    /// What is on it.
    pub platter: Platter,
    /// The driver.
    pub engine: FakeEngine<usize>,
    /// The memory of the ring.
    pub shared: FakeMemory,
    /// The other side of the ring.
    pub consumer: Consumer<FakePeer, ENTRIES>,
    /// Times that the consumer was told.
    pub told: usize,
}

/// A driver with nothing in flight but the question for the serial number.
///
/// # Panics
/// The disk cannot be driven.
#[must_use]
pub fn bench(config: Config, notices: Notices, order: Order) -> Bench {
    bench_with(Platter::default(), config, notices, order)
}

/// The same, with this on its disk.
///
/// # Panics
/// The disk cannot be driven.
#[must_use]
pub fn bench_with(platter: Platter, config: Config, notices: Notices, order: Order) -> Bench {
    let Parts { memory, device, platter, disk } = parts_with(platter, config, notices, order);
    let len = memory_len(DATA);
    let shared = FakeMemory::new(len);
    let mut consumer = Consumer::new(shared.peer(0..len), LIFE).expect("memory of a ring");
    let mut ring = Driver::new(shared.part(0..len), OPS).expect("memory of a ring");
    ring.attach(LIFE).expect("an attachment that has begun");
    consumer.attached().expect("a driver that has joined");
    Bench {
        memory,
        doorbell: device.doorbell(),
        device: Some(device),
        platter,
        engine: Engine::new(disk, Some(ring)),
        shared,
        consumer,
        told: 0,
    }
}

impl Bench {
    /// The same disk, whose driver has not begun yet, at another ring.
    ///
    /// # Panics
    /// It cannot be driven.
    #[must_use]
    pub fn with_ring(self, ring: Driver<FakeShared<ReadWrite>, ENTRIES>) -> Bench {
        let Parts { memory, device, platter, disk } =
            parts(CONFIG, Notices::EventIndex, Order::Oldest);
        let doorbell = device.doorbell();
        let (device, engine) = (Some(device), Engine::new(disk, Some(ring)));
        Bench { memory, device, doorbell, platter, engine, ..self }
    }

    /// A turn of the driver. Nobody refuses its doorbell.
    ///
    /// # Panics
    /// Somebody does.
    pub fn turn(&mut self) -> Next {
        self.turn_while(|| false)
    }

    /// The same, in which the one request of the device is looked for while `goes_on` says so.
    ///
    /// # Panics
    /// As [`turn`](Self::turn).
    pub fn turn_while(&mut self, goes_on: impl FnMut() -> bool) -> Next {
        let Bench { engine, doorbell, told, .. } = self;
        let goes_on = RefCell::new(goes_on);
        let spin = || || (goes_on.borrow_mut())();
        engine.turn(doorbell, || *told += 1, spin).expect("a doorbell")
    }

    /// Device and driver have their turns until both have nothing to do.
    ///
    /// # Panics
    /// They find no end.
    pub fn settle(&mut self) {
        for _ in 0..100 {
            while self.turn() == Next::Again {}
            let Some(device) = &mut self.device else { return };
            device.run();
            self.memory.settle();
            self.shared.settle();
            if !self.engine.busy() {
                self.turn();
                return;
            }
        }
        panic!("they find no end");
    }

    /// Submits a request of the ring: its id.
    ///
    /// # Panics
    /// The ring does not take it.
    pub fn submit(&mut self, op: u8, arg: u64, data: Range<u32>) -> u16 {
        let id = self.consumer.free_id().expect("an id");
        let (offset, len) = (data.start, data.len() as u32);
        self.consumer.submit(Submission { id, op, len, offset, arg }).expect("the ring takes it");
        id
    }

    /// The completions that there are, in their order: id, status, length.
    ///
    /// # Panics
    /// The driver misbehaved.
    pub fn completions(&mut self) -> Vec<(u16, u8, u32)> {
        let next = || self.consumer.pop().expect("a driver that behaves");
        let all = core::iter::from_fn(next);
        all.map(|done| (done.id, done.status, done.len)).collect()
    }

    /// Bytes of the data area.
    ///
    /// # Panics
    /// It has no such bytes.
    #[must_use]
    pub fn data(&self, range: Range<u32>) -> Vec<u8> {
        let mut bytes = vec![0; range.len()];
        self.consumer.read(range.start, &mut bytes).expect("data");
        bytes
    }

    /// The answers that there are.
    pub fn answers(&mut self) -> Vec<Answer<usize>> {
        self.engine.answers().collect()
    }

    /// What the device did that no device does.
    pub fn misbehaved(&mut self) -> Option<Misbehaved> {
        let Trouble { device, .. } = self.engine.trouble();
        device
    }
}

/// What an operation of the ring asks the device for.
#[must_use]
pub fn op_of(code: u8) -> Option<Op> {
    let ops = [Op::Read, Op::Write, Op::Flush, Op::Discard, Op::Zeroes];
    ops.get(usize::from(code)).copied()
}
