//! Pages of the table that were written and are not on the disk yet. They go there together, at the latest before the
//! next flush: until that is answered a disk need not have any of them, and may take them in any order.

use crate::held::Bytes;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// How many there are at most: 256 KiB, and as much again while they are written.
pub(crate) const MOST: usize = 64;

/// By number, as they were written last.
#[derive(Debug, Default)]
pub(crate) struct Behind(BTreeMap<u64, Bytes>);

impl Behind {
    pub(crate) fn get(&self, page: u64) -> Option<&Bytes> {
        self.0.get(&page)
    }

    /// A single page is to be written; whether all are to be, as there is room for no more.
    pub(crate) fn insert(&mut self, page: u64, bytes: Bytes) -> bool {
        self.0.insert(page, bytes);
        self.0.len() >= MOST
    }

    /// Something else is written there.
    pub(crate) fn forget(&mut self, page: u64) {
        self.0.remove(&page);
    }

    /// All of them, in order: their numbers, and what is in them one behind the other.
    pub(crate) fn all(&self) -> (Vec<u64>, Vec<u8>) {
        let numbers = self.0.keys().copied().collect();
        let bytes: Vec<&[u8]> = self.0.values().map(|bytes| &**bytes).collect();
        (numbers, bytes.concat())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them are written.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
