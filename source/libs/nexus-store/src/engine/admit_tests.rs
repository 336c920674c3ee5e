use super::*;
use crate::fake::FakeDisk;
use crate::store::{Expect, Store};
use crate::tests::common::{TREE, formatted, key, open};
use std::vec;

#[test]
fn a_row_is_charged_with_what_redb_may_take() {
    for (key, row, charged) in [
        (20, 0, 36),
        (20, 100, 136),
        (20, 988, 1024),
        (20, 989, 4096),
        (20, 4096 - 64 - 36, 4096),
        (20, 4096 - 64 - 35, 8192),
        (20, 65_536, 131_072),
        (20, u64::MAX, i64::MAX),
    ] {
        if row < u64::MAX {
            assert_eq!(charge(key, row), charged, "{row}");
        }
    }
}

fn put(store: &mut Engine<FakeDisk>, size: usize) -> Result<(), Error> {
    store.put(TREE, key("k"), &vec![1; size], Expect::Any).map(drop)
}

/// What a value of this size is charged with: its key has 18 bytes, its row 9 more.
fn charged(size: u64) -> u64 {
    18 + 16 + 9 + size
}

// attack 66 U: rows to the last byte that they may be charged with, and one more; over it they still may shrink or stay
#[test]
fn what_there_is_room_for_is_taken_to_the_last_byte() {
    let mut store = open(&formatted(16, 64));
    let base = store.charge;
    store.capacity = base + charged(100);
    assert_eq!(put(&mut store, 101), Err(Error::NoSpace));
    assert_eq!(put(&mut store, 100), Ok(()));
    assert_eq!(store.charge, base + charged(100));
    store.capacity = base + 10;
    assert_eq!(put(&mut store, 100), Ok(()), "no more than before");
    assert_eq!(put(&mut store, 101), Err(Error::NoSpace));
    assert_eq!(put(&mut store, 99), Ok(()));
    assert_eq!(store.charge, base + charged(99));
    store.capacity = u64::MAX;
    store.ballast -= 1;
    assert!(store.in_reserve());
    assert_eq!(put(&mut store, 100), Err(Error::NoSpace), "what is left is for deleting");
    assert_eq!(put(&mut store, 99), Ok(()));
    assert_eq!(store.delete(TREE, key("k"), Expect::Any), Ok(true));
    assert_eq!(store.charge, base);
}

// attack 92 U: a tree at its quota to the last byte and key, and one more; over it it may stay as it is
#[test]
fn a_quota_is_used_to_the_last_byte() {
    let mut store = open(&formatted(16, 64));
    store.set_quota(TREE, Quota { keys: 1, bytes: 101 });
    assert_eq!(put(&mut store, 101), Err(Error::Quota(Limit::Bytes)));
    assert_eq!(put(&mut store, 100), Ok(()));
    let other = store.put(TREE, key("l"), b"", Expect::Any);
    assert_eq!(other, Err(Error::Quota(Limit::Keys)));
    store.set_quota(TREE, Quota { keys: 0, bytes: 5 });
    assert_eq!(put(&mut store, 100), Ok(()));
    assert_eq!(put(&mut store, 101), Err(Error::Quota(Limit::Bytes)));
    assert_eq!(store.usage(TREE), Usage { keys: 1, bytes: 101 });
}

#[test]
fn a_frame_is_filled_to_its_last_byte() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    let most = 4 * 8 * 488 - 24;
    // Three numbers, the key, and the row's head are in the frame beside the value.
    let beside = 3 + 18 + 4 + 9;
    assert_eq!(put(&mut store, most - beside + 1), Err(Error::TooLarge));
    assert_eq!(put(&mut store, most - beside), Ok(()));
    assert_eq!(store.pending.len(), most);
    store.sync_all().unwrap();
    let flushes = store.counters().flushes;
    // What was there before is in the frame, too.
    let beside = beside + 12;
    assert_eq!(put(&mut store, 100), Ok(()));
    let rest = most - store.pending.len() - beside;
    assert_eq!(put(&mut store, rest), Ok(()));
    assert_eq!((store.pending.len(), store.counters().flushes), (most, flushes));
    assert_eq!(put(&mut store, 0), Ok(()));
    assert!(store.counters().flushes > flushes && store.pending.len() == beside);
    assert_eq!(put(&mut store, most - 2 * beside + 1), Ok(()));
    assert_eq!(store.pending.len(), most - beside + 1, "one byte too many for one frame");
}
