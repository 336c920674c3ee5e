//! Device windows: the physical range of one device's registers.

use core::ops::Range;

use nexus_abi::Error;

use crate::Result;
use crate::store::addr::{Frame, PHYS_END, part, within};

/// A window that has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    base: u64,
    len: u64,
}

impl Window {
    /// A window over `base..base + len`, both in whole pages, beside `taken`: RAM, and the devices that the
    /// kernel keeps for itself.
    ///
    /// # Errors
    /// `Misaligned` for a part of a page; `OutOfRange` for zero length, a range that wraps or
    /// passes 2^56, or one that touches what is taken.
    pub fn new(base: u64, len: u64, taken: impl IntoIterator<Item = Range<u64>>) -> Result<Window> {
        within(base, len, PHYS_END)?;
        let window = Window { base, len };
        let touched = taken.into_iter().any(|range| share(&range, &window.range()));
        if touched { Err(Error::OutOfRange) } else { Ok(window) }
    }

    /// A part of this window. Length is not bounded by what one call can map.
    ///
    /// # Errors
    /// `Misaligned` before `OutOfRange`, as for [`Window::new`], or past the end of this window.
    pub(crate) fn narrow(self, offset: u64, len: u64) -> Result<Window> {
        within(offset, len, self.len)?;
        let base = self.base.checked_add(offset).ok_or(Error::OutOfRange)?;
        Ok(Window { base, len })
    }

    /// True when the two share a page.
    pub(crate) fn overlaps(self, other: Window) -> bool {
        share(&self.range(), &other.range())
    }

    /// The window of one frame.
    #[cfg(feature = "checker")]
    pub(crate) fn page(frame: Frame) -> Window {
        Window { base: frame.address(), len: nexus_abi::PAGE_SIZE }
    }

    /// True when all of `part` lies in this window.
    #[cfg(feature = "checker")]
    pub(crate) fn contains(self, part: Window) -> bool {
        let (own, part) = (self.range(), part.range());
        own.start <= part.start && part.end <= own.end
    }

    /// First frame and pages of `offset..offset + len`, for one call to map.
    pub(crate) fn frames(self, offset: u64, len: u64) -> Result<(Frame, u32)> {
        let (first, pages) = part(offset, len, self.len)?;
        let base = Frame::at(self.base).ok_or(Error::OutOfRange)?;
        Ok((base.plus(first), pages))
    }

    /// Its first page.
    pub(crate) fn first(self) -> Frame {
        Frame::from_number(self.base >> 12)
    }

    fn range(self) -> Range<u64> {
        self.base..self.base.saturating_add(self.len)
    }

    /// First address, and bytes.
    pub(crate) fn place(self) -> (u64, u64) {
        (self.base, self.len)
    }

    /// One that is not checked, for tests of the checker.
    #[cfg(test)]
    pub(crate) const fn unchecked(base: u64, len: u64) -> Window {
        Window { base, len }
    }
}

/// True when two ranges share an address.
fn share(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}
