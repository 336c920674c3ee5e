//! Protections that cannot be had by changing them later.

use hostile::place::STARTUP;
use nexus_abi::{Error, Handle, PAGE_SIZE, Prot, SYSCALL_PROTECT};
use nexus_rt::sys;
use nexus_test::bare;

use super::window::{FREE, unchanged};
use crate::check::{Check, refused};
use crate::context::Context;

const READ_WRITE: Prot = Prot::READ.union(Prot::WRITE);
const READ_EXEC: Prot = Prot::READ.union(Prot::EXEC);

/// `protect` with any word.
fn protect_raw(va: u64, prot: u64) -> Result<(), Error> {
    match bare::raw(SYSCALL_PROTECT, [va, prot, 0, 0, 0, 0]) {
        (0, _) => Ok(()),
        (code, _) => Err(Error::from_code(code).unwrap_or(Error::BadSyscall)),
    }
}

/// A mapped device page never becomes executable.
pub(crate) fn window(context: &Context) -> Check {
    bare::mmio_map(context.window(), 0, PAGE_SIZE, FREE, Prot::READ)?;
    let checked = unchanged(context, || {
        for (what, va, prot, error) in [
            ("execute", FREE, 0b100, Error::ExecDenied),
            ("read and execute", FREE, 0b101, Error::ExecDenied),
            ("everything", FREE, 0b111, Error::Denied),
            ("write only", FREE, 0b010, Error::Denied),
            ("nothing", FREE, 0, Error::InvalidProt),
            ("a bit that means nothing", FREE, 0b1001, Error::InvalidProt),
            ("off the page", FREE + 1, 0b001, Error::Misaligned),
            ("the page before", FREE - PAGE_SIZE, 0b001, Error::BadAddress),
            ("the page after", FREE + PAGE_SIZE, 0b001, Error::BadAddress),
            ("the kernel", hostile::place::KERNEL_TEXT, 0b001, Error::BadAddress),
        ] {
            refused(what, protect_raw(va, prot), error)?;
        }
        Ok(())
    });
    bare::protect(FREE, Prot::READ)?;
    bare::unmap(FREE)?;
    refused("once unmapped", bare::protect(FREE, Prot::READ), Error::BadAddress)?;
    refused("unmap again", bare::unmap(FREE), Error::BadAddress)?;
    checked
}

/// Memory is writable first and executable later, never both, and never back.
pub(crate) fn memory(_: &Context) -> Check {
    let vmo = sys::vmo_create(1)?;
    let checked = one_or_the_other(vmo);
    // Ends its mappings, too.
    sys::cap_drop(vmo)?;
    refused("once dropped", bare::unmap(FREE), Error::BadAddress)?;
    checked?;
    for (what, va) in [("own instructions", 0x10_0000), ("startup block", STARTUP)] {
        refused(what, bare::protect(va, READ_WRITE), Error::Denied)?;
    }
    Ok(())
}

fn one_or_the_other(vmo: Handle) -> Check {
    let map = |va, prot| bare::vmo_map(vmo, 0, PAGE_SIZE, va, prot);
    let other = FREE + PAGE_SIZE;
    refused("execute before it is sealed", map(FREE, READ_EXEC), Error::SealState)?;
    refused("everything at once", map(FREE, Prot::all()), Error::InvalidProt)?;
    refused("write only", map(FREE, Prot::WRITE), Error::InvalidProt)?;
    refused("execute only", map(FREE, Prot::EXEC), Error::InvalidProt)?;
    map(FREE, READ_WRITE)?;
    refused("seal while it is writable", sys::vmo_seal(vmo), Error::Busy)?;
    refused("execute what is writable", bare::protect(FREE, READ_EXEC), Error::SealState)?;
    refused("execute it elsewhere", map(other, READ_EXEC), Error::SealState)?;
    bare::unmap(FREE)?;
    sys::vmo_seal(vmo)?;
    refused("write once it is sealed", map(FREE, READ_WRITE), Error::SealState)?;
    map(FREE, READ_EXEC)?;
    refused("write what is executable", bare::protect(FREE, READ_WRITE), Error::SealState)?;
    refused("write it elsewhere", map(other, READ_WRITE), Error::SealState)
}
