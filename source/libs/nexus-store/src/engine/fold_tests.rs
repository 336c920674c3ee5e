use super::*;
use crate::fake::FakeDisk;
use crate::key::{Key, TreeId};
use crate::store::{Expect, Store};
use crate::tests::common::{Content, TREE, content, formatted, open};
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
