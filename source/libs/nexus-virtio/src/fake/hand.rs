//! A device that is led by the test: it keeps heads until it has something to write, as a network card does
//! with its buffers.

use super::FakeDevice;
use crate::ring::INDEX;

impl FakeDevice {
    /// Takes the heads that it was given, completes none, and goes to sleep. True when it has any.
    pub fn collect(&mut self) -> bool {
        self.wake();
        while self.available() != self.avail(INDEX) {
            self.take_one();
        }
        self.sleep();
        !self.has.is_empty()
    }

    /// The oldest head that it has: the next to be written to.
    #[must_use]
    pub fn next(&self) -> Option<u16> {
        self.has.first().copied()
    }

    /// Writes `bytes` to the oldest head that it has, as far as there is room, and completes it, saying that
    /// it wrote `len`. False when it has none.
    pub fn give(&mut self, bytes: &[u8], len: u32) -> bool {
        if self.has.is_empty() {
            return false;
        }
        let head = self.has.remove(0);
        self.fill(head, bytes);
        self.use_up(head.into(), len);
        true
    }

    /// Says that head `id` is complete, with `len` bytes, whatever it has.
    pub fn say(&mut self, id: u32, len: u32) {
        self.use_up(id, len);
    }
}
