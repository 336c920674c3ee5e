//! Memory objects that cannot be made or mapped.

use nexus_abi::{Error, Handle, MAX_PAGES_PER_CALL, PAGE_SIZE, Prot, Rights, USER_END};
use nexus_rt::{Memory, sys};
use nexus_test::bare;

use super::window::{FREE, unchanged};
use crate::check::{Check, ensure, refused, same};
use crate::context::Context;

/// Every bound of memory objects, and none of them changes anything.
pub(crate) fn refusals(context: &Context) -> Check {
    unchanged(context, || {
        refused("no pages", sys::vmo_create(0), Error::OutOfRange)?;
        refused("a page too many", sys::vmo_create(MAX_PAGES_PER_CALL + 1), Error::OutOfRange)?;
        refused("all pages", sys::vmo_create(u64::MAX), Error::OutOfRange)?;
        let (_, limit) = context.usage()?.frames;
        if u64::from(limit) <= MAX_PAGES_PER_CALL {
            let all = sys::vmo_create(u64::from(limit));
            refused("more than the budget", all, Error::NoMemory)?;
        }
        Ok(())
    })?;
    let vmo = sys::vmo_create(2)?;
    let checked = unchanged(context, || mapping(vmo)).and_then(|()| rights(vmo));
    sys::cap_drop(vmo)?;
    checked
}

fn mapping(vmo: Handle) -> Check {
    let map = |offset, len, va| bare::vmo_map(vmo, offset, len, va, Prot::READ);
    refused("past the end", map(2 * PAGE_SIZE, PAGE_SIZE, FREE), Error::OutOfRange)?;
    refused("more than there is", map(PAGE_SIZE, 2 * PAGE_SIZE, FREE), Error::OutOfRange)?;
    refused("nothing", map(0, 0, FREE), Error::OutOfRange)?;
    let last = u64::MAX - (PAGE_SIZE - 1);
    refused("an end that wraps", map(last, PAGE_SIZE, FREE), Error::OutOfRange)?;
    refused("an odd offset", map(1, PAGE_SIZE, FREE), Error::Misaligned)?;
    refused("an odd length", map(0, 1, FREE), Error::Misaligned)?;
    refused("an odd address", map(0, PAGE_SIZE, FREE + 1), Error::Misaligned)?;
    refused("page zero", map(0, PAGE_SIZE, 0), Error::BadAddress)?;
    refused("over the end", map(0, 2 * PAGE_SIZE, USER_END - PAGE_SIZE), Error::BadAddress)?;
    refused("own instructions", map(0, PAGE_SIZE, 0x10_0000), Error::Exists)
}

/// What is in memory goes with it: new memory is zeroed, whoever had it before.
pub(crate) fn zeroed(_: &Context) -> Check {
    const PAGES: u64 = 64;
    for _ in 0..2 {
        let mut memory = Memory::new(PAGES)?;
        let left = memory.bytes().iter().position(|byte| *byte != 0);
        ensure!(left.is_none(), "new memory has something at {left:?}");
        memory.bytes_mut().fill(0xa5);
    }
    Ok(())
}

/// A child with fewer rights gives no more than they say.
fn rights(vmo: Handle) -> Check {
    let child = sys::cap_derive(vmo, Rights::MAP | Rights::READ, 0, 0)?;
    let map = |prot| bare::vmo_map(child, 0, PAGE_SIZE, FREE, prot);
    refused("write by a reader", map(Prot::READ | Prot::WRITE), Error::Denied)?;
    refused("execute by a reader", map(Prot::READ | Prot::EXEC), Error::Denied)?;
    refused("seal by a reader", sys::vmo_seal(child), Error::Denied)?;
    same("address", &map(Prot::READ)?, &FREE)?;
    let more = bare::protect(FREE, Prot::READ | Prot::WRITE);
    refused("write by a reader, later", more, Error::Denied)?;
    sys::cap_drop(child)?;
    refused("once dropped", bare::unmap(FREE), Error::BadAddress)
}
