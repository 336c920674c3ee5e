//! Rows in order, out of memory and table together.

use super::Engine;
use super::memory::{InOrder, Newest, Order};
use crate::device::BlockDevice;
use crate::key::TreeId;
use crate::span::Span;
use crate::row::{self, Data, RowKey};
use crate::store::{Asked, Error, Listed, Listing, MAX_ROWS};
use crate::table::TableError;
use crate::tree::LeafRows;
use alloc::string::String;
use core::mem;
use core::ops::{Bound, ControlFlow};

/// What memory has next, and how it stands to the rows of a leaf.
struct Newer<'a> {
    memory: Newest<'a>,
    next: Option<InOrder<'a>>,
}

impl<'a> Newer<'a> {
    fn take(&mut self) -> Option<InOrder<'a>> {
        let next = self.memory.next();
        mem::replace(&mut self.next, next)
    }

    /// Where the keys of a leaf, of which `last` is the last and all begin with `shared` bytes, can differ from the next
    /// one here. None: that is behind all of them, or there is none.
    fn differs(&self, shared: usize, last: &Order) -> Option<usize> {
        let (is_behind, same) = last.behind(self.next?.order);
        (!is_behind).then_some(same.min(shared))
    }
}

type Visited = Result<ControlFlow<()>, TableError>;

/// Shows the rows of a leaf, and before each what memory has up to it: instead of it, when it has the same key.
///
/// In a frame of its own, which is small: what it has at hand for each row is reached at once.
#[inline(never)]
fn show(
    leaf: LeafRows<'_>,
    newer: &mut Newer<'_>,
    visit: &mut impl FnMut(Span<'_>, Span<'_>) -> Visited,
) -> Visited {
    let (shared, last) = (leaf.shared(), Order::of(leaf.last));
    let mut differs = newer.differs(shared, &last);
    for row in leaf.rows() {
        let (old, old_row) = row?;
        let mut shown = Some((old, old_row));
        while let Some(at) = differs
            && let Some(InOrder { key: new, row: new_row, .. }) = newer.next
            && let order = new.bytes().get(at..).cmp(&old.bytes().get(at..))
            && order.is_le()
        {
            if order.is_eq() {
                shown = new_row.map(|row| (new, row));
            } else if let Some(row) = new_row
                && visit(new, row)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
            newer.take();
            differs = newer.differs(shared, &last);
            if order.is_eq() {
                break;
            }
        }
        if let Some((key, row)) = shown
            && visit(key, row)?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
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
        while let Some(leaf) = table.leaf()? {
            if show(leaf, &mut newer, &mut visit)?.is_break() {
                return Ok(());
            }
            table.leave()?;
        }
        while let Some(InOrder { key, row, .. }) = newer.take() {
            if let Some(row) = row
                && visit(key, row)?.is_break()
            {
                return Ok(());
            }
        }
        Ok(())
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
            let key = row::key_in_tree(key).ok_or(TableError::Inconsistent)?;
            let data = Data::decode(row.bytes()).ok_or(TableError::Inconsistent)?;
            let value = data.whole().and_then(|value| row.behind(row.len() - value.len()));
            let listed = Listed { key, found: data.found(), value };
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
