//! Registers as types.

use core::marker::PhantomData;

use crate::{Bus, Width};

/// May be loaded only.
#[derive(Clone, Copy, Debug)]
pub enum ReadOnly {}
/// May be stored only.
#[derive(Clone, Copy, Debug)]
pub enum WriteOnly {}
/// May be loaded and stored.
#[derive(Clone, Copy, Debug)]
pub enum ReadWrite {}

/// An access mode with loads.
pub trait Readable {}
impl Readable for ReadOnly {}
impl Readable for ReadWrite {}

/// An access mode with stores.
pub trait Writable {}
impl Writable for WriteOnly {}
impl Writable for ReadWrite {}

/// A register of width `T` and access mode `A` at byte `OFFSET`. Takes no space.
#[derive(Clone, Copy, Debug)]
pub struct Reg<T, A, const OFFSET: usize>(PhantomData<(T, A)>);

impl<T, A, const OFFSET: usize> Reg<T, A, OFFSET> {
    /// The register. Does not compile when `OFFSET` is not a multiple of the width.
    pub const NEW: Self = {
        assert!(OFFSET.is_multiple_of(size_of::<T>()), "a register is aligned to its width");
        Reg(PhantomData)
    };
}

/// `COUNT` registers of width `T` and access mode `A`, side by side from byte `OFFSET`.
#[derive(Clone, Copy, Debug)]
pub struct RegArray<T, A, const OFFSET: usize, const COUNT: usize>(PhantomData<(T, A)>);

impl<T, A, const OFFSET: usize, const COUNT: usize> RegArray<T, A, OFFSET, COUNT> {
    /// The registers. Does not compile when `OFFSET` is not a multiple of the width.
    pub const NEW: Self = {
        assert!(OFFSET.is_multiple_of(size_of::<T>()), "a register is aligned to its width");
        RegArray(PhantomData)
    };
}

/// The bus has fewer bytes than the register block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// Bytes on the bus.
    pub has: usize,
    /// Bytes in the block.
    pub needs: usize,
}

impl core::fmt::Display for TooSmall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "window of {} bytes, registers take {}", self.has, self.needs)
    }
}

/// A block of registers of `LEN` bytes on a bus that is at least as long.
///
/// A register outside the block does not compile, and neither does a load of a write-only register
/// or a store to a read-only one:
///
/// ```compile_fail
/// # use nexus_mmio::*;
/// fn f<B: Bus>(regs: &Registers<B, 0x10>) -> u32 {
///     regs.read(Reg::<u32, ReadOnly, 0x10>::NEW)
/// }
/// let _: fn(&Registers<Window, 0x10>) -> u32 = f;
/// ```
/// ```compile_fail
/// # use nexus_mmio::*;
/// fn f<B: Bus>(regs: &mut Registers<B, 0x10>) {
///     regs.write(Reg::<u32, ReadOnly, 0x0>::NEW, 1);
/// }
/// ```
/// ```compile_fail
/// # use nexus_mmio::*;
/// fn f<B: Bus>(regs: &Registers<B, 0x10>) -> u32 {
///     regs.read(Reg::<u32, WriteOnly, 0x0>::NEW)
/// }
/// ```
/// ```compile_fail
/// const R: nexus_mmio::Reg<u32, nexus_mmio::ReadOnly, 0x2> = nexus_mmio::Reg::NEW;
/// ```
#[derive(Debug)]
pub struct Registers<B, const LEN: usize> {
    bus: B,
}

impl<B: Bus, const LEN: usize> Registers<B, LEN> {
    /// The block at the start of `bus`.
    ///
    /// # Errors
    /// The bus is shorter than `LEN` bytes.
    pub fn new(bus: B) -> Result<Self, TooSmall> {
        let has = bus.len();
        if has < LEN { Err(TooSmall { has, needs: LEN }) } else { Ok(Registers { bus }) }
    }

    /// Loads a register.
    #[inline]
    pub fn read<T: Width, A: Readable, const OFFSET: usize>(&self, _: Reg<T, A, OFFSET>) -> T {
        const { assert!(OFFSET + size_of::<T>() <= LEN, "a register lies inside its block") };
        T::read(&self.bus, OFFSET)
    }

    /// Stores a register.
    #[inline]
    pub fn write<T: Width, A: Writable, const OFFSET: usize>(
        &mut self,
        _: Reg<T, A, OFFSET>,
        value: T,
    ) {
        const { assert!(OFFSET + size_of::<T>() <= LEN, "a register lies inside its block") };
        T::write(&mut self.bus, OFFSET, value);
    }

    /// Loads one register of an array; `None` when there is none with this index.
    #[inline]
    pub fn read_at<T: Width, A: Readable, const OFFSET: usize, const COUNT: usize>(
        &self,
        _: RegArray<T, A, OFFSET, COUNT>,
        index: usize,
    ) -> Option<T> {
        const { assert!(OFFSET + COUNT * size_of::<T>() <= LEN, "an array lies inside its block") };
        (index < COUNT).then(|| T::read(&self.bus, OFFSET + index * size_of::<T>()))
    }

    /// Stores one register of an array; false, and no store, when there is none with this index.
    #[inline]
    pub fn write_at<T: Width, A: Writable, const OFFSET: usize, const COUNT: usize>(
        &mut self,
        _: RegArray<T, A, OFFSET, COUNT>,
        index: usize,
        value: T,
    ) -> bool {
        const { assert!(OFFSET + COUNT * size_of::<T>() <= LEN, "an array lies inside its block") };
        if index < COUNT {
            T::write(&mut self.bus, OFFSET + index * size_of::<T>(), value);
        }
        index < COUNT
    }

    /// The bus, for a test to look at.
    pub fn bus(&self) -> &B {
        &self.bus
    }

    /// The bus, for a test to act on.
    pub fn bus_mut(&mut self) -> &mut B {
        &mut self.bus
    }
}
