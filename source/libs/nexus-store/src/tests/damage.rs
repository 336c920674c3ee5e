//! Sectors that are flipped, of another place, or as they were before: the right answer, or an error that says what
//! was asked for; never a wrong answer, and never a panic.

use std::prelude::rust_2024::*;
use std::{format, println};

use super::common::{
    Content, Random, TREE, content, formatted, key, open, open_with, options, scale, value,
};
use crate::fake::FakeDisk;
use crate::{Asked, Engine, Error, Expect, ReadOnly, SECTOR, Store};
use std::panic::{AssertUnwindSafe, catch_unwind};

const PAGES: u64 = 2 + 16 + 256;
/// Disks that are damaged before they are opened, and under an open store; `just assure` tries so many more that
/// it is a million together.
const BEFORE: usize = 2_400;
const UNDER: usize = 600;

#[derive(Debug, Default)]
struct Tried {
    sectors: usize,
    refused: usize,
    damaged: usize,
    right: usize,
    older: usize,
    panics: usize,
    wrong: usize,
}

/// A store with rows in table and log, its content, and each disk on the way there.
struct Subject {
    disks: Vec<Vec<u8>>,
    content: Content,
    /// Before the last sync.
    before: Content,
}

fn name(at: usize) -> String {
    format!("dir{}/key{at}", at % 3)
}

fn subject() -> Subject {
    let disk = formatted(16, 256);
    let mut store = open(&disk);
    let mut now = Content::new();
    let mut before = now.clone();
    let mut disks = Vec::new();
    for round in 0..90_usize {
        let (at, len) = (round * 7 % 40, 20 + round * 29 % 700);
        let bytes: Vec<u8> = (0..len).map(|index| (index + round * 3) as u8).collect();
        before = now.clone();
        if round % 9 == 8 {
            store.delete(TREE, key(&name(at)), Expect::Any).unwrap();
            now.remove(&name(at));
        } else {
            store.put(TREE, key(&name(at)), &bytes, Expect::Any).unwrap();
            now.insert(name(at), bytes);
        }
        store.sync().unwrap();
        if round < 85 {
            while store.turn().unwrap() {}
        }
        disks.push(disk.bytes());
    }
    Subject { disks, content: now, before }
}

/// Changes one sector in one of three ways; which one.
fn tamper(bytes: &mut [u8], subject: &Subject, random: &mut Random) -> (usize, &'static str) {
    // Sectors that were ever written: zeros say nothing.
    let sectors = bytes.len() / SECTOR;
    let sector = loop {
        let sector = random.below(sectors);
        if bytes[sector * SECTOR..][..SECTOR].iter().any(|byte| *byte != 0) {
            break sector;
        }
    };
    let range = sector * SECTOR..(sector + 1) * SECTOR;
    let how = match random.below(3) {
        0 => {
            bytes[range][random.below(SECTOR)] ^= 1 << random.below(8);
            "flipped"
        }
        1 => {
            let other = random.below(sectors) * SECTOR;
            bytes.copy_within(other..other + SECTOR, range.start);
            "foreign"
        }
        _ => {
            let older = &subject.disks[random.below(subject.disks.len())];
            bytes[range.clone()].copy_from_slice(&older[range]);
            "stale"
        }
    };
    (sector, how)
}

/// Whether every answer is right, or an error that names what was asked for.
fn answers(store: &mut Engine<FakeDisk>, content_of: &Content, tried: &mut Tried) -> bool {
    let mut right = true;
    let mut damaged = false;
    for at in 0..40 {
        match value(store, TREE, &name(at)) {
            Ok(found) => right &= found.as_ref() == content_of.get(&name(at)),
            Err(Error::Damaged(asked)) => {
                damaged = true;
                right &= asked == Asked::Key(name(at));
            }
            Err(_) => right = false,
        }
    }
    match content(store, TREE, 16) {
        Ok(listed) => right &= listed == *content_of,
        Err(Error::Damaged(Asked::Behind(_) | Asked::Key(_))) => damaged = true,
        Err(_) => right = false,
    }
    tried.damaged += usize::from(damaged);
    right
}

// attack 67 Z: any one sector of a disk flipped, foreign or stale before it is opened; refused, or an error, or right; broken: store-pass-sum
#[test]
fn a_damaged_disk_gives_no_wrong_answer_when_it_is_opened() {
    let subject = subject();
    let last = subject.disks.last().unwrap();
    let mut tried = Tried::default();
    let mut random = Random::new(5);
    for _ in 0..BEFORE * scale() {
        let mut bytes = last.clone();
        let (sector, how) = tamper(&mut bytes, &subject, &mut random);
        tried.sectors += 1;
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let Ok(mut store) = open_with(&FakeDisk::of(bytes), &options()) else {
                tried.refused += 1;
                return true;
            };
            let mut before = Tried::default();
            if answers(&mut store, &subject.content, &mut tried) {
                tried.right += 1;
                return true;
            }
            // The newest frame as it was before it was written is what a cut would have left.
            let older = answers(&mut store, &subject.before, &mut before);
            tried.older += usize::from(older && how != "flipped");
            older && how != "flipped"
        }));
        match looked {
            Ok(true) => {}
            Ok(false) => {
                println!("wrong: sector {sector} {how}");
                tried.wrong += 1;
            }
            Err(_) => {
                println!("panic: sector {sector} {how}");
                tried.panics += 1;
            }
        }
    }
    println!("{tried:?}");
    assert_eq!((tried.wrong, tried.panics), (0, 0), "{tried:?}");
    assert_eq!(tried.sectors, BEFORE * scale());
    assert!(tried.refused > tried.sectors / 8 && tried.right > tried.sectors / 8, "{tried:?}");
    assert!(tried.older < tried.sectors / 20, "{tried:?}");
}

// attack 67 Z: a sector flipped, foreign or stale under an open store; an error that names the key or range, or right
#[test]
fn a_sector_that_changes_under_an_open_store_gives_no_wrong_answer() {
    let subject = subject();
    let last = subject.disks.last().unwrap();
    let mut tried = Tried::default();
    let mut random = Random::new(6);
    for _ in 0..UNDER * scale() {
        let disk = FakeDisk::of(last.clone());
        let none = crate::OpenOptions { cache: 0, branches: 0, ..options() };
        let mut store = open_with(&disk, &none).unwrap();
        for _ in 0..=random.below(3) {
            disk.tamper(|bytes| tamper(bytes, &subject, &mut random));
        }
        tried.sectors += 1;
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let mut right = answers(&mut store, &subject.content, &mut tried);
            right &= matches!(store.read_only(), None | Some(ReadOnly::DamagedPage(_)));
            // The second time it is the same, and writing goes on or ends.
            right &= answers(&mut store, &subject.content, &mut tried);
            let put = store.put(TREE, key("new"), b"value", Expect::Any);
            let known = put.is_ok() || matches!(put, Err(Error::ReadOnly(_) | Error::Damaged(_)));
            let _ = store.sync();
            for _ in 0..3 {
                let _ = store.turn();
            }
            right && known
        }));
        match looked {
            Ok(true) => tried.right += 1,
            Ok(false) => tried.wrong += 1,
            Err(_) => tried.panics += 1,
        }
    }
    println!("{tried:?}");
    assert_eq!((tried.wrong, tried.panics), (0, 0), "{tried:?}");
    assert_eq!(tried.sectors, UNDER * scale());
    assert!(tried.damaged > tried.sectors / 3, "{tried:?}");
}

// attack 67 Z: two good pages of a table exchanged, under an open store; an error for each key that needs them
#[test]
fn what_damage_leaves_can_be_read() {
    let subject = subject();
    let disk = FakeDisk::of(subject.disks.last().unwrap().clone());
    let none = crate::OpenOptions { cache: 0, branches: 0, ..options() };
    let mut store = open_with(&disk, &none).unwrap();
    let mut most = 0;
    for page in (2 + 16 + 1)..usize::try_from(PAGES).unwrap() {
        let bytes = disk.bytes();
        disk.tamper(|bytes| bytes[page * 4096 + 100] ^= 1);
        let answered = (0..40).filter(|at| match value(&mut store, TREE, &name(*at)) {
            Ok(found) => {
                assert_eq!(found.as_ref(), subject.content.get(&name(*at)));
                true
            }
            Err(error) => {
                assert_eq!(error, Error::Damaged(Asked::Key(name(*at))));
                false
            }
        });
        let answered = answered.count();
        if answered < 40 {
            most = most.max(answered);
        }
        disk.tamper(|now| now.copy_from_slice(&bytes));
    }
    assert!(store.read_only().is_some());
    assert!(most > 20, "one damaged leaf keeps few keys: {most} of 40 were read");
}
