use super::*;
use crate::OpenOptions;
use crate::fake::FakeDisk;
use crate::key::{Key, TreeId};
use crate::log::frame::Change;
use crate::store::{Expect, Store};
use crate::tests::common::{Content, GUID, TREE, content, formatted, open, open_with};
use std::prelude::rust_2024::*;
use std::{format, vec};

/// A store that takes everything: only the table says when there is no room.
fn without_admission(disk: &FakeDisk) -> Engine<FakeDisk> {
    let mut store = open(disk);
    store.capacity = u64::MAX;
    store
}

fn name(at: usize) -> Vec<u8> {
    format!("{:08x}", at.wrapping_mul(0x9e37_79b1) as u32).into_bytes()
}

fn put(store: &mut Engine<FakeDisk>, at: usize, size: usize, kept: &mut Content) -> bool {
    let (name, value) = (name(at), vec![at as u8; size]);
    let name = std::str::from_utf8(&name).unwrap();
    let put = store.put(TREE, Key::new(name).unwrap(), &value, Expect::Any);
    match put {
        Ok(_) => drop(kept.insert(name.into(), value)),
        Err(ref error) => assert_eq!(*error, Error::NoSpace),
    }
    put.is_ok()
}

fn settle(store: &mut Engine<FakeDisk>) {
    store.sync().unwrap();
    while store.turn().unwrap() {}
}

fn usage(store: &Engine<FakeDisk>, tree: TreeId) -> u64 {
    store.usage(tree).keys
}

// attack 66 F: the table itself is full, whatever was estimated; no space is told, deleting works and makes room, all is there
#[test]
fn a_table_that_is_full_gives_up_what_was_kept_for_deleting() {
    for (size, pages) in [(100, 256), (700, 256), (5000, 256), (3000, 600)] {
        let disk = formatted(32, pages);
        let mut store = without_admission(&disk);
        let mut kept = Content::new();
        let mut at = 0;
        while put(&mut store, at, size, &mut kept) {
            at += 1;
            settle(&mut store);
        }
        assert!(store.in_reserve() && store.read_only().is_none(), "{size}");
        assert_eq!(content(&mut store, TREE, 50).unwrap(), kept, "{size}");
        drop(store);
        let mut store = without_admission(&disk);
        assert!(store.in_reserve(), "it is known at the next opening");
        assert!(!put(&mut store, at, size, &mut kept));
        store.restore_at = pages * PAGE as u64 / 4;
        let names: Vec<String> = kept.keys().cloned().collect();
        for name in &names[..names.len() * 9 / 10] {
            store.delete(TREE, Key::new(name).unwrap(), Expect::Any).unwrap();
            kept.remove(name);
            settle(&mut store);
        }
        assert!(!store.in_reserve(), "{size}: it is kept again");
        assert!(put(&mut store, at, size, &mut kept));
        settle(&mut store);
        assert_eq!(usage(&store, TREE), kept.len() as u64);
        drop(store);
        assert_eq!(content(&mut open(&disk), TREE, 50).unwrap(), kept, "{size}");
    }
}

// attack 66 F: a table that shrank and grows again past half of its part of the disk; all of that is used
#[test]
fn a_table_that_cannot_double_is_opened_anew() {
    let disk = formatted(32, 300);
    let mut store = without_admission(&disk);
    let mut kept = Content::new();
    for round in 0..3 {
        for at in 0..200 {
            assert!(put(&mut store, at, 2000, &mut kept), "{round} {at}");
            let before = store.pager.lock().attached;
            let read = store.counters().pages_read;
            settle(&mut store);
            let anew = store.pager.lock().attached > before;
            // What is free was recorded before: not all of it is looked at once more.
            let read = store.counters().pages_read - read;
            assert!(!anew || read < 64, "{round} {at}: {read}");
        }
        let attached = store.pager.lock().attached;
        assert!(attached > 1, "{attached}");
        for name in kept.keys().skip(10) {
            store.delete(TREE, Key::new(name).unwrap(), Expect::Any).unwrap();
            settle(&mut store);
        }
        let names: Vec<String> = kept.keys().skip(10).cloned().collect();
        names.iter().for_each(|name| drop(kept.remove(name)));
        assert_eq!(content(&mut store, TREE, 50).unwrap(), kept);
    }
    assert!(!store.in_reserve());
}

#[test]
fn room_for_deleting_is_a_sixteenth_in_rows_of_16_pages() {
    assert_eq!((ballast_rows(64), ballast_rows(256), ballast_rows(272)), (1, 1, 2));
    assert_eq!(ballast_rows(5000), 20);
    let bytes = |pages: usize| pages * PAGE - 256;
    assert_eq!((ballast(5000, 0).len(), ballast(5000, 18).len()), (bytes(16), bytes(16)));
    assert_eq!((ballast(5000, 19).len(), ballast(64, 0).len()), (bytes(8), bytes(4)));
    assert_eq!(capacity(1600), 1500 * PAGE as u64 / 2);
}

// attack 66 U: some of the room for deleting is given up, and kept again a row a turn; over openings it is known how much there is
#[test]
fn room_for_deleting_is_given_up_and_kept_again_in_parts() {
    let disk = formatted(32, 5000);
    let mut store = open(&disk);
    assert!(put(&mut store, 1, 100, &mut Content::new()));
    settle(&mut store);
    assert_eq!((store.ballast, store.ballast_rows, store.in_reserve()), (20, 20, false));
    store.give_up_ballast().unwrap();
    assert_eq!((store.ballast, store.in_reserve()), (4, true));
    drop(store);
    let mut store = open(&disk);
    assert_eq!(store.ballast, 4);
    let charge = store.charge;
    store.charge = store.capacity / 2 + 1;
    assert_eq!((store.turn(), store.ballast), (Ok(false), 4), "there is too much yet");
    store.charge = charge;
    for kept in 5..=20 {
        assert_eq!((store.turn(), store.ballast), (Ok(kept < 20), kept));
        for index in 0..20 {
            let key = RowKey::ballast(index);
            let row = store.table.get(key.as_bytes()).unwrap();
            let len = row.map(|row| row.value().len());
            let there = index >= 20 - kept;
            assert_eq!(len, there.then(|| ballast(5000, index).len()), "{kept} {index}");
        }
    }
    assert_eq!(store.turn(), Ok(false));
    drop(store);
    let mut store = open(&disk);
    assert_eq!(store.ballast, 20);
    for left in [4, 0] {
        store.give_up_ballast().unwrap();
        assert_eq!(store.ballast, left);
    }
    drop(store);
    assert_eq!(open(&disk).ballast, 0);
}

/// What a turn with these limits takes of rows with keys of 3 bytes and 20 more: how many, and whether they are the last.
fn taken(store: &Engine<FakeDisk>, frozen: &Frozen, fold: FoldLimits) -> (usize, bool) {
    let mut turn = Turn::new(fold);
    let (chunk, last) = frozen.chunk(|key, row| turn.takes(&store.table, key, row)).unwrap();
    (chunk.len(), last)
}

#[test]
fn a_turn_takes_so_many_keys_and_bytes() {
    let store = open(&formatted(16, 64));
    let mut rows = crate::engine::memory::Rows::default();
    for at in 0..9_u8 {
        rows.set(&[at; 3], Some(&[at; 20]));
    }
    let mut frozen = Frozen { rows, done: None, state: State::default(), usage: Vec::new() };
    let len = |keys, bytes| taken(&store, &frozen, FoldLimits { keys, leaves: 100, bytes });
    assert_eq!([len(2, 1000), len(8, 1000), len(9, 1000)], [(2, false), (8, false), (9, true)]);
    assert_eq!(len(10, 1000), (9, true));
    assert_eq!([len(9, 45), len(9, 46), len(9, 47)], [(2, false), (2, false), (3, false)]);
    assert_eq!([len(9, 8 * 23), len(9, 8 * 23 + 1)], [(8, false), (9, true)]);
    frozen.done = Some(Box::from([7; 3]));
    let all = frozen.chunk(|_, _| Ok::<_, TableError>(true)).unwrap();
    assert_eq!(all, (vec![(&[8; 3][..], Some(&[8; 20][..]))], true));
    frozen.done = Some(Box::from([8; 3]));
    let none = frozen.chunk(|_, _| Ok::<_, TableError>(true)).unwrap();
    assert_eq!(none, (vec![], true));
}

// attack 92 U: a client changes rows that lie far from one another; one turn in the background changes no more pages than is stated; broken: store-turn-leaves
#[test]
fn a_turn_changes_so_many_leaves() {
    let mut store = open(&formatted(64, 512));
    for at in 0..1000 {
        let name = format!("{at:04}");
        store.put(TREE, Key::new(&name).unwrap(), &[1; 100], Expect::Any).unwrap();
    }
    settle(&mut store);
    let row = |at: u32| RowKey::data(TREE, &format!("{at:04}"));
    let frozen = |names: &mut dyn Iterator<Item = u32>| {
        let mut rows = crate::engine::memory::Rows::default();
        names.for_each(|at| rows.set(row(at).as_bytes(), Some(&[2; 100])));
        Frozen { rows, done: None, state: State::default(), usage: Vec::new() }
    };
    let fold = FoldLimits { keys: 1000, leaves: 4, bytes: 1 << 20 };
    let (dense, last) = taken(&store, &frozen(&mut (0..1000)), fold);
    assert!((60..160).contains(&dense) && !last, "all of four leaves: {dense}");
    let (sparse, _) = taken(&store, &frozen(&mut (0..1000).step_by(100)), fold);
    assert_eq!(sparse, 4, "one of each");
    let behind = frozen(&mut (990..1100));
    assert_eq!(taken(&store, &behind, FoldLimits { leaves: 1, ..fold }), (110, true));
    assert_eq!(taken(&store, &behind, FoldLimits { leaves: 0, ..fold }), (0, false));
}

#[test]
fn a_sync_folds_when_half_of_the_log_is_used_and_not_before() {
    let mut store = open_with(&formatted(64, 256), &OpenOptions::new(GUID, 3)).unwrap();
    let mut most = 0;
    for at in 0..200 {
        assert!(put(&mut store, at % 20, 10, &mut Content::new()));
        let (before, frozen) = (store.counters().writes, store.frozen.is_some());
        let (used, _) = store.log_pages();
        store.sync().unwrap();
        let one = store.counters().writes - before == 1;
        assert_eq!(one, !frozen || used + 1 < 32, "{at}: {used}");
        most = most.max(used);
    }
    assert!((30..=32).contains(&most), "{most}");
}

// attack 92 U: others ask without end; from three eighths of the log on the background waits no more; broken: store-pressing
#[test]
fn what_is_frozen_presses_when_three_eighths_of_the_log_are_used() {
    let mut store = open_with(&formatted(64, 256), &OpenOptions::new(GUID, 3)).unwrap();
    for at in 0..28 {
        let (used, _) = store.log_pages();
        assert_eq!((store.pressing(), store.frozen.is_some()), (used >= 24, used >= 16), "{used}");
        assert!(put(&mut store, at, 10, &mut Content::new()));
        store.sync().unwrap();
    }
    assert!(store.pressing());
    assert_eq!(store.turn(), Ok(false));
    assert!(!store.pressing(), "{:?}", store.log_pages());
}

// attack 92 U: more changes at a time than one turn folds; as many turns press as there are changes to be folded; broken: store-turn-debt
#[test]
fn turns_press_for_as_many_changes_as_were_made() {
    let mut store = open_with(&formatted(2048, 2048), &OpenOptions::new(GUID, 3)).unwrap();
    let mut at = 0;
    let mut puts = |store: &mut Engine<FakeDisk>, count: usize| {
        for _ in 0..count {
            assert!(put(store, at, 10, &mut Content::new()));
            at += 1;
        }
        store.sync().unwrap();
    };
    puts(&mut store, KEYS_AT_ONCE - 1);
    assert!(store.frozen.is_none() && !store.pressing());
    puts(&mut store, 1);
    assert!(store.frozen.is_some() && !store.pressing(), "nobody has put since");
    store.fold = FoldLimits { keys: 150, ..store.fold };
    puts(&mut store, 127);
    assert!(!store.pressing());
    puts(&mut store, 1 + 300);
    // Of 428 changes one turn is for 150.
    assert_eq!((store.pressing(), store.turn()), (true, Ok(true)));
    assert_eq!((store.pressing(), store.turn()), (true, Ok(true)));
    assert_eq!((store.pressing(), store.turn()), (true, Ok(true)));
    assert!(!store.pressing() && store.frozen.is_some());
}

// attack 92 U: a client puts many keys at a time, which take little of the log; they are folded all the same, and not left to whoever puts next; broken: store-due-keys
#[test]
fn who_puts_many_at_a_time_leaves_few_to_be_folded() {
    let mut store = open_with(&formatted(2048, 4096), &OpenOptions::new(GUID, 3)).unwrap();
    let mut most = 0;
    for at in 0..10_000 {
        assert!(put(&mut store, at, 10, &mut Content::new()));
        if at % 50 == 49 {
            store.sync().unwrap();
            if store.pressing() {
                store.turn().unwrap();
            }
            let frozen = store.frozen.as_ref().map_or(0, |frozen| frozen.rows.len());
            most = most.max(store.active.len() + frozen);
        }
    }
    assert!((KEYS_AT_ONCE..2 * KEYS_AT_ONCE + 50).contains(&most), "{most}");
}

// attack 92 U: many keys are left to be folded, and others are put, as many as are folded; what was left becomes less; broken: store-catches-up
#[test]
fn more_is_folded_while_much_was_left() {
    let options = OpenOptions::new(GUID, 3);
    // As keys that each have a leaf of their own.
    let fold = FoldLimits { keys: options.fold.leaves, ..options.fold };
    let mut store = open_with(&formatted(2048, 4096), &OpenOptions { fold, ..options }).unwrap();
    let left = |store: &Engine<FakeDisk>| {
        let frozen = store.frozen.as_ref().map_or(0, |frozen| frozen.rows.len());
        store.active.len() + frozen
    };
    let hundred = |store: &mut Engine<FakeDisk>, first: usize| {
        for at in first..first + 100 {
            assert!(put(store, at, 10, &mut Content::new()));
        }
        store.sync().unwrap();
    };
    (0..30).for_each(|at| hundred(&mut store, at * 100));
    assert!(left(&store) > 5 * KEYS_AT_ONCE, "nobody took a turn");
    for at in 30..300 {
        hundred(&mut store, at * 100);
        if store.pressing() {
            store.turn().unwrap();
        }
    }
    // What is frozen counts until all of it is folded.
    assert!(left(&store) <= 5 * KEYS_AT_ONCE, "{}", left(&store));
}

#[test]
fn a_turn_says_that_there_is_more_while_others_put() {
    let mut store = open(&formatted(32, 256));
    for at in 0..8 {
        assert!(put(&mut store, at, 10, &mut Content::new()));
        store.sync().unwrap();
    }
    assert!(store.frozen.is_some());
    assert!(put(&mut store, 9, 10, &mut Content::new()));
    assert!(!store.pending.is_empty());
    // Two keys a turn, the last of which says that all is in the table.
    let turns: Vec<bool> = (0..5).map(|_| store.turn().unwrap()).collect();
    assert_eq!(turns, [true, true, true, false, false]);
}

// attack 66 F: a table is full and nothing is left to be given up; writing ends, and all is read
#[test]
fn a_table_that_is_full_to_the_end_ends_writing() {
    let mut store = without_admission(&formatted(32, 128));
    let mut kept = Content::new();
    assert!(put(&mut store, 1, 100, &mut kept));
    store.give_up_ballast().unwrap();
    assert_eq!(store.ballast, 0);
    let full = (0..).find_map(|at| {
        let (key, row) = (RowKey::piece(9, at), vec![1; 5000]);
        let change = Change { key: key.as_bytes(), row: Some(&row), old: None };
        let made = store.make(&[change]).and_then(|()| store.sync());
        let turned = made.and_then(|()| while_more(&mut store));
        turned.err()
    });
    assert_eq!(full, Some(Error::ReadOnly(ReadOnly::TableFull)));
    assert_eq!(content(&mut store, TREE, 50).unwrap(), kept);
}

fn while_more(store: &mut Engine<FakeDisk>) -> Result<(), Error> {
    while store.turn()? {}
    Ok(())
}
