//! A device that does what the specification says.

use alloc::boxed::Box;
use alloc::vec::Vec;

use nexus_mmio::fake::FakeMemory;

use super::{FakeDoorbell, Layout};
use crate::Notices;
use crate::ring::{
    FLAGS, INDEX, NO_INTERRUPT, NO_NOTIFY, avail_entry, avail_event, passes, used_entry, used_event,
};

/// In which order a device completes the heads that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    Oldest,
    /// The other way round.
    Newest,
}

type Work = Box<dyn FnMut(u16, &[u8]) -> Vec<u8>>;

/// The device's side of one queue. It sleeps until it hears the doorbell.
pub struct FakeDevice {
    pub(super) memory: FakeMemory,
    pub(super) layout: Layout,
    pub(super) queue: u16,
    pub(super) doorbell: FakeDoorbell,
    notices: Notices,
    order: Order,
    work: Work,
    /// Heads that it has.
    pub(super) has: Vec<u16>,
    /// Heads that it has taken from the available ring, ever.
    looked: u16,
    /// Completions made, ever.
    pub(super) made: u16,
    awake: bool,
}

impl FakeDevice {
    /// Queue `queue` of a device that was just reset. `work(head, bytes it reads)` gives the bytes that it
    /// writes: of all pieces, one after the other.
    pub fn new(
        memory: &FakeMemory,
        layout: &Layout,
        queue: u16,
        notices: Notices,
        work: impl FnMut(u16, &[u8]) -> Vec<u8> + 'static,
    ) -> FakeDevice {
        FakeDevice {
            memory: memory.clone(),
            layout: layout.clone(),
            queue,
            doorbell: FakeDoorbell::default(),
            notices,
            order: Order::Oldest,
            work: Box::new(work),
            has: Vec::new(),
            looked: 0,
            made: 0,
            awake: false,
        }
    }

    /// The same, completing in another order.
    #[must_use]
    pub fn in_order(self, order: Order) -> FakeDevice {
        FakeDevice { order, ..self }
    }

    /// The same, with registers that other queues of the device have, too.
    #[must_use]
    pub fn with_doorbell(self, doorbell: &FakeDoorbell) -> FakeDevice {
        FakeDevice { doorbell: doorbell.clone(), ..self }
    }

    /// Its registers, for the driver.
    #[must_use]
    pub fn doorbell(&self) -> FakeDoorbell {
        self.doorbell.clone()
    }

    /// Looks for heads without having been told, as it may at any time.
    pub fn wake(&mut self) {
        self.awake = true;
        self.want_doorbell(false);
    }

    /// One step: wakes up, takes a head, completes one, or goes to sleep. False when it sleeps.
    pub fn step(&mut self) -> bool {
        if self.doorbell.heard(self.queue) && !self.awake {
            self.wake();
        }
        if !self.awake {
            return false;
        }
        if self.looked != self.avail(INDEX) {
            self.take_one();
        } else if let Some(head) = self.pick() {
            self.complete(head);
        } else {
            self.sleep();
        }
        self.awake
    }

    /// Steps until it sleeps, or has taken more of them than a driver could give it work for.
    ///
    /// # Panics
    /// It does not go to sleep.
    pub fn run(&mut self) {
        assert!((0..1 << 18).any(|_| !self.step()), "a device that finds no end");
    }

    /// Heads that it has taken from the available ring, ever.
    pub(super) const fn available(&self) -> u16 {
        self.looked
    }

    pub(super) fn take_one(&mut self) {
        let head = self.avail(avail_entry(self.looked, self.layout.size(self.queue)));
        self.looked = self.looked.wrapping_add(1);
        self.has.push(head);
    }

    /// Goes to sleep, unless there is something by now.
    pub(super) fn sleep(&mut self) {
        self.want_doorbell(true);
        self.awake = self.looked != self.avail(INDEX);
    }

    fn pick(&mut self) -> Option<u16> {
        match self.order {
            Order::Oldest => (!self.has.is_empty()).then(|| self.has.remove(0)),
            Order::Newest => self.has.pop(),
        }
    }

    fn complete(&mut self, head: u16) {
        let reads = self.layout.pieces(self.queue, head, false).into_iter();
        let reads: Vec<u8> = reads.flat_map(|piece| self.memory.device_read(piece)).collect();
        let written = (self.work)(head, &reads);
        assert_eq!(self.fill(head, &written), 0, "{} bytes for head {head}", written.len());
        self.use_up(head.into(), written.len() as u32);
    }

    /// Writes `bytes` to the pieces of a head, one after the other. Returns how many have no room.
    pub(super) fn fill(&mut self, head: u16, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        for piece in self.layout.pieces(self.queue, head, true) {
            let (now, after) = rest.split_at(rest.len().min(piece.len()));
            self.memory.device_write(piece.start, now);
            rest = after;
        }
        rest.len()
    }

    /// Writes an entry of the used ring, and raises the interrupt if it is wanted.
    pub(super) fn use_up(&mut self, id: u32, len: u32) {
        let size = self.layout.size(self.queue);
        let entry = self.layout.used(self.queue).start + used_entry(self.made, size);
        self.memory.device_write(entry, &[id.to_le_bytes(), len.to_le_bytes()].concat());
        let before = self.made;
        self.made = self.made.wrapping_add(1);
        self.set_used(INDEX, self.made);
        let wanted = match self.notices {
            Notices::Flags => self.avail(FLAGS) & NO_INTERRUPT == 0,
            Notices::EventIndex => passes(self.avail(used_event(size)), self.made, before),
        };
        if wanted {
            self.doorbell.raise(1);
        }
    }

    /// Says whether it wants to hear of new heads.
    fn want_doorbell(&mut self, wanted: bool) {
        match self.notices {
            Notices::Flags => self.set_used(FLAGS, if wanted { 0 } else { NO_NOTIFY }),
            Notices::EventIndex if wanted => {
                self.set_used(avail_event(self.layout.size(self.queue)), self.looked);
            }
            Notices::EventIndex => {}
        }
    }

    pub(super) fn avail(&self, offset: usize) -> u16 {
        let at = self.layout.avail(self.queue).start + offset;
        let bytes = self.memory.device_read(at..at + 2);
        u16::from_le_bytes([bytes[0], bytes[1]])
    }

    pub(super) fn set_used(&mut self, offset: usize, value: u16) {
        self.memory.device_write(self.layout.used(self.queue).start + offset, &value.to_le_bytes());
    }

    /// Does not hear the doorbell that was rung.
    pub(super) fn be_deaf(&mut self) {
        self.doorbell.heard(self.queue);
    }

    /// Forgets everything and zeroes the used ring, as a device may that is reset.
    pub(super) fn reset(&mut self) {
        self.has.clear();
        (self.looked, self.made, self.awake) = (0, 0, false);
        self.memory.device_write(
            self.layout.used(self.queue).start,
            &alloc::vec![0; self.layout.used(self.queue).len()],
        );
    }
}
