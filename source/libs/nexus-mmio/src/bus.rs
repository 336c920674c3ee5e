//! What registers are behind.

/// A range of device registers.
///
/// Offsets are in bytes from the start of the range. An access that is not aligned to its width,
/// or not inside the range, does nothing and reads as all ones, like a bus on which nobody
/// answers; [`Registers`](crate::Registers) never makes one.
pub trait Bus {
    /// Bytes in the range.
    fn len(&self) -> usize;

    /// True when there is nothing in the range.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Loads one byte.
    fn read8(&self, offset: usize) -> u8;
    /// Loads two bytes.
    fn read16(&self, offset: usize) -> u16;
    /// Loads four bytes.
    fn read32(&self, offset: usize) -> u32;
    /// Stores one byte.
    fn write8(&mut self, offset: usize, value: u8);
    /// Stores two bytes.
    fn write16(&mut self, offset: usize, value: u16);
    /// Stores four bytes.
    fn write32(&mut self, offset: usize, value: u32);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

/// The width of a register: `u8`, `u16` or `u32`.
pub trait Width: Copy + sealed::Sealed {
    /// Loads a register of this width.
    fn read<B: Bus + ?Sized>(bus: &B, offset: usize) -> Self;
    /// Stores a register of this width.
    fn write<B: Bus + ?Sized>(bus: &mut B, offset: usize, value: Self);
}

macro_rules! widths {
    ($($ty:ty, $read:ident, $write:ident;)+) => { $(
        impl Width for $ty {
            #[inline]
            fn read<B: Bus + ?Sized>(bus: &B, offset: usize) -> $ty {
                bus.$read(offset)
            }
            #[inline]
            fn write<B: Bus + ?Sized>(bus: &mut B, offset: usize, value: $ty) {
                bus.$write(offset, value);
            }
        }
    )+ };
}
widths! { u8, read8, write8; u16, read16, write16; u32, read32, write32; }
