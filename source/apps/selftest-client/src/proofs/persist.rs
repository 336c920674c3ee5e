//! Two boots on one disk, with one number of the run: what the first put and synced, the second finds.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_rt::startup;
use nexus_state::{Expect, OWN};

use super::state::open;
use crate::check::{Check, Failure, ensure, same};
use crate::context::Context;

/// Values that are put. The last one is in pieces.
const VALUES: u64 = 32;
/// Bytes of that.
const LARGE: usize = 90_000;

/// Whether the store holds nothing of a boot before this one.
pub(crate) fn is_first_boot() -> Result<bool, Failure> {
    Ok(open()?.stat(OWN, &key(0))?.is_none())
}

/// In the first boot: puts values that follow from the number of the run, and syncs.
pub(crate) fn put(_: &Context) -> Check {
    let mut store = open()?;
    for at in 0..VALUES - 1 {
        store.put(&key(at), &value(at), Expect::Absent)?;
        ensure!(store.stat(OWN, &key(at))?.is_some(), "value {at} was not put");
    }
    let last = VALUES - 1;
    store.put_pieces(OWN, &key(last), &value(last), Expect::Absent, false)?;
    // Nothing behind this is needed.
    Ok(store.sync()?)
}

/// In the second: all are there, whole, and can be deleted.
pub(crate) fn found(_: &Context) -> Check {
    let mut store = open()?;
    for at in 0..VALUES {
        let found = store.get_all(OWN, &key(at), LARGE as u64)?.map(|value| value.bytes);
        ensure!(found.as_deref() == Some(value(at).as_slice()), "value {at} is not what it was");
    }
    for at in 0..VALUES {
        same("removed", &store.delete(OWN, &key(at), Expect::Any, false)?, &true)?;
    }
    Ok(store.sync()?)
}

fn key(at: u64) -> String {
    alloc::format!("boot/{at}")
}

fn value(at: u64) -> Vec<u8> {
    let nonce = startup().block().nonce;
    let len = if at == VALUES - 1 { LARGE } else { 8 + at as usize * 61 };
    let byte = |place: usize| {
        let word = nonce.rotate_left(place as u32 % 64) ^ at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (word ^ (place / 64) as u64) as u8
    };
    (0..len).map(byte).collect()
}
