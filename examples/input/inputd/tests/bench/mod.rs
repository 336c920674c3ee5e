//! The driver, over an input device that is not there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use inputd::events::{BYTES, Events, HEADS, QUEUE};
use inputd::server::{Line, Server};
use nexus_rt::Service;
use nexus_rt::mmio::fake::{FakeMemory, FakeShared};
use nexus_rt::mmio::{ReadOnly, ReadWrite};
use nexus_rt::proto::device::Identity;
use nexus_virtio::Notices;
use nexus_virtio::fake::{FakeDevice, FakeDoorbell, Layout};

pub const IDENTITY: Identity =
    Identity { magic: 0x7472_6976, version: 2, device_id: 18, vendor_id: 0x554d_4551 };

std::thread_local! {
    static NOW: Cell<Duration> = const { Cell::new(Duration::from_secs(9)) };
}

/// Lets time pass.
pub fn pass(time: Duration) {
    NOW.set(NOW.get() + time);
}

type Tell = Box<dyn FnMut(Line)>;

pub struct Bench {
    pub memory: FakeMemory,
    pub layout: Layout,
    pub device: FakeDevice,
    pub doorbell: FakeDoorbell,
    pub server: Server<FakeDoorbell, FakeShared<ReadWrite>, FakeShared<ReadOnly>, Tell>,
    /// True while the device raises its interrupt whenever a line is told: during the look at the queue.
    pub raises: Rc<Cell<bool>>,
    told: Rc<RefCell<Vec<Line>>>,
}

/// A keyboard whose driver has begun.
pub fn bench(has_line: bool) -> Bench {
    // As services/inputd.toml has them.
    let layout = Layout::of(&[
        Layout::queue(HEADS as u16, &[], &[BYTES as u32]),
        Layout::queue(1, &[BYTES as u32], &[]),
    ]);
    let (memory, notices) = (layout.memory(), Notices::Flags);
    let mut device = FakeDevice::new(&memory, &layout, QUEUE, notices, |_, _| vec![]);
    let doorbell = device.doorbell();
    let events = Events::new(layout.sealed(&memory, notices).queue(QUEUE).unwrap());
    let told = Rc::new(RefCell::new(vec![]));
    let raises = Rc::new(Cell::new(false));
    let (lines, raise, bell) = (Rc::clone(&told), Rc::clone(&raises), doorbell.clone());
    let tell: Tell = Box::new(move |line| {
        lines.borrow_mut().push(line);
        bell.raise(raise.get().into());
    });
    let registers = (doorbell.clone(), IDENTITY);
    let server = Server::new(registers, events, has_line, || NOW.get(), tell);
    memory.settle();
    device.collect();
    Bench { memory, layout, device, doorbell, server, raises, told }
}

impl Bench {
    /// The device has an event of these bytes.
    pub fn event(&mut self, kind: u16, code: u16, value: u32) {
        let bytes = [&kind.to_le_bytes()[..], &code.to_le_bytes(), &value.to_le_bytes()].concat();
        assert!(self.device.give(&bytes, BYTES as u32), "the device has no head");
    }

    /// The interrupt is delivered, and the device takes the heads that it gets.
    pub fn interrupt(&mut self) {
        self.memory.settle();
        self.server.interrupt();
        self.memory.settle();
        self.device.collect();
    }

    /// What was told since the last time.
    pub fn told(&self) -> Vec<String> {
        self.told.borrow_mut().drain(..).map(|line| line.to_string()).collect()
    }
}
