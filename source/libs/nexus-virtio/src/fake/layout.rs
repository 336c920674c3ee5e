//! Where everything of one queue is, in fake memory of its own.

use core::ops::Range;

use nexus_mmio::fake::{FakeMemory, FakeShared};
use nexus_mmio::{ReadOnly, ReadWrite};

use crate::ring::{avail_len, size_for, used_len};

/// A queue whose heads all have one shape: the device reads the first bytes of a slot, and writes those
/// after them.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Heads of the queue.
    pub heads: usize,
    /// Bytes of a slot that the device reads.
    pub readable: usize,
    /// Bytes of a slot that the device may write.
    pub writable: usize,
}

/// What the driver has of the memory.
pub struct Parts {
    /// The available ring.
    pub avail: FakeShared<ReadWrite>,
    /// The used ring.
    pub used: FakeShared<ReadOnly>,
    /// The slots.
    pub slots: FakeShared<ReadWrite>,
}

impl Layout {
    /// Entries of each ring.
    #[must_use]
    pub const fn size(&self) -> usize {
        size_for(self.heads)
    }

    /// Bytes of a slot.
    #[must_use]
    pub const fn slot(&self) -> usize {
        self.readable + self.writable
    }

    /// Where the available ring is.
    #[must_use]
    pub const fn avail(&self) -> Range<usize> {
        0..avail_len(self.size())
    }

    /// Where the used ring is.
    #[must_use]
    pub const fn used(&self) -> Range<usize> {
        let start = self.avail().end.next_multiple_of(8);
        start..start + used_len(self.size())
    }

    /// Where the slots are.
    #[must_use]
    pub const fn slots(&self) -> Range<usize> {
        let start = self.used().end.next_multiple_of(8);
        start..start + self.heads * self.slot()
    }

    /// Memory with room for all of it.
    #[must_use]
    pub fn memory(&self) -> FakeMemory {
        FakeMemory::new(self.slots().end)
    }

    /// The driver's parts of such memory.
    #[must_use]
    pub fn parts(&self, memory: &FakeMemory) -> Parts {
        Parts {
            avail: memory.part(self.avail()),
            used: memory.part(self.used()),
            slots: memory.part(self.slots()),
        }
    }

    /// What the device reads of slot `head`.
    pub(super) const fn reads(&self, head: u16) -> Range<usize> {
        let start = self.slots().start + head as usize * self.slot();
        start..start + self.readable
    }

    /// Where it may write.
    pub(super) const fn writes(&self, head: u16) -> usize {
        self.reads(head).end
    }
}
