//! Rows that are in the log and not in the table.

use crate::key::TreeId;
use crate::row::{MAX_ROW_KEY, State};
use crate::span::{Kept, Span};
use crate::store::Usage;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem;
use core::ops::Bound;

/// Words of the longest key.
const WORDS: usize = MAX_ROW_KEY / KEY_BYTES + 1;
/// Bytes of a key in a word. The last byte of the word says how many they are, or that more follow.
const KEY_BYTES: usize = 7;
const MORE: u64 = 8;

/// A key as words that are in the order of keys: compared eight bytes at a time, where the compiler's own comparison
/// takes them one by one.
pub(super) struct Order {
    words: [u64; WORDS],
    len: usize,
}

impl Order {
    pub(super) fn of(key: &[u8]) -> Self {
        let mut order = Self { words: [0; WORDS], len: key.len() / KEY_BYTES + 1 };
        let (whole, rest) = key.as_chunks::<KEY_BYTES>();
        let parts = whole.iter().map(<[u8; KEY_BYTES]>::as_slice).chain([rest]);
        for (word, part) in order.words.iter_mut().zip(parts) {
            let bytes = part.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let missing = KEY_BYTES - part.len();
            let mark = if missing == 0 { MORE } else { part.len() as u64 };
            *word = bytes << (8 * missing) << 8 | mark;
        }
        order
    }

    fn words(&self) -> &[u64] {
        self.words.get(..self.len).unwrap_or(&self.words)
    }

    /// Whether the key of these words is behind this one; and how many bytes both begin with, if they have so many.
    pub(super) fn behind(&self, words: &[u64]) -> (bool, usize) {
        let same = self.words().iter().zip(words).take_while(|(one, two)| one == two).count();
        let (one, two) = (self.words().get(same).copied(), words.get(same).copied());
        let differs = one.unwrap_or_default() ^ two.unwrap_or_default();
        let bytes = (differs.leading_zeros() / u8::BITS) as usize;
        (two > one, same * KEY_BYTES + bytes.min(KEY_BYTES))
    }
}

fn order_of(bound: Bound<&[u8]>) -> Bound<Order> {
    bound.map(Order::of)
}

fn words_of(bound: &Bound<Order>) -> Bound<&[u64]> {
    bound.as_ref().map(Order::words)
}

/// A row; none: it is removed.
#[derive(Debug)]
struct Entry {
    key: Kept,
    row: Option<Kept>,
}

/// Rows by key.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<Box<[u64]>, Entry>);

impl Rows {
    /// How many keys.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// `None`: nothing is known here. `Some(None)`: it is removed.
    pub(super) fn get(&self, key: &Order) -> Option<Option<&[u8]>> {
        self.0.get(key.words()).map(|entry| entry.row.as_ref().map(Kept::bytes))
    }

    pub(super) fn set(&mut self, key: &[u8], row: Option<&[u8]>) {
        let row = row.map(Kept::new);
        let order = Order::of(key);
        match self.0.get_mut(order.words()) {
            Some(entry) => entry.row = row,
            None => drop(self.0.insert(order.words().into(), Entry { key: Kept::new(key), row })),
        }
    }

    fn range(&self, from: Bound<&[u8]>, end: &[u8]) -> Walk<'_> {
        // A range that ends before it begins has nothing, and `BTreeMap` does not take it.
        let start = match from {
            Bound::Included(key) | Bound::Excluded(key) => key,
            Bound::Unbounded => &[],
        };
        let (from, end_order) = (order_of(from), Order::of(end));
        let bounds = (words_of(&from), Bound::Excluded(end_order.words()));
        let range = (start < end).then(|| self.0.range::<[u64], _>(bounds));
        let mut walk = Walk { next: None, rest: range.unwrap_or_default() };
        walk.take();
        walk
    }
}

/// A key, and its row; none: that is removed.
pub(super) type Changed<'a> = (&'a [u8], Option<&'a [u8]>);

/// What changed, in order: the words of the key, and the row.
#[derive(Clone, Copy)]
pub(super) struct InOrder<'a> {
    pub(super) order: &'a [u64],
    entry: &'a Entry,
}

impl<'a> InOrder<'a> {
    pub(super) fn key(self) -> Span<'a> {
        self.entry.key.span()
    }

    /// None: it is removed.
    pub(super) fn row(self) -> Option<Span<'a>> {
        self.entry.row.as_ref().map(Kept::span)
    }
}

/// Rows in order.
struct Walk<'a> {
    next: Option<InOrder<'a>>,
    rest: btree_map::Range<'a, Box<[u64]>, Entry>,
}

impl<'a> Walk<'a> {
    fn take(&mut self) -> Option<InOrder<'a>> {
        let next = self.rest.next();
        let next = next.map(|(order, entry)| InOrder { order, entry });
        mem::replace(&mut self.next, next)
    }
}

/// What changed, in the order of the keys, each as it is now.
pub(super) struct Newest<'a> {
    active: Walk<'a>,
    frozen: Option<Walk<'a>>,
}

impl<'a> Newest<'a> {
    pub(super) fn new(
        active: &'a Rows,
        frozen: Option<&'a Rows>,
        from: Bound<&[u8]>,
        end: &[u8],
    ) -> Self {
        let frozen = frozen.map(|rows| rows.range(from, end));
        Self { active: active.range(from, end), frozen }
    }

    pub(super) fn next(&mut self) -> Option<InOrder<'a>> {
        let Some(frozen) = &mut self.frozen else { return self.active.take() };
        let order = match (self.active.next, frozen.next) {
            (Some(active), Some(older)) => active.order.cmp(older.order),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let older = if order.is_ge() { frozen.take() } else { None };
        if order.is_le() { self.active.take() } else { older }
    }
}

/// What is being folded into the table: all of it is durable in the log, and nothing is added.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) rows: Rows,
    /// The last row that is in the table already.
    pub(super) done: Option<Box<[u8]>>,
    /// What the table will say when all is in it.
    pub(super) state: State,
    pub(super) usage: Vec<(TreeId, Usage)>,
}

impl Frozen {
    /// The next rows, as many as are `taken`, and whether they are the last.
    pub(super) fn chunk<E>(
        &self,
        mut taken: impl FnMut(&[u8], usize) -> Result<bool, E>,
    ) -> Result<(Vec<Changed<'_>>, bool), E> {
        let from = order_of(self.done.as_deref().map_or(Bound::Unbounded, Bound::Excluded));
        let mut chunk = Vec::new();
        let rest = self.rows.0.range::<[u64], _>((words_of(&from), Bound::Unbounded));
        for Entry { key, row } in rest.map(|(_, entry)| entry) {
            if !taken(key.bytes(), row.as_ref().map_or(0, |row| row.span().len()))? {
                return Ok((chunk, false));
            }
            chunk.push((key.bytes(), row.as_ref().map(Kept::bytes)));
        }
        Ok((chunk, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::prelude::rust_2024::*;
    use std::vec;

    #[test]
    fn words_are_in_the_order_of_keys_around_their_ends() {
        let mut keys = vec![vec![]];
        for len in [1, 6, 7, 8, 13, 14, 15, MAX_ROW_KEY] {
            for last in [0, 1, 255] {
                let mut key = vec![0; len];
                key[len - 1] = last;
                keys.push(key);
            }
        }
        for one in &keys {
            for two in &keys {
                let (first, second) = (Order::of(one), Order::of(two));
                assert_eq!(first.words().cmp(second.words()), one.cmp(two), "{one:?} {two:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn words_are_in_the_order_of_keys(
            one in prop::collection::vec(0_u8..3, 0..40),
            two in prop::collection::vec(0_u8..3, 0..40),
        ) {
            let (first, second) = (Order::of(&one), Order::of(&two));
            prop_assert_eq!(first.words().cmp(second.words()), one.cmp(&two));
        }
    }
}
