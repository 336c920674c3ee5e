//! A driver that does what it likes, too, and what must be true of its queue whatever the device does.

use alloc::vec::Vec;

use nexus_mmio::fake::FakeShared;
use nexus_mmio::{ReadOnly, ReadWrite};

use super::{FakeDevice, FakeDoorbell, Hostile, Layout};
use crate::{Head, Misbehaved, Notices, Queue, Slots, acknowledge};

const HEADS: usize = 4;
/// Bytes that the device may write for a head, in two pieces.
const WRITES: [u32; 2] = [8, 4];
const WRITABLE: usize = 12;

type TestQueue = Queue<FakeShared<ReadWrite>, FakeShared<ReadOnly>, HEADS>;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Heads completed.
    pub completed: usize,
    /// What the device did.
    pub misbehaved: Option<Misbehaved>,
}

struct Driver {
    queue: TestQueue,
    slots: Slots<FakeShared<ReadWrite>>,
    doorbell: FakeDoorbell,
    heads: Vec<Head>,
    outcome: Outcome,
}

/// A driver and a hostile device, both driven by `data`: the first byte says how they notify each other,
/// each one after it who acts.
///
/// # Panics
/// Something is not true that must be: a head has two holders, or none; a length is more than the device
/// may write; the queue goes on after the device misbehaved, or says twice what it did.
#[must_use]
pub fn exercise(data: &[u8]) -> Outcome {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let notices = if first & 1 == 0 { Notices::Flags } else { Notices::EventIndex };
    let layout = Layout::alike(HEADS as u16, &[4], &WRITES);
    let memory = layout.memory();
    let device =
        FakeDevice::new(&memory, &layout, 0, notices, |head, _| alloc::vec![head as u8; WRITABLE]);
    let doorbell = device.doorbell();
    let mut device = Hostile::new(device, rest);
    let (queue, heads, slots) =
        layout.sealed(&memory, notices).queue(0).expect("a queue of this very layout");
    let outcome = Outcome { completed: 0, misbehaved: None };
    let mut driver = Driver { queue, slots, doorbell, heads: heads.into(), outcome };
    while let Some(byte) = device.byte() {
        match byte % 8 {
            0 | 1 => driver.post(),
            2 => driver.ring(byte),
            3 => driver.drain(),
            4 => driver.wait(&mut device, byte),
            5 => memory.overtake(1),
            _ => device.step(),
        }
        driver.check();
    }
    driver.outcome
}

impl Driver {
    fn post(&mut self) {
        let Some(head) = self.heads.pop() else { return };
        self.slots.clear(&head, 1, 0).expect("a slot of its own");
        self.slots.write(&head, 0, 0, &[1, 2, 3, 4]).expect("a slot of its own");
        let posted = self.queue.post(head);
        assert_eq!(posted.is_err(), self.outcome.misbehaved.is_some());
        self.heads.extend(posted.err());
    }

    fn ring(&mut self, byte: u8) {
        self.doorbell.refuse(byte & 0x80 != 0);
        let _ = self.queue.ring(&mut self.doorbell);
        let _ = acknowledge(&mut self.doorbell);
    }

    /// Takes what is there. No more than the heads that the device had.
    fn drain(&mut self) {
        let had = usize::from(self.queue.in_flight());
        for _ in 0..had {
            if self.pop().is_none() {
                return;
            }
        }
        assert_eq!(self.pop(), None, "more completions than heads");
    }

    fn pop(&mut self) -> Option<u16> {
        let result = self.queue.pop();
        let done = self.noted(result)??;
        let index = done.head().index();
        assert!(done.len() <= WRITABLE as u32, "{done:?}");
        assert!(usize::from(index) < HEADS, "{done:?}");
        assert!(
            self.heads.iter().all(|head| head.index() != index),
            "{done:?} is not the device's"
        );
        let mut bytes = [0; WRITABLE];
        let (first, second) = bytes.split_at_mut(8);
        self.slots.read(done.head(), 1, 0, first).expect("a slot of its own");
        self.slots.read(done.head(), 2, 0, second).expect("a slot of its own");
        self.heads.push(done.into_head());
        self.outcome.completed += 1;
        Some(index)
    }

    /// Looks for the one head that the device has, which acts meanwhile; then it asks for an interrupt.
    fn wait(&mut self, device: &mut Hostile<'_>, byte: u8) {
        let mut looks = byte >> 5;
        let found = self.queue.spin(|| {
            device.step();
            looks = looks.saturating_sub(1);
            looks > 0
        });
        let waits = match self.noted(found) {
            Some(false) => {
                let result = self.queue.may_wait();
                self.noted(result)
            }
            found => found.map(|found| !found),
        };
        if waits == Some(false) {
            self.pop();
        }
    }

    /// What the device did is told once.
    fn noted<T>(&mut self, result: Result<T, Misbehaved>) -> Option<T> {
        match result {
            Ok(value) => {
                assert_eq!(self.outcome.misbehaved, None, "it goes on");
                Some(value)
            }
            Err(what) => {
                assert_eq!(what == Misbehaved::Before, self.outcome.misbehaved.is_some());
                self.outcome.misbehaved.get_or_insert(what);
                None
            }
        }
    }

    /// Each head is the driver's or the device's.
    fn check(&self) {
        assert_eq!(self.heads.len() + usize::from(self.queue.in_flight()), HEADS);
    }
}
