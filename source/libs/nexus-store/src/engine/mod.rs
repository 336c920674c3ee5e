//! The engine: log in front, table behind, what is in the log and not in the table in memory.
//!
//! A row is looked up in what was changed last, then in what is being folded, then in the table. A change goes into
//! memory and into the frame that the next sync writes. Frames are folded once a quarter of the log is used: what they
//! hold is frozen, and goes into the table in transactions of a bounded size, one a turn; the last one says how far
//! the table is, and from then on these pages of the log may be written again. A fold that is cut off is begun again.

mod admit;
mod check;
#[cfg(any(test, feature = "trial"))]
pub mod exercise;
mod fold;
mod list;
mod memory;
mod open;
mod pieces;
mod values;

pub use fold::FoldLimits;
pub use open::{FormatOptions, OpenOptions, format};

use crate::device::{BlockDevice, Counters, PAGE};
use crate::format::Node;
use crate::key::{Key, TreeId};
use crate::log::Log;
use crate::log::frame::Head;
use crate::pager::Fault;
use crate::row::{Data, RowKey};
use crate::store::{Asked, Error, Quota, ReadOnly, Ticket, Usage, Version};
use crate::table::{Shared, Table, TableError};
use crate::tree::Value;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use memory::{Frozen, Order, Rows};

/// Bits of a version that count the puts of one opening.
const COUNTER_BITS: u32 = 40;

/// An open store.
#[derive(Debug)]
pub struct Engine<D: BlockDevice> {
    table: Table<D>,
    pager: Shared<D>,
    log: Log,
    active: Rows,
    frozen: Option<Frozen>,
    /// Changes that the next frame will have.
    pending: Vec<u8>,
    max_changes: usize,
    usage: BTreeMap<TreeId, Used>,
    quotas: BTreeMap<TreeId, Quota>,
    /// Trees whose use is not in the table as it is.
    dirty: BTreeSet<TreeId>,
    charge: u64,
    capacity: u64,
    /// How many rows keep room for deleting when all are there, and how many of them are, from the last one on.
    ballast_rows: u32,
    ballast: u32,
    /// The charge at which it is tried to keep that again.
    restore_at: u64,
    epoch: u32,
    counter: u64,
    /// How often something was changed, and how much of that is durable.
    accepted: u64,
    durable: u64,
    read_only: Option<ReadOnly>,
    fold: FoldLimits,
    /// Of what was changed, how much a turn was taken for.
    folded: u64,
    /// Pages of the log from which on it is folded.
    fold_at: u32,
}

/// What a tree uses, and how much had been changed in the store when that changed last.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    usage: Usage,
    changed: u64,
}

/// A row that was found.
enum Seen<'a> {
    Memory(&'a [u8]),
    Table(Value),
}

impl Seen<'_> {
    fn row(&self) -> &[u8] {
        match self {
            Self::Memory(row) => row,
            Self::Table(row) => row.value(),
        }
    }

    fn data(&self) -> Result<Data<'_>, TableError> {
        Data::decode(self.row()).ok_or(TableError::Inconsistent)
    }
}

impl<D: BlockDevice> Engine<D> {
    /// What was asked of the disk since the opening began.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.pager.lock().volume.counters
    }

    /// Bytes of memory that the sums of pages take: 8 for each page of the table that is known, in chunks of 512.
    #[must_use]
    pub fn sums_bytes(&self) -> usize {
        self.pager.lock().sums_bytes()
    }

    /// Bytes of the partition.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pager.lock().volume.pages() * PAGE as u64
    }

    /// Why nothing may be written, when that is so.
    #[must_use]
    pub fn read_only(&self) -> Option<ReadOnly> {
        self.read_only
    }

    /// Looks at the disk under the store.
    pub fn with_device<T>(&mut self, look: impl FnOnce(&mut D) -> T) -> T {
        look(self.pager.lock().volume.device_mut())
    }

    /// The trees that have keys or once had, and what each uses.
    pub fn trees(&self) -> impl Iterator<Item = (TreeId, Usage)> {
        self.usage.iter().map(|(tree, used)| (*tree, used.usage))
    }

    /// Pages of the log that are in use, and how many there are.
    #[must_use]
    pub fn log_pages(&self) -> (u32, u32) {
        (self.log.used(), self.log.pages())
    }

    /// What is in memory under a key; none: what is in the table is so, too.
    fn in_memory(&self, key: &Order) -> Option<Option<&[u8]>> {
        let frozen = || self.frozen.as_ref().and_then(|frozen| frozen.rows.get(key));
        self.active.get(key).or_else(frozen)
    }

    fn find(&self, key: &[u8]) -> Result<Option<Seen<'_>>, TableError> {
        match self.in_memory(&Order::of(key)) {
            Some(row) => Ok(row.map(Seen::Memory)),
            None => Ok(self.table.get(key)?.map(Seen::Table)),
        }
    }

    /// Reads the leaves of these keys together, as far as these are not in memory. One that cannot be read is read again
    /// by whoever asks for its key, and he is told.
    fn read_ahead(&self, keys: &[(TreeId, Key<'_>)]) {
        let rows = keys.iter().map(|(tree, key)| data_key(*tree, *key));
        let in_table = rows.filter(|row| self.in_memory(&Order::of(row.as_bytes())).is_none());
        let places = in_table.map_while(|row| self.table.place(row.as_bytes()).ok());
        let leaves: Vec<Node> = places.filter_map(|place| place.leaf).collect();
        self.table.ahead(&leaves);
    }

    fn used(&self, tree: TreeId) -> Usage {
        self.usage.get(&tree).map(|used| used.usage).unwrap_or_default()
    }

    fn next_version(&mut self) -> Version {
        self.counter += 1;
        self.last_version()
    }

    fn last_version(&self) -> Version {
        Version(u64::from(self.epoch) << COUNTER_BITS | self.counter)
    }

    /// Tries again to read a table that could not be read when writing ended.
    fn look_again(&mut self) {
        if self.read_only.is_some() && !self.table.is_open() {
            // What is asked for now says what came of it.
            let _ = self.table.read_only();
        }
    }

    fn writable(&self) -> Result<(), Error> {
        self.read_only.map_or(Ok(()), |reason| Err(Error::ReadOnly(reason)))
    }

    /// What to answer when the table did not: from now on nothing is written, and what is not damaged is still read.
    fn hurt(&mut self, error: TableError, asked: Asked) -> Error {
        let reason = match error {
            TableError::Fault(Fault::Page(page)) => ReadOnly::DamagedPage(page),
            TableError::Fault(Fault::Device(error)) => ReadOnly::TableRead(error),
            _ => ReadOnly::Inconsistent,
        };
        self.end_writing(reason);
        Error::Damaged(asked)
    }

    /// Ends writing. What was accepted before goes into the log, which is not what failed.
    fn end_writing(&mut self, reason: ReadOnly) {
        if self.read_only.is_none() {
            if !self.pending.is_empty() && self.append() == Ok(true) {
                self.pending.clear();
                self.durable = self.accepted;
            }
            self.read_only.get_or_insert(reason);
        }
        // When this fails, every row of the table is refused, which is an answer too.
        let _ = self.table.read_only();
    }

    /// Writes what is pending as a frame, and flushes it.
    fn write_frame(&mut self) -> Result<(), Error> {
        self.writable()?;
        if self.pending.is_empty() {
            self.durable = self.accepted;
            return Ok(());
        }
        while !self.append()? {
            // All frames but those behind the frozen ones can be given up.
            if self.frozen.is_none() {
                return Err(Error::NoSpace);
            }
            self.fold_all()?;
        }
        self.pending.clear();
        self.durable = self.accepted;
        Ok(())
    }

    /// Whether there was room.
    fn append(&mut self) -> Result<bool, Error> {
        let mut pager = self.pager.lock();
        let head = Head { epoch: self.epoch };
        let appended = self.log.append(&mut pager.volume, head, &self.pending);
        drop(pager);
        match appended {
            Ok(frame) => Ok(frame.is_some()),
            Err(error) => {
                let reason = ReadOnly::LogWrite(error);
                self.read_only = Some(reason);
                Err(Error::ReadOnly(reason))
            }
        }
    }

    fn sync_all(&mut self) -> Result<(), Error> {
        if self.durable < self.accepted {
            self.write_frame()?;
        }
        if self.read_only.is_none() {
            self.freeze_when_due()?;
        }
        Ok(())
    }

    fn settled_at(&self, ticket: Ticket) -> Option<Result<(), Error>> {
        if ticket.0 <= self.durable {
            return Some(Ok(()));
        }
        self.read_only.map(|reason| Err(Error::ReadOnly(reason)))
    }
}

fn asked(key: crate::key::Key<'_>) -> Asked {
    Asked::Key(String::from(key.as_str()))
}

fn data_key(tree: TreeId, key: crate::key::Key<'_>) -> RowKey {
    RowKey::data(tree, key.as_str())
}
