//! Power cuts: of what was written and not flushed any part may be there, in whole sectors.
//!
//! The disk remembers what the engine asked of it. For each operation of a program the run is cut at every write; of
//! the writes since the last flush every subset is left on the disk, up to 10 of them, and samples beyond; the last
//! one torn at each sector; and any sectors at random. Each time the store is opened, and must hold exactly what it
//! held after some operation: not before the last one that was acknowledged.

use std::prelude::rust_2024::*;
use std::{println, vec};

use super::common::{Content, Random, TREE, content, formatted, open_with, options, scale};
use super::program::{ALL, History, Op, step};
use crate::fake::{Event, FakeDisk};
use crate::{Engine, OpenOptions, Refused, SECTOR};

/// Subsets of so many writes are all tried.
const ALL_SUBSETS: usize = 10;
/// Others: so many samples.
const SAMPLES: usize = 64;

/// What was tried, and how often the store was not as it must be.
#[derive(Debug, Default)]
struct Tried {
    programs: usize,
    cuts: usize,
    wrong: usize,
}

/// The disk before, and what was asked of it.
struct Run<'a> {
    base: &'a [u8],
    events: &'a [Event],
    history: &'a History,
}

/// Each sync is followed by a fold.
fn folding() -> OpenOptions {
    OpenOptions { fold_at: Some(1), ..options() }
}

fn open(disk: &FakeDisk) -> Engine<FakeDisk> {
    open_with(disk, &folding()).unwrap()
}

fn apply(bytes: &mut [u8], event: &Event) {
    if let Event::Write { sector, data } = event {
        let at = usize::try_from(*sector).unwrap() * SECTOR;
        bytes[at..at + data.len()].copy_from_slice(data);
    }
}

/// The first sectors of a write.
fn torn(event: &Event, sectors: usize) -> Event {
    match event {
        Event::Write { sector, data } => {
            Event::Write { sector: *sector, data: data[..sectors * SECTOR].to_vec() }
        }
        Event::Flush => Event::Flush,
    }
}

fn sectors(event: &Event) -> Vec<Event> {
    match event {
        Event::Write { sector, data } => (*sector..)
            .zip(data.chunks(SECTOR))
            .map(|(sector, data)| Event::Write { sector, data: data.to_vec() })
            .collect(),
        Event::Flush => Vec::new(),
    }
}

impl Run<'_> {
    /// Cuts at every event from `from` on.
    fn cut_all(&self, from: usize, random: &mut Random, tried: &mut Tried) {
        for end in from..=self.events.len() {
            let before = &self.events[..end];
            let flushed = before.iter().rposition(|event| *event == Event::Flush);
            let (safe, open) = before.split_at(flushed.map_or(0, |at| at + 1));
            let mut disk = self.base.to_vec();
            safe.iter().for_each(|event| apply(&mut disk, event));
            self.cut(&disk, open, end, random, tried);
        }
    }

    fn cut(&self, disk: &[u8], open: &[Event], end: usize, random: &mut Random, tried: &mut Tried) {
        let mut look = |writes: &[Event]| {
            let mut disk = disk.to_vec();
            writes.iter().for_each(|event| apply(&mut disk, event));
            self.look(disk, end, tried);
        };
        let chosen = |bits: u64| -> Vec<Event> {
            let bit = |at: usize| bits >> (at % 64) & 1 == 1;
            open.iter().enumerate().filter(|(at, _)| bit(*at)).map(|(_, one)| one.clone()).collect()
        };
        if open.len() <= ALL_SUBSETS {
            (0..1_u64 << open.len()).for_each(|bits| look(&chosen(bits)));
        } else {
            look(&[]);
            look(open);
            (0..SAMPLES).for_each(|_| look(&chosen(random.next())));
        }
        let Some((last, others)) = open.split_last() else { return };
        for count in 1..sectors(last).len() {
            look(&[others, &[torn(last, count)]].concat());
            look(&[torn(last, count)]);
        }
        let all: Vec<Event> = open.iter().flat_map(sectors).collect();
        for _ in 0..4 {
            let some: Vec<Event> =
                all.iter().filter(|_| random.next() >> 20 & 1 == 0).cloned().collect();
            look(&some);
        }
    }

    fn look(&self, disk: Vec<u8>, end: usize, tried: &mut Tried) {
        tried.cuts += 1;
        let least = self.history.durable_at(end);
        let may_be = &self.history.states[least..];
        let right = match open_with(&FakeDisk::of(disk), &folding()) {
            Ok(mut store) => may_be.contains(&content(&mut store, TREE, 2).unwrap()),
            Err(_) => false,
        };
        tried.wrong += usize::from(!right);
    }
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

// attack 65 F: every power cut in every program of one or two operations, and in each 31st of three; what was acknowledged is there, whole; broken: store-flush
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

// attack 65 F: power cuts while a store is made; there is none, or an empty one
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
                if random.next() >> 20 & 1 == 0 {
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
