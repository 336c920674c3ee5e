//! Where everything of a device is, in fake memory of its own: the pool, and after it the used rings.

use core::ops::Range;

use alloc::vec::Vec;
use nexus_mmio::fake::{FakeMemory, FakeShared};
use nexus_mmio::{ReadOnly, ReadWrite};
use nexus_sysdesc::layout::{self, QueueLayout};
use nexus_sysdesc::{Queue, Shape};

use crate::ring::{avail_len, used_len};
use crate::{Feature, Notices, Sealed};

/// The queues of a device, as the description lays them out.
#[derive(Clone, Debug)]
pub struct Layout(layout::Layout);

impl Layout {
    /// Of these queues.
    ///
    /// # Panics
    /// No device can have them.
    #[must_use]
    pub fn of(queues: &[Queue]) -> Layout {
        Layout(layout::Layout::of(queues).expect("queues of a device"))
    }

    /// Of one queue whose heads are alike: the bytes of the pieces that the device reads, and of those that it
    /// writes.
    ///
    /// # Panics
    /// No device can have it.
    #[must_use]
    pub fn alike(heads: u16, reads: &[u32], writes: &[u32]) -> Layout {
        Layout::of(&[Layout::queue(heads, reads, writes)])
    }

    /// A queue whose heads are alike, for [`of`](Self::of).
    #[must_use]
    pub fn queue(heads: u16, reads: &[u32], writes: &[u32]) -> Queue {
        let shape = Shape { heads, reads: reads.into(), writes: writes.into() };
        Queue { shapes: alloc::vec![shape] }
    }

    /// Memory with room for all of it, zeroed.
    #[must_use]
    pub fn memory(&self) -> FakeMemory {
        FakeMemory::new(self.pool() + self.0.used as usize)
    }

    /// The driver's side of such memory.
    ///
    /// # Panics
    /// It is other memory.
    #[must_use]
    pub fn sealed(
        &self,
        memory: &FakeMemory,
        notices: Notices,
    ) -> Sealed<FakeShared<ReadWrite>, FakeShared<ReadOnly>> {
        let features = match notices {
            Notices::Flags => 0,
            Notices::EventIndex => Feature::EVENT_IDX.bit(),
        };
        let pool = memory.part(0..self.pool());
        let used = memory.part(self.pool()..self.pool() + self.0.used as usize);
        Sealed::new("a test", self.0.clone(), features, pool, used).expect("memory of this layout")
    }

    /// Where the available ring of a queue is.
    #[must_use]
    pub fn avail(&self, queue: u16) -> Range<usize> {
        let (start, size) = (self.one(queue).avail as usize, self.size(queue));
        start..start + avail_len(size)
    }

    /// Where its used ring is.
    #[must_use]
    pub fn used(&self, queue: u16) -> Range<usize> {
        let (start, size) = (self.pool() + self.one(queue).used as usize, self.size(queue));
        start..start + used_len(size)
    }

    /// Where all slots of a queue are.
    #[must_use]
    pub fn slots(&self, queue: u16) -> Range<usize> {
        let pieces = self.one(queue).heads.iter().flat_map(|head| &head.segments);
        let ranges: Vec<_> = pieces.map(range).collect();
        ranges[0].start..ranges[ranges.len() - 1].end
    }

    /// Where a piece of a head is.
    #[must_use]
    pub fn piece(&self, queue: u16, head: u16, piece: usize) -> Range<usize> {
        range(&self.one(queue).heads[usize::from(head)].segments[piece])
    }

    /// Entries of the rings of a queue.
    #[must_use]
    pub fn size(&self, queue: u16) -> usize {
        self.one(queue).size.into()
    }

    /// What the device reads of a head, or writes.
    pub(super) fn pieces(&self, queue: u16, head: u16, writes: bool) -> Vec<Range<usize>> {
        let segments = &self.one(queue).heads[usize::from(head)].segments;
        segments.iter().filter(|segment| segment.writes == writes).map(range).collect()
    }

    fn pool(&self) -> usize {
        self.0.pool as usize
    }

    fn one(&self, queue: u16) -> &QueueLayout {
        &self.0.queues[usize::from(queue)]
    }
}

fn range(segment: &layout::Segment) -> Range<usize> {
    let start = segment.offset as usize;
    start..start + segment.len as usize
}
