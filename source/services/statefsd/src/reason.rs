//! What the store says of itself, as the protocol says it.

use nexus_proto::state::{BadKey, Reason};
use nexus_store::gpt::{NoStore, TableCopy};
use nexus_store::{KeyError, LogDamage, ReadOnly, Refused, Unreadable};

use crate::open::Why;

/// Why nothing may be written, and its detail.
#[must_use]
pub const fn read_only(why: ReadOnly) -> (Reason, u64) {
    match why {
        ReadOnly::Asked => (Reason::Asked, 0),
        ReadOnly::LogWrite(_) => (Reason::LogWrite, 0),
        ReadOnly::TableWrite(_) => (Reason::TableWrite, 0),
        ReadOnly::DamagedPage(page) => (Reason::TablePage, page),
        ReadOnly::TableRead(_) => (Reason::TableRead, 0),
        ReadOnly::Inconsistent => (Reason::Inconsistent, 0),
        ReadOnly::TableFull => (Reason::TableFull, 0),
    }
}

/// Why there is no open store, and its detail.
#[must_use]
pub fn failed(why: Why) -> (Reason, u64) {
    match why {
        Why::Unnamed => (Reason::NotNamed, 0),
        Why::Disk(_) => (Reason::NoDisk, 0),
        Why::Table(why) => table(why),
        Why::Store(why) => refused(why),
    }
}

fn table(why: NoStore) -> (Reason, u64) {
    match why {
        NoStore::Device(_) => (Reason::Disk, 0),
        NoStore::Table(TableCopy::First, _) => (Reason::PartitionTable, 1),
        NoStore::Table(TableCopy::Second, _) => (Reason::PartitionTable, 2),
        NoStore::Differ => (Reason::TablesDiffer, 0),
        NoStore::Absent => (Reason::NoPartition, 0),
        NoStore::Twice => (Reason::TwoPartitions, 0),
        NoStore::Other([a, b, c, d, e, f, g, h, ..]) => {
            (Reason::OtherStore, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
        }
        NoStore::WrongType => (Reason::WrongType, 0),
        NoStore::Misaligned => (Reason::Misaligned, 0),
        NoStore::NotBlank => (Reason::NotBlank, 0),
        NoStore::TooSmall => (Reason::TooSmall, 0),
    }
}

fn refused(why: Refused) -> (Reason, u64) {
    match why {
        Refused::Device(_) => (Reason::Disk, 0),
        Refused::Superblock(why) => superblock(why),
        Refused::Log(LogDamage::Frame(frame)) => (Reason::LogFrame, frame),
        Refused::Log(LogDamage::Meaning(frame)) => (Reason::LogMeaning, frame),
        Refused::TableHeader => (Reason::TableHeader, 0),
        Refused::TablePage(page) => (Reason::TablePage, page.unwrap_or(u64::MAX)),
        Refused::Record => (Reason::Records, 0),
        Refused::Fold => (Reason::Fold, 0),
    }
}

fn superblock(why: Unreadable) -> (Reason, u64) {
    match why {
        Unreadable::Blank => (Reason::NotFormatted, 0),
        Unreadable::Damaged => (Reason::Superblock, 0),
        Unreadable::Newer(format) => (Reason::NewerFormat, format.into()),
        Unreadable::Unknown(format) => (Reason::UnknownFormat, format.into()),
        Unreadable::Foreign(_) => (Reason::OtherPartition, 0),
        Unreadable::Geometry => (Reason::Geometry, 0),
    }
}

/// What is wrong with a key.
#[must_use]
pub const fn bad_key(why: KeyError) -> BadKey {
    match why {
        KeyError::Length => BadKey::Length,
        KeyError::NotText => BadKey::NotText,
        KeyError::Control => BadKey::Control,
        KeyError::Part => BadKey::Part,
    }
}
