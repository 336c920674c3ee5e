use super::*;
use crate::device::{Extent, Volume};
use crate::fake::FakeDisk;
use crate::table::{Shared, Table};
use crate::trial::content::Random;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::cell::Cell;
use spin::Mutex;
use std::prelude::rust_2024::*;
use std::{format, vec};

const PAGES: u64 = 20_000;

std::thread_local! {
    /// Keys that were compared in this thread to find a place.
    pub(crate) static LOOKS: Cell<u64> = const { Cell::new(0) };
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn pager(disk: &FakeDisk) -> Shared<FakeDisk> {
    let volume = Volume::new(disk.clone(), Extent { first: 0, sectors: PAGES * 8 }).unwrap();
    Arc::new(Mutex::new(Pager::new(volume, 0..PAGES, 5, 6)))
}

/// Keys of many lengths, of which many begin alike.
fn key(random: &mut Random) -> Vec<u8> {
    let number = random.below(40_000);
    let name = format!("{:0width$}", number, width = 1 + number % 60);
    name.into_bytes()
}

fn value(random: &mut Random) -> Vec<u8> {
    let len = match random.below(50) {
        0 => 3000 + random.below(20_000),
        _ => random.below(150),
    };
    vec![len as u8; len]
}

/// Puts and removes so many rows in one transaction.
fn change(table: &mut Table<FakeDisk>, model: &mut Model, random: &mut Random, count: usize) {
    let changes: Vec<_> = (0..count).map(|_| (key(random), random.below(4) > 0)).collect();
    let changes: Vec<_> =
        changes.into_iter().map(|(key, put)| (key, put.then(|| value(random)))).collect();
    let write = table.write(false, |rows| {
        for (key, row) in &changes {
            match row {
                Some(row) => drop(rows.insert(key.as_slice(), row.as_slice())?),
                None => drop(rows.remove(key.as_slice())?),
            }
        }
        Ok(())
    });
    assert_eq!(write, Ok(()));
    for (key, row) in changes {
        match row {
            Some(row) => drop(model.insert(key, row)),
            None => drop(model.remove(&key)),
        }
    }
}

fn rows(table: &Table<FakeDisk>, from: Bound<&[u8]>, end: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut range = table.range(from, end).unwrap();
    while let Some(leaf) = range.leaf().unwrap() {
        let (last, shared, before) = (leaf.last.to_vec(), leaf.shared(), rows.len());
        for row in leaf.rows() {
            let (key, row) = row.unwrap();
            assert_eq!(key.bytes().get(..shared), last.get(..shared));
            rows.push((key.bytes().to_vec(), row.bytes().to_vec()));
        }
        let ends = rows.get(before..).and_then(<[_]>::last).map(|(key, _)| key);
        assert_eq!(ends, Some(&last), "a leaf has a row, and its last one");
        range.leave().unwrap();
    }
    range.leave().unwrap();
    assert!(range.leaf().unwrap().is_none(), "behind the last there is nothing");
    rows
}

fn expected(model: &Model, from: Bound<&[u8]>, end: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let inside = |key: &[u8]| {
        let behind = match from {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        };
        behind && key < end
    };
    let rows = model.iter().filter(|(key, _)| inside(key));
    rows.map(|(key, row)| (key.clone(), row.clone())).collect()
}

fn compare(table: &Table<FakeDisk>, model: &Model, random: &mut Random) {
    for _ in 0..20 {
        let (one, two) = (key(random), key(random));
        for from in [Bound::Included(&*one), Bound::Excluded(&*one), Bound::Unbounded] {
            assert_eq!(rows(table, from, &two), expected(model, from, &two));
        }
    }
    assert_eq!(rows(table, Bound::Unbounded, &[0xff]), expected(model, Bound::Unbounded, &[0xff]));
    for _ in 0..200 {
        let key = key(random);
        let found = table.get(&key).unwrap().map(|found| found.value().to_vec());
        assert_eq!(found, model.get(&key).cloned());
    }
}

// attack 67 U: rows of any keys, written by redb and looked for page by page; each is found, none but these is, in their order; broken: store-last-leaf
#[test]
fn rows_are_read_as_redb_wrote_them() {
    let mut random = Random::new(21);
    let disk = FakeDisk::new(PAGES * 8);
    Table::create(&pager(&disk), |_| Ok(())).unwrap();
    let pager = pager(&disk);
    pager.lock().load_header().unwrap();
    let mut table = Table::open(&pager, 1 << 20, 1 << 20).unwrap();
    let mut model = Model::new();
    compare(&table, &model, &mut random);
    for count in [1, 1, 2, 30, 300, 3000, 6000, 300, 3] {
        change(&mut table, &mut model, &mut random, count);
        compare(&table, &model, &mut random);
    }
    assert!(model.len() > 4000, "{}", model.len());
    let all: Vec<Vec<u8>> = model.keys().cloned().collect();
    let removed = table
        .write(true, |rows| all.iter().try_for_each(|key| rows.remove(key.as_slice()).map(drop)));
    assert_eq!(removed, Ok(()));
    compare(&table, &Model::new(), &mut random);
}

#[test]
fn a_place_is_found_among_any_number() {
    let names: Vec<Vec<u8>> = (0..20_u8).map(|at| vec![7, at / 8, at, 0]).collect();
    for count in 0..=names.len() {
        let key = |at: usize| names.get(at).map(Vec::as_slice);
        for (place, name) in names.iter().enumerate().take(count) {
            let (longer, shorter) = ([&name[..], &[0]].concat(), &name[..3]);
            let place_of = |from| first(count, from, key);
            assert_eq!(place_of(Bound::Included(name)), Some(place));
            assert_eq!(place_of(Bound::Excluded(name)), Some(place + 1));
            assert_eq!(place_of(Bound::Included(&longer)), Some(place + 1));
            assert_eq!(place_of(Bound::Excluded(shorter)), Some(place));
        }
        for (from, place) in [(&[7][..], 0), (&[], 0), (&[8], count), (&[7, 9], count)] {
            assert_eq!(first(count, Bound::Included(from), key), Some(place), "{from:?}");
        }
        assert_eq!(first(count, Bound::Unbounded, key), Some(0));
    }
    assert_eq!(first(5, Bound::Included(b"a"), |_| None), None);
}

/// A page that is right by its sum, and none of redb's.
#[test]
fn an_odd_page_is_refused_by_its_number() {
    let node = Node { first: 9, pages: 1, sum: 0 };
    let tree = |root| Tree { regions: Regions::of(&[0; 24]).unwrap(), root };
    let leaf = |ends: [u32; 2]| {
        let mut page = vec![LEAF, 0, 1, 0];
        ends.iter().for_each(|end| page.extend(end.to_le_bytes()));
        page.resize(crate::device::PAGE, 0);
        page
    };
    let branch = vec![BRANCH; crate::device::PAGE];
    for page in [vec![7; crate::device::PAGE], leaf([5000, 5001]), leaf([13, 5000]), branch] {
        let pager = pager(&FakeDisk::new(PAGES * 8));
        let mut pager = pager.lock();
        pager.write(9 * crate::device::PAGE as u64, &page).unwrap();
        let refused = Err(Fault::Page(9));
        let tree = tree(Some(node));
        assert_eq!(tree.get(&mut pager, b"\0").map(drop), refused);
        let walked = tree.cursor(&mut pager, Bound::Unbounded, b"z").and_then(|cursor| {
            let Some(leaf) = cursor.leaf()? else { return Ok(()) };
            leaf.rows().try_for_each(|row| row.map(drop))
        });
        assert_eq!(walked, refused);
    }
    let none = tree(None);
    let pager = pager(&FakeDisk::new(PAGES * 8));
    assert!(none.get(&mut pager.lock(), b"a").unwrap().is_none());
    let cursor = none.cursor(&mut pager.lock(), Bound::Unbounded, b"z").unwrap();
    assert!(cursor.leaf().unwrap().is_none());
}
