//! Rows in order, out of memory and table together.

use super::Engine;
use super::memory::Newest;
use crate::device::BlockDevice;
use crate::key::TreeId;
use crate::row::{self, Data, RowKey};
use crate::store::{Asked, Error, Listed, Listing, MAX_ROWS};
use crate::table::TableError;
use crate::tree::shared;
use alloc::string::String;
use core::cmp::Ordering;
use core::ops::{Bound, ControlFlow};

/// Bytes that both bounds begin with, and so all keys between them.
fn shared_by_all(from: Bound<&[u8]>, end: &[u8]) -> usize {
    match from {
        Bound::Included(key) | Bound::Excluded(key) => shared(key, end),
        Bound::Unbounded => 0,
    }
}

impl<D: BlockDevice> Engine<D> {
    /// Shows the rows from `from` on, below `end`, until `visit` has enough: each as it lies in memory.
    pub(super) fn walk(
        &self,
        from: Bound<&[u8]>,
        end: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, TableError>,
    ) -> Result<(), TableError> {
        let frozen = self.frozen.as_ref().map(|frozen| &frozen.rows);
        let mut memory = Newest::new(&self.active, frozen, from, end);
        let mut table = self.table.range(from, end)?;
        let shared = shared_by_all(from, end);
        let mut newest = memory.next();
        loop {
            let oldest = table.row();
            let order = match (newest, oldest) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((new, _)), Some((old, _))) => new.get(shared..).cmp(&old.get(shared..)),
            };
            let row = match newest {
                Some((key, row)) if order.is_le() => row.map(|row| (key, row)),
                _ => oldest,
            };
            if let Some((key, row)) = row
                && visit(key, row)?.is_break()
            {
                return Ok(());
            }
            if order.is_le() {
                newest = memory.next();
            }
            if order.is_ge() {
                table.advance()?;
            }
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
            let key = row::key_in_tree(key).ok_or(TableError::Inconsistent)?;
            let data = Data::decode(row).ok_or(TableError::Inconsistent)?;
            let listed = Listed { key, found: data.found(), value: data.whole() };
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
