//! Two boots on one disk, with one number of the run: what the first put and synced, the second finds.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_proto::ids;
use nexus_proto::log::{Event, Log};
use nexus_rt::{Client, Deadline, record, startup};
use nexus_state::{Expect, OWN};

use super::state::open;
use crate::check::{Check, Failure, ensure, same};
use crate::context::Context;

/// Values that are put. The last one is in pieces.
const VALUES: u64 = 32;
/// Milliseconds that the archive has for the anchor.
const ANCHOR_MS: u64 = 30_000;
/// Milliseconds between two looks at the ledger.
const LOOK_MS: u64 = 5;
/// Bytes of that.
const LARGE: usize = 90_000;

/// Whether the store holds nothing of a boot before this one.
pub(crate) fn is_first_boot() -> Result<bool, Failure> {
    Ok(open()?.stat(OWN, &key(0))?.is_none())
}

/// In the first boot: puts values that follow from the number of the run, and syncs.
pub(crate) fn put(context: &Context) -> Check {
    let mut store = open()?;
    for at in 0..VALUES - 1 {
        store.put(&key(at), &value(at), Expect::Absent)?;
        ensure!(store.stat(OWN, &key(at))?.is_some(), "value {at} was not put");
    }
    let last = VALUES - 1;
    store.put_pieces(OWN, &key(last), &value(last), Expect::Absent, false)?;
    // Nothing behind this is needed.
    store.sync()?;
    wait_for_the_anchor(context)
}

/// Waits until the ledger of this boot is tied to those before it: from then on its first records are in the store.
fn wait_for_the_anchor(context: &Context) -> Check {
    let logd: Client<Log> = startup().client(ids::LOGD)?;
    let deadline = Deadline::after_ms(ANCHOR_MS);
    let mut seq = 1;
    while !deadline.has_passed() {
        match record(logd, seq, deadline)? {
            Some((_, entry)) if entry.event == Event::Anchor => return Ok(()),
            Some((stamp, _)) => seq = stamp.seq + 1,
            None => context.waiter.pause(LOOK_MS),
        }
    }
    ensure!(false, "no anchor within {ANCHOR_MS} ms");
    Ok(())
}

/// In the second: all are there, whole, and can be deleted.
pub(crate) fn found(context: &Context) -> Check {
    let mut store = open()?;
    for at in 0..VALUES {
        let found = store.get_all(OWN, &key(at), LARGE as u64)?.map(|value| value.bytes);
        ensure!(found.as_deref() == Some(value(at).as_slice()), "value {at} is not what it was");
    }
    for at in 0..VALUES {
        same("removed", &store.delete(OWN, &key(at), Expect::Any, false)?, &true)?;
    }
    store.sync()?;
    wait_for_the_anchor(context)
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
