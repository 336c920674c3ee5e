//! Which of the ids of a ring are in flight.

use crate::MAX_ENTRIES;

/// A set of ids below `N`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ids<const N: usize>(u64);

impl<const N: usize> Ids<N> {
    /// `N`, which an index that wraps at 2^16 goes round evenly.
    pub(crate) const ALL: u16 = {
        assert!(N.is_power_of_two() && N <= MAX_ENTRIES, "a ring has 1, 2, 4, ... 64 entries");
        N as u16
    };

    /// The bit of an id; none when the ring has no such id.
    fn bit(id: u16) -> Option<u64> {
        (id < Self::ALL).then(|| 1 << id)
    }

    /// How many there are.
    pub(crate) const fn count(self) -> u16 {
        self.0.count_ones() as u16
    }

    /// The lowest that is not one of them.
    pub(crate) fn first_free(self) -> Option<u16> {
        let id = self.0.trailing_ones() as u16;
        (id < Self::ALL).then_some(id)
    }

    /// Each, the lowest first.
    pub(crate) fn each(self) -> impl Iterator<Item = u16> + use<N> {
        (0..Self::ALL).filter(move |id| self.0 >> *id & 1 == 1)
    }

    /// Puts it in. False when there is no such id, or it was in.
    pub(crate) fn insert(&mut self, id: u16) -> bool {
        let new = Self::bit(id).filter(|bit| self.0 & bit == 0);
        self.0 |= new.unwrap_or(0);
        new.is_some()
    }

    /// Takes it out. False when it was not in.
    pub(crate) fn remove(&mut self, id: u16) -> bool {
        let old = Self::bit(id).filter(|bit| self.0 & bit != 0);
        self.0 &= !old.unwrap_or(0);
        old.is_some()
    }
}
