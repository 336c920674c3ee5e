//! A device that does what it likes.

use super::FakeDevice;
use crate::ring::{FLAGS, INDEX, avail_event};

/// A device driven by bytes: each says whether it does its work or lies, in which way, and about what.
/// When the bytes are used up it does nothing more.
pub struct Hostile<'a> {
    device: FakeDevice,
    bytes: &'a [u8],
    scribbles: bool,
}

impl<'a> Hostile<'a> {
    /// `device`, which lies as `bytes` say.
    #[must_use]
    pub fn new(device: FakeDevice, bytes: &'a [u8]) -> Hostile<'a> {
        Hostile { device, bytes, scribbles: true }
    }

    /// The same, but what it writes into slots and the entries of the used ring is what it does there: a
    /// length or a head may be a lie, and the bytes are not.
    #[must_use]
    pub fn careful(self) -> Hostile<'a> {
        Hostile { scribbles: false, ..self }
    }

    /// The next byte; `None` when they are used up. A driver under test can be driven by the same bytes.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn half(&mut self) -> u16 {
        u16::from_le_bytes([self.byte().unwrap_or(0), self.byte().unwrap_or(0)])
    }

    /// One thing that the next byte says.
    pub fn step(&mut self) {
        let Some(byte) = self.byte() else { return };
        match byte % 64 {
            // An id that may be anything, and a length that may be.
            0 | 1 => {
                let (id, len) = (self.half().into(), self.half().into());
                self.device.use_up(id, len);
            }
            2 => {
                let (id, len) = (u32::from(self.half()) << 16, u32::MAX);
                self.device.use_up(id, len);
            }
            // A head that it has, with too many bytes written; it goes on having it.
            3 | 4 => {
                let head = self.device.has.first().copied().unwrap_or(0);
                let len = u32::from(self.half()) << 12;
                self.device.use_up(head.into(), len);
            }
            // An index from nowhere, and one that says a little more.
            5 => {
                let index = self.half();
                self.device.set_used(INDEX, index);
            }
            6 => self.device.set_used(INDEX, self.device.made.wrapping_add(1)),
            // What it wants to hear of.
            7 => {
                let (offset, value) =
                    (avail_event(self.device.layout.size(self.device.queue)), self.half());
                self.device.set_used(offset, value);
            }
            8 => {
                let value = self.half();
                self.device.set_used(FLAGS, value);
            }
            // Bytes anywhere in the used ring and the slots.
            9 if self.scribbles => self.scribble(),
            // An interrupt for nothing, or none.
            10 => self.device.doorbell.raise(3),
            11 => self.device.be_deaf(),
            12 => self.device.reset(),
            // Its work.
            _ => {
                self.device.step();
            }
        }
    }

    /// Its work, as far as there is some; no byte is used.
    pub fn work(&mut self) {
        self.device.run();
    }

    fn scribble(&mut self) {
        let (layout, queue) = (&self.device.layout, self.device.queue);
        let (used, slots) = (layout.used(queue), layout.slots(queue));
        let at = usize::from(self.half()) % (used.len() + slots.len());
        let (at, end) = match at.checked_sub(used.len()) {
            None => (used.start + at, used.end),
            Some(at) => (slots.start + at, slots.end),
        };
        let value = self.half().to_le_bytes();
        let len = value.len().min(end - at);
        self.device.memory.device_write(at, &value[..len]);
    }
}
