//! Power cuts: of what was written and not flushed any part may be there, in whole sectors.
//!
//! A run is cut at every event; of the writes since the last flush every subset is left on the disk, up to 10 of them,
//! and samples beyond; the last one torn at each sector; and any sectors at random. Each time the store is opened, and
//! must hold exactly what it held after some operation: not before the last one that was acknowledged.

use std::prelude::rust_2024::*;

use super::content::{Random, TREE, content, open_with, options};
use super::program::History;
use crate::fake::{Event, FakeDisk};
use crate::{OpenOptions, SECTOR};

/// Subsets of so many writes are all tried.
const ALL_SUBSETS: usize = 10;
/// Others: so many samples.
const SAMPLES: usize = 64;

/// What was tried, and how often the store was not as it must be.
#[derive(Debug, Default)]
pub struct Tried {
    /// Programs.
    pub programs: usize,
    /// Cuts of them.
    pub cuts: usize,
    /// Cuts after which the store was not opened, or held something else.
    pub wrong: usize,
}

/// The disk before, and what was asked of it.
#[derive(Debug)]
pub struct Run<'a> {
    /// The disk before.
    pub base: &'a [u8],
    /// What was asked of it.
    pub events: &'a [Event],
    /// What the store held after each operation.
    pub history: &'a History,
}

/// Each sync is followed by a fold.
#[must_use]
pub fn folding() -> OpenOptions {
    OpenOptions { fold_at: Some(1), ..options() }
}

/// Makes an event come to a disk.
///
/// # Panics
/// It is none of this disk.
pub fn apply(bytes: &mut [u8], event: &Event) {
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

/// The sectors of a write, each for itself.
#[must_use]
pub fn sectors(event: &Event) -> Vec<Event> {
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
    ///
    /// # Panics
    /// An event is none of this disk.
    pub fn cut_all(&self, from: usize, random: &mut Random, tried: &mut Tried) {
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
            (0..SAMPLES).for_each(|_| look(&chosen(random.number())));
        }
        let Some((last, others)) = open.split_last() else { return };
        for count in 1..sectors(last).len() {
            look(&[others, &[torn(last, count)]].concat());
            look(&[torn(last, count)]);
        }
        let all: Vec<Event> = open.iter().flat_map(sectors).collect();
        for _ in 0..4 {
            let some: Vec<Event> =
                all.iter().filter(|_| random.number() >> 20 & 1 == 0).cloned().collect();
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
