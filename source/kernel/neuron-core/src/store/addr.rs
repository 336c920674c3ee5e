//! Physical frames and virtual pages: the only way to name memory in this crate.

use nexus_abi::{Error, PAGE_SIZE, USER_END, USER_START};

use crate::Result;

/// A physical page number: address / 4096. Below 2^44 (Sv39 physical addresses have 56 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frame(u64);

/// First physical address past what a page-table entry can name.
pub const PHYS_END: u64 = 1 << 56;

impl Frame {
    /// The frame at a page-aligned physical address below [`PHYS_END`].
    pub const fn at(address: u64) -> Option<Frame> {
        if address & 0xfff == 0 && address < PHYS_END { Some(Frame(address >> 12)) } else { None }
    }

    /// From a page number; bits past 44 are cut.
    pub(crate) const fn from_number(number: u64) -> Frame {
        Frame(number & 0xfff_ffff_ffff)
    }

    /// The page number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The address of its first byte.
    pub const fn address(self) -> u64 {
        self.0 << 12
    }

    /// The frame `count` pages further.
    pub const fn plus(self, count: u64) -> Frame {
        Frame(self.0.wrapping_add(count))
    }
}

/// A page of the user half: a virtual page number from 1 to 2^26 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Page(u32);

impl Page {
    /// The page number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The address of its first byte.
    pub fn address(self) -> u64 {
        u64::from(self.0) << 12
    }

    /// The page with this number, for the checker.
    #[cfg(feature = "checker")]
    pub(crate) const fn from_number(number: u32) -> Page {
        Page(number)
    }

    /// The page `count` further.
    pub(crate) const fn plus(self, count: u32) -> Page {
        Page(self.0.wrapping_add(count))
    }

    /// Index into the page table of `level` (2 is the root).
    pub(crate) const fn table_index(self, level: u32) -> usize {
        index((self.0 >> level.wrapping_mul(9)) & 511)
    }
}

/// A run of user pages, at least one, all in the user half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageRange {
    /// First page.
    pub first: Page,
    /// Pages, at least 1.
    pub count: u32,
}

impl PageRange {
    /// The pages from `va`, which the caller has found to be page aligned, for `count` pages.
    ///
    /// # Errors
    /// `BadAddress` when a page is outside the user half.
    pub fn new(va: u64, count: u32) -> Result<PageRange> {
        let last = u64::from(count)
            .checked_mul(PAGE_SIZE)
            .and_then(|len| va.checked_add(len))
            .ok_or(Error::BadAddress)?;
        if va < USER_START || last > USER_END {
            return Err(Error::BadAddress);
        }
        let first = u32::try_from(va >> 12).map_err(|_| Error::BadAddress)?;
        Ok(PageRange { first: Page(first), count })
    }

    /// Its pages.
    pub(crate) fn iter(self) -> impl Iterator<Item = Page> {
        (0..self.count).map(move |step| self.first.plus(step))
    }

    /// Its parts that lie in one last-level page table each.
    #[inline(always)]
    pub(crate) fn by_table(mut self) -> impl Iterator<Item = PageRange> {
        core::iter::from_fn(move || {
            let in_table = 512u32.wrapping_sub(self.first.number() & 511);
            let part = PageRange { count: self.count.min(in_table), ..self };
            self.first = self.first.plus(part.count);
            self.count = self.count.wrapping_sub(part.count);
            (part.count != 0).then_some(part)
        })
    }
}

/// Refuses what is not of whole pages.
///
/// # Errors
/// `Misaligned`.
pub(crate) fn aligned(bytes: u64) -> Result {
    if bytes & PAGE_SIZE.wrapping_sub(1) == 0 { Ok(()) } else { Err(Error::Misaligned) }
}

/// Finds `offset..offset + len` in an object of `size` bytes.
///
/// # Errors
/// `Misaligned` for a part of a page; else `OutOfRange` for zero length, wrap, or past the end.
pub(crate) fn within(offset: u64, len: u64, size: u64) -> Result {
    aligned(offset | len)?;
    let end = offset.checked_add(len).ok_or(Error::OutOfRange)?;
    if len == 0 || end > size { Err(Error::OutOfRange) } else { Ok(()) }
}

/// Pages in `offset..offset + len` of an object of `size` bytes: `(first page, pages)`.
///
/// # Errors
/// As `within`; `OutOfRange` over the bound of a call, too.
pub fn part(offset: u64, len: u64, size: u64) -> Result<(u64, u32)> {
    within(offset, len, size)?;
    if len > MAX_LEN {
        return Err(Error::OutOfRange);
    }
    let pages = u32::try_from(len >> 12).map_err(|_| Error::OutOfRange)?;
    Ok((offset >> 12, pages))
}

const MAX_LEN: u64 = nexus_abi::MAX_PAGES_PER_CALL.wrapping_mul(PAGE_SIZE);

/// A 32-bit index as `usize`, which has 64 bits wherever this crate runs.
#[allow(clippy::as_conversions, reason = "widening; checked below")]
pub(crate) const fn index(value: u32) -> usize {
    value as usize
}

const _: () = assert!(usize::BITS == 64);
