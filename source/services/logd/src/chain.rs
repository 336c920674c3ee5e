//! The hash chain of the ledger.

use alloc::vec::Vec;

use nexus_proto::log::{Entry, Stamp};
use nexus_proto::{Fold, Holes};
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// What the first record is chained to.
pub const GENESIS: Hash = [0; 32];

/// A record and its place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// When it was made, and by whom.
    pub stamp: Stamp,
    /// What it says.
    pub entry: Entry,
    /// Hash of the record before.
    pub previous: Hash,
    /// Hash of this one.
    pub own: Hash,
}

impl Link {
    /// The record that follows one with the hash `previous`.
    #[must_use]
    pub fn new(previous: Hash, stamp: Stamp, entry: Entry) -> Link {
        Link { stamp, entry, previous, own: hash(&previous, &stamp, &entry) }
    }

    /// True when this is an unchanged record that can follow the one that `at` tells of: with the next
    /// number and its hash, or with a later number, behind records that are not there.
    #[must_use]
    pub fn follows(&self, at: &Checkpoint) -> bool {
        let Checkpoint { records, head } = *at;
        let place = match self.stamp.seq.checked_sub(records) {
            Some(1) => self.previous == head,
            // The first record is never missing.
            Some(2..) => records > 0,
            None | Some(0) => false,
        };
        place && self.own == hash(&self.previous, &self.stamp, &self.entry)
    }

    /// What is to be remembered of a ledger that ends here.
    #[must_use]
    pub const fn checkpoint(&self) -> Checkpoint {
        Checkpoint { records: self.stamp.seq, head: self.own }
    }
}

/// The hash of a record: SHA-256 over the hash before it, its stamp and its entry, without padding.
#[must_use]
pub fn hash(previous: &Hash, stamp: &Stamp, entry: &Entry) -> Hash {
    let hasher = Sha256::new().chain_update(previous);
    hasher.chain_update(stamp.as_bytes()).chain_update(entry.hashed()).finalize().into()
}

/// What somebody remembers of a ledger: how long it was, and its last hash then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the last record: as many as there ever were.
    pub records: u64,
    /// Hash of the last of them; [`GENESIS`] when there were none.
    pub head: Hash,
}

impl Checkpoint {
    /// A ledger without records.
    pub const EMPTY: Checkpoint = Checkpoint { records: 0, head: GENESIS };
}

/// Reads a chain record by record from the first on.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    at: Checkpoint,
    holes: Holes,
    /// What is known of records that are not there: the number, and the hash.
    gone: Vec<Checkpoint>,
}

impl Reader {
    pub(crate) const fn new() -> Reader {
        Reader { at: Checkpoint::EMPTY, holes: Holes::NONE, gone: Vec::new() }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// The number of the record that is changed, out of order, or missing; or of a fold that tells of
    /// another record than the one that is missing.
    pub(crate) fn take(&mut self, link: &Link) -> Result<(), u64> {
        let next = self.at.records.saturating_add(1);
        if !link.follows(&self.at) {
            return Err(next);
        }
        if link.stamp.seq > next {
            self.gone.push(Checkpoint { records: link.stamp.seq - 1, head: link.previous });
        }
        if let Some(fold) = Fold::of(&link.entry) {
            let mut gone = self.gone.iter().filter(|gone| gone.records == u64::from(fold.last));
            if gone.any(|gone| Fold::start(&gone.head) != fold.hash) {
                return Err(link.stamp.seq);
            }
        }
        self.holes.take(link.stamp.seq, &link.entry);
        self.at = link.checkpoint();
        Ok(())
    }

    /// True when the records up to here are a whole ledger: what is missing was folded away.
    pub(crate) const fn is_whole(&self) -> bool {
        self.holes.are_accounted_for()
    }

    /// True when what is known of records that are not there says nothing else than `known`.
    fn may_have_seen(&self, known: &Checkpoint) -> bool {
        self.gone.iter().all(|gone| gone.records != known.records || gone.head == known.head)
    }
}

/// Replays a whole ledger. Returns its checkpoint.
///
/// # Errors
/// The number of the first record that is changed, out of order, or missing without a fold; with `known`,
/// also the number after the last when the ledger ends before what is remembered, or `known.records` when
/// it holds another record there. Of a record that was folded away nothing can be told, unless the one
/// after it is there.
pub fn replay<'a>(
    links: impl Iterator<Item = &'a Link>,
    known: Option<&Checkpoint>,
) -> Result<Checkpoint, u64> {
    let mut reader = Reader::new();
    let mut held = false;
    for link in links {
        reader.take(link)?;
        if let Some(known) = known.filter(|known| known.records == link.stamp.seq) {
            if known.head != link.own {
                return Err(known.records);
            }
            held = true;
        }
    }
    if let Some(seq) = reader.holes.wrong() {
        return Err(seq);
    }
    let at = reader.at;
    match known.filter(|known| !held && **known != Checkpoint::EMPTY) {
        Some(known) if !(1..at.records).contains(&known.records) => Err(at.records + 1),
        Some(known) if !reader.may_have_seen(known) => Err(known.records),
        _ => Ok(at),
    }
}
