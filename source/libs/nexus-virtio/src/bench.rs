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
/// The queue; another one is before it.
pub(crate) const NUMBER: u16 = 1;
pub(crate) const BOTH: [Notices; 2] = [Notices::Flags, Notices::EventIndex];

pub(crate) type Driven = Queue<FakeShared<ReadWrite>, FakeShared<ReadOnly>, HEADS>;

/// Each head: the device reads 4 bytes, and writes 8 in two pieces.
pub(crate) fn layout() -> Layout {
    Layout::of(&[Layout::queue(2, &[16], &[1]), Layout::queue(HEADS as u16, &[4], &[5, 3])])
}

/// A queue, its device, and the heads that the driver has.
pub(crate) struct Bench {
    pub(crate) layout: Layout,
    pub(crate) memory: FakeMemory,
    pub(crate) device: Rc<RefCell<FakeDevice>>,
    pub(crate) doorbell: FakeDoorbell,
    pub(crate) queue: Driven,
    pub(crate) slots: Slots<FakeShared<ReadWrite>>,
    pub(crate) heads: Vec<Head>,
}

/// Writes what it reads, twice.
pub(crate) fn bench(notices: Notices, order: Order) -> Bench {
    let layout = layout();
    let memory = layout.memory();
    let twice = |_, read: &[u8]| [read, read].concat();
    let device = FakeDevice::new(&memory, &layout, NUMBER, notices, twice).in_order(order);
    let (queue, heads, slots) = layout.sealed(&memory, notices).queue(NUMBER).unwrap();
    let (doorbell, heads) = (device.doorbell(), heads.into());
    let device = Rc::new(RefCell::new(device));
    Bench { layout, memory, device, doorbell, queue, slots, heads }
}

impl Bench {
    pub(crate) fn post(&mut self, request: u32) {
        let head = self.head_for(request);
        self.queue.post(head).unwrap();
    }

    /// The same, of which the device hears when the queue is rung.
    pub(crate) fn post_in_batch(&mut self, request: u32) {
        let head = self.head_for(request);
        assert!(self.queue.post_index(head.index()));
    }

    fn head_for(&mut self, request: u32) -> Head {
        let head = self.heads.pop().unwrap();
        self.slots.write(&head, 0, 0, &request.to_le_bytes()).unwrap();
        head
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
        let (first, second) = bytes.split_at_mut(5);
        self.slots.read(done.head(), 1, 0, first).unwrap();
        self.slots.read(done.head(), 2, 0, second).unwrap();
        let (first, second) = bytes.split_at(4);
        assert_eq!(first, second);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// The device writes an entry of the used ring, whatever it is, and says that there are `index`.
    pub(crate) fn used(&self, place: usize, id: u32, len: u32, index: u16) {
        let start = self.layout.used(NUMBER).start;
        let entry = [id.to_le_bytes(), len.to_le_bytes()].concat();
        self.memory.device_write(start + 4 + 8 * place, &entry);
        self.memory.device_write(start + INDEX, &index.to_le_bytes());
        self.memory.settle();
    }
}
