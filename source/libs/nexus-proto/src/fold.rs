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
            self.first = self.last.saturating_add(1);
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

#[cfg(test)]
mod tests {
    use super::*;

    const LOGD: Subject = Subject { id: 3, incarnation: 2 };

    fn fold(records: u64) -> Fold {
        let hash = core::array::from_fn(|at| at as u8 + 1);
        Fold { subject: LOGD, lives: 5, records, last: 77, hash }
    }

    #[test]
    fn a_fold_is_a_record() {
        let entry = fold(40).entry();
        let told = Entry {
            base: 0x0807_0605_0403_0201,
            detail: 0x100f_0e0d_0c0b_0a09,
            registers: Registers::new(Some(0x1817_1615_1413_1211)),
            len: 40,
            epoch: 5,
            interval: 77,
            ..Entry::about(Event::Fold, Outcome::None, LOGD)
        };
        assert_eq!(entry, told);
        assert_eq!((Fold::of(&entry), Resume::of(&entry)), (Some(fold(40)), None));
    }

    #[test]
    fn a_later_life_of_logd_is_a_record() {
        let resume = Resume { subject: LOGD, found: 12, kept: 9, cut: 10 };
        let entry = resume.entry();
        let about = Entry::about(Event::Resume, Outcome::None, LOGD);
        assert_eq!(entry, Entry { base: 10, len: 12, detail: 9, ..about });
        assert_eq!((Fold::of(&entry), Resume::of(&entry)), (None, Some(resume)));
    }

    #[test]
    fn a_fold_has_the_beginning_of_a_hash() {
        let hash = core::array::from_fn(|at| at as u8);
        assert_eq!(Fold::start(&hash), hash[..24]);
    }

    /// Numbers of records, and how many each has folded away.
    fn count(records: &[(u64, u64)]) -> (u64, Option<u64>) {
        let mut holes = Holes::NONE;
        for (seq, folded) in records {
            let other = Entry::about(Event::Grant, Outcome::None, LOGD);
            let entry = if *folded > 0 { fold(*folded).entry() } else { other };
            holes.take(*seq, &entry);
        }
        assert_eq!(holes.are_accounted_for(), holes.wrong().is_none());
        (holes.missing(), holes.wrong())
    }

    #[test]
    fn as_many_numbers_are_missing_as_folds_say() {
        assert_eq!(count(&[]), (0, None));
        assert_eq!(count(&[(1, 0), (2, 0), (3, 0)]), (0, None));
        assert_eq!(count(&[(1, 0), (4, 0), (5, 2)]), (2, None));
        assert_eq!(count(&[(1, 2), (4, 0)]), (2, None), "the fold is there before the hole");
        assert_eq!(count(&[(2, 0), (4, 0), (7, 0), (8, 3), (9, 1)]), (4, None));
    }

    #[test]
    fn the_first_number_that_no_fold_accounts_for_is_told() {
        assert_eq!(count(&[(3, 0)]), (2, Some(1)));
        assert_eq!(count(&[(1, 0), (4, 0), (7, 0)]), (4, Some(2)), "not a later one");
        assert_eq!(count(&[(1, 0), (4, 0), (5, 1)]), (2, Some(2)));
        assert_eq!(count(&[(1, 0), (4, 0), (5, 3), (6, 0)]), (2, Some(2)));
        assert_eq!(count(&[(1, 0), (2, 2), (3, 0), (4, 1)]), (0, Some(2)), "nothing is missing");
    }
}
