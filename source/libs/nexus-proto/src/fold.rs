//! Records about the ledger itself: what was folded away, and what a later life of logd found.
//!
//! A fold takes records of lives that have ended out of the ledger, and leaves holes in its numbers. Each
//! record holds the hash of the one before it, there or not, so the chain goes on behind a hole. Whoever
//! reads a ledger counts: as many numbers are missing as its folds say.

use crate::log::{Entry, Event, Outcome};
use crate::{Registers, Subject};

/// What a record of [`Event::Fold`] says of one service. It stands for the fold of that service before it,
/// too, which it has folded away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The service, and the last of its lives that is folded: it has ended, as have all before it.
    pub subject: Subject,
    /// Lives folded away in all since the boot: as many as had an end on record.
    pub lives: u32,
    /// Records folded away in all since the boot.
    pub records: u64,
    /// Number of the last record folded away.
    pub last: u32,
    /// The first bytes of its hash, which is that of all records up to it.
    pub hash: [u8; Fold::HASH_BYTES],
}

impl Fold {
    /// Bytes of the hash that a record has room for.
    pub const HASH_BYTES: usize = 24;

    /// As a record: lives in `epoch`, records in `len`, the last in `interval`, the hash in `base`, `detail`
    /// and `registers`, each little-endian.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let [base, detail, mask] = self.parts();
        Entry {
            base,
            len: self.records,
            epoch: self.lives,
            detail,
            registers: Registers::new(Some(mask)),
            interval: self.last,
            ..Entry::about(Event::Fold, Outcome::None, self.subject)
        }
    }

    /// What the record says; `None` when it is of another event.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Fold> {
        let Entry { subject, base, len, epoch, detail, registers, interval, .. } = *entry;
        (entry.event == Event::Fold).then(|| {
            let mut hash = [0; Fold::HASH_BYTES];
            let parts = [base, detail, registers.mask().unwrap_or(0)];
            for (to, from) in hash.chunks_exact_mut(8).zip(parts) {
                to.copy_from_slice(&from.to_le_bytes());
            }
            Fold { subject, lives: epoch, records: len, last: interval, hash }
        })
    }

    /// As much of the hash of a record as a fold has of it.
    #[must_use]
    pub fn start(hash: &[u8; 32]) -> [u8; Fold::HASH_BYTES] {
        hash.first_chunk().copied().unwrap_or([0; Fold::HASH_BYTES])
    }

    fn parts(&self) -> [u64; 3] {
        let mut parts = [0; 3];
        for (to, from) in parts.iter_mut().zip(self.hash.as_chunks().0) {
            *to = u64::from_le_bytes(*from);
        }
        parts
    }
}

/// What a record of [`Event::Resume`] says. The subject is logd, in the life that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Which life of logd goes on.
    pub subject: Subject,
    /// Records that it found.
    pub found: u64,
    /// Records that it kept: those up to the first that does not fit, or all.
    pub kept: u64,
    /// Number of the first record that was cut, and is not what it was; 0 when all were kept.
    pub cut: u64,
}

impl Resume {
    /// As a record: found in `len`, kept in `detail`, the cut in `base`.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry {
            base: self.cut,
            len: self.found,
            detail: self.kept,
            ..Entry::about(Event::Resume, Outcome::None, self.subject)
        }
    }

    /// What the record says; `None` when it is of another event.
    #[must_use]
    pub fn of(entry: &Entry) -> Option<Resume> {
        let Entry { subject, base: cut, len: found, detail: kept, .. } = *entry;
        (entry.event == Event::Resume).then_some(Resume { subject, found, kept, cut })
    }
}

/// Counts the numbers that are missing in a ledger, and what its folds say of them, record by record from
/// the first on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holes {
    /// Number of the last record.
    last: u64,
    missing: u64,
    folded: u64,
    /// The first number that is missing, or that of the first fold where none is missing before it.
    first: u64,
}

impl Holes {
    /// Before the first record.
    pub const NONE: Holes = Holes { last: 0, missing: 0, folded: 0, first: 0 };

    /// Takes the next record, whose number must be above that of the one before it.
    pub fn take(&mut self, seq: u64, entry: &Entry) {
        let hole = seq.saturating_sub(self.last).saturating_sub(1);
        let folded = Fold::of(entry).map_or(0, |fold| fold.records);
        if self.first == 0 && (hole, folded) != (0, 0) {
            self.first = if hole > 0 { self.last.saturating_add(1) } else { seq };
        }
        self.missing = self.missing.saturating_add(hole);
        self.folded = self.folded.saturating_add(folded);
        self.last = seq;
    }

    /// True when as many numbers are missing as were folded away, by the records taken up to here.
    #[must_use]
    pub const fn are_accounted_for(&self) -> bool {
        self.missing == self.folded
    }

    /// Numbers that are missing.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// The first number that is missing, or that of a fold of records that are not missing, when they are not
    /// accounted for.
    #[must_use]
    pub const fn wrong(&self) -> Option<u64> {
        if self.are_accounted_for() { None } else { Some(self.first) }
    }
}
