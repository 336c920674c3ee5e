//! What an opening, a turn and a get ask of the disk at most.

use std::prelude::rust_2024::*;
use std::{format, println, vec};

use super::common::{GUID, TREE, formatted, key, open_with, scale};
use crate::fake::FakeDisk;
use crate::tree::tests::LOOKS;
use crate::{Check, Counters, Engine, Expect, FoldLimits, Listing, OpenOptions, Step, Store};

const LOG: u32 = 256;
/// Leaves that one turn changes, unless something else is said.
const FOLD_LEAVES: u64 = 128;

/// 10^4, and 10^6 in `just assure`.
fn keys() -> u64 {
    if scale() > 1 { 1_000_000 } else { 10_000 }
}

/// Keys in an order that is none.
fn name(at: u64) -> String {
    format!("k{:016x}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn open(disk: &FakeDisk) -> Engine<FakeDisk> {
    let cache = 256 << 10;
    open_with(disk, &OpenOptions { cache, ..OpenOptions::new(GUID, 7) }).unwrap()
}

/// A store with so many keys of 17 bytes and values of 100, all in its table.
fn filled(keys: u64) -> FakeDisk {
    let disk = formatted(LOG, (keys / 10).max(2048));
    let mut store = open(&disk);
    let names: Vec<String> = (0..keys).map(name).collect();
    for names in names.chunks(50) {
        let steps = names.iter().map(|name| {
            let value = Some(&[5; 100][..]);
            Step { key: key(name), value, expect: Expect::Any }
        });
        store.batch(TREE, &steps.collect::<Vec<_>>()).unwrap();
        store.turn().unwrap();
    }
    settle(&mut store);
    disk
}

/// The same with a log of so many pages, and the memory that a store is given.
fn filled_for(keys: u64, log: u32) -> FakeDisk {
    let disk = formatted(log, (keys / 10).max(2048));
    let fold_at = Some(1);
    let mut store =
        open_with(&disk, &OpenOptions { fold_at, ..OpenOptions::new(GUID, 7) }).unwrap();
    for first in (0..keys).step_by(50) {
        let names: Vec<String> = (first..first + 50).map(name).collect();
        let step = |name| Step { key: key(name), value: Some(&[5; 100]), expect: Expect::Any };
        let steps: Vec<Step<'_>> = names.iter().map(|name| step(name)).collect();
        store.batch(TREE, &steps).unwrap();
        store.turn().unwrap();
    }
    settle(&mut store);
    disk
}

fn settle(store: &mut Engine<FakeDisk>) {
    store.sync().unwrap();
    while store.turn().unwrap() {}
}

/// Pages of the table that have anything, and how many an opening reads beside the log and three others.
fn opening(disk: &FakeDisk) -> (u64, u64) {
    let mut store = open(disk);
    let read = store.counters().pages_read - u64::from(LOG) - 3;
    let mut check = Check::default();
    while store.check(&mut check).unwrap() {}
    (check.found().pages, read)
}

/// Puts keys until the log is to be folded; what each turn asked for at most.
fn turns(store: &mut Engine<FakeDisk>, keys: u64, value: &[u8]) -> Counters {
    let mut most = Counters::default();
    for at in 0..2000 {
        store.put(TREE, key(&name(at * 104_729 % keys)), value, Expect::Any).unwrap();
        store.sync().unwrap();
        let before = store.counters();
        let more = store.turn().unwrap();
        let one = store.counters().since(before);
        most = Counters {
            reads: most.reads.max(one.reads),
            pages_read: most.pages_read.max(one.pages_read),
            writes: most.writes.max(one.writes),
            pages_written: most.pages_written.max(one.pages_written),
            flushes: most.flushes.max(one.flushes),
            waits: most.waits.max(one.waits),
        };
        if at > 600 && !more {
            break;
        }
    }
    most
}

#[test]
fn an_opening_a_turn_and_a_get_ask_for_no_more_than_is_stated() {
    let keys = keys();
    let disk = filled(keys);
    let (pages, read) = opening(&disk);
    println!("opening: {read} of {pages}");
    assert!(pages > keys / 40 && read < pages + pages / 20, "{read} of {pages}");

    let mut store = open(&disk);
    let mut most = 0;
    for at in 0..20_000 {
        let before = store.counters();
        store.get(TREE, key(&name(at * 7919 % keys)), &mut Vec::new()).unwrap().unwrap();
        most = most.max(store.counters().since(before).pages_read);
    }
    println!("a get: {most} pages");
    assert!(most <= 2, "{most}");

    let one = turns(&mut store, keys, &[6; 100]);
    println!("a turn, values of 100 bytes: {one:?}");
    // Each leaf is read, three times where the cache is too small to hold it, and a leaf and what leads to it are
    // written; beside these redb's own.
    assert!(one.reads <= 3 * FOLD_LEAVES + 8 && one.writes <= 3 * FOLD_LEAVES + 32, "{one:?}");
    assert!(one.pages_written <= 3 * FOLD_LEAVES + 64 && one.flushes <= 2, "{one:?}");
    assert!(one.writes > 20, "it was folded: {one:?}");
    settle(&mut store);
    drop(store);
    let (pages, read) = opening(&disk);
    assert!(read < pages + pages / 20, "{read} of {pages}");

    let mut store = open_with(&disk, &OpenOptions::new(GUID, 7)).unwrap();
    let one = turns(&mut store, keys, &[7; 100]);
    println!("the same with the memory that it is given in use: {one:?}");
    assert!(one.reads <= FOLD_LEAVES + 8 && one.writes <= 2 * FOLD_LEAVES + 32, "{one:?}");
}

#[test]
fn a_turn_with_large_values_is_bounded_by_their_bytes() {
    let disk = formatted(1024, 4096);
    let mut store = open(&disk);
    let mut most = Counters::default();
    for size in [60_000, 65_536, 30_000, 3000, 1500] {
        let value = vec![9; size];
        for round in 0..30 {
            store.put(TREE, key(&name(round)), &value, Expect::Any).unwrap();
            if round % 3 == 0 {
                store.sync().unwrap();
            }
        }
        store.sync().unwrap();
        loop {
            let before = store.counters();
            let more = store.turn().unwrap();
            let one = store.counters().since(before);
            most.pages_written = most.pages_written.max(one.pages_written);
            most.writes = most.writes.max(one.writes);
            if !more {
                break;
            }
        }
    }
    println!("a turn, large values: {most:?}");
    // Three rows of 64 KiB, of 32 pages each, or 64 of 3,000 bytes.
    assert!(most.pages_written <= 320 && most.writes <= 160, "{most:?}");
    assert!(most.pages_written > 90, "{most:?}");
}

/// An opening after a cut in the middle of a fold: which pages are free was not recorded by the last commit.
#[test]
fn an_opening_within_a_fold_reads_each_page_three_times_at_most() {
    let disk = filled(10_000);
    let options = OpenOptions::new(GUID, 7);
    let fold = FoldLimits { keys: 16, ..options.fold };
    let mut store = open_with(&disk, &OpenOptions { fold, ..options }).unwrap();
    for at in 0..600 {
        store.put(TREE, key(&name(at)), &[7; 100], Expect::Any).unwrap();
        store.sync().unwrap();
    }
    assert!(store.turn().unwrap());
    drop(store);
    let (pages, read) = opening(&disk);
    println!("opening within a fold: {read} of {pages}");
    assert!(read > pages && read <= 3 * pages + 64, "{read} of {pages}");
}

/// One client puts alone, each put durable before the next: what that costs beside one write and one flush each.
#[test]
fn who_puts_alone_pays_two_flushes_in_a_hundred_for_folds() {
    const PUTS: u64 = 2000;
    let keys = keys();
    let disk = filled_for(keys, 2048);
    let mut store = open_with(&disk, &OpenOptions::new(GUID, 7)).unwrap();
    let before = store.counters();
    let mut folded = 0;
    for at in 0..PUTS {
        store.put(TREE, key(&name(at * 104_729 % keys)), &at.to_le_bytes(), Expect::Any).unwrap();
        store.sync().unwrap();
        if store.pressing() {
            store.turn().unwrap();
            folded += 1;
        }
    }
    let all = store.counters().since(before);
    println!("{PUTS} puts, {folded} turns: {all:?}");
    assert!(folded >= 6 && all.flushes <= PUTS + PUTS / 50, "{folded} turns: {all:?}");
    assert!(all.writes <= 2 * PUTS, "{all:?}");
}

// attack 92 U: each key that is put has a leaf of its own, and none is in memory; what is wanted soon is read together, what is written goes together; broken: store-ahead, store-list-ahead
#[test]
fn leaves_are_asked_for_together() {
    const PUTS: u64 = 1000;
    let keys = 50_000;
    let disk = filled_for(keys, 2048);
    let mut store = open_with(&disk, &OpenOptions::new(GUID, 7)).unwrap();
    let (before, mut turns, mut most) = (store.counters(), 0, Counters::default());
    for at in 0..PUTS {
        store.put(TREE, key(&name(at * 104_729 % keys)), &at.to_le_bytes(), Expect::Any).unwrap();
        store.sync().unwrap();
        if store.pressing() {
            let before = store.counters();
            store.turn().unwrap();
            turns += 1;
            let one = store.counters().since(before);
            if one.waits > most.waits {
                most = one;
            }
        }
    }
    let all = store.counters().since(before);
    println!("{PUTS} puts, {turns} turns: {all:?}; the turn that waited most: {most:?}");
    // A put reads its leaf and writes its frame.
    assert!(turns >= 4 && all.waits <= 2 * PUTS + turns * 12, "{turns} turns: {all:?}");
    assert!(most.waits <= 12 && most.reads + most.writes > 12 * most.waits, "{most:?}");

    settle(&mut store);
    let mut store = open_with(&disk, &OpenOptions::new(GUID, 7)).unwrap();
    let (before, mut last, mut rows) = (store.counters(), None::<String>, 0);
    loop {
        let after = last.as_deref().map(key);
        let page = store.page(TREE, &Listing { under: None, after, rows: 430 }, true).unwrap();
        rows += page.rows.len() as u64;
        last = page.rows.last().map(|row| row.key.clone());
        if !page.more {
            break;
        }
    }
    let all = store.counters().since(before);
    println!("a scan of {rows} rows: {all:?}");
    assert!(rows == keys && all.reads > 2000, "{all:?}");
    assert!(all.waits * 8 <= all.reads && all.reads <= keys / 16, "{all:?}");

    let mut store = open_with(&disk, &OpenOptions::new(GUID, 7)).unwrap();
    let before = store.counters();
    store.page(TREE, &Listing { under: None, after: None, rows: 10 }, true).unwrap();
    let few = store.counters().since(before);
    assert!(few.reads <= 5, "who wants few rows reads few leaves: {few:?}");
}

// attack 92 U: puts that are asked at one time, each of a key with a leaf of its own that is not in memory; their leaves are read together; broken: store-ahead-keys
#[test]
fn keys_that_are_wanted_soon_are_waited_for_together() {
    const PUTS: u64 = 4000;
    /// What statefsd takes of one client in a turn.
    const SHARE: usize = 16;
    let keys = 100_000;
    let disk = filled_for(keys, 2048);
    let mut store = open_with(&disk, &OpenOptions::new(GUID, 7)).unwrap();
    let (before, mut turns) = (store.counters(), 0);
    let names: Vec<String> = (0..PUTS).map(|at| name(at * 104_729 % keys)).collect();
    for hundred in names.chunks(100) {
        for names in hundred.chunks(SHARE) {
            let wanted: Vec<_> = names.iter().map(|name| (TREE, key(name))).collect();
            store.ahead(&wanted);
            for name in names {
                store.put(TREE, key(name), &[3; 100], Expect::Any).unwrap();
            }
            if store.pressing() {
                store.turn().unwrap();
                turns += 1;
            }
        }
        store.sync().unwrap();
    }
    let all = store.counters().since(before);
    println!("{PUTS} puts, 100 before a sync, {turns} turns: {all:?}");
    // Of 16 puts the first, which says how deep the leaves lie, and the others.
    assert!(turns > 20 && all.waits <= PUTS / 100 * 15 + turns * 12, "{turns} turns: {all:?}");
    assert!(all.reads <= PUTS + PUTS / 4, "{all:?}");
    let before = store.counters();
    let wanted: Vec<_> = names.iter().map(|name| (TREE, key(name))).collect();
    store.ahead(&wanted[wanted.len() - 100..]);
    assert_eq!(store.counters(), before, "what is in memory is not read");
}

/// What a get costs without the disk grows with the number of keys it compares, and of pages it looks into.
#[test]
fn a_get_compares_at_most_twice_as_many_keys_with_a_thousand_times_as_many() {
    let compared = |keys: u64| {
        let disk = filled(keys);
        let options = OpenOptions { fold_at: Some(1), ..OpenOptions::new(GUID, 7) };
        let mut store = open_with(&disk, &options).unwrap();
        settle(&mut store);
        LOOKS.set(0);
        for at in 0..1000 {
            store.get(TREE, key(&name(at * 7919 % keys)), &mut Vec::new()).unwrap().unwrap();
        }
        LOOKS.get()
    };
    let (few, many) = (compared(1000), compared(keys()));
    println!("keys compared by 1,000 gets: {few} of 1,000, {many} of many");
    assert!(few > 5000 && many <= 2 * few, "{few} and {many}");
}
