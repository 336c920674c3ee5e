//! Small programs, and what a store may hold after each part of one.

use std::prelude::rust_2024::*;
use std::vec;

use super::content::{Content, TREE, key};
use crate::{BlockDevice, Engine, Error, Expect, Step, Store};

/// An operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A short value.
    PutA,
    /// More than a page of the log.
    PutLong,
    /// Another.
    PutB,
    /// Removes the first.
    DeleteA,
    /// Both keys, one of them removed every other time.
    Batch,
    /// A value in two pieces.
    Pieces,
    /// All before it is acknowledged.
    Sync,
    /// The same, and the log goes into the table.
    Fold,
}

/// Each of them.
pub const ALL: [Op; 8] =
    [Op::PutA, Op::PutLong, Op::PutB, Op::DeleteA, Op::Batch, Op::Pieces, Op::Sync, Op::Fold];

/// What happened: the content after each operation, and how far it was acknowledged when.
#[derive(Clone, Debug)]
pub struct History {
    /// Index 0: before the first one.
    pub states: Vec<Content>,
    /// (events of the disk by then, operations that are durable)
    pub durable: Vec<(usize, usize)>,
}

impl History {
    /// Nothing yet, on a store with this content.
    #[must_use]
    pub fn of(content: Content) -> Self {
        Self { states: vec![content], durable: vec![(0, 0)] }
    }

    /// The content by now.
    ///
    /// # Panics
    /// Never: there is one.
    #[must_use]
    pub fn last(&self) -> &Content {
        self.states.last().unwrap()
    }

    /// How many operations are durable once the disk was asked so much.
    #[must_use]
    pub fn durable_at(&self, events: usize) -> usize {
        let known = self.durable.iter().filter(|(at, _)| *at <= events);
        known.map(|(_, operations)| *operations).max().unwrap_or(0)
    }
}

fn fill(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + number * 13) as u8).collect()
}

fn pieces<D: BlockDevice>(store: &mut Engine<D>, number: usize) -> Result<Vec<u8>, Error> {
    let mut draft = store.begin()?;
    let parts = [fill(number, 900), fill(number + 1, 300)];
    for part in &parts {
        store.piece(&mut draft, part)?;
    }
    store.finish(TREE, key("a"), draft, Expect::Any).map_err(|(_, error)| error)?;
    Ok(parts.concat())
}

fn batch<D: BlockDevice>(
    store: &mut Engine<D>,
    number: usize,
    next: &mut Content,
) -> Result<(), Error> {
    let value = fill(number, 20);
    let other = number.is_multiple_of(2).then_some(value.as_slice());
    let steps = [("a", Some(value.as_slice())), ("b", other)];
    let steps = steps.map(|(name, value)| Step { key: key(name), value, expect: Expect::Any });
    store.batch(TREE, &steps)?;
    next.insert("a".into(), value.clone());
    match other {
        Some(value) => drop(next.insert("b".into(), value.to_vec())),
        None => drop(next.remove("b")),
    }
    Ok(())
}

/// Does one operation; `events` says how much the disk has been asked.
///
/// # Errors
/// As the store.
pub fn step<D: BlockDevice>(
    store: &mut Engine<D>,
    op: Op,
    history: &mut History,
    events: impl Fn() -> usize,
) -> Result<(), Error> {
    let number = history.states.len();
    let mut next = history.last().clone();
    let mut put = |store: &mut Engine<D>, name: &str, value: Vec<u8>| {
        store.put(TREE, key(name), &value, Expect::Any)?;
        next.insert(name.into(), value);
        Ok::<(), Error>(())
    };
    match op {
        Op::PutA => put(store, "a", fill(number, 40))?,
        Op::PutB => put(store, "b", fill(number, 50))?,
        Op::PutLong => put(store, "long", fill(number, 5000))?,
        Op::DeleteA => {
            store.delete(TREE, key("a"), Expect::Any)?;
            next.remove("a");
        }
        Op::Batch => batch(store, number, &mut next)?,
        Op::Pieces => {
            let value = pieces(store, number)?;
            next.insert("a".into(), value);
        }
        Op::Sync => {
            store.sync()?;
            history.durable.push((events(), number - 1));
            return Ok(());
        }
        Op::Fold => {
            store.sync()?;
            history.durable.push((events(), number - 1));
            while store.turn()? {}
            return Ok(());
        }
    }
    history.states.push(next);
    Ok(())
}
