//! Rows in order, out of memory and table together.

use super::Engine;
use super::memory::Walk;
use crate::device::BlockDevice;
use crate::key::TreeId;
use crate::row::{self, Data, RowKey};
use crate::store::{Asked, Error, Listing, MAX_ROWS, Page, Row};
use crate::table::TableError;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};

impl<D: BlockDevice> Engine<D> {
    /// Shows the rows from `from` on, below `end`, until `visit` has enough.
    pub(super) fn walk(
        &self,
        from: Bound<&[u8]>,
        end: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, TableError>,
    ) -> Result<(), TableError> {
        let mut active = self.active.range(from, end);
        let mut frozen = self.frozen.as_ref().map(|frozen| frozen.rows.range(from, end));
        let mut table = self.table.range(from, end)?;
        let mut head = table.next().transpose()?;
        loop {
            let keys = [active.key(), frozen.as_mut().and_then(Walk::key)];
            let in_table = head.as_ref().map(|row| row.key());
            let Some(key) = keys.into_iter().chain([in_table]).flatten().min() else {
                return Ok(());
            };
            let newest = active.next_if(key);
            let newer = frozen.as_mut().and_then(|frozen| frozen.next_if(key));
            let is_head = in_table == Some(key);
            let old = head.as_ref().filter(|_| is_head).map(|row| Some(row.value()));
            if let Some(row) = newest.or(newer).or(old).flatten()
                && visit(key, row)?.is_break()
            {
                return Ok(());
            }
            if is_head {
                head = table.next().transpose()?;
            }
        }
    }

    pub(super) fn list_page(&mut self, tree: TreeId, listing: &Listing<'_>) -> Result<Page, Error> {
        let begin = RowKey::begin(tree, listing.under);
        let end = RowKey::end(tree, listing.under);
        let after = listing.after.map(|after| RowKey::data(tree, after.as_str()));
        let from = match &after {
            Some(after) if after.as_bytes() >= begin.as_bytes() => {
                Bound::Excluded(after.as_bytes())
            }
            _ => Bound::Included(begin.as_bytes()),
        };
        let mut page = Collected::new(listing);
        match self.walk(from, end.as_bytes(), |key, row| page.take(key, row)) {
            Ok(()) => Ok(page.page),
            Err(error) => {
                let after = listing.after.map_or(String::new(), |key| key.as_str().into());
                Err(self.hurt(error, Asked::Behind(after)))
            }
        }
    }
}

/// A page of a list that is being made.
struct Collected {
    page: Page,
    rows: usize,
    bytes: usize,
}

impl Collected {
    fn new(listing: &Listing<'_>) -> Self {
        let rows = listing.rows.clamp(1, MAX_ROWS);
        Self { page: Page { rows: Vec::new(), more: false }, rows, bytes: listing.bytes }
    }

    fn take(&mut self, key: &[u8], row: &[u8]) -> Result<ControlFlow<()>, TableError> {
        let (_, key) = row::tree_and_key(key).ok_or(TableError::Inconsistent)?;
        let data = Data::decode(row).ok_or(TableError::Inconsistent)?;
        let value = if self.bytes == 0 { &[][..] } else { data.whole().unwrap_or_default() };
        let first = self.page.rows.is_empty();
        let too_much = value.len() > self.bytes && !first;
        if self.page.rows.len() == self.rows || too_much {
            self.page.more = true;
            return Ok(ControlFlow::Break(()));
        }
        // A byte stays, so that what follows is asked for its value too.
        self.bytes = self.bytes.saturating_sub(value.len()).max(usize::from(self.bytes > 0));
        let found = data.found();
        self.page.rows.push(Row { key: key.as_str().into(), found, value: value.to_vec() });
        Ok(ControlFlow::Continue(()))
    }
}
