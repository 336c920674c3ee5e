//! The disk of a run as files of the host: fresh, with each write in a log, or failing; and what a power cut leaves
//! of it.

mod backing;
mod cut;
mod errors;
mod kept;
mod sector;
mod write_log;
mod written;

pub use backing::{Backing, Slot, fresh};
pub use cut::{Cut, Left};
pub use errors::{DiskError, How, Kind};
pub use kept::Kept;
pub use write_log::{Entry, WriteLog};
pub use written::{Looked, Written};

/// Bytes of a sector.
pub const SECTOR: usize = 512;

/// Logs of writes for tests.
#[cfg(test)]
pub(crate) mod fixture {
    use super::{Entry, SECTOR, WriteLog, kept, sector, write_log};

    /// A log.
    pub(crate) fn log(entries: Vec<Entry>) -> WriteLog {
        write_log::tests::log(entries)
    }

    /// A flush.
    pub(crate) fn flush() -> Entry {
        Entry::Flush
    }

    /// A write of the run 1, of one sector.
    pub(crate) fn write(write: u64, sector: u64, flushed: u64) -> Entry {
        let it = sector::Sector { write, sector, index: 0, count: 1, flushed };
        Entry::Write { sector, data: sector::tests::bytes(&it).to_vec() }
    }

    /// A value that service `who` put in the run 1, of one sector.
    pub(crate) fn put(who: u64, change: u64, synced: u64) -> Entry {
        let mut data = kept::tests::part([1, 1, who, change, synced]);
        data.resize(SECTOR, 0);
        Entry::Write { sector: 0, data }
    }
}
