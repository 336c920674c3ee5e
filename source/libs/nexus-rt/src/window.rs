//! Device windows of this process.
#![allow(unsafe_code, reason = "makes a bus of a window that it has just mapped")]

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot, Rights, StartupCap};
use nexus_mmio::{Bus, Window};

use crate::{sys, va};

/// Maps a device window of the startup block, whole, until the process ends: readable, and writable
/// where the process may write it. A store to a window that it may only read is a fault.
///
/// # Errors
/// As `mmio_map`: a window of more than 2 MiB is mapped by [`map_window_part`] only.
pub fn map_window(window: &StartupCap) -> Result<Window, Error> {
    map_window_part(window, 0, window.len)
}

/// Maps `len` bytes of a device window of the startup block from `offset`, both whole pages, at
/// most 2 MiB, as [`map_window`] does.
///
/// # Errors
/// As `mmio_map`.
pub fn map_window_part(window: &StartupCap, offset: u64, len: u64) -> Result<Window, Error> {
    let bytes = usize::try_from(len).map_err(|_| Error::OutOfRange)?;
    let handle = Handle(window.handle);
    let writable = sys::cap_query(handle)?.rights.contains(Rights::WRITE);
    let prot = if writable { Prot::READ | Prot::WRITE } else { Prot::READ };
    let va = va::take(len)?;
    // SAFETY: the range was taken above, for this.
    match unsafe { sys::mmio_map(handle, offset, len, va, prot) } {
        // SAFETY: (1) the kernel has mapped `len` bytes of device registers at `mapped`, and this
        // range is never given back. (2) A mapping begins at a page. (3) No reference is ever made
        // to addresses of `va`.
        Ok(mapped) => Ok(unsafe { Window::from_mapping(mapped as usize, bytes) }),
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
