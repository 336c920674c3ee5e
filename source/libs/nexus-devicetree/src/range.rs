//! Physical addresses.

/// Bytes in a page; windows are whole pages.
pub const PAGE: u64 = 4096;

/// Physical bytes, not empty, not wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// First byte.
    pub base: u64,
    /// How many.
    pub len: u64,
}

impl Range {
    /// The range; `None` when it is empty or wraps.
    #[must_use]
    pub fn new(base: u64, len: u64) -> Option<Range> {
        base.checked_add(len.checked_sub(1)?)?;
        Some(Range { base, len })
    }

    /// The range, cut where addresses end; `None` when it is empty.
    #[must_use]
    pub fn up_to_the_end(base: u64, len: u64) -> Option<Range> {
        Range::new(base, len)
            .or_else(|| Range::new(base, u64::MAX.wrapping_sub(base)))
            .filter(|_| len > 0)
    }

    /// Its last byte.
    #[must_use]
    pub fn last(self) -> u64 {
        self.base.wrapping_add(self.len.wrapping_sub(1))
    }

    /// The whole pages that it touches; `None` at the very end of the address space.
    #[must_use]
    pub fn pages(self) -> Option<Range> {
        let base = self.base & !PAGE.wrapping_sub(1);
        let end = self.base.checked_add(self.len)?.checked_next_multiple_of(PAGE)?;
        Range::new(base, end.checked_sub(base)?)
    }

    /// True when all of `other` is in it.
    #[must_use]
    pub fn contains(self, other: Range) -> bool {
        self.base <= other.base && other.last() <= self.last()
    }

    /// True when some byte is in both.
    #[must_use]
    pub fn overlaps(self, other: Range) -> bool {
        self.base <= other.last() && other.base <= self.last()
    }

    /// The bytes that are in both.
    #[must_use]
    pub fn common(self, other: Range) -> Option<Range> {
        let base = self.base.max(other.base);
        let last = self.last().min(other.last());
        Range::new(base, last.checked_sub(base)?.checked_add(1)?)
    }
}
