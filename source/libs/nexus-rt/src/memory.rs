//! Memory objects of this process.
#![allow(unsafe_code, reason = "slices over memory that this module has just mapped")]

use core::slice;

use nexus_abi::{Error, Handle, MAX_PAGES_PER_CALL, PAGE_SIZE, Prot, StartupCap};

use crate::{sys, va};

/// Most bytes that one call maps.
const MAX_LEN: u64 = MAX_PAGES_PER_CALL * PAGE_SIZE;

/// Memory mapped into this process side by side, unmapped on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    va: u64,
    len: u64,
    /// Bytes mapped so far.
    mapped: u64,
}

impl Mapping {
    /// Maps the first `len` bytes of an object, a multiple of the page.
    pub(crate) fn new(vmo: Handle, len: u64, prot: Prot) -> Result<Mapping, Error> {
        Mapping::part(vmo, 0, len, prot)
    }

    /// Maps `len` bytes of an object from `from` on, multiples of the page.
    pub(crate) fn part(vmo: Handle, from: u64, len: u64, prot: Prot) -> Result<Mapping, Error> {
        let mut mapping = Mapping { va: va::take(len)?, len, mapped: 0 };
        while mapping.mapped < len {
            let at = mapping.mapped;
            let (begin, piece) =
                (from.checked_add(at).ok_or(Error::OutOfRange)?, MAX_LEN.min(len - at));
            // SAFETY: the range was taken above, for this.
            unsafe { sys::vmo_map(Handle::NONE, vmo, begin, piece, mapping.va + at, prot)? };
            mapping.mapped += piece;
        }
        Ok(mapping)
    }

    /// Where it is: its first address, and its bytes.
    pub(crate) const fn range(&self) -> (usize, usize) {
        (self.va as usize, self.len as usize)
    }

    /// Leaves it mapped until the process ends: its first address, and its bytes.
    pub(crate) const fn keep(self) -> (usize, usize) {
        let range = self.range();
        core::mem::forget(self);
        range
    }

    fn pointer(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.va as usize)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let pieces = (self.va..self.va + self.mapped).step_by(MAX_LEN as usize);
        // SAFETY: whoever has a slice of it borrows its owner.
        let ended = pieces.map(|va| unsafe { sys::unmap(va) });
        // A range in which a mapping did not end must not be used again.
        if ended.filter(Result::is_err).count() == 0 {
            va::give_back(self.va, self.len);
        }
    }
}

/// A memory object that only this process has, mapped readable and writable. Dropping it ends the
/// mapping and the object.
#[derive(Debug)]
pub struct Memory {
    mapping: Mapping,
    vmo: Vmo,
}

/// Drops its capability with itself.
#[derive(Debug)]
struct Vmo(Handle);

impl Drop for Vmo {
    fn drop(&mut self) {
        // Nothing to do when it fails: then it is gone already.
        let _ = sys::cap_drop(self.0);
    }
}

impl Memory {
    /// New zeroed memory of 1 to 512 pages.
    ///
    /// # Errors
    /// `OutOfRange`, `NoMemory`.
    pub fn new(pages: u64) -> Result<Memory, Error> {
        let vmo = Vmo(sys::vmo_create(pages)?);
        let mapping = Mapping::new(vmo.0, pages * PAGE_SIZE, Prot::READ | Prot::WRITE)?;
        Ok(Memory { mapping, vmo })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: (1) the range is mapped readable as long as `self` lives. (2) Nothing else maps
        // the object: its handle leaves this type by `into_vmo` only, after the mapping. (3) Fresh
        // memory is zeroed, and `u8` has no invalid values.
        unsafe { slice::from_raw_parts(self.mapping.pointer(), self.mapping.len as usize) }
    }

    /// The bytes, for writing.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, mapped writable, and borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.mapping.pointer(), self.mapping.len as usize) }
    }

    /// Ends the mapping and returns the object: to be sealed, mapped into a child, or granted.
    #[must_use]
    pub fn into_vmo(self) -> Handle {
        let Memory { mapping, vmo } = self;
        drop(mapping);
        let handle = vmo.0;
        core::mem::forget(vmo);
        handle
    }
}

/// Memory that came with the startup block, mapped read-only. Dropping it ends the mapping; the
/// capability stays.
#[derive(Debug)]
pub struct ReadOnlyMemory {
    mapping: Mapping,
    range: core::ops::Range<usize>,
}

impl ReadOnlyMemory {
    /// Maps the memory of a startup entry, whose `base` is the offset of its first byte.
    pub(crate) fn map(cap: &StartupCap) -> Result<ReadOnlyMemory, Error> {
        let end = cap.base.checked_add(cap.len).filter(|_| cap.len > 0).ok_or(Error::OutOfRange)?;
        let mapped = end.checked_next_multiple_of(PAGE_SIZE).ok_or(Error::OutOfRange)?;
        let mapping = Mapping::new(Handle(cap.handle), mapped, Prot::READ)?;
        Ok(ReadOnlyMemory { mapping, range: cap.base as usize..end as usize })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: (1) the range is mapped readable as long as `self` lives. (2) Whoever writes a
        // startup block passes memory that nobody writes any more (RFC-0001), and this type is
        // made from startup entries only. (3) `u8` has no invalid values.
        let all = unsafe {
            slice::from_raw_parts(self.mapping.pointer().cast_const(), self.mapping.len as usize)
        };
        all.get(self.range.clone()).unwrap_or(&[])
    }
}
