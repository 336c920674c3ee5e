//! The hash chain of the ledger.

use nexus_proto::log::{Entry, Stamp};
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

    /// True when this is an unchanged record with number `seq` after one with hash `previous`.
    #[must_use]
    pub fn fits(&self, seq: u64, previous: &Hash) -> bool {
        self.stamp.seq == seq
            && self.previous == *previous
            && self.own == hash(previous, &self.stamp, &self.entry)
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
    /// Records.
    pub records: u64,
    /// Hash of the last of them; [`GENESIS`] when there were none.
    pub head: Hash,
}

/// Replays a whole ledger. Returns its checkpoint.
///
/// # Errors
/// The number of the first record that is changed, out of order or missing; with `known`, also
/// the number after the last when the ledger ends before what is remembered, or `known.records`
/// when it holds another record there.
pub fn replay<'a>(
    links: impl Iterator<Item = &'a Link>,
    known: Option<&Checkpoint>,
) -> Result<Checkpoint, u64> {
    let mut at = Checkpoint { records: 0, head: GENESIS };
    let mut seen = known.is_none_or(|known| known.records == 0 && known.head == GENESIS);
    for link in links {
        let seq = at.records + 1;
        if !link.fits(seq, &at.head) {
            return Err(seq);
        }
        at = Checkpoint { records: seq, head: link.own };
        if let Some(known) = known.filter(|known| known.records == seq) {
            if known.head != link.own {
                return Err(seq);
            }
            seen = true;
        }
    }
    if seen { Ok(at) } else { Err(at.records + 1) }
}
