//! What tests of the queue stand on.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use nexus_mmio::fake::{FakeMemory, FakeShared};
use nexus_mmio::{ReadOnly, ReadWrite};

use crate::fake::{FakeDevice, FakeDoorbell, Layout, Order};
use crate::ring::INDEX;
use crate::{Completion, Head, Notices, Queue, Slots};

pub(crate) const HEADS: usize = 3;
pub(crate) const LAYOUT: Layout = Layout { heads: HEADS, readable: 4, writable: 8 };
pub(crate) const BOTH: [Notices; 2] = [Notices::Flags, Notices::EventIndex];

pub(crate) type Driven = Queue<FakeShared<ReadWrite>, FakeShared<ReadOnly>, HEADS>;

/// A queue, its device, and the heads that the driver has.
pub(crate) struct Bench {
    pub(crate) memory: FakeMemory,
    pub(crate) device: Rc<RefCell<FakeDevice>>,
    pub(crate) doorbell: FakeDoorbell,
    pub(crate) queue: Driven,
    pub(crate) slots: Slots<FakeShared<ReadWrite>>,
    pub(crate) heads: Vec<Head>,
}

/// Writes what it reads, twice.
pub(crate) fn bench(notices: Notices, order: Order) -> Bench {
    let memory = LAYOUT.memory();
    let device =
        FakeDevice::new(&memory, LAYOUT, notices, |_, read| [read, read].concat()).in_order(order);
    let parts = LAYOUT.parts(&memory);
    let (queue, heads) = Queue::new(7, parts.avail, parts.used, notices, [8; HEADS]).unwrap();
    let slots = Slots::new(7, parts.slots, LAYOUT.slot());
    let (doorbell, heads) = (device.doorbell(), heads.into());
    Bench { memory, device: Rc::new(RefCell::new(device)), doorbell, queue, slots, heads }
}

impl Bench {
    pub(crate) fn post(&mut self, request: u32) {
        let head = self.heads.pop().unwrap();
        self.slots.write(&head, 0, &request.to_le_bytes()).unwrap();
        self.queue.post(head).unwrap();
    }

    pub(crate) fn ring(&mut self) -> bool {
        self.queue.ring(&mut self.doorbell).unwrap()
    }

    /// The device does all that it has to do, and time passes.
    pub(crate) fn run(&self) {
        self.device.borrow_mut().run();
        self.memory.settle();
    }

    /// The request that the next completion answers.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let done = self.queue.pop().unwrap()?;
        assert_eq!((done.len(), done.is_empty()), (8, false));
        let answer = self.answer(&done);
        self.heads.push(done.into_head());
        Some(answer)
    }

    pub(crate) fn answer(&self, done: &Completion) -> u32 {
        let mut bytes = [0; 8];
        self.slots.read(done.head(), 4, &mut bytes).unwrap();
        let (first, second) = bytes.split_at(4);
        assert_eq!(first, second);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// The device writes an entry of the used ring, whatever it is, and says that there are `index`.
    pub(crate) fn used(&self, place: usize, id: u32, len: u32, index: u16) {
        let start = LAYOUT.used().start;
        let entry = [id.to_le_bytes(), len.to_le_bytes()].concat();
        self.memory.device_write(start + 4 + 8 * place, &entry);
        self.memory.device_write(start + INDEX, &index.to_le_bytes());
        self.memory.settle();
    }
}
