//! Rows that are in the log and not in the table.

use crate::key::TreeId;
use crate::row::State;
use crate::store::Usage;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::ops::Bound;

/// Rows by key; none: the row is removed.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<Box<[u8]>, Option<Box<[u8]>>>);

impl Rows {
    /// `None`: nothing is known here. `Some(None)`: it is removed.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.0.get(key).map(Option::as_deref)
    }

    pub(super) fn set(&mut self, key: &[u8], row: Option<&[u8]>) {
        let row = row.map(Into::into);
        match self.0.get_mut(key) {
            Some(place) => *place = row,
            None => drop(self.0.insert(key.into(), row)),
        }
    }

    pub(super) fn range<'a>(&'a self, from: Bound<&[u8]>, end: &[u8]) -> Walk<'a> {
        // A range that ends before it begins has nothing, and `BTreeMap` does not take it.
        let start = match from {
            Bound::Included(key) | Bound::Excluded(key) => key,
            Bound::Unbounded => &[],
        };
        let range = (start < end).then(|| self.0.range::<[u8], _>((from, Bound::Excluded(end))));
        Walk(range.unwrap_or_default().peekable())
    }
}

type InOrder<'a> = btree_map::Range<'a, Box<[u8]>, Option<Box<[u8]>>>;

/// Rows in order.
pub(super) struct Walk<'a>(Peekable<InOrder<'a>>);

impl<'a> Walk<'a> {
    pub(super) fn key(&mut self) -> Option<&'a [u8]> {
        self.0.peek().map(|(key, _)| &***key)
    }

    /// The row, when it is that of `key`.
    pub(super) fn next_if(&mut self, key: &[u8]) -> Option<Option<&'a [u8]>> {
        self.0.next_if(|(next, _)| ***next == *key).map(|(_, row)| row.as_deref())
    }
}

/// A row for the table; none: it is removed.
pub(super) type ToFold<'a> = (&'a [u8], Option<&'a [u8]>);

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
    /// The next rows, of at most about so many keys and bytes; none behind the last.
    pub(super) fn chunk(&self, keys: usize, bytes: usize) -> Vec<ToFold<'_>> {
        let from = self.done.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.rows.0.range::<[u8], _>((from, Bound::Unbounded));
        let mut chunk = Vec::new();
        let mut taken = 0;
        while chunk.len() < keys && taken < bytes {
            let Some((key, row)) = rest.next() else { return chunk };
            taken += key.len() + row.as_ref().map_or(0, |row| row.len());
            chunk.push((&**key, row.as_deref()));
        }
        chunk
    }
}
