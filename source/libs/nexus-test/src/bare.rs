//! Calls that a service has no use for, for programs that try what the kernel says to them.
//!
//! They map in [`nexus_rt::BARE`] only, where no value is: elsewhere the kernel must refuse, and what
//! it should not have mapped is taken away before anybody can use it. Other addresses they unmap or
//! protect to see that refused; were it done, whoever uses the page next would end by a fault, because
//! nothing else is ever mapped there.
#![allow(unsafe_code, reason = "tries what safe code cannot")]

use nexus_abi::{Error, Handle, Message, Prot, Received, Record, Sender, Syscall};
use nexus_rt::{BARE, sys};

#[cfg(target_os = "none")]
use nexus_abi as kernel;

/// Maps part of a memory object into this process. See `nexus_abi::vmo_map`.
///
/// # Errors
/// As `vmo_map`.
#[inline(always)]
pub fn vmo_map(vmo: Handle, offset: u64, len: u64, va: u64, prot: Prot) -> Result<u64, Error> {
    // SAFETY: nothing is there, and outside of `BARE` nothing stays.
    let mapped = unsafe { sys::vmo_map(Handle::NONE, vmo, offset, len, va, prot) };
    mapped.inspect(|va| stays_bare(*va))
}

/// Maps part of a device window. See `nexus_abi::mmio_map`.
///
/// # Errors
/// As `mmio_map`.
#[inline(always)]
pub fn mmio_map(window: Handle, offset: u64, len: u64, va: u64, prot: Prot) -> Result<u64, Error> {
    // SAFETY: as in `vmo_map`.
    let mapped = unsafe { sys::mmio_map(window, offset, len, va, prot) };
    mapped.inspect(|va| stays_bare(*va))
}

/// Ends a mapping. See `nexus_abi::unmap`.
///
/// # Errors
/// As `unmap`.
#[inline(always)]
pub fn unmap(va: u64) -> Result<(), Error> {
    // SAFETY: no value is in `BARE`, and elsewhere whoever uses the page ends.
    unsafe { sys::unmap(va) }
}

/// Changes the protection of a mapping. See `nexus_abi::protect`.
///
/// # Errors
/// As `protect`.
#[inline(always)]
pub fn protect(va: u64, prot: Prot) -> Result<(), Error> {
    // SAFETY: as in `unmap`.
    unsafe { sys::protect(va, prot) }
}

/// Any call with any words but `thread_create`, which is refused here: `(error code, result)`.
#[must_use]
pub fn raw(number: u64, args: [u64; 6]) -> (u64, u64) {
    let call = Syscall::decode(number);
    if call == Some(Syscall::ThreadCreate) {
        return (Error::BadSyscall.code(), 0);
    }
    // SAFETY: as in the calls above.
    let (error, value) = unsafe { kernel::raw(number, args) };
    let [process, ..] = args;
    let own = call == Some(Syscall::MmioMap) || call == Some(Syscall::VmoMap) && process == 0;
    if error == 0 && own {
        stays_bare(value);
    }
    (error, value)
}

/// Any call that leaves memory and threads alone, with a record for an answer.
#[must_use]
pub fn raw_record(number: u64, a0: u64, a1: u64) -> (u64, u64, Sender, Record) {
    if changes_memory(number) {
        return (Error::BadSyscall.code(), 0, Sender::default(), [0; 8]);
    }
    // SAFETY: it is none of the calls that ask for something.
    unsafe { kernel::raw_record(number, a0, a1) }
}

/// Any call that leaves memory and threads alone, with a message.
#[must_use]
pub fn raw_message(
    number: u64,
    handle: Handle,
    message: &Message,
    deadline: u64,
    reply: Handle,
) -> (u64, Received) {
    if changes_memory(number) {
        let (sender, reply) = (Sender::default(), Handle::NONE);
        return (Error::BadSyscall.code(), Received { message: *message, sender, reply });
    }
    // SAFETY: as in `raw_record`.
    unsafe { kernel::raw_message(number, handle, message, deadline, reply) }
}

fn changes_memory(number: u64) -> bool {
    use Syscall::{MmioMap, Protect, ThreadCreate, Unmap, VmoMap};
    let call = Syscall::decode(number);
    call.is_some_and(|call| [VmoMap, MmioMap, Unmap, Protect, ThreadCreate].contains(&call))
}

/// Takes away what is mapped where it must not be.
#[inline(always)]
fn stays_bare(va: u64) {
    if !BARE.contains(&va) && va >= nexus_rt::IMAGE {
        // SAFETY: it was mapped just now, and nobody knows.
        let _ = unsafe { sys::unmap(va) };
    }
}

/// There is no kernel on a host: it refuses everything.
#[cfg(not(target_os = "none"))]
mod kernel {
    use nexus_abi::{Error, Handle, Message, Received, Record, Sender};

    const REFUSED: u64 = Error::BadSyscall.code();

    pub(super) unsafe fn raw(_: u64, _: [u64; 6]) -> (u64, u64) {
        (REFUSED, 0)
    }

    pub(super) unsafe fn raw_record(_: u64, _: u64, _: u64) -> (u64, u64, Sender, Record) {
        (REFUSED, 0, Sender::default(), [0; 8])
    }

    pub(super) unsafe fn raw_message(
        _: u64,
        _: Handle,
        message: &Message,
        _: u64,
        _: Handle,
    ) -> (u64, Received) {
        let (sender, reply) = (Sender::default(), Handle::NONE);
        (REFUSED, Received { message: *message, sender, reply })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_memory_goes_by_its_own_calls() {
        let names = ["vmo_map", "mmio_map", "unmap", "protect", "thread_create"];
        for call in nexus_abi::SYSCALLS {
            assert_eq!(changes_memory(call.number), names.contains(&call.name), "{}", call.name);
        }
        assert!(!changes_memory(u64::MAX));
    }
}
