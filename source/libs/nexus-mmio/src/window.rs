//! The bus that is real: volatile access to a mapped window.

use core::ptr::{
    read_volatile, with_exposed_provenance, with_exposed_provenance_mut, write_volatile,
};

use crate::Bus;

/// A device window, mapped into this process. Not clonable: one process has one view of its device.
#[derive(Debug)]
pub struct Window {
    base: usize,
    len: usize,
}

impl Window {
    /// The window mapped at `base`.
    ///
    /// # Safety
    /// (1) `base` to `base + len` is one mapping of device registers that stays until the process
    /// ends, readable and writable (a store that the mapping refuses is a fault, not undefined
    /// behaviour). (2) `base` is a multiple of 4. (3) No other `Window`, and no reference, covers
    /// any of it.
    #[must_use]
    pub const unsafe fn from_mapping(base: usize, len: usize) -> Window {
        Window { base, len }
    }

    #[inline]
    fn load<T>(&self, offset: usize) -> Option<T> {
        let at = with_exposed_provenance::<T>(address::<T>(self.base, self.len, offset, 1)?);
        // SAFETY: (1) `at` is aligned for `T` and inside a live mapping, by `from_mapping` and
        // `address`. (2) Device registers hold any bit pattern, and `T` is an unsigned integer in
        // every use below. (3) No reference covers it, so that nothing is aliased.
        Some(unsafe { read_volatile(at) })
    }

    #[inline]
    fn store<T>(&mut self, offset: usize, value: T) {
        let Some(at) = address::<T>(self.base, self.len, offset, 1) else { return };
        let at = with_exposed_provenance_mut::<T>(at);
        // SAFETY: as in `load`; and device registers are not memory that Rust code owns.
        unsafe { write_volatile(at, value) };
    }
}

/// Where `count` accesses of `T` side by side, from `offset` of the `len` bytes at `base` on, go; `None`
/// when they are not aligned and inside. Where there are none, nothing needs to be aligned.
#[inline]
pub(crate) fn address<T>(base: usize, len: usize, offset: usize, count: usize) -> Option<usize> {
    // One comparison, where the compiler knows that the sum does not wrap.
    let end = offset.checked_add(count.checked_mul(size_of::<T>())?)?;
    let aligned = count == 0 || offset.is_multiple_of(size_of::<T>());
    (end <= len && aligned).then(|| base + offset)
}

impl Bus for Window {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }
    #[inline]
    fn read8(&self, offset: usize) -> u8 {
        self.load(offset).unwrap_or(u8::MAX)
    }
    #[inline]
    fn read16(&self, offset: usize) -> u16 {
        self.load(offset).unwrap_or(u16::MAX)
    }
    #[inline]
    fn read32(&self, offset: usize) -> u32 {
        self.load(offset).unwrap_or(u32::MAX)
    }
    #[inline]
    fn write8(&mut self, offset: usize, value: u8) {
        self.store(offset, value);
    }
    #[inline]
    fn write16(&mut self, offset: usize, value: u16) {
        self.store(offset, value);
    }
    #[inline]
    fn write32(&mut self, offset: usize, value: u32) {
        self.store(offset, value);
    }
}
