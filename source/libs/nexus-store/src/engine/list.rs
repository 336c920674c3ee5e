//! Rows in order, out of memory and table together.

use super::Engine;
use super::memory::{InOrder, Newest, Order};
use crate::device::BlockDevice;
use crate::key::TreeId;
use crate::row::{self, RowKey};
use crate::span::Span;
use crate::store::{Asked, Error, Listed, Listing, MAX_ROWS};
use crate::table::TableError;
use crate::tree::LeafRows;
use alloc::string::String;
use core::cmp::Ordering;
use core::ops::{Bound, ControlFlow};

/// What memory has next.
struct Newer<'a> {
    memory: Newest<'a>,
    next: Option<InOrder<'a>>,
}

impl Newer<'_> {
    /// The number of bytes that the keys of a leaf, of which `last` is the last and all begin with `shared` bytes, have
    /// in common with the next key here. None: that is behind all of them, or there is none.
    fn shares(&self, shared: usize, last: &Order) -> Option<usize> {
        let next = self.next?;
        let (is_behind, same) = last.behind(next.order);
        (!is_behind).then_some(same.min(shared).min(next.key().len()))
    }
}

type Visited = Result<ControlFlow<()>, TableError>;

/// Shows the rows of a leaf, and before each what memory has up to it: instead of it, when it has the same key. Without a
/// leaf, what memory has left.
///
/// In a frame of its own, which is small: what it has at hand for each row is reached at once.
#[inline(never)]
fn show(
    leaf: Option<LeafRows<'_>>,
    newer: &mut Newer<'_>,
    mut visit: impl FnMut(Span<'_>, Span<'_>) -> Visited,
) -> Visited {
    let bounds = leaf.as_ref().map(|leaf| (leaf.shared(), Order::of(leaf.last)));
    let shares = |newer: &Newer<'_>| match &bounds {
        Some((shared, last)) => newer.shares(*shared, last),
        None => newer.next.map(|_| 0),
    };
    let mut rows = leaf.map(LeafRows::rows);
    let mut next = || rows.as_mut().and_then(Iterator::next).transpose();
    let (mut old, mut same) = (next()?, shares(newer));
    loop {
        let new = same.zip(newer.next);
        let order = match (new, old) {
            (None, None) => return Ok(ControlFlow::Continue(())),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((same, new)), Some((old, _))) => new.key().rest(same).cmp(&old.rest(same)),
        };
        let row = match new {
            Some((_, new)) if order.is_le() => new.row().map(|row| (new.key(), row)),
            _ => old,
        };
        if let Some((key, row)) = row
            && visit(key, row)?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
        if order.is_le() {
            newer.next = newer.memory.next();
            same = shares(newer);
        }
        if order.is_ge() {
            old = next()?;
        }
    }
}

impl<D: BlockDevice> Engine<D> {
    /// Shows the rows from `from` on, below `end`, until `visit` has enough: each as it lies in memory.
    pub(super) fn walk(
        &self,
        from: Bound<&[u8]>,
        end: &[u8],
        mut visit: impl FnMut(Span<'_>, Span<'_>) -> Visited,
    ) -> Result<(), TableError> {
        let frozen = self.frozen.as_ref().map(|frozen| &frozen.rows);
        let mut memory = Newest::new(&self.active, frozen, from, end);
        let mut newer = Newer { next: memory.next(), memory };
        let mut table = self.table.range(from, end)?;
        loop {
            let leaf = table.leaf()?;
            let is_last = leaf.is_none();
            if show(leaf, &mut newer, &mut visit)?.is_break() || is_last {
                return Ok(());
            }
            table.leave()?;
        }
    }

    /// Shows the rows that are listed until `take` has no room for one, or there are as many as asked for; whether
    /// there are more.
    pub(super) fn list_rows(
        &mut self,
        tree: TreeId,
        listing: &Listing<'_>,
        take: &mut dyn FnMut(&Listed<'_>) -> bool,
    ) -> Result<bool, Error> {
        let begin = RowKey::begin(tree, listing.under);
        let end = RowKey::end(tree, listing.under);
        let after = listing.after.map(|after| RowKey::data(tree, after.as_str()));
        let from = match &after {
            Some(after) if after.as_bytes() >= begin.as_bytes() => {
                Bound::Excluded(after.as_bytes())
            }
            _ => Bound::Included(begin.as_bytes()),
        };
        let (mut left, mut more) = (listing.rows.clamp(1, MAX_ROWS), false);
        let walked = self.walk(from, end.as_bytes(), |key, row| {
            let (Some(key), Some((found, value))) = (row::key_in_tree(key), row::found(row)) else {
                return Err(TableError::Inconsistent);
            };
            let listed = Listed { key, found, value };
            more = left == 0 || !take(&listed);
            left = left.saturating_sub(1);
            Ok(if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        match walked {
            Ok(()) => Ok(more),
            Err(error) => {
                let after = listing.after.map_or(String::new(), |key| key.as_str().into());
                Err(self.hurt(error, Asked::Behind(after)))
            }
        }
    }
}
