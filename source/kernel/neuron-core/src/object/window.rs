//! Device windows: the physical range of one device's registers.

use nexus_abi::Error;

use crate::Result;
use crate::object::capability::CapabilityKind;
use crate::store::addr::{Frame, PHYS_END, part, within};

/// A range of physical addresses, whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First address.
    pub base: u64,
    /// First address past it.
    pub end: u64,
}

impl Range {
    fn overlaps(self, other: Range) -> bool {
        self.base < other.end && other.base < self.end
    }
}

/// Ranges that no window may touch: RAM, and the devices that the kernel keeps for itself.
#[derive(Clone, Copy, Debug)]
pub struct Forbidden<'a>(pub &'a [Range]);

/// A window that has been checked. The only way to a [`CapabilityKind::DeviceMmio`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    base: u64,
    len: u64,
}

impl Window {
    /// A window over `base..base + len`, both in whole pages.
    ///
    /// # Errors
    /// `Misaligned` for a part of a page; `OutOfRange` for zero length, a range that wraps or
    /// passes 2^56, or one that touches RAM or a device of the kernel's.
    pub fn new(base: u64, len: u64, forbidden: Forbidden<'_>) -> Result<Window> {
        within(base, len, PHYS_END)?;
        let window = Window { base, len };
        let touched = forbidden.0.iter().any(|range| range.overlaps(window.range()));
        if touched { Err(Error::OutOfRange) } else { Ok(window) }
    }

    /// The window of a capability, if it is one.
    #[inline]
    pub(crate) fn of(kind: CapabilityKind) -> Result<Window> {
        match kind {
            CapabilityKind::DeviceMmio { base, len } => Ok(Window { base, len }),
            _ => Err(Error::WrongKind),
        }
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
        self.range().overlaps(other.range())
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
        own.base <= part.base && part.end <= own.end
    }

    /// First frame and pages of `offset..offset + len`, for one call to map.
    #[inline]
    pub(crate) fn frames(self, offset: u64, len: u64) -> Result<(Frame, u32)> {
        let (first, pages) = part(offset, len, self.len)?;
        let base = Frame::at(self.base).ok_or(Error::OutOfRange)?;
        Ok((base.plus(first), pages))
    }

    /// Its first page.
    pub(crate) fn first(self) -> Frame {
        Frame::from_number(self.base >> 12)
    }

    /// As a capability kind.
    pub(crate) fn kind(self) -> CapabilityKind {
        CapabilityKind::DeviceMmio { base: self.base, len: self.len }
    }

    fn range(self) -> Range {
        Range { base: self.base, end: self.base.saturating_add(self.len) }
    }
}
