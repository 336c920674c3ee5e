//! A disk that fails, and one that is full.

use std::prelude::rust_2024::*;
use std::{format, vec};

use super::common::{Content, Random, TREE, content, formatted, key, open, open_with, options};
use crate::fake::{Event, FakeDisk, Faults};
use crate::trial::program::{ALL, History, step};
use crate::{DeviceError, Error, Expect, ReadOnly, Refused, Store};

// attack 66 F: each write and flush of a program fails in turn; every waiter of that sync is told, and nothing acknowledged is lost
#[test]
fn a_write_that_fails_is_told_to_each_waiter_and_ends_writing() {
    let mut failed = 0;
    for round in 0..240_usize {
        let disk = formatted(16, 64);
        let mut store = open(&disk);
        let mut history = History::of(Content::new());
        disk.set_faults(Faults { writes_left: Some(round as u64 / 3), ..Faults::default() });
        let mut random = Random::new(round as u64);
        for _ in 0..30 {
            let op = ALL[random.below(ALL.len())];
            let tickets = [store.ticket(), store.ticket()];
            let Err(error) = step(&mut store, op, &mut history, || 0) else { continue };
            let Error::ReadOnly(reason) = error else { unreachable!("{op:?}: {error}") };
            failed += 1;
            assert!(matches!(reason, ReadOnly::LogWrite(_) | ReadOnly::TableWrite(_)), "{reason}");
            for ticket in tickets {
                let told = store.settled(ticket).expect("nobody waits for ever");
                assert!(told.is_ok() || told == Err(Error::ReadOnly(reason)));
            }
            let put = store.put(TREE, key("a"), b"later", Expect::Any);
            assert_eq!(put, Err(Error::ReadOnly(reason)));
            break;
        }
        drop(store);
        disk.set_faults(Faults::default());
        let least = history.durable_at(0);
        let now = content(&mut open(&disk), TREE, 5).unwrap();
        // The operation that failed may be there, too: nobody was told that it is not.
        let known = history.states[least..].contains(&now);
        assert!(known || failed > 0, "round {round}");
    }
    assert!(failed > 100, "{failed}");
}

// attack 66 F: a sync of eight clients fails; each of them is told so; broken: store-waiters
#[test]
fn a_sync_that_fails_fails_for_all_who_wait() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    let mut tickets = Vec::new();
    store.put(TREE, key("before"), b"1", Expect::Any).unwrap();
    store.sync().unwrap();
    let before = store.ticket();
    for client in 0..8 {
        store.put(TREE, key(&format!("client{client}")), b"1", Expect::Any).unwrap();
        tickets.push(store.ticket());
        assert_eq!(store.settled(store.ticket()), None);
    }
    disk.set_faults(Faults { flushes_left: Some(0), ..Faults::default() });
    let reason = ReadOnly::LogWrite(DeviceError::Failed);
    assert_eq!(store.sync(), Err(Error::ReadOnly(reason)));
    for ticket in tickets {
        assert_eq!(store.settled(ticket), Some(Err(Error::ReadOnly(reason))));
    }
    assert_eq!(store.settled(before), Some(Ok(())));
    disk.set_faults(Faults::default());
    assert_eq!(store.sync(), Err(Error::ReadOnly(reason)), "until it is opened again");
    let mut store = open(&disk);
    store.put(TREE, key("after"), b"1", Expect::Any).unwrap();
    store.sync().unwrap();
}

// attack 66 F: reads of the table fail; an error that names the key, and the store can still be read
#[test]
fn a_read_that_fails_is_no_missing_key() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    for at in 0..30 {
        store.put(TREE, key(&format!("{at}")), &[at; 200], Expect::Any).unwrap();
        store.sync().unwrap();
        while store.turn().unwrap() {}
    }
    drop(store);
    let none = crate::OpenOptions { cache: 0, branches: 0, ..options() };
    let mut store = open_with(&disk, &none).unwrap();
    disk.set_faults(Faults { reads_left: Some(0), ..Faults::default() });
    let mut out = Vec::new();
    let got = store.get(TREE, key("0"), &mut out);
    assert!(matches!(got, Err(Error::Damaged(_))), "{got:?}");
    disk.set_faults(Faults::default());
    assert!(store.get(TREE, key("0"), &mut out).unwrap().is_some());
    assert_eq!(store.read_only(), Some(ReadOnly::TableRead(DeviceError::Failed)));
}

fn fill(store: &mut crate::Engine<FakeDisk>, size: usize, content: &mut Content) -> Error {
    for at in 0.. {
        let (name, value) = (format!("{size}/{at:05}"), vec![at as u8; size]);
        match store.put(TREE, key(&name), &value, Expect::Any) {
            Ok(_) => drop(content.insert(name, value)),
            Err(error) => return error,
        }
        store.sync().unwrap();
        while store.turn().unwrap() {}
    }
    unreachable!()
}

// attack 66 F: a disk filled with small, middling and large values; no space is told, all is there, deleting makes room; broken: store-no-space
#[test]
fn a_full_disk_says_so_and_deleting_helps() {
    for size in [30, 300, 1500, 3000, 9000] {
        let disk = formatted(32, 128);
        let mut store = open(&disk);
        let mut kept = Content::new();
        for _ in 0..2 {
            assert_eq!(fill(&mut store, size, &mut kept), Error::NoSpace);
            assert_eq!(content(&mut store, TREE, 64).unwrap(), kept, "{size}");
            // Every other one: pages are left half full.
            let names: Vec<String> = kept.keys().step_by(2).cloned().collect();
            for name in names {
                store.delete(TREE, key(&name), Expect::Any).unwrap();
                kept.remove(&name);
                store.sync().unwrap();
                store.turn().unwrap();
            }
            while store.turn().unwrap() {}
            store.put(TREE, key("again"), b"room", Expect::Any).unwrap();
            kept.insert("again".into(), b"room".to_vec());
        }
        store.sync().unwrap();
        assert_eq!(store.read_only(), None);
        drop(store);
        assert_eq!(content(&mut open(&disk), TREE, 64).unwrap(), kept);
    }
}

// attack 67 U: damage is met after changes that nobody has synced; they are made durable, and each waiter is told so; broken: store-damage-durable
#[test]
fn what_was_accepted_before_damage_is_durable() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    store.put(TREE, key("old"), b"1", Expect::Any).unwrap();
    store.sync().unwrap();
    while store.turn().unwrap() {}
    drop(store);
    let none = crate::OpenOptions { cache: 0, branches: 0, fold_at: Some(1), ..options() };
    let mut store = open_with(&disk, &none).unwrap();
    while store.turn().unwrap() {}
    store.put(TREE, key("new"), b"2", Expect::Absent).unwrap();
    let ticket = store.ticket();
    assert_eq!(store.settled(ticket), None);
    let table = (2 + 16 + 1) * crate::PAGE;
    let flip = || disk.tamper(|bytes| bytes[table..].iter_mut().for_each(|byte| *byte ^= 1));
    flip();
    let mut out = Vec::new();
    disk.record();
    let got = store.get(TREE, key("old"), &mut out);
    assert!(matches!(got, Err(Error::Damaged(_))), "{got:?}");
    assert!(matches!(store.read_only(), Some(ReadOnly::DamagedPage(page)) if page > 0));
    assert_eq!(store.settled(ticket), Some(Ok(())));
    assert_eq!(store.sync(), Ok(()), "nothing is left to be made durable");
    drop(store);
    let trace = disk.trace();
    assert!(matches!(&trace[..], [Event::Write { sector, .. }, Event::Flush] if *sector < 18 * 8));
    flip();
    let found = content(&mut open(&disk), TREE, 5).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["new", "old"]);
}

#[test]
fn what_is_opened_for_reading_reads_a_page_for_a_get() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    for at in 0..40 {
        store.put(TREE, key(&format!("{at:02}")), &[at; 400], Expect::Any).unwrap();
        store.sync().unwrap();
        while store.turn().unwrap() {}
    }
    drop(store);
    let read = crate::OpenOptions { cache: 0, write: false, ..options() };
    let mut store = open_with(&disk, &read).unwrap();
    assert_eq!(store.sync(), Ok(()));
    assert_eq!(store.turn(), Err(Error::ReadOnly(ReadOnly::Asked)));
    assert_eq!(store.sums_bytes(), 4096);
    for at in 0..40 {
        let before = store.counters().pages_read;
        store.stat(TREE, key(&format!("{at:02}"))).unwrap().unwrap();
        assert!(store.counters().pages_read - before <= 1, "{at}");
    }
}

// attack 65 U: a store is dropped; what redb would write at its end stays away from the disk
#[test]
fn a_store_that_is_dropped_writes_nothing() {
    let disk = formatted(16, 64);
    for _ in 0..3 {
        let mut store = open(&disk);
        store.put(TREE, key("a"), b"1", Expect::Any).unwrap();
        store.sync().unwrap();
        while store.turn().unwrap() {}
        disk.record();
        drop(store);
        assert!(disk.trace().is_empty());
    }
}

// attack 67 U: an opening meets a page that is damaged or cannot be read; the refusal says which and why
#[test]
fn a_refusal_names_what_an_opening_met() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    store.put(TREE, key("a"), b"1", Expect::Any).unwrap();
    store.sync().unwrap();
    while store.turn().unwrap() {}
    drop(store);
    let good = disk.bytes();
    let refused = || open_with(&disk, &options()).err();
    let unreadable = |page: u64| {
        disk.set_faults(Faults { unreadable: Some(page * 8), ..Faults::default() });
        let refused = refused();
        disk.set_faults(Faults::default());
        refused
    };
    let table = 2 + 16;
    for page in [0, 1, 2, table] {
        assert_eq!(unreadable(page), Some(Refused::Device(DeviceError::Failed)), "{page}");
    }
    disk.tamper(|bytes| bytes[table as usize * crate::PAGE + 20] ^= 1);
    assert_eq!(refused(), Some(Refused::TableHeader));
    disk.tamper(|bytes| bytes.copy_from_slice(&good));
    let mut named = 0;
    for page in 1..64 {
        let at = (table + page) as usize * crate::PAGE;
        disk.tamper(|bytes| bytes[at] ^= 1);
        match refused() {
            None => {}
            Some(refused) => {
                // Some of redb's pages have several of ours; the first is named.
                let Refused::TablePage(Some(first)) = refused else { unreachable!("{refused}") };
                assert!(first <= page && page < first + 16, "{first} {page}");
                disk.tamper(|bytes| bytes[at] ^= 1);
                assert_eq!(unreadable(table + page), Some(Refused::Device(DeviceError::Failed)));
                disk.tamper(|bytes| bytes[at] ^= 1);
                named += 1;
            }
        }
        disk.tamper(|bytes| bytes.copy_from_slice(&good));
    }
    assert!(named > 3, "{named}");
}
