//! Device windows of this process.
#![allow(unsafe_code, reason = "makes a bus of a window that it has just mapped")]

use nexus_abi::{Error, Handle, Prot, StartupCap};
use nexus_mmio::Window;

use crate::{sys, va};

/// Maps a device window of the startup block, whole, readable and writable, until the process
/// ends.
///
/// # Errors
/// As `mmio_map`.
pub fn map_window(window: &StartupCap) -> Result<Window, Error> {
    let len = usize::try_from(window.len).map_err(|_| Error::OutOfRange)?;
    let va = va::take(window.len)?;
    let prot = Prot::READ | Prot::WRITE;
    match sys::mmio_map(Handle(window.handle), 0, window.len, va, prot) {
        // SAFETY: (1) the kernel has mapped `len` bytes of device registers at `mapped`, and this
        // range is never given back. (2) A mapping begins at a page. (3) No reference is ever made
        // to addresses of `va`.
        Ok(mapped) => Ok(unsafe { Window::from_mapping(mapped as usize, len) }),
        Err(error) => {
            va::give_back(va, window.len);
            Err(error)
        }
    }
}
