//! Power cuts: of what was written and not flushed any part may be there, in whole sectors.
//! The disk remembers what the engine asked of it, and each operation of a program is cut (`crate::trial::cuts`).

use std::prelude::rust_2024::*;
use std::{format, println, vec};

use super::common::{Content, Random, TREE, content, formatted, key, open_with, options, scale};
use crate::fake::{Event, FakeDisk};
use crate::trial::cuts::{Run, Tried, apply, folding, sectors};
use crate::trial::program::{ALL, History, Op, step};
use crate::{Engine, Expect, FoldLimits, OpenOptions, Refused, SECTOR, Store};

fn open(disk: &FakeDisk) -> Engine<FakeDisk> {
    open_with(disk, &folding()).unwrap()
}

/// Runs a program on a copy of `base`, and cuts it within its last operation.
fn run(base: &[u8], before: &Content, ops: &[Op], random: &mut Random, tried: &mut Tried) {
    let disk = FakeDisk::of(base.to_vec());
    disk.record();
    let mut store = open(&disk);
    let mut history = History::of(before.clone());
    let mut from = 0;
    for op in ops {
        from = disk.trace_len();
        step(&mut store, *op, &mut history, || disk.trace_len()).unwrap();
    }
    tried.programs += 1;
    let events = disk.trace();
    Run { base, events: &events, history: &history }.cut_all(from, random, tried);
}

/// A store with something in its table, and something else in its log.
fn half_folded() -> (Vec<u8>, Content) {
    let disk = formatted(16, 64);
    let mut history = History::of(Content::new());
    let mut store = open(&disk);
    for op in [Op::PutB, Op::PutLong, Op::Fold, Op::PutA, Op::Fold, Op::Pieces, Op::Sync] {
        step(&mut store, op, &mut history, || 0).unwrap();
    }
    (disk.bytes(), history.last().clone())
}

fn bases() -> [(Vec<u8>, Content); 2] {
    [(formatted(16, 64).bytes(), Content::new()), half_folded()]
}

fn programs(len: usize) -> Vec<Vec<Op>> {
    match len {
        0 => vec![vec![]],
        len => programs(len - 1)
            .into_iter()
            .flat_map(|ops| ALL.map(|op| [ops.as_slice(), &[op]].concat()))
            .collect(),
    }
}

// attack 65 F: every power cut in every program of one or two operations, and in each 31st of three; what was acknowledged is there, whole; broken: store-flush, store-log-pages, state-persists
#[test]
fn whatever_was_acknowledged_outlives_a_cut() {
    let mut tried = Tried::default();
    let mut random = Random::new(1);
    // One of 31 has each operation at each place.
    let step = if scale() > 1 { 1 } else { 31 };
    for (base, before) in bases() {
        let three = programs(3).into_iter().step_by(step);
        for ops in programs(1).into_iter().chain(programs(2)).chain(three) {
            run(&base, &before, &ops, &mut random, &mut tried);
        }
    }
    println!("{tried:?}");
    assert_eq!(tried.wrong, 0, "{tried:?}");
    assert!(tried.programs >= 170 && tried.cuts >= 7_000, "{tried:?}");
}

// attack 65 F: power cuts while a store is opened after a cut; the same content, however often
#[test]
fn an_opening_that_is_cut_loses_nothing() {
    let mut tried = Tried::default();
    let mut random = Random::new(2);
    for (base, before) in bases() {
        let disk = FakeDisk::of(base.clone());
        disk.record();
        drop(open(&disk));
        let history = History::of(before);
        let events = disk.trace();
        Run { base: &base, events: &events, history: &history }.cut_all(0, &mut random, &mut tried);
    }
    println!("{tried:?}");
    assert_eq!(tried.wrong, 0, "{tried:?}");
    assert!(tried.cuts >= 100, "{tried:?}");
}

// attack 65 F: power is cut within a fold, while others sync and the log goes round; what is not yet in the table is in the log; broken: store-fold-release
#[test]
fn the_log_stays_until_all_of_a_fold_is_in_the_table() {
    let disk = formatted(16, 256);
    let fold = FoldLimits { keys: 1, ..options().fold };
    let mut store = open_with(&disk, &OpenOptions { fold, ..options() }).unwrap();
    let mut put = Content::new();
    // Of 16 pages the opening has one, and then these; a long one does not fit behind the others.
    let (short, long) = (10, 14_000);
    for (at, len) in [short, short, long].into_iter().chain([short; 7]).chain([long]).enumerate() {
        let (name, value, before) = (format!("{at}"), vec![7; len], put.clone());
        let mut bytes = disk.bytes();
        disk.record();
        store.put(TREE, key(&name), &value, Expect::Any).unwrap();
        store.sync().unwrap();
        put.insert(name, value);
        if at == 2 {
            assert!(store.turn().unwrap(), "there is more to fold");
        }
        for event in disk.trace() {
            apply(&mut bytes, &event);
            let mut cut = open(&FakeDisk::of(bytes.clone()));
            let there = content(&mut cut, TREE, 100).unwrap();
            assert!(there == put || there == before, "after {at}: {:?}", there.keys());
        }
    }
}

// attack 65 F: the same cuts where flushes do nothing; acknowledged writes are lost, so the test can see it
#[test]
fn without_flushes_cuts_lose_what_was_acknowledged() {
    let (base, before) = half_folded();
    let disk = FakeDisk::of(base.clone());
    let mut store = open(&disk);
    let base_open = disk.bytes();
    disk.record();
    let mut history = History::of(before);
    for op in [Op::PutA, Op::Sync, Op::PutB, Op::Fold] {
        step(&mut store, op, &mut history, || disk.trace_len()).unwrap();
    }
    let kept = |flushes: bool| -> Tried {
        let events: Vec<Event> =
            disk.trace().into_iter().filter(|one| flushes || *one != Event::Flush).collect();
        // Without flushes nothing says when something is durable but the acknowledgement itself.
        let history = History {
            durable: if flushes { history.durable.clone() } else { vec![(0, 0), (1, 1)] },
            ..history.clone()
        };
        let mut tried = Tried::default();
        let run = Run { base: &base_open, events: &events, history: &history };
        run.cut_all(0, &mut Random::new(3), &mut tried);
        tried
    };
    let (with, without) = (kept(true), kept(false));
    println!("{with:?} {without:?}");
    assert_eq!(with.wrong, 0);
    assert!(without.wrong > 10, "the control must fail: {without:?}");
}

// attack 65 F: power cuts while a store is made; there is none, or an empty one; broken: store-half-made
#[test]
fn a_store_is_made_whole_or_not_at_all() {
    use super::common::{GUID, KEY, extent};
    use crate::{FormatOptions, Identity, Unreadable, format};
    let disk = FakeDisk::new(82 * 8);
    disk.record();
    let options_of = FormatOptions { log_pages: Some(16) };
    format(disk.clone(), extent(82), Identity { guid: GUID, key: KEY }, options_of).unwrap();
    let events = disk.trace();
    let mut made = 0;
    let mut random = Random::new(4);
    for end in 0..=events.len() {
        for _ in 0..8 {
            let mut bytes = vec![0; 82 * 8 * SECTOR];
            let flushed = events[..end].iter().rposition(|event| *event == Event::Flush);
            let (safe, open) = events[..end].split_at(flushed.map_or(0, |at| at + 1));
            safe.iter().for_each(|event| apply(&mut bytes, event));
            for event in open.iter().flat_map(sectors) {
                if random.number() >> 20 & 1 == 0 {
                    apply(&mut bytes, &event);
                }
            }
            match open_with(&FakeDisk::of(bytes), &options()) {
                Ok(mut store) => {
                    assert!(content(&mut store, TREE, 2).unwrap().is_empty());
                    made += 1;
                }
                Err(error) => assert_eq!(error, Refused::Superblock(Unreadable::Blank)),
            }
        }
    }
    assert!(made >= 8, "the last cuts leave a store");
}
