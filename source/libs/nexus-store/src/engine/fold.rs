//! From the log into the table, in bounded steps.

use super::Engine;
use super::memory::Frozen;
use crate::device::{BlockDevice, PAGE};
use crate::pager::Fault;
use crate::row::{self, RowKey, State};
use crate::store::{Error, ReadOnly};
use crate::table::{RowsToWrite, TableError};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

const FULL: Result<(), TableError> = Err(TableError::Fault(Fault::Full));
/// The part of the table that is kept for deleting.
const BALLAST_PART: u64 = 16;

/// A row as large as what is kept for deleting.
pub(super) fn ballast(table_pages: u64) -> Vec<u8> {
    let pages = usize::try_from(table_pages / BALLAST_PART).unwrap_or(usize::MAX);
    // What redb adds to it stays within the same pages.
    vec![0; pages.saturating_mul(PAGE) - 256]
}

/// What all rows together may be charged with: half of the rest.
pub(super) fn capacity(table_pages: u64) -> u64 {
    (table_pages - table_pages / BALLAST_PART) * PAGE as u64 / 2
}

impl<D: BlockDevice> Engine<D> {
    /// Freezes what is in the log once enough of it is used, a quarter at most, and folds at once when half is: then
    /// there is always room for a frame. Nothing is pending.
    pub(super) fn freeze_when_due(&mut self) -> Result<(), Error> {
        let (used, pages) = self.log_pages();
        if self.frozen.is_some() && used >= pages / 2 {
            self.fold_all()?;
        }
        let (used, _) = self.log_pages();
        if self.frozen.is_none() && used >= self.fold_at {
            self.freeze();
        }
        Ok(())
    }

    pub(super) fn freeze(&mut self) {
        let dirty = mem::take(&mut self.dirty);
        let usage = dirty.into_iter().map(|tree| (tree, self.used(tree))).collect();
        self.frozen = Some(Frozen {
            rows: mem::take(&mut self.active),
            done: None,
            state: State { mark: self.log.mark(), epoch: self.epoch, charge: self.charge },
            usage,
        });
    }

    /// One transaction of what is frozen; whether there is more.
    pub(super) fn fold_step(&mut self) -> Result<bool, Error> {
        let Some(frozen) = self.frozen.take() else { return Ok(false) };
        let (keys, bytes) = (self.fold_keys, self.fold_bytes);
        match self.fold_chunk(frozen, keys, bytes) {
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

    fn fold_chunk(
        &mut self,
        mut frozen: Frozen,
        keys: usize,
        bytes: usize,
    ) -> Result<bool, TableError> {
        let (chunk, last) = frozen.chunk(keys, bytes);
        let done = chunk.last().map(|(key, _)| Box::from(*key));
        let folded = self.write_table(&|rows| {
            for (key, row) in &chunk {
                match row {
                    Some(row) => drop(rows.insert(*key, *row)?),
                    None => drop(rows.remove(*key)?),
                }
            }
            if last { finish(&frozen, rows) } else { Ok(()) }
        });
        if folded.is_ok() && last {
            self.log.release(frozen.state.mark);
            return Ok(false);
        }
        if done.is_some() && folded.is_ok() {
            frozen.done = done;
        }
        self.frozen = Some(frozen);
        folded.map(|()| true)
    }

    /// One transaction; when the table runs out of room, once more with all of its part of the disk, and at last with
    /// what was kept for deleting.
    fn write_table(
        &mut self,
        work: &dyn Fn(&mut RowsToWrite<'_>) -> redb::Result<()>,
    ) -> Result<(), TableError> {
        let first = self.table.write(work);
        if first != FULL {
            return first;
        }
        self.table.stretch()?;
        let second = self.table.write(work);
        if second != FULL || self.in_reserve {
            return second;
        }
        self.table.stretch()?;
        self.in_reserve = true;
        self.table.write(|rows| rows.remove(row::BALLAST).map(drop))?;
        // Pages that a commit freed can be had after the next one.
        self.table.write(|_| Ok(()))?;
        self.table.write(work)
    }

    /// Keeps room for deleting again, once there is much less in the table.
    fn restore_ballast(&mut self) -> Result<(), TableError> {
        if !self.in_reserve || self.charge > self.restore_at {
            return Ok(());
        }
        let ballast = ballast(self.pager.lock().table_pages());
        match self.table.write(|rows| rows.insert(row::BALLAST, ballast.as_slice()).map(drop)) {
            Ok(()) => self.in_reserve = false,
            FULL => {
                self.restore_at = self.charge / 2;
                self.table.stretch()?;
            }
            other => return other,
        }
        Ok(())
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
        let (used, _) = self.log_pages();
        Ok(more || (used >= self.fold_at && self.pending.is_empty()))
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
