//! Memory of this process that a device reaches as well (RFC-0004), or another process.
#![allow(unsafe_code, reason = "makes shared memory of what it has just mapped")]

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot, StartupCap};
use nexus_mmio::{ReadOnly, ReadWrite, SharedMemory};

use crate::memory::Mapping;

/// Maps the pool of a startup entry, readable and writable, until the process ends.
pub(crate) fn pool(cap: &StartupCap) -> Result<SharedMemory<ReadWrite>, Error> {
    map(cap, Prot::READ | Prot::WRITE)
}

/// Maps the used rings of a startup entry, readable, until the process ends.
pub(crate) fn used(cap: &StartupCap) -> Result<SharedMemory<ReadOnly>, Error> {
    map(cap, Prot::READ)
}

/// Maps the memory of a ring of a startup entry, readable and writable, until the process ends.
pub(crate) fn ring(cap: &StartupCap) -> Result<SharedMemory<ReadWrite>, Error> {
    map(cap, Prot::READ | Prot::WRITE)
}

/// `A` is `ReadWrite` only where `prot` is to write.
fn map<A>(cap: &StartupCap, prot: Prot) -> Result<SharedMemory<A>, Error> {
    if cap.len == 0 || !cap.len.is_multiple_of(PAGE_SIZE) {
        return Err(Error::OutOfRange);
    }
    let (base, len) = Mapping::new(Handle(cap.handle), cap.len, prot)?.keep();
    // SAFETY: (1) the kernel has mapped `len` bytes at `base`, readable, and writable where `A` is; the
    // range is never given back. (2) A mapping begins at a page. (3) The range was free until now, and no
    // reference is ever made to its addresses. Another mapping of the same object, as well as the device
    // or the peer, counts as one who loads and stores at any time: this module and the kernel alone make
    // mappings of what a startup entry names as memory of a device or of a ring, and this module none as a
    // slice.
    Ok(unsafe { SharedMemory::from_mapping(base, len) })
}
