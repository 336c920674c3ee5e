//! The mask of registers on the window that this service owns (RFC-0002).

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot, Rights};
use nexus_rt::sys;
use nexus_test::bare;

use super::window::{FREE, unchanged};
use crate::check::{Check, refused, same};
use crate::context::Context;

/// Offsets of the registers that may be written: QueueNotify and InterruptACK (virtio 1.2, 4.2.2), in a
/// slot with nothing in it, which throws away what is written.
const ALLOWED: [u64; 2] = [0x50, 0x64];
/// The same as a mask: bit n for the register at byte 4n.
pub(super) const REGISTERS: u64 = 1 << (0x50 / 4) | 1 << (0x64 / 4);
/// Past the last offset that is tried, which is far past the last that any mask can have.
const TRIED: u64 = 1029;

/// What must come of a write at this offset.
fn expected(offset: u64) -> Result<(), Error> {
    match offset {
        _ if !offset.is_multiple_of(4) => Err(Error::Misaligned),
        256.. => Err(Error::OutOfRange),
        _ if ALLOWED.contains(&offset) => Ok(()),
        _ => Err(Error::RegisterDenied),
    }
}

/// Two registers can be written, with 32 bits, and nothing else of the page or past it.
pub(crate) fn mask(context: &Context) -> Check {
    let window = context.window();
    let other = sys::notification_create()?;
    let checked = unchanged(context, || {
        for offset in 0..TRIED {
            same("write", &sys::mmio_write(window, offset, 0), &expected(offset))?;
        }
        for offset in [PAGE_SIZE, 1 << 32, 1 << 63, u64::MAX - 3] {
            refused("far past the end", sys::mmio_write(window, offset, 0), Error::OutOfRange)?;
        }
        for value in [1 << 32, u64::MAX] {
            let written = sys::mmio_write(window, 0x50, value);
            refused("more than 32 bits", written, Error::BadArgument)?;
        }
        refused("by nothing", sys::mmio_write(Handle::NONE, 0x50, 0), Error::BadHandle)?;
        refused("by what is no window", sys::mmio_write(other, 0x50, 0), Error::WrongKind)
    });
    sys::cap_drop(other)?;
    checked
}

/// The page is never mapped writable, and the mask stays as init set it.
pub(crate) fn no_way_round(context: &Context) -> Check {
    let window = context.window();
    let (read, both) = (Prot::READ, Prot::READ | Prot::WRITE);
    unchanged(context, || {
        let mapped = bare::mmio_map(window, 0, PAGE_SIZE, FREE, both);
        refused("map writable", mapped, Error::Denied)?;
        for mask in [u64::MAX, REGISTERS, 0] {
            refused("another mask", sys::cap_limit(window, mask), Error::Denied)?;
        }
        let part = sys::cap_derive(window, Rights::MAP | Rights::WRITE, 0, PAGE_SIZE);
        refused("a part without a mask", part, Error::Denied)
    })?;
    bare::mmio_map(window, 0, PAGE_SIZE, FREE, read)?;
    let protected = bare::protect(FREE, both);
    bare::unmap(FREE)?;
    refused("make writable", protected, Error::Denied)?;
    same("mask", &sys::cap_query(window)?.registers, &Some(REGISTERS))
}
