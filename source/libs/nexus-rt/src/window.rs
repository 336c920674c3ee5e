//! Device windows of this process.
#![allow(unsafe_code, reason = "makes a bus of a window that it has just mapped")]

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot, Rights, StartupCap};
use nexus_mmio::{Bus, Window};

use crate::{sys, va};

/// A device window of this process: loads are its own, and so are stores, or the kernel makes them, one
/// 32-bit register at a time, where the window came with a mask of those that may be written (RFC-0002).
#[derive(Debug)]
pub struct DeviceWindow {
    mapped: Window,
    /// By which capability the kernel stores.
    masked: Option<Handle>,
}

impl DeviceWindow {
    /// A store that the kernel makes, or refuses: as a store to a page that may only be read, that
    /// ends the process.
    #[cold]
    fn refused(offset: usize, why: Error) -> ! {
        panic!("a store to the device register at {offset:#x} is refused: {why:?}")
    }
}

impl Bus for DeviceWindow {
    fn len(&self) -> usize {
        self.mapped.len()
    }
    #[inline]
    fn read8(&self, offset: usize) -> u8 {
        self.mapped.read8(offset)
    }
    #[inline]
    fn read16(&self, offset: usize) -> u16 {
        self.mapped.read16(offset)
    }
    #[inline]
    fn read32(&self, offset: usize) -> u32 {
        self.mapped.read32(offset)
    }
    #[inline]
    fn write8(&mut self, offset: usize, value: u8) {
        match self.masked {
            None => self.mapped.write8(offset, value),
            Some(_) => DeviceWindow::refused(offset, Error::RegisterDenied),
        }
    }
    #[inline]
    fn write16(&mut self, offset: usize, value: u16) {
        match self.masked {
            None => self.mapped.write16(offset, value),
            Some(_) => DeviceWindow::refused(offset, Error::RegisterDenied),
        }
    }
    #[inline]
    fn write32(&mut self, offset: usize, value: u32) {
        let Some(window) = self.masked else { return self.mapped.write32(offset, value) };
        if let Err(why) = sys::mmio_write(window, offset as u64, value.into()) {
            DeviceWindow::refused(offset, why);
        }
    }
}

/// Maps a device window of the startup block, whole, until the process ends: readable, and writable
/// where the process may write it and there is no mask. A store to a window that it may only read is a
/// fault.
///
/// # Errors
/// As `mmio_map`: a window of more than 2 MiB is mapped by [`map_window_part`] only.
pub fn map_window(window: &StartupCap) -> Result<DeviceWindow, Error> {
    map_window_part(window, 0, window.len)
}

/// Maps `len` bytes of a device window of the startup block from `offset`, both whole pages, at
/// most 2 MiB, as [`map_window`] does.
///
/// # Errors
/// As `mmio_map`.
pub fn map_window_part(window: &StartupCap, offset: u64, len: u64) -> Result<DeviceWindow, Error> {
    let bytes = usize::try_from(len).map_err(|_| Error::OutOfRange)?;
    let handle = Handle(window.handle);
    let held = sys::cap_query(handle)?;
    // Registers are named from the first byte of the window.
    let masked = held.registers.map(|_| handle);
    if masked.is_some() && offset != 0 {
        return Err(Error::OutOfRange);
    }
    let writable = held.rights.contains(Rights::WRITE) && masked.is_none();
    let prot = if writable { Prot::READ | Prot::WRITE } else { Prot::READ };
    let va = va::take(len)?;
    // SAFETY: the range was taken above, for this.
    match unsafe { sys::mmio_map(handle, offset, len, va, prot) } {
        Ok(at) => {
            // SAFETY: (1) the kernel has mapped `len` bytes of device registers at `at`, and this
            // range is never given back. (2) A mapping begins at a page. (3) No reference is ever
            // made to addresses of `va`.
            let mapped = unsafe { Window::from_mapping(at as usize, bytes) };
            Ok(DeviceWindow { mapped, masked })
        }
        Err(error) => {
            va::give_back(va, len);
            Err(error)
        }
    }
}

/// Reads 32-bit registers in the first page of a window (MAP and READ, without DERIVE), through a
/// read-only mapping that has ended when this returns: for whoever finds out what a device is, and
/// then hands it on.
///
/// # Errors
/// As `mmio_map` and `unmap`.
pub fn peek<const N: usize>(window: Handle, offsets: [usize; N]) -> Result<[u32; N], Error> {
    let va = va::take(PAGE_SIZE)?;
    // SAFETY: the range was taken above, for this.
    if let Err(error) = unsafe { sys::mmio_map(window, 0, PAGE_SIZE, va, Prot::READ) } {
        va::give_back(va, PAGE_SIZE);
        return Err(error);
    }
    // SAFETY: (1) the kernel has mapped a page of device registers at `va`; it is unmapped below,
    // after the last use of `registers`. (2) A mapping begins at a page. (3) No reference is ever
    // made to addresses of `va`.
    let registers = unsafe { Window::from_mapping(va as usize, PAGE_SIZE as usize) };
    let values = offsets.map(|offset| registers.read32(offset));
    // SAFETY: it was mapped above, and nobody has it any more.
    unsafe { sys::unmap(va)? };
    va::give_back(va, PAGE_SIZE);
    Ok(values)
}
