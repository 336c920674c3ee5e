//! The event queue: buffers that the device has, and the events that come in them.

use core::fmt;

use nexus_rt::mmio::{Shared, SharedMut};
use nexus_virtio::{Completion, DeviceType, Doorbell, Driven, Head, Misbehaved, Queue, Slots};

/// What this driver is for.
pub const INPUT: DeviceType = DeviceType::new(18, "input device");
/// Number of the queue (virtio 1.2, 5.8.2). The other one, 1, is for lights, and stays empty.
pub const QUEUE: u16 = 0;
/// Its heads: an event each.
pub const HEADS: usize = 64;
/// Bytes of an event.
pub const BYTES: usize = 8;

/// The one piece of a head, which the device writes.
const PIECE: usize = 0;
/// The type of an event that is of a key (`EV_KEY`).
const KEY: u16 = 1;

/// An event (virtio 1.2, 5.8.6): its type, code and value, all little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened: 1 to a key. Numbers are those of Linux, as are all here.
    pub kind: u16,
    /// Which key, or what else it happened to.
    pub code: u16,
    /// Of a key: 0 released, 1 pressed, 2 still pressed.
    pub value: u32,
}

impl Event {
    /// The event that these bytes are.
    #[must_use]
    pub const fn of(bytes: [u8; BYTES]) -> Event {
        let [k0, k1, c0, c1, v0, v1, v2, v3] = bytes;
        Event {
            kind: u16::from_le_bytes([k0, k1]),
            code: u16::from_le_bytes([c0, c1]),
            value: u32::from_le_bytes([v0, v1, v2, v3]),
        }
    }

    /// The key that was pressed or released; `None` of everything else.
    #[must_use]
    pub const fn key(self) -> Option<Key> {
        match (self.kind, self.value) {
            (KEY, 0) => Some(Key { code: self.code, pressed: false }),
            (KEY, 1) => Some(Key { code: self.code, pressed: true }),
            _ => None,
        }
    }
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its number.
    pub code: u16,
    /// True when it was pressed, false when it was released.
    pub pressed: bool,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} {}", self.code, if self.pressed { "pressed" } else { "released" })
    }
}

/// The queue. The device has all its heads but the one that is looked at. `P` is memory of the pool, `U` of
/// the used ring.
#[derive(Debug)]
pub struct Events<P, U> {
    queue: Queue<P, U, HEADS>,
    slots: Slots<P>,
}

impl<P: SharedMut, U: Shared> Events<P, U> {
    /// Gives all heads to the device.
    #[must_use]
    pub fn new((queue, heads, slots): Driven<P, U, HEADS>) -> Events<P, U> {
        let mut events = Events { queue, slots };
        for head in heads {
            events.post(head);
        }
        events
    }

    /// Heads that the device has.
    #[must_use]
    pub const fn posted(&self) -> u16 {
        self.queue.in_flight()
    }

    /// Takes at most [`HEADS`] events, and hands each to `f`: `None` where the device did not write one. Their
    /// heads go back to the device, which [`Self::ring`] tells.
    ///
    /// # Errors
    /// What the device did that no device does.
    pub fn take(&mut self, mut f: impl FnMut(Option<Event>)) -> Result<(), Misbehaved> {
        for _ in 0..HEADS {
            let Some(done) = self.queue.pop()? else { break };
            f(self.look(&done));
            self.post(done.into_head());
        }
        Ok(())
    }

    /// After a batch: tells the device of its heads, once.
    ///
    /// # Errors
    /// Of the doorbell.
    pub fn ring<D: Doorbell>(&mut self, doorbell: &mut D) -> Result<bool, D::Error> {
        self.queue.ring(doorbell)
    }

    /// Before waiting: asks for an interrupt at the next event. False when one has come.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn may_wait(&mut self) -> Result<bool, Misbehaved> {
        self.queue.may_wait()
    }

    /// The event in a head. The queue has cut the length to what the device may write; less is none.
    fn look(&self, done: &Completion) -> Option<Event> {
        let mut bytes = [0; BYTES];
        let is_whole = usize::try_from(done.len()) == Ok(BYTES);
        let read = self.slots.read(done.head(), PIECE, 0, &mut bytes);
        (is_whole && read.is_ok()).then(|| Event::of(bytes))
    }

    fn post(&mut self, head: Head) {
        // A device that says it wrote an event, and did not, does not repeat the last: zeroes are no key.
        // The queue takes a head that it has just given.
        if self.slots.clear(&head, PIECE, 0).is_ok() {
            let _ = self.queue.post(head);
        }
    }
}
