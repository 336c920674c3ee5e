//! redb over the pager: the only place that calls it.

use crate::device::{BlockDevice, PAGE};
use crate::pager::{Fault, Pager};
use crate::verify::verify;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::ops::Bound;
use redb::{
    AccessGuard, BackendError, Builder, ConcurrencyMode, Database, OwnedRange, ReadOnlyDatabase,
    ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend, Table as RedbTable,
    TableDefinition,
};
use spin::Mutex;

/// One table has everything: keys and values as [`crate::row`] makes them.
const ROWS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("rows");
/// Where redb's header says, in the bits 1 and 3, that the file was not closed, and that a commit was not flushed.
const STATE_AT: usize = 9;
const UNCLEAN: u8 = 0b1010;

pub(crate) type Shared<D> = Arc<Mutex<Pager<D>>>;
pub(crate) type RowsToWrite<'a> = RedbTable<'a, &'static [u8], &'static [u8]>;

/// What redb is given as its file. One that was detached does nothing any more: whatever redb wants to write when
/// it is dropped stays away from the disk.
struct Backing<D> {
    pager: Shared<D>,
    number: u64,
    /// For reading beside what another redb wrote: the header is shown as that of a closed file.
    closed: bool,
}

impl<D> fmt::Debug for Backing<D> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Backing({})", self.number)
    }
}

/// The error that redb is given; what it was is in the pager.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("refused")
    }
}

impl core::error::Error for Refused {}

impl<D: BlockDevice> Backing<D> {
    fn attach(pager: &Shared<D>, closed: bool) -> Self {
        let mut inner = pager.lock();
        inner.attached += 1;
        inner.fault = None;
        Self { pager: pager.clone(), number: inner.attached, closed }
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Pager<D>) -> Result<T, Fault>,
    ) -> Result<T, BackendError> {
        let mut pager = self.pager.lock();
        if pager.attached != self.number {
            return Err(BackendError::Other(Box::new(Refused)));
        }
        work(&mut pager).map_err(|fault| {
            pager.refuse(fault);
            BackendError::Other(Box::new(Refused))
        })
    }
}

impl<D: BlockDevice> StorageBackend for Backing<D> {
    fn len(&self) -> Result<u64, BackendError> {
        self.with(|pager| Ok(pager.len()))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), BackendError> {
        self.with(|pager| pager.read(offset, out))?;
        if self.closed
            && offset == 0
            && let Some(state) = out.get_mut(STATE_AT)
        {
            *state &= !UNCLEAN;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), BackendError> {
        self.with(|pager| pager.set_len(len))
    }

    fn sync_data(&self) -> Result<(), BackendError> {
        self.with(Pager::sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), BackendError> {
        self.with(|pager| pager.write(offset, data))
    }

    // There is one process: every lock is to be had, and nobody else has one.
    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}

/// Why the table did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableError {
    /// What the pager refused.
    Fault(Fault),
    /// redb found that its own pages do not fit together.
    Inconsistent,
}

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;
pub(crate) type Value<'a> = AccessGuard<'a, &'static [u8]>;

enum Redb {
    Writing(Database),
    Reading(
        #[expect(dead_code, reason = "its rows are read; it keeps the file open")] ReadOnlyDatabase,
    ),
}

/// The table: what was folded out of the log.
pub(crate) struct Table<D> {
    pager: Shared<D>,
    cache: usize,
    // Dropped before what they read from.
    rows: Option<Rows>,
    redb: Option<Redb>,
}

impl<D> Drop for Table<D> {
    fn drop(&mut self) {
        // What redb would write at its end stays away from the disk.
        self.pager.lock().attached += 1;
    }
}

impl<D> fmt::Debug for Table<D> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Table")
    }
}

impl<D: BlockDevice> Table<D> {
    /// Makes one, with what `fill` puts into it.
    pub(crate) fn create(
        pager: &Shared<D>,
        fill: impl FnOnce(&mut RowsToWrite<'_>) -> redb::Result<()>,
    ) -> Result<(), TableError> {
        let backing = Backing::attach(pager, false);
        let mut builder = Builder::new();
        let made = builder.set_cache_size(64 * PAGE).create_with_backend(backing);
        let mut table = Self::none(pager, 0);
        table.redb = Some(Redb::Writing(made.map_err(|_| table.why())?));
        table.write(true, fill)
    }

    fn none(pager: &Shared<D>, cache: usize) -> Self {
        Self { pager: pager.clone(), cache, rows: None, redb: None }
    }

    /// Opens it after a pass over every page.
    pub(crate) fn open(pager: &Shared<D>, cache: usize) -> Result<Self, TableError> {
        let mut table = Self::none(pager, cache);
        verify(&mut pager.lock()).map_err(TableError::Fault)?;
        table.attach().map(|()| table)
    }

    fn attach(&mut self) -> Result<(), TableError> {
        self.detach();
        let backing = Backing::attach(&self.pager, false);
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache);
        let database = builder.create_with_backend(backing).map_err(|_| self.why())?;
        self.redb = Some(Redb::Writing(database));
        self.renew()
    }

    /// Opens it anew as long as it may be, after redb ran out of room. What is not committed is lost.
    pub(crate) fn stretch(&mut self) -> Result<(), TableError> {
        self.pager.lock().stretch();
        self.attach()
    }

    /// Opens it for reading alone, without a pass: pages that are not right are refused one by one.
    pub(crate) fn read_only(&mut self) -> Result<(), TableError> {
        self.detach();
        let backing = Backing::attach(&self.pager, true);
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache).set_concurrency_mode(ConcurrencyMode::SingleWriter);
        let opened = builder.open_read_only_with_backend(backing).map_err(|_| self.why())?;
        let rows = opened.begin_read().map_err(|_| self.why())?.open_table(ROWS);
        self.redb = Some(Redb::Reading(opened));
        self.rows = Some(rows.map_err(|_| self.why())?);
        Ok(())
    }

    fn detach(&mut self) {
        self.pager.lock().attached += 1;
        self.rows = None;
        self.redb = None;
    }

    /// Reads what was committed last from now on.
    fn renew(&mut self) -> Result<(), TableError> {
        self.rows = None;
        let Some(Redb::Writing(database)) = &self.redb else { return Err(self.why()) };
        let rows = database.begin_read().map_err(|_| self.why())?.open_table(ROWS);
        self.rows = Some(rows.map_err(|_| self.why())?);
        Ok(())
    }

    fn why(&self) -> TableError {
        self.pager.lock().take_fault().map_or(TableError::Inconsistent, TableError::Fault)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.rows.is_some()
    }

    fn rows(&self) -> Result<&Rows, TableError> {
        self.rows.as_ref().ok_or(TableError::Fault(Fault::Detached))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Value<'_>>, TableError> {
        self.rows()?.get(key).map_err(|_| self.why())
    }

    /// The rows behind `after`, below `end`, in order.
    pub(crate) fn range(&self, from: Bound<&[u8]>, end: &[u8]) -> Result<Range<'_, D>, TableError> {
        let range = self.rows()?.range_owned((from, Bound::Excluded(end)));
        Ok(Range { inner: range.map_err(|_| self.why())?, table: self })
    }

    /// One transaction, committed in two phases. With `record` it says which pages are free, too, so that the next
    /// opening need not look at all of them once more for that.
    pub(crate) fn write(
        &mut self,
        record: bool,
        work: impl FnOnce(&mut RowsToWrite<'_>) -> redb::Result<()>,
    ) -> Result<(), TableError> {
        let Some(Redb::Writing(database)) = &self.redb else { return Err(self.why()) };
        let mut transaction = database.begin_write().map_err(|_| self.why())?;
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(record);
        {
            let mut rows = transaction.open_table(ROWS).map_err(|_| self.why())?;
            work(&mut rows).map_err(|_| self.why())?;
        }
        transaction.commit().map_err(|_| self.why())?;
        self.renew()
    }
}

/// Rows in order.
pub(crate) struct Range<'a, D> {
    inner: OwnedRange<&'static [u8], &'static [u8]>,
    table: &'a Table<D>,
}

/// A row of the table.
pub(crate) struct TableRow {
    key: redb::OwnedAccessGuard<&'static [u8]>,
    value: redb::OwnedAccessGuard<&'static [u8]>,
}

impl TableRow {
    pub(crate) fn key(&self) -> &[u8] {
        self.key.value()
    }

    pub(crate) fn value(&self) -> &[u8] {
        self.value.value()
    }
}

impl<D: BlockDevice> Iterator for Range<'_, D> {
    type Item = Result<TableRow, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.inner.next()?;
        Some(row.map(|(key, value)| TableRow { key, value }).map_err(|_| self.table.why()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Extent, Volume};
    use crate::fake::FakeDisk;

    #[test]
    fn a_file_is_shown_as_closed_in_its_header_alone() {
        let volume = Volume::new(FakeDisk::new(80), Extent { first: 0, sectors: 80 }).unwrap();
        let pager = Arc::new(Mutex::new(Pager::new(volume, 0..10, 5, 6)));
        pager.lock().write(0, &[0xff; 320]).unwrap();
        pager.lock().write(3 * PAGE as u64, &[0xff; PAGE]).unwrap();
        for (closed, state) in [(true, !UNCLEAN), (false, 0xff)] {
            let backing = Backing::attach(&pager, closed);
            let (mut header, mut page) = ([0; 320], [0; PAGE]);
            backing.read(0, &mut header).unwrap();
            backing.read(3 * PAGE as u64, &mut page).unwrap();
            assert_eq!((header[STATE_AT], header[STATE_AT + 1]), (state, 0xff));
            assert_eq!(page, [0xff; PAGE]);
        }
    }
}
