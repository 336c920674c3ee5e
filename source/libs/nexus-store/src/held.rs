//! Pages of the table that are held in memory, right when they came: those that lead to others, up to a bound, so that
//! a get reads what it looks for alone; and of those with rows as many as there is room for, the latest.

use crate::format::BRANCH;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

/// A page of the table, or several in one. What was read into memory stays where it is: an `Arc<[u8]>` would be a copy.
#[derive(Clone, Debug)]
pub(crate) struct Bytes(Arc<Vec<u8>>);

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

/// Places that a page with rows may be held in.
const WAYS: usize = 4;

/// Pages whose numbers have the same remainder.
#[derive(Clone, Debug, Default)]
struct Set {
    pages: [Option<(u64, Bytes)>; WAYS],
    /// Which one gives way next.
    next: usize,
}

impl Set {
    fn get(&self, page: u64) -> Option<&Bytes> {
        let held = self.pages.iter().flatten().find(|(number, _)| *number == page);
        held.map(|(_, bytes)| bytes)
    }

    fn place(&mut self, page: u64) -> Option<&mut Option<(u64, Bytes)>> {
        self.pages.iter_mut().find(|held| held.as_ref().is_some_and(|(number, _)| *number == page))
    }

    fn insert(&mut self, page: u64, bytes: Bytes) {
        if let Some(place) = self.place(page) {
            *place = Some((page, bytes));
        } else if let Some(place) = self.pages.get_mut(self.next) {
            *place = Some((page, bytes));
            self.next = (self.next + 1) % WAYS;
        }
    }
}

/// The pages that are held.
#[derive(Debug, Default)]
pub(crate) struct Held {
    branches: BTreeMap<u64, Bytes>,
    most_branches: usize,
    sets: Vec<Set>,
}

impl Held {
    /// At most so many pages that lead to others, and so many with rows.
    pub(crate) fn new(branches: usize, leaves: usize) -> Self {
        let sets = leaves.div_ceil(WAYS);
        let sets = core::iter::repeat_with(Set::default).take(sets).collect();
        Self { branches: BTreeMap::new(), most_branches: branches, sets }
    }

    fn index(&self, page: u64) -> Option<usize> {
        usize::try_from(page.checked_rem(self.sets.len() as u64)?).ok()
    }

    fn set(&mut self, page: u64) -> Option<&mut Set> {
        let index = self.index(page)?;
        self.sets.get_mut(index)
    }

    /// What is in a page, when it is held.
    pub(crate) fn get(&self, page: u64) -> Option<&Bytes> {
        let set = self.index(page).and_then(|index| self.sets.get(index));
        set.and_then(|set| set.get(page)).or_else(|| self.branches.get(&page))
    }

    /// What is in a single page now, read or written, and right.
    pub(crate) fn hold(&mut self, page: u64, bytes: Bytes) {
        if bytes.first() == Some(&BRANCH) {
            self.forget(page);
            self.hold_branch(page, bytes);
        } else {
            self.branches.remove(&page);
            if let Some(set) = self.set(page) {
                set.insert(page, bytes);
            }
        }
    }

    fn hold_branch(&mut self, page: u64, bytes: Bytes) {
        if self.most_branches == 0 {
            return;
        }
        if self.branches.len() >= self.most_branches {
            self.branches.pop_first();
        }
        self.branches.insert(page, bytes);
    }

    /// Another content is there.
    pub(crate) fn forget(&mut self, page: u64) {
        self.branches.remove(&page);
        if let Some(place) = self.set(page).and_then(|set| set.place(page)) {
            *place = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::LEAF;

    fn bytes(kind: u8, fill: u8) -> Bytes {
        Vec::from([kind, fill]).into()
    }

    fn fill(held: &Held, page: u64) -> Option<u8> {
        held.get(page).and_then(|bytes| bytes.get(1)).copied()
    }

    #[test]
    fn a_page_is_what_it_was_last() {
        let mut held = Held::new(2, 8);
        held.hold(5, bytes(LEAF, 1));
        held.hold(5, bytes(LEAF, 2));
        assert_eq!(fill(&held, 5), Some(2));
        held.hold(5, bytes(BRANCH, 3));
        assert_eq!(fill(&held, 5), Some(3));
        held.hold(5, bytes(LEAF, 4));
        assert_eq!((fill(&held, 5), held.branches.len()), (Some(4), 0));
        held.forget(5);
        assert_eq!((fill(&held, 5), fill(&held, 6)), (None, None));
        held.hold(5, bytes(BRANCH, 3));
        held.forget(5);
        assert_eq!(fill(&held, 5), None);
    }

    #[test]
    fn no_more_are_held_than_there_is_room_for() {
        let mut held = Held::new(2, 8);
        for page in 0..20 {
            held.hold(page, bytes(LEAF, page as u8));
        }
        let there: Vec<u64> = (0..20).filter(|page| held.get(*page).is_some()).collect();
        assert_eq!(there, (12..20).collect::<Vec<_>>());
        for page in 30..33 {
            held.hold(page, bytes(BRANCH, 0));
        }
        assert_eq!(held.branches.keys().copied().collect::<Vec<_>>(), [31, 32]);
        let mut none = Held::new(0, 0);
        none.hold(1, bytes(LEAF, 0));
        none.hold(2, bytes(BRANCH, 0));
        assert_eq!((fill(&none, 1), fill(&none, 2)), (None, None));
    }
}
