//! Memory and threads of a process that this one made.
#![allow(unsafe_code, reason = "changes another address space, and not its own")]

use nexus_abi::{Error, Handle, Prot};

use crate::sys;

/// Maps part of a memory object into a process (MANAGE). See `nexus_abi::vmo_map`.
///
/// # Errors
/// As `vmo_map`; `BadHandle` for NONE, which would be the caller.
pub fn map(
    process: Handle,
    vmo: Handle,
    offset: u64,
    len: u64,
    va: u64,
    prot: Prot,
) -> Result<u64, Error> {
    another(process)?;
    // SAFETY: nobody has a capability to itself with MANAGE: only its maker has, and gives none away.
    unsafe { sys::vmo_map(process, vmo, offset, len, va, prot) }
}

/// Starts a thread in a process (MANAGE). See `nexus_abi::thread_create`.
///
/// # Errors
/// As `thread_create`; `BadHandle` for NONE, which would be the caller.
pub fn start(
    process: Handle,
    entry: u64,
    stack: u64,
    arg: u64,
    priority: u8,
) -> Result<Handle, Error> {
    another(process)?;
    // SAFETY: as in `map`.
    unsafe { sys::thread_create(process, entry, stack, arg, u64::from(priority)) }
}

fn another(process: Handle) -> Result<(), Error> {
    if process == Handle::NONE { Err(Error::BadHandle) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_itself_is_no_child() {
        let map = |process| map(process, Handle(9), 0, 4096, 4096, Prot::READ);
        assert_eq!(map(Handle::NONE), Err(Error::BadHandle));
        assert_eq!(start(Handle::NONE, 0, 0, 0, 0), Err(Error::BadHandle));
        // What a host says to all calls.
        assert_eq!(map(Handle(7)), Err(Error::BadSyscall));
        assert_eq!(start(Handle(7), 0, 0, 0, 0), Err(Error::BadSyscall));
    }
}
