//! The table: redb over the pager, which writes it, and its pages, which are read as they are. No other place calls redb.

use crate::device::{BlockDevice, PAGE};
use crate::format::Node;
use crate::pager::{Fault, Pager};
use crate::tree::{Cursor, LeafRows, Place, Tree, Value};
use crate::verify::verify;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::Cell;
use core::fmt;
use core::ops::Bound;
use redb::{
    BackendError, Builder, Database, ReadTransaction, ReadableDatabase, StorageBackend,
    Table as RedbTable, TableDefinition,
};
use spin::Mutex;

/// One table has everything: keys and values as [`crate::row`] makes them.
const ROWS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("rows");
/// The part of the memory for pages that redb has, for what it changes; the rest is for what is read.
const WRITING: usize = 3;
/// Bytes of it that redb has at most: what one turn changes.
const MOST_WRITING: usize = 2 << 20;

pub(crate) type Shared<D> = Arc<Mutex<Pager<D>>>;
pub(crate) type RowsToWrite<'a> = RedbTable<'a, &'static [u8], &'static [u8]>;

/// What redb is given as its file. One that was detached does nothing any more: whatever redb wants to write when
/// it is dropped stays away from the disk.
struct Backing<D> {
    pager: Shared<D>,
    number: u64,
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
    fn attach(pager: &Shared<D>) -> Self {
        let mut inner = pager.lock();
        inner.attached += 1;
        inner.fault = None;
        Self { pager: pager.clone(), number: inner.attached }
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
        self.with(|pager| pager.read(offset, out))
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

impl From<Fault> for TableError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The table: what was folded out of the log.
pub(crate) struct Table<D> {
    pager: Shared<D>,
    cache: usize,
    /// None: what was committed last could not be found.
    tree: Option<Tree>,
    /// How many pages of it are above a leaf, once that is known.
    above: Cell<Option<usize>>,
    /// Tells redb that these pages are being read. Dropped before it.
    reading: Option<ReadTransaction>,
    /// None: nothing is written any more.
    redb: Option<Database>,
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
        let backing = Backing::attach(pager);
        let mut builder = Builder::new();
        let made = builder.set_cache_size(64 * PAGE).create_with_backend(backing);
        let mut table = Self::none(pager, 0);
        table.redb = Some(made.map_err(|_| table.why())?);
        table.write(true, fill)
    }

    fn none(pager: &Shared<D>, cache: usize) -> Self {
        let (tree, above) = (None, Cell::new(None));
        Self { pager: pager.clone(), cache, tree, above, reading: None, redb: None }
    }

    /// Opens it after a pass over every page. Pages with rows take `cache` bytes of memory, and up to `branches`
    /// bytes those that lead to others.
    pub(crate) fn open(
        pager: &Shared<D>,
        cache: usize,
        branches: usize,
    ) -> Result<Self, TableError> {
        let writing = (cache / WRITING).min(MOST_WRITING);
        let mut table = Self::none(pager, writing);
        pager.lock().hold(branches / PAGE, (cache - writing) / PAGE);
        verify(&mut pager.lock()).map_err(TableError::Fault)?;
        table.attach().map(|()| table)
    }

    fn attach(&mut self) -> Result<(), TableError> {
        self.detach();
        let backing = Backing::attach(&self.pager);
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache);
        self.redb = Some(builder.create_with_backend(backing).map_err(|_| self.why())?);
        self.renew()
    }

    /// Opens it anew as long as it may be, after redb ran out of room. What is not committed is lost.
    pub(crate) fn stretch(&mut self) -> Result<(), TableError> {
        self.pager.lock().stretch();
        self.attach()
    }

    /// From now on it is only read, page by page: redb answers nothing any more once it met an error.
    pub(crate) fn read_only(&mut self) -> Result<(), TableError> {
        self.detach();
        if self.tree.is_none() {
            self.renew()?;
        }
        Ok(())
    }

    fn detach(&mut self) {
        self.pager.lock().attached += 1;
        self.reading = None;
        self.redb = None;
    }

    /// Reads what was committed last from now on.
    fn renew(&mut self) -> Result<(), TableError> {
        self.reading = None;
        if let Some(redb) = &self.redb {
            self.reading = Some(redb.begin_read().map_err(|_| self.why())?);
        }
        self.above.set(None);
        self.tree = Some(Tree::committed(&mut self.pager.lock())?);
        Ok(())
    }

    fn why(&self) -> TableError {
        self.pager.lock().take_fault().map_or(TableError::Inconsistent, TableError::Fault)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.tree.is_some()
    }

    fn tree(&self) -> Result<Tree, TableError> {
        self.tree.ok_or(TableError::Fault(Fault::Detached))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Value>, TableError> {
        Ok(self.tree()?.get(&mut self.pager.lock(), key)?)
    }

    /// Where `key` has its place.
    pub(crate) fn place(&self, key: &[u8]) -> Result<Place, TableError> {
        let mut above = self.above.get();
        let place = self.tree()?.place(&mut self.pager.lock(), key, &mut above)?;
        self.above.set(above);
        Ok(place)
    }

    /// Reads these leaves together, for those who want them soon.
    pub(crate) fn ahead(&self, leaves: &[Node]) {
        self.pager.lock().ahead(leaves);
    }

    /// The rows from `from` on, below `end`, in order, a leaf at a time.
    pub(crate) fn range(&self, from: Bound<&[u8]>, end: &[u8]) -> Result<Range<'_, D>, TableError> {
        let cursor = self.tree()?.cursor(&mut self.pager.lock(), from, end)?;
        Ok(Range { cursor, pager: &self.pager })
    }

    /// One transaction, committed in two phases. With `record` it says which pages are free, too, so that the next
    /// opening need not look at all of them once more for that.
    pub(crate) fn write(
        &mut self,
        record: bool,
        work: impl FnOnce(&mut RowsToWrite<'_>) -> redb::Result<()>,
    ) -> Result<(), TableError> {
        let Some(database) = &self.redb else { return Err(self.why()) };
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
    cursor: Cursor,
    pager: &'a Shared<D>,
}

impl<D: BlockDevice> Range<'_, D> {
    /// The next rows, which lie in one leaf; none behind the last.
    pub(crate) fn leaf(&self) -> Result<Option<LeafRows<'_>>, TableError> {
        Ok(self.cursor.leaf()?)
    }

    /// Goes on to those behind them.
    pub(crate) fn leave(&mut self) -> Result<(), TableError> {
        Ok(self.cursor.leave(&mut self.pager.lock())?)
    }
}
