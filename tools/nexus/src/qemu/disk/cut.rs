//! What a power cut leaves of a disk.

use super::{Entry, SECTOR, WriteLog};
use fastrand::Rng;

/// A cut of the power after so many entries of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How many entries had been made.
    pub after: usize,
    /// What of that is lost follows from this number.
    pub seed: u64,
}

/// What is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The disk.
    pub disk: Vec<u8>,
    /// Entries after the last flush.
    pub unflushed: usize,
    /// How many of them did not come to the disk.
    pub lost: usize,
}

impl WriteLog {
    /// The disk after `cut`; `disk` is what it was before the log. All up to the last flush is there. Of what follows,
    /// any part is, in order, and of the last of that perhaps only the first sectors.
    ///
    /// A drive may also write in another order: then of two writes to a sector the older one stays, as it does here
    /// where the newer one is lost.
    #[must_use]
    pub fn cut(&self, mut disk: Vec<u8>, cut: Cut) -> Left {
        let entries = self.entries();
        let made = entries.get(..cut.after).unwrap_or(entries);
        let flushes = made.iter().rposition(|entry| *entry == Entry::Flush);
        let (lasts, follows) = made.split_at(flushes.map_or(0, |at| at + 1));
        lasts.iter().for_each(|entry| come(&mut disk, entry, u64::MAX));
        let mut random = Rng::with_seed(cut.seed);
        let kept: Vec<&Entry> = follows.iter().filter(|_| random.bool()).collect();
        if let Some((last, others)) = kept.split_last() {
            others.iter().for_each(|entry| come(&mut disk, entry, u64::MAX));
            come(&mut disk, last, random.u64(1..=last.sectors().max(1)));
        }
        Left { disk, unflushed: follows.len(), lost: follows.len() - kept.len() }
    }
}

impl Entry {
    /// How many sectors it is of.
    fn sectors(&self) -> u64 {
        match self {
            Entry::Flush => 0,
            Entry::Write { data, .. } => (data.len() / SECTOR) as u64,
            Entry::Discard { sectors } => sectors.end - sectors.start,
        }
    }
}

/// At most so many sectors of an entry come to the disk. What is discarded reads as zeroes.
fn come(disk: &mut [u8], entry: &Entry, most: u64) {
    let count = usize::try_from(entry.sectors().min(most)).unwrap_or(usize::MAX);
    let len = count.saturating_mul(SECTOR);
    let place = |sector: u64| {
        let start = usize::try_from(sector).ok()?.checked_mul(SECTOR)?;
        Some(start..start.checked_add(len)?)
    };
    match entry {
        Entry::Flush => {}
        Entry::Write { sector, data } => {
            let to = place(*sector).and_then(|place| disk.get_mut(place));
            if let (Some(to), Some(data)) = (to, data.get(..len)) {
                to.copy_from_slice(data);
            }
        }
        Entry::Discard { sectors } => {
            let to = place(sectors.start).and_then(|place| disk.get_mut(place));
            to.into_iter().for_each(|to| to.fill(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::disk::write_log::tests::{log, write};
    use std::collections::BTreeSet;

    /// The first byte of each of 8 sectors, which held 9, after cuts with many seeds.
    fn left(entries: Vec<Entry>, after: usize) -> BTreeSet<[u8; 8]> {
        let log = log(entries);
        let of = |seed| {
            let Left { disk, .. } = log.cut(vec![9; 8 * SECTOR], Cut { after, seed });
            assert!(disk.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
            std::array::from_fn(|at| disk[at * SECTOR])
        };
        (0..2000).map(of).collect()
    }

    fn set<const N: usize>(all: [[u8; 8]; N]) -> BTreeSet<[u8; 8]> {
        BTreeSet::from(all)
    }

    #[test]
    fn test_what_was_flushed_is_there() {
        let entries = || vec![write(0, &[1, 2]), write(1, &[3]), Entry::Flush, write(7, &[4])];
        assert_eq!(left(entries(), 3), set([[1, 3, 9, 9, 9, 9, 9, 9]]));
        let with_and_without = set([[1, 3, 9, 9, 9, 9, 9, 9], [1, 3, 9, 9, 9, 9, 9, 4]]);
        assert_eq!(left(entries(), 4), with_and_without);
        assert_eq!(left(entries(), 99), with_and_without, "no more than there is");
        assert_eq!(left(entries(), 0), set([[9; 8]]));
    }

    #[test]
    fn test_of_the_rest_each_part_is_and_the_last_may_be_torn() {
        let entries = vec![Entry::Flush, write(0, &[1]), write(4, &[2, 3, 4]), write(0, &[5])];
        let all = left(entries, 4);
        let first = [9, 1, 5];
        // Torn where nothing came after it: by one sector, two, or not at all.
        let second = [[9, 9, 9], [2, 9, 9], [2, 3, 9], [2, 3, 4]];
        let mut expected = BTreeSet::new();
        for zero in first {
            for [four, five, six] in second {
                expected.insert([zero, 9, 9, 9, four, five, six, 9]);
            }
        }
        // What was written last is there, and so is what was written before it, whole.
        expected.retain(|at| at[0] != 5 || [[9, 9, 9], [2, 3, 4]].contains(&[at[4], at[5], at[6]]));
        assert_eq!(all, expected);
    }

    #[test]
    fn test_what_was_discarded_is_zero_or_not() {
        let entries = vec![write(3, &[1, 1]), Entry::Flush, Entry::Discard { sectors: 3..5 }];
        let [old, torn, gone] = [[1, 1], [0, 1], [0, 0]].map(|[a, b]| [9, 9, 9, a, b, 9, 9, 9]);
        assert_eq!(left(entries, 3), set([old, torn, gone]));
    }

    #[test]
    fn test_what_is_lost_is_counted() {
        let log = log(vec![write(0, &[1]), Entry::Flush, write(1, &[2]), write(2, &[3])]);
        for seed in 0..100 {
            let Left { disk, unflushed, lost } =
                log.cut(vec![0; 4 * SECTOR], Cut { after: 4, seed });
            let there = disk.chunks(SECTOR).skip(1).filter(|sector| sector[0] != 0).count();
            assert_eq!((unflushed, lost), (2, 2 - there));
        }
    }
}
