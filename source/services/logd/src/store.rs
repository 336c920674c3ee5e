//! How the ledger lies in memory that outlives logd.
//!
//! Twenty words are a slot. Behind the slots are counts, a word each. The first holds what is not the ledger's: the number that the next line gets,
//! and that of the first record that is being cut. Each other one holds a record: its number in the first
//! word, 0 in a free slot, the rest of its stamp, what it says, the hash before it, its own. The number is
//! stored last and cleared alone, so that a life that ends at any instruction leaves whole records only.

use alloc::vec::Vec;

use nexus_mmio::SharedMut;
use nexus_proto::Wire;
use nexus_proto::log::{Entry, Stamp};
use zerocopy::{IntoBytes, TryFromBytes};

use crate::chain::{Link, Reader};
use crate::ledger::{covered, folds};

/// Words of a slot.
pub const SLOT: usize = 20;

/// Where the number of the next line is.
const NEXT_LINE: usize = 0;
/// Where the number of the first record that is cut is, until that is recorded.
const CUT: usize = 1;

/// Memory, word by word.
pub trait Words {
    /// How many there are.
    fn count(&self) -> usize;
    /// The word at this place; 0 behind the last.
    fn load(&self, at: usize) -> u64;
    /// Stores a word, after all that were stored before.
    fn store(&mut self, at: usize, word: u64);
    /// Stores words from this place on, in order.
    fn store_all(&mut self, at: usize, words: impl ExactSizeIterator<Item = u64>) {
        (at..).zip(words).for_each(|(at, word)| self.store(at, word));
    }
}

impl<M: SharedMut> Words for M {
    fn count(&self) -> usize {
        self.len() / 8
    }

    fn load(&self, at: usize) -> u64 {
        self.words(at * 8, 1).ok().and_then(|mut words| words.next()).unwrap_or(0)
    }

    fn store(&mut self, at: usize, word: u64) {
        self.store_all(at, core::iter::once(word));
    }

    fn store_all(&mut self, at: usize, words: impl ExactSizeIterator<Item = u64>) {
        // What lies outside is not there to be loaded either.
        let _ = self.put_words(at * 8, words);
    }
}

/// What a life of logd found in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Records.
    pub records: u64,
    /// Of these, records that are kept.
    pub kept: u64,
    /// Number of the first record that is cut; 0 when none is.
    pub cut: u64,
}

/// The memory.
#[derive(Debug)]
pub struct Store<W> {
    memory: W,
    counts: usize,
}

impl<W: Words> Store<W> {
    /// Over memory that is zero, or that a life of logd has left.
    pub const fn new(memory: W) -> Store<W> {
        Store { memory, counts: 0 }
    }

    /// The same, with so many counts at its end.
    pub const fn with_counts(memory: W, counts: usize) -> Store<W> {
        Store { memory, counts }
    }

    /// The memory itself.
    pub fn into_inner(self) -> W {
        self.memory
    }

    /// Counts that fit.
    pub(crate) fn counts(&self) -> usize {
        self.counts.min(self.memory.count())
    }

    /// The count at this place; 0 behind the last.
    pub(crate) fn count(&self, place: usize) -> u64 {
        self.count_word(place).map_or(0, |word| self.memory.load(word))
    }

    /// Keeps a count, if there is such a place.
    pub(crate) fn set_count(&mut self, place: usize, times: u64) {
        if let Some(word) = self.count_word(place) {
            self.memory.store(word, times);
        }
    }

    fn count_word(&self, place: usize) -> Option<usize> {
        let first = self.memory.count() - self.counts();
        (place < self.counts()).then_some(first + place)
    }

    /// Records that fit.
    pub fn slots(&self) -> usize {
        ((self.memory.count() - self.counts()) / SLOT).saturating_sub(1)
    }

    /// The number that the next line gets; 0 when no life of logd has stored it.
    pub fn next_line(&self) -> u64 {
        self.memory.load(NEXT_LINE)
    }

    /// Keeps the number that the next line gets.
    pub fn set_next_line(&mut self, number: u64) {
        self.memory.store(NEXT_LINE, number);
    }

    /// Forgets a cut, which is on record now.
    pub fn cut_is_recorded(&mut self) {
        self.memory.store(CUT, 0);
    }

    pub(crate) fn put(&mut self, slot: usize, link: &Link) {
        let parts: [&[u8]; 4] =
            [link.stamp.as_bytes(), link.entry.as_bytes(), &link.previous, &link.own];
        let mut bytes = [0; SLOT * 8];
        let mut rest = bytes.as_mut_slice();
        for part in parts {
            // They fill it.
            let Some((to, behind)) = rest.split_at_mut_checked(part.len()) else { return };
            to.copy_from_slice(part);
            rest = behind;
        }
        let words = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
        let first = first_word(slot);
        self.memory.store_all(first + 1, words.skip(1));
        self.memory.store(first, link.stamp.seq);
    }

    pub(crate) fn clear(&mut self, slot: usize) {
        self.memory.store(first_word(slot), 0);
    }

    /// The records to go on with, in order, each with its slot; nothing else is in the memory any more.
    pub(crate) fn recover(&mut self) -> (Vec<(usize, Link)>, Option<Found>) {
        let all = self.read();
        let records = all.len();
        let mut kept = fitting(&all);
        let links: Vec<Link> = kept.iter().map(|(_, link)| *link).collect();
        // A life that ended in a fold has left some of what that takes out.
        let unfinished: Vec<u64> = folds(&links)
            .flat_map(|(seq, fold)| covered(&links, seq, fold.subject))
            .map(|link| link.stamp.seq)
            .collect();
        let (left, mut rest): (Vec<_>, Vec<_>) =
            kept.drain(..).partition(|(_, link)| unfinished.contains(&link.stamp.seq));
        rest.truncate(whole(&rest));
        let cut = self.cut(records > rest.len() + left.len(), &rest);
        let keeps = |slot: &usize| rest.iter().any(|(kept, _)| kept == slot);
        all.iter().map(|found| found.slot).filter(|slot| !keeps(slot)).for_each(|s| self.clear(s));
        let count = |records: usize| u64::try_from(records).unwrap_or(u64::MAX);
        let found = Found { records: count(records), kept: count(rest.len() + left.len()), cut };
        (rest, Some(found).filter(|found| found.records > 0 || found.cut > 0))
    }

    /// The number of the first record that is cut, by this life or by one before it that could not say so.
    fn cut(&mut self, cuts: bool, kept: &[(usize, Link)]) -> u64 {
        let next = kept.last().map_or(0, |(_, link)| link.stamp.seq).saturating_add(1);
        let before = self.memory.load(CUT);
        let cut = match (cuts, before) {
            (false, before) => before,
            (true, 0) => next,
            (true, before) => before.min(next),
        };
        self.memory.store(CUT, cut);
        cut
    }

    /// What is in the slots that are not free, by number.
    fn read(&self) -> Vec<InSlot> {
        let in_slot = |slot| {
            let seq = self.memory.load(first_word(slot));
            (seq != 0).then(|| InSlot { slot, seq, link: self.link(slot) })
        };
        let mut all: Vec<InSlot> = (0..self.slots()).filter_map(in_slot).collect();
        all.sort_unstable_by_key(|found| found.seq);
        all
    }

    fn link(&self, slot: usize) -> Option<Link> {
        let mut bytes = [0; SLOT * 8];
        for (at, word) in bytes.as_chunks_mut().0.iter_mut().enumerate() {
            *word = self.memory.load(first_word(slot) + at).to_le_bytes();
        }
        let (stamp, rest) = bytes.split_at_checked(size_of::<Stamp>())?;
        let (entry, hashes) = rest.split_at_checked(size_of::<Entry>())?;
        let (previous, own) = hashes.split_first_chunk()?;
        let entry = Entry::try_read_from_bytes(entry).ok().filter(Wire::is_canonical)?;
        let stamp = Stamp::try_read_from_bytes(stamp).ok()?;
        Some(Link { stamp, entry, previous: *previous, own: own.try_into().ok()? })
    }
}

struct InSlot {
    slot: usize,
    seq: u64,
    /// `None` when it is no record.
    link: Option<Link>,
}

const fn first_word(slot: usize) -> usize {
    (slot + 1) * SLOT
}

/// The records up to the first that is none, or does not follow the one before it.
fn fitting(all: &[InSlot]) -> Vec<(usize, Link)> {
    let mut reader = Reader::new();
    let fits = |found: &InSlot| {
        let link = found.link.filter(|link| reader.take(link).is_ok())?;
        Some((found.slot, link))
    };
    all.iter().map_while(fits).collect()
}

/// How many records, from the first, are the longest whole ledger.
fn whole(links: &[(usize, Link)]) -> usize {
    let mut reader = Reader::new();
    let mut longest = 0;
    for (count, (_, link)) in (1..).zip(links) {
        if reader.take(link).is_err() {
            break;
        }
        if reader.is_whole() {
            longest = count;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeWords;

    #[test]
    fn counts_lie_at_the_end_and_nothing_behind_them() {
        let mut store = Store::with_counts(FakeWords::new(60), 3);
        for place in 0..5 {
            store.set_count(place, 7 + place as u64);
        }
        assert_eq!([0, 1, 2, 3, 4].map(|place| store.count(place)), [7, 8, 9, 0, 0]);
        let words = store.into_inner().words;
        assert_eq!((&words[57..], words.iter().sum::<u64>()), (&[7, 8, 9][..], 24));
    }
}
