//! Rows that are in the log and not in the table.

use crate::key::TreeId;
use crate::row::State;
use crate::store::Usage;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map;
use alloc::vec::Vec;
use core::mem;
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

    fn range(&self, from: Bound<&[u8]>, end: &[u8]) -> Walk<'_> {
        // A range that ends before it begins has nothing, and `BTreeMap` does not take it.
        let start = match from {
            Bound::Included(key) | Bound::Excluded(key) => key,
            Bound::Unbounded => &[],
        };
        let range = (start < end).then(|| self.0.range::<[u8], _>((from, Bound::Excluded(end))));
        let mut walk = Walk { next: None, rest: range.unwrap_or_default() };
        walk.take();
        walk
    }
}

type InOrder<'a> = btree_map::Range<'a, Box<[u8]>, Option<Box<[u8]>>>;
/// A key, and its row; none: that is removed.
type Changed<'a> = (&'a [u8], Option<&'a [u8]>);

/// Rows in order.
struct Walk<'a> {
    next: Option<Changed<'a>>,
    rest: InOrder<'a>,
}

impl<'a> Walk<'a> {
    fn take(&mut self) -> Option<Changed<'a>> {
        let next = self.rest.next().map(|(key, row)| (&**key, row.as_deref()));
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

    pub(super) fn next(&mut self) -> Option<Changed<'a>> {
        let Some(frozen) = &mut self.frozen else { return self.active.take() };
        match (self.active.next, frozen.next) {
            (Some((active, _)), Some((older, _))) if older <= active => {
                let older_row = frozen.take();
                if older == active { self.active.take() } else { older_row }
            }
            (Some(_), _) => self.active.take(),
            (None, _) => frozen.take(),
        }
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
        let from = self.done.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut chunk = Vec::new();
        for (key, row) in self.rows.0.range::<[u8], _>((from, Bound::Unbounded)) {
            if !taken(key, row.as_ref().map_or(0, |row| row.len()))? {
                return Ok((chunk, false));
            }
            chunk.push((&**key, row.as_deref()));
        }
        Ok((chunk, true))
    }
}
