//! A record of a ledger, as it lies in a part.

use alloc::vec::Vec;

use nexus_proto::Wire;
use nexus_proto::log::{Entry, Stamp};
use sha2::{Digest, Sha256};
use zerocopy::{IntoBytes, TryFromBytes};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Bytes of a record.
pub const RECORD: usize = size_of::<Hash>() + size_of::<Stamp>() + size_of::<Entry>();
/// Most records of a part.
pub const PART_RECORDS: usize = 64;

/// A record of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Hash of the record before it, there or not.
    pub previous: Hash,
    /// When it was made, and by whom.
    pub stamp: Stamp,
    /// What it says.
    pub entry: Entry,
}

impl Record {
    /// Its hash: SHA-256 over the one before, its stamp and its entry, as logd computes it.
    #[must_use]
    pub fn own(&self) -> Hash {
        let hasher = Sha256::new().chain_update(self.previous);
        let hasher = hasher.chain_update(self.stamp.as_bytes());
        hasher.chain_update(self.entry.hashed()).finalize().into()
    }

    /// As bytes.
    pub fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.previous);
        bytes.extend_from_slice(self.stamp.as_bytes());
        bytes.extend_from_slice(self.entry.as_bytes());
    }

    fn get(bytes: &[u8; RECORD]) -> Option<Record> {
        let (previous, rest) = bytes.split_first_chunk()?;
        let (stamp, entry) = rest.split_at_checked(size_of::<Stamp>())?;
        let stamp = Stamp::try_read_from_bytes(stamp).ok()?;
        let entry = Entry::try_read_from_bytes(entry).ok().filter(Wire::is_canonical)?;
        Some(Record { previous: *previous, stamp, entry })
    }
}

/// The records of a part; `None` when it is none.
#[must_use]
pub fn records(part: &[u8]) -> Option<Vec<Record>> {
    let (records, rest) = part.as_chunks();
    let whole = rest.is_empty() && (1..=PART_RECORDS).contains(&records.len());
    whole.then(|| records.iter().map(Record::get).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_proto::Subject;
    use nexus_proto::log::{Event, Outcome};

    fn record(seq: u64) -> Record {
        let reporter = Subject { id: 3, incarnation: 1 };
        let stamp = Stamp { seq, ticks: 10, unix_ns: 0, reporter };
        let entry = Entry::about(Event::Boot, Outcome::None, reporter);
        Record { previous: [7; 32], stamp, entry }
    }

    #[test]
    fn a_part_is_records_and_nothing_else() {
        assert_eq!(RECORD, 128);
        let mut part = Vec::new();
        let all: Vec<Record> = (1..=PART_RECORDS as u64).map(record).collect();
        all.iter().for_each(|record| record.put(&mut part));
        assert_eq!(records(&part), Some(all.clone()));
        assert_eq!(records(&part[..RECORD]), Some(all[..1].to_vec()));
        for wrong in [&part[..0], &part[..1], &part[..RECORD - 1], &part[..RECORD + 1]] {
            assert_eq!(records(wrong), None, "{}", wrong.len());
        }
        record(99).put(&mut part);
        assert_eq!(records(&part), None, "too many");
        for (at, byte) in [(64, 0), (64, 99), (126, 1)] {
            let mut part = part[..RECORD].to_vec();
            part[at] = byte;
            let read = records(&part);
            assert_eq!(read.is_none(), at == 64, "{at}: an event that there is not");
        }
    }
}
