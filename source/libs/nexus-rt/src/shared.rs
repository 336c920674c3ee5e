//! Memory of this process that a device reaches as well (RFC-0004), or another process, or that outlives it.
#![allow(unsafe_code, reason = "makes shared memory of what it has just mapped")]

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot, StartupCap};
use nexus_mmio::{Outside, ReadOnly, ReadWrite, Shared, SharedMemory, SharedMut};

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

/// Maps the memory of the ledger of a startup entry, readable and writable, until the process ends.
pub(crate) fn record(cap: &StartupCap) -> Result<SharedMemory<ReadWrite>, Error> {
    map(cap, Prot::READ | Prot::WRITE)
}

/// Copies bytes to memory of a device (MAP, READ and WRITE), from `offset` on, through a mapping that has
/// ended when this returns: for whoever sets the device up, and then hands it on.
///
/// # Errors
/// As `vmo_map`; `OutOfRange`.
pub fn put(memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error> {
    let prot = Prot::READ | Prot::WRITE;
    through(memory, offset, bytes.len(), prot, |shared, at| shared.copy_in(at, bytes))
}

/// Copies bytes out of memory of a device (MAP and READ), as [`put`] does.
///
/// # Errors
/// As `vmo_map`; `OutOfRange`.
pub fn get(memory: Handle, offset: u64, to: &mut [u8]) -> Result<(), Error> {
    through(memory, offset, to.len(), Prot::READ, |shared, at| shared.copy_out(at, to))
}

/// Has `copy` done at the place of `offset` in the pages with `len` bytes from there on. It is done before
/// what this thread does next.
fn through(
    memory: Handle,
    offset: u64,
    len: usize,
    prot: Prot,
    copy: impl FnOnce(&mut SharedMemory<ReadWrite>, usize) -> Result<(), Outside>,
) -> Result<(), Error> {
    let from = offset / PAGE_SIZE * PAGE_SIZE;
    let end =
        offset.checked_add(len as u64).and_then(|end| end.checked_next_multiple_of(PAGE_SIZE));
    let len = end.and_then(|end| end.checked_sub(from)).filter(|len| *len > 0);
    let mapping = Mapping::part(memory, from, len.ok_or(Error::OutOfRange)?, prot)?;
    let mut shared = over(mapping.range());
    let copied = copy(&mut shared, (offset - from) as usize);
    shared.fence();
    drop(mapping);
    copied.map_err(|Outside| Error::OutOfRange)
}

/// Maps all of it until the process ends. `A` is `ReadWrite` only where `prot` is to write.
fn map<A>(cap: &StartupCap, prot: Prot) -> Result<SharedMemory<A>, Error> {
    if cap.len == 0 || !cap.len.is_multiple_of(PAGE_SIZE) {
        return Err(Error::OutOfRange);
    }
    Ok(over(Mapping::new(Handle(cap.handle), cap.len, prot)?.keep()))
}

/// A mapping, which this module has just made, as memory that others reach as well. Who calls this keeps
/// the mapping to the end of the process, or ends it after the last use of what is returned; and stores
/// nothing where it is mapped to be read.
fn over<A>((base, len): (usize, usize)) -> SharedMemory<A> {
    // SAFETY: (1) the kernel has mapped `len` bytes at `base`, readable, and writable where they are
    // stored to; `map` never gives the range back, and `through` unmaps it after the last use. (2) A mapping
    // begins at a page. (3) The range was free until now, and no reference is ever made to its addresses.
    // Another mapping of the same object, as well as the device or the peer, counts as one who loads and
    // stores at any time: this module and the kernel alone make mappings of memory of a device, of a
    // ring or of the ledger, and this module none as a slice.
    unsafe { SharedMemory::from_mapping(base, len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_mapped_for_bytes_that_there_cannot_be() {
        assert_eq!(put(Handle(1), u64::MAX, &[1, 2]), Err(Error::OutOfRange));
        assert_eq!(get(Handle(1), u64::MAX, &mut [0; 2]), Err(Error::OutOfRange));
        assert_eq!(put(Handle(1), 0, &[]), Err(Error::OutOfRange));
        // There is no kernel here.
        assert_eq!(get(Handle(1), 4096, &mut [0]), Err(Error::BadSyscall));
    }
}
