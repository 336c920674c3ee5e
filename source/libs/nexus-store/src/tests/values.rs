//! What a store does when nothing goes wrong.

use std::collections::BTreeMap;
use std::prelude::rust_2024::*;
use std::{format, println, vec};

use super::common::{TREE, formatted, key, open, open_with, options};
use crate::fake::FakeDisk;
use crate::{
    Error, Expect, Found, Limit, Listing, MAX_BATCH, MAX_VALUE, OpenOptions, PAGE, Quota, Refused,
    SECTOR, Step, Store, TreeId, Unreadable, Usage,
};

#[test]
fn what_was_put_is_there_after_a_sync_and_another_opening() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    let version = store.put(TREE, key("a/b"), b"value", Expect::Absent).unwrap();
    store.sync().unwrap();
    drop(store);
    let mut store = open(&disk);
    let mut out = Vec::new();
    let found = store.get(TREE, key("a/b"), &mut out).unwrap().unwrap();
    assert_eq!((found.version, out.as_slice()), (version, &b"value"[..]));
}

#[test]
fn many_keys_go_through_the_table() {
    let disk = formatted(16, 256);
    let mut store = open(&disk);
    for round in 0..300_u32 {
        let name = format!("key/{}", round % 70);
        store.put(TREE, key(&name), &round.to_le_bytes(), Expect::Any).unwrap();
        store.sync().unwrap();
        while store.turn().unwrap() {}
    }
    drop(store);
    let start = std::time::Instant::now();
    let mut store = open(&disk);
    println!("open {:?} {:?}", start.elapsed(), store.counters());
    let mut out = Vec::new();
    for at in 0..70_u32 {
        let name = format!("key/{at}");
        store.get(TREE, key(&name), &mut out).unwrap().unwrap();
        let last = if at < 20 { 280 + at } else { 210 + at };
        assert_eq!(out, last.to_le_bytes());
    }
    assert_eq!(store.usage(TREE).keys, 70);
    println!("{:?}", store.counters());
}

fn listing<'a>(under: Option<&'a str>, after: Option<&'a str>, rows: usize) -> Listing<'a> {
    Listing { under: under.map(key), after: after.map(key), rows }
}

// attack 92 U: lists under a prefix, beside keys that begin like it, and in a tree beside another's; only what is under it; broken: store-list-tree, store-list-prefix, store-list-cursor
#[test]
fn a_list_is_ordered_paged_and_within_its_tree_and_prefix() {
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    let names = ["a", "a-b", "a/b", "a/c/d", "a0", "ab/c", "z"];
    for name in names {
        store.put(TREE, key(name), b"1", Expect::Any).unwrap();
    }
    for other in [TreeId(TREE.0 - 1), TreeId(TREE.0 + 1), TreeId(u128::MAX), TreeId(0)] {
        store.put(other, key("a/other"), b"2", Expect::Any).unwrap();
    }
    let mut listed = |under, after, rows| {
        let page = store.page(TREE, &listing(under, after, rows), false).unwrap();
        (page.rows.into_iter().map(|row| row.key).collect::<Vec<_>>(), page.more)
    };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(listed(None, None, 100), (owned(&names), false));
    assert_eq!(listed(Some("a"), None, 100), (owned(&["a/b", "a/c/d"]), false));
    assert_eq!(listed(Some("a"), Some("a/b"), 100), (owned(&["a/c/d"]), false));
    assert_eq!(listed(Some("a"), Some("a"), 1), (owned(&["a/b"]), true));
    assert_eq!(listed(Some("a"), Some("z"), 1), (vec![], false));
    assert_eq!(listed(Some("a"), Some("a0"), 1), (vec![], false), "where the prefix ends");
    assert_eq!(listed(None, Some("a/bb"), 2), (owned(&["a/c/d", "a0"]), true));
    assert_eq!(listed(Some("none"), None, 2), (vec![], false));
}

// attack 92 U: keys that begin alike for any number of bytes, of which some are folded, replaced and removed since; each is listed once, in its place, as it is now; broken: store-list-shares
#[test]
fn a_list_has_each_row_once_as_it_is_now() {
    let mut random = crate::trial::content::Random::new(9);
    let mut model = BTreeMap::new();
    let mut store = open(&formatted(16, 256));
    for round in 0..600_u32 {
        let (number, zeros) = (random.below(120), random.below(8));
        let name = format!("k/{}{number}", "0".repeat(zeros));
        if random.below(4) == 0 {
            let _ = store.delete(TREE, key(&name), Expect::Any).unwrap();
            model.remove(&name);
        } else {
            let value = vec![round as u8; random.below(40)];
            store.put(TREE, key(&name), &value, Expect::Any).unwrap();
            model.insert(name, value);
        }
        if round % 3 == 0 {
            store.sync().unwrap();
            while store.turn().unwrap() {}
        }
        let page = store.page(TREE, &listing(None, None, 1000), true).unwrap();
        let rows = page.rows.into_iter().map(|row| (row.key, row.value));
        assert!(rows.eq(model.clone()), "{round}");
    }
    assert!(model.len() > 200, "{}", model.len());
}

#[test]
fn a_list_ends_where_there_is_no_room_and_goes_on_there() {
    let mut store = open(&formatted(16, 64));
    for name in ["a", "b", "c"] {
        store.put(TREE, key(name), name.as_bytes(), Expect::Any).unwrap();
    }
    for (room, after, rows, more) in [
        (0, None, "", true),
        (2, None, "ab", true),
        (3, None, "abc", false),
        (1, Some("b"), "c", false),
        (9, Some("c"), "", false),
    ] {
        let mut seen = String::new();
        let listing = listing(None, after, 10);
        let told = store.list(TREE, &listing, &mut |row| {
            let has_room = seen.len() < room;
            if has_room {
                assert_eq!(row.value, Some(row.key));
                seen.push_str(std::str::from_utf8(row.key.bytes()).unwrap());
            }
            has_room
        });
        assert_eq!((told, seen.as_str()), (Ok(more), rows), "{room} {after:?}");
    }
}

// attack 92 U: values in pieces that are begun and never finished, over many openings; their room comes back; broken: store-unfinished
#[test]
fn what_is_begun_and_not_finished_is_gone_at_the_next_opening() {
    let disk = formatted(64, 256);
    for round in 0..40 {
        let mut store = open(&disk);
        let mut draft = store.begin().unwrap();
        for _ in 0..6 {
            store.piece(&mut draft, &[round; 6000]).unwrap();
            store.sync().unwrap();
            while store.turn().unwrap() {}
        }
        assert_eq!(store.stat(TREE, key("never")).unwrap(), None);
    }
    let mut store = open(&disk);
    store.put(TREE, key("a"), &[1; 6000], Expect::Any).unwrap();
    assert_eq!(store.usage(TREE).keys, 1);
}

#[test]
fn pieces_are_of_the_version_that_is_asked_for() {
    let disk = formatted(64, 256);
    let mut store = open(&disk);
    let mut put = |fill: u8| {
        let mut draft = store.begin().unwrap();
        store.piece(&mut draft, &[fill; 100]).unwrap();
        store.piece(&mut draft, &[fill; 50]).unwrap();
        store.finish(TREE, key("a"), draft, Expect::Any).unwrap()
    };
    let (first, second) = (put(1), put(2));
    let mut out = Vec::new();
    let found = store.get(TREE, key("a"), &mut out);
    assert_eq!(found, Err(Error::InPieces(Found { version: second, size: 150, pieces: 2 })));
    assert_eq!(store.get_piece(TREE, key("a"), first, 0, &mut out), Err(Error::NoPiece));
    assert_eq!(store.get_piece(TREE, key("a"), second, 2, &mut out), Err(Error::NoPiece));
    store.get_piece(TREE, key("a"), second, 1, &mut out).unwrap();
    assert_eq!(out, [2; 50]);
    store.delete(TREE, key("a"), Expect::Version(second)).unwrap();
    assert_eq!(store.get_piece(TREE, key("a"), second, 0, &mut out), Err(Error::NoPiece));
    assert_eq!(store.usage(TREE), Usage::default());
}

// attack 92 U: a batch whose last step is refused, for a version, a size, a quota or a key that is twice in it; nothing of it is done; broken: store-quota-keys, store-quota-bytes, store-batch-bound
#[test]
fn a_batch_is_done_whole_or_not_at_all() {
    let disk = formatted(64, 256);
    let mut store = open(&disk);
    store.put(TREE, key("b"), b"old", Expect::Any).unwrap();
    store.set_quota(TREE, Quota { keys: 2, bytes: 1000 });
    let step = |name, value, expect| Step { key: key(name), value: Some(value), expect };
    let good = step("a", &[1; 10], Expect::Any);
    let long = vec![0; MAX_VALUE + 1];
    let names: Vec<String> = (0..=MAX_BATCH).map(|at| format!("{at}")).collect();
    let many: Vec<Step<'_>> = names.iter().map(|name| step(name, &[], Expect::Any)).collect();
    for (steps, error) in [
        (vec![good, step("b", &[2], Expect::Absent)], None),
        (vec![good, step("b", &long, Expect::Any)], Some(Error::TooLarge)),
        (vec![good, good], Some(Error::TooLarge)),
        (many.clone(), Some(Error::TooLarge)),
        (vec![good, step("c", &[3], Expect::Any)], Some(Error::Quota(Limit::Keys))),
        (vec![good, step("b", &[4; 2000], Expect::Any)], Some(Error::Quota(Limit::Bytes))),
    ] {
        let refused = store.batch(TREE, &steps).unwrap_err();
        assert!(error.is_none_or(|error| error == refused), "{refused}");
        assert_eq!(store.stat(TREE, key("a")).unwrap(), None);
        assert_eq!(store.usage(TREE), Usage { keys: 1, bytes: 4 });
    }
    let most = many.get(..MAX_BATCH).unwrap();
    store.batch(crate::TreeId(8), most).unwrap();
    // Over its quota a tree still shrinks.
    store.set_quota(TREE, Quota { keys: 0, bytes: 0 });
    store.put(TREE, key("b"), b"ol", Expect::Any).unwrap();
    assert_eq!(store.delete(TREE, key("b"), Expect::Any), Ok(true));
    assert_eq!(store.delete(TREE, key("b"), Expect::Any), Ok(false));
}

#[test]
fn a_sync_is_one_write_and_one_flush_and_a_get_reads_memory_first() {
    let disk = formatted(64, 256);
    let mut store = open(&disk);
    let before = store.counters();
    store.put(TREE, key("a"), &[1; 100], Expect::Any).unwrap();
    store.sync().unwrap();
    store.sync().unwrap();
    let mut out = Vec::new();
    store.get(TREE, key("a"), &mut out).unwrap();
    let after = store.counters();
    assert_eq!((after.writes - before.writes, after.flushes - before.flushes), (1, 1));
    assert_eq!(after.pages_written - before.pages_written, 1);
    assert_eq!(after.reads, before.reads);
}

/// A disk with a store of 4,000 keys, `key/0` and so on.
fn with_keys() -> FakeDisk {
    let disk = formatted(64, 512);
    let mut store = open(&disk);
    for at in 0..4000_u32 {
        store.put(TREE, key(&format!("key/{at}")), &[at as u8; 100], Expect::Any).unwrap();
        if at % 50 == 49 {
            store.sync().unwrap();
            while store.turn().unwrap() {}
        }
    }
    drop(store);
    disk
}

#[test]
fn a_get_reads_the_page_it_looks_for_and_no_other() {
    let disk = with_keys();
    let mut store = open_with(&disk, &OpenOptions { cache: 0, ..options() }).unwrap();
    let mut out = Vec::new();
    let mut read = 0;
    for at in 0..4000_u32 {
        let before = store.counters().pages_read;
        store.get(TREE, key(&format!("key/{at}")), &mut out).unwrap().unwrap();
        let pages = store.counters().pages_read - before;
        assert!(pages <= 1, "{at}: {pages}");
        read += pages;
    }
    assert!(read > 3000, "nothing was in memory: {read}");
}

// attack 67 U: the table's header as it was after each earlier fold; refused, or what was put since is in the log
#[test]
fn a_table_that_was_put_back_is_told_or_made_up_for() {
    let disk = formatted(16, 64);
    let header = (2 + 16) * PAGE..(2 + 16) * PAGE + SECTOR;
    let mut store = open(&disk);
    let mut images = vec![disk.bytes()];
    for round in 0..40_u8 {
        store.put(TREE, key("a"), &[round; 100], Expect::Any).unwrap();
        store.sync().unwrap();
        while store.turn().unwrap() {}
        images.push(disk.bytes());
    }
    drop(store);
    let (last, mut refused) = (disk.bytes(), 0);
    for image in &images {
        disk.tamper(|bytes| {
            bytes.copy_from_slice(&last);
            bytes[header.clone()].copy_from_slice(&image[header.clone()]);
        });
        let mut out = Vec::new();
        match open_with(&disk, &options()) {
            Ok(mut store) => {
                store.get(TREE, key("a"), &mut out).unwrap().unwrap();
                assert_eq!(out, [39; 100]);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20, "{refused} of {}", images.len());
}

// attack 65 U: a store that is opened and cut off again and again, before anything is folded; it stays open to writing; broken: store-openings
#[test]
fn openings_alone_do_not_fill_the_log() {
    let disk = formatted(16, 64);
    for round in 0..60_u8 {
        let mut store = open(&disk);
        store.put(TREE, key("a"), &[round; 6000], Expect::Any).unwrap();
        let cut = disk.bytes();
        store.sync().unwrap();
        drop(store);
        if round % 2 == 1 {
            disk.tamper(|bytes| bytes.copy_from_slice(&cut));
        }
    }
    let mut out = Vec::new();
    open(&disk).get(TREE, key("a"), &mut out).unwrap().unwrap();
    assert_eq!(out, [58; 6000]);
}

// attack 67 U: a store that belongs to another partition; refused
#[test]
fn a_store_of_another_partition_is_refused() {
    let disk = formatted(16, 64);
    let refused = open_with(&disk, &OpenOptions { guid: [9; 16], ..options() }).unwrap_err();
    assert!(matches!(refused, Refused::Superblock(Unreadable::Foreign(_))), "{refused}");
}

#[test]
fn a_long_log_is_read_to_its_end() {
    let disk = formatted(160, 256);
    let mut store = open(&disk);
    for round in 0..150_u8 {
        store.put(TREE, key(&format!("{}", round % 50)), &[round; 30], Expect::Any).unwrap();
        store.sync().unwrap();
        if round < 145 {
            while store.turn().unwrap() {}
        }
    }
    let (used, pages) = store.log_pages();
    assert!(used > 0 && pages == 160, "{used}");
    drop(store);
    let mut store = open(&disk);
    for name in 0..50_u8 {
        let mut out = Vec::new();
        store.get(TREE, key(&format!("{name}")), &mut out).unwrap().unwrap();
        assert_eq!(out, [name + 100; 30]);
    }
}

#[test]
fn values_pieces_and_batches_have_their_bounds() {
    let disk = formatted(256, 1024);
    let mut store = open(&disk);
    let value = vec![1; MAX_VALUE + 1];
    let put = |store: &mut crate::Engine<_>, len: usize| {
        store.put(TREE, key("a"), &value[..len], Expect::Any).map(drop)
    };
    assert_eq!(put(&mut store, MAX_VALUE + 1), Err(Error::TooLarge));
    assert_eq!((put(&mut store, MAX_VALUE), put(&mut store, 0)), (Ok(()), Ok(())));
    let names: Vec<String> = (0..=MAX_BATCH).map(|at| format!("{at}")).collect();
    let steps: Vec<Step<'_>> = names
        .iter()
        .map(|name| Step { key: key(name), value: Some(b"1"), expect: Expect::Any })
        .collect();
    assert_eq!(store.batch(TREE, &steps), Err(Error::TooLarge));
    assert_eq!(store.batch(TREE, &steps[1..]).map(drop), Ok(()));
    let mut draft = store.begin().unwrap();
    assert_eq!(store.piece(&mut draft, b""), Err(Error::TooLarge));
    assert_eq!(store.piece(&mut draft, &value), Err(Error::TooLarge));
    assert_eq!(store.piece(&mut draft, &value[..MAX_VALUE]), Ok(()));
    for _ in 1..crate::MAX_PIECES {
        assert_eq!(store.piece(&mut draft, b"2"), Ok(()));
    }
    assert_eq!(store.piece(&mut draft, b"2"), Err(Error::TooLarge));
    store.finish(TREE, key("p"), draft, Expect::Absent).unwrap();
    let found = store.stat(TREE, key("p")).unwrap().unwrap();
    assert_eq!((found.size, found.pieces), (MAX_VALUE as u64 + 255, 256));
}

#[test]
fn a_store_that_is_made_anew_is_empty() {
    use super::common::{GUID, KEY, extent};
    let disk = formatted(16, 64);
    let mut store = open(&disk);
    for at in 0..3 {
        store.put(TREE, key(&format!("{at}")), b"old", Expect::Any).unwrap();
        store.sync().unwrap();
    }
    drop(store);
    let identity = crate::Identity { guid: GUID, key: KEY };
    let options_of = crate::FormatOptions { log_pages: Some(16) };
    crate::format(disk.clone(), extent(82), identity, options_of).unwrap();
    let mut store = open(&disk);
    assert!(super::common::content(&mut store, TREE, 5).unwrap().is_empty());
}

#[test]
fn only_so_many_pages_that_lead_to_others_are_held() {
    let disk = with_keys();
    let one = OpenOptions { cache: 0, branches: PAGE, ..options() };
    let mut store = open_with(&disk, &one).unwrap();
    let mut most = 0;
    for at in 0..400_u32 {
        let before = store.counters().pages_read;
        store.stat(TREE, key(&format!("key/{at}"))).unwrap().unwrap();
        most = most.max(store.counters().pages_read - before);
    }
    assert!(most >= 2, "{most}");
}

#[test]
fn what_is_dropped_is_read_once() {
    let disk = formatted(128, 1024);
    let options = OpenOptions { cache: 0, fold_at: Some(1), ..options() };
    let mut store = open_with(&disk, &options).unwrap();
    let mut draft = store.begin().unwrap();
    for _ in 0..12 {
        store.piece(&mut draft, &[7; 60_000]).unwrap();
    }
    store.sync().unwrap();
    while store.turn().unwrap() {}
    let before = store.counters().pages_read;
    store.abandon(draft).unwrap();
    let pages = store.counters().pages_read - before;
    // A piece of so many bytes is a leaf of 16 pages.
    assert!((12 * 16..12 * 18).contains(&pages), "{pages}");
}
