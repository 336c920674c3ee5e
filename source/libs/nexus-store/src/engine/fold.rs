//! From the log into the table, in bounded steps.

use super::Engine;
use super::memory::Frozen;
use crate::device::{BlockDevice, PAGE};
use crate::format::Node;
use crate::pager::Fault;
use crate::row::{self, RowKey, State};
use crate::store::{Error, ReadOnly};
use crate::table::{RowsToWrite, Table, TableError};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

const FULL: Result<(), TableError> = Err(TableError::Fault(Fault::Full));
/// The part of the table that is kept for deleting.
const BALLAST_PART: u64 = 16;
/// Pages of it that one row keeps.
const BALLAST_PAGES: u64 = 16;
/// Rows of it that are given up at once.
const GIVEN_UP: u32 = 16;

/// How many rows keep room for deleting.
pub(super) fn ballast_rows(table_pages: u64) -> u32 {
    u32::try_from((table_pages / BALLAST_PART).div_ceil(BALLAST_PAGES)).unwrap_or(u32::MAX)
}

/// One of them.
pub(super) fn ballast(table_pages: u64, index: u32) -> Vec<u8> {
    let behind = table_pages / BALLAST_PART - u64::from(index) * BALLAST_PAGES;
    let pages = usize::try_from(behind.min(BALLAST_PAGES)).unwrap_or(0);
    // What redb adds to it stays within the same pages.
    vec![0; pages * PAGE - 256]
}

/// What all rows together may be charged with: half of the rest.
pub(super) fn capacity(table_pages: u64) -> u64 {
    (table_pages - table_pages / BALLAST_PART) * PAGE as u64 / 2
}

/// What one turn folds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoldLimits {
    /// Keys.
    pub keys: usize,
    /// Leaves of the table that have these keys, or will.
    pub leaves: usize,
    /// Bytes of keys and rows, about: the last one may have more.
    pub bytes: usize,
}

impl FoldLimits {
    /// So that each turn takes something.
    pub(super) fn at_least_one(self) -> Self {
        let Self { keys, leaves, bytes } = self;
        Self { keys: keys.max(1), leaves: leaves.max(1), bytes: bytes.max(1) }
    }
}

/// Keys from which on they are folded, however little of the log they take: who puts many at a time leaves no more of
/// them to whoever puts next.
const KEYS_AT_ONCE: usize = 512;

/// What one turn takes.
struct Turn {
    left: FoldLimits,
    /// The last key of the leaf that has the last one that was taken: of none yet, of the last leaf, or of another.
    leaf: Option<Option<Vec<u8>>>,
    /// The leaves that will be changed.
    leaves: Vec<Node>,
}

impl Turn {
    const fn new(left: FoldLimits) -> Self {
        Self { left, leaf: None, leaves: Vec::new() }
    }

    /// Whether there is room for one more row; keys come in order.
    fn takes<D: BlockDevice>(
        &mut self,
        table: &Table<D>,
        key: &[u8],
        row: usize,
    ) -> Result<bool, TableError> {
        let FoldLimits { keys, leaves, bytes } = &mut self.left;
        if *keys == 0 || *bytes == 0 {
            return Ok(false);
        }
        let here = |end: &Option<Vec<u8>>| end.as_deref().is_none_or(|end| key <= end);
        if !self.leaf.as_ref().is_some_and(here) {
            if *leaves == 0 {
                return Ok(false);
            }
            *leaves -= 1;
            let place = table.place(key)?;
            self.leaves.extend(place.leaf);
            self.leaf = Some(place.end);
        }
        *keys -= 1;
        *bytes = bytes.saturating_sub(key.len() + row);
        Ok(true)
    }
}

impl<D: BlockDevice> Engine<D> {
    /// Freezes what is in the log once enough of it is used, a quarter at most, and folds at once when half is: then
    /// there is always room for a frame. Between the two [`is_pressing`](Self::is_pressing) has turns taken. Nothing
    /// is pending.
    pub(super) fn freeze_when_due(&mut self) -> Result<(), Error> {
        let (used, pages) = self.log_pages();
        if self.frozen.is_some() && used >= pages / 2 {
            self.fold_all()?;
        }
        if self.frozen.is_none() && self.is_due() {
            self.freeze();
        }
        Ok(())
    }

    /// Whether there is enough in the log to be folded.
    fn is_due(&self) -> bool {
        let (used, _) = self.log_pages();
        used >= self.fold_at || self.active.len() >= KEYS_AT_ONCE
    }

    /// Whether what is frozen is to be folded though others ask: three eighths of the log are used, with what is not
    /// written yet, or as many changes were made for which no turn was taken as one folds of keys that each have a leaf
    /// of their own, or as much as is frozen at once waits behind it. So as many keys are folded as are changed, by
    /// whoever changes them, and more while more were left than are to be.
    pub(super) fn is_pressing(&self) -> bool {
        let (used, pages) = self.log_pages();
        let used = used as usize + self.pending.len() / PAGE;
        let many = self.accepted - self.folded >= self.fold.leaves as u64;
        let behind = self.active.len() >= KEYS_AT_ONCE;
        self.frozen.is_some()
            && self.read_only.is_none()
            && (used >= pages as usize / 8 * 3 || many || behind)
    }

    pub(super) fn freeze(&mut self) {
        let dirty = mem::take(&mut self.dirty);
        let usage = dirty.into_iter().map(|tree| (tree, self.used(tree))).collect();
        self.folded = self.accepted;
        self.frozen = Some(Frozen {
            rows: mem::take(&mut self.active),
            done: None,
            state: State { mark: self.log.mark(), epoch: self.epoch, charge: self.charge },
            usage,
        });
    }

    /// One transaction of what is frozen, the last of which says that all is in the table; whether there is more.
    pub(super) fn fold_step(&mut self) -> Result<bool, Error> {
        let Some(frozen) = self.frozen.take() else { return Ok(false) };
        match self.fold_chunk(frozen) {
            Ok(more) => Ok(more),
            Err(error) => Err(self.fold_failed(error)),
        }
    }

    fn fold_failed(&mut self, error: TableError) -> Error {
        let reason = match error {
            TableError::Fault(Fault::Full) => ReadOnly::TableFull,
            TableError::Fault(Fault::Page(page)) => ReadOnly::DamagedPage(page),
            TableError::Fault(Fault::Device(error)) => ReadOnly::TableWrite(error),
            TableError::Fault(_) | TableError::Inconsistent => ReadOnly::Inconsistent,
        };
        self.end_writing(reason);
        Error::ReadOnly(reason)
    }

    fn fold_chunk(&mut self, mut frozen: Frozen) -> Result<bool, TableError> {
        let mut turn = Turn::new(self.fold);
        let chunk = frozen.chunk(|key, row| turn.takes(&self.table, key, row));
        let (chunk, last) = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                self.frozen = Some(frozen);
                return Err(error);
            }
        };
        self.table.ahead(&turn.leaves);
        let done = chunk.last().map(|(key, _)| Box::from(*key));
        let folded = self.write_table(last, &|rows| {
            for (key, row) in &chunk {
                match row {
                    Some(row) => drop(rows.insert(*key, *row)?),
                    None => drop(rows.remove(*key)?),
                }
            }
            if last { finish(&frozen, rows) } else { Ok(()) }
        });
        // A turn is taken for as many changes as it has keys, and for those at least that one is due for.
        let turned = chunk.len().max(self.fold.leaves) as u64;
        self.folded = self.accepted.min(self.folded + turned);
        if folded.is_ok() && last {
            self.log.release(frozen.state.mark);
            return Ok(false);
        }
        if folded.is_ok() {
            frozen.done = done;
        }
        self.frozen = Some(frozen);
        folded.map(|()| true)
    }

    /// One transaction; when the table runs out of room, once more with all of its part of the disk, and at last with
    /// what was kept for deleting.
    fn write_table(
        &mut self,
        record: bool,
        work: &dyn Fn(&mut RowsToWrite<'_>) -> redb::Result<()>,
    ) -> Result<(), TableError> {
        let first = self.table.write(record, work);
        if first != FULL {
            return first;
        }
        self.table.stretch()?;
        let mut written = self.table.write(record, work);
        while written == FULL && self.ballast > 0 {
            self.table.stretch()?;
            self.give_up_ballast()?;
            written = self.table.write(record, work);
        }
        written
    }

    fn give_up_ballast(&mut self) -> Result<(), TableError> {
        let first = self.ballast_rows - self.ballast;
        let end = self.ballast_rows.min(first + GIVEN_UP);
        self.table.write(true, |rows| {
            (first..end)
                .try_for_each(|index| rows.remove(RowKey::ballast(index).as_bytes()).map(drop))
        })?;
        self.ballast = self.ballast_rows - end;
        // Pages that a commit freed can be had after the next one.
        self.table.write(true, |_| Ok(()))
    }

    /// Whether room that was kept for deleting is given up.
    pub(super) fn in_reserve(&self) -> bool {
        self.ballast < self.ballast_rows
    }

    /// Keeps a row more of room for deleting, once there is much less in the table.
    fn restore_ballast(&mut self) -> Result<(), TableError> {
        if !self.may_restore() {
            return Ok(());
        }
        let index = self.ballast_rows - self.ballast - 1;
        let (key, row) = (RowKey::ballast(index), ballast(self.pager.lock().table_pages(), index));
        match self.table.write(true, |rows| rows.insert(key.as_bytes(), row.as_slice()).map(drop)) {
            Ok(()) => self.ballast += 1,
            FULL => {
                self.restore_at = self.charge / 2;
                self.table.stretch()?;
            }
            other => return other,
        }
        Ok(())
    }

    fn may_restore(&self) -> bool {
        self.in_reserve() && self.charge <= self.restore_at
    }

    /// Folds all that is frozen.
    pub(super) fn fold_all(&mut self) -> Result<(), Error> {
        while self.fold_step()? {}
        Ok(())
    }

    pub(super) fn background(&mut self) -> Result<bool, Error> {
        self.writable()?;
        if self.pending.is_empty() {
            self.freeze_when_due()?;
        }
        let more = self.fold_step()?;
        if !more {
            self.restore_ballast().map_err(|error| self.fold_failed(error))?;
        }
        let due = self.is_due() && self.pending.is_empty();
        Ok(more || due || self.may_restore())
    }
}

/// What the table says once all that was frozen is in it.
fn finish(frozen: &Frozen, rows: &mut RowsToWrite<'_>) -> redb::Result<()> {
    for (tree, usage) in &frozen.usage {
        rows.insert(RowKey::usage(*tree).as_bytes(), usage.encode().as_slice())?;
    }
    rows.insert(row::STATE, frozen.state.encode().as_slice())?;
    Ok(())
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
