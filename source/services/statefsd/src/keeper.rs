//! The store, as the server uses it.

use alloc::vec::Vec;

use nexus_store::{BlockDevice, Counters, Engine, ReadOnly, Store, TreeId};

/// A store that says how it is.
pub trait Keeper: Store {
    /// Why nothing may be written, when that is so.
    fn why_read_only(&self) -> Option<ReadOnly>;

    /// The trees that have keys, or once had.
    fn tree_ids(&self) -> Vec<TreeId>;

    /// Bytes of its partition.
    fn partition(&self) -> u64;

    /// What was asked of the disk since the opening began.
    fn asked_of_disk(&self) -> Counters;
}

impl<D: BlockDevice> Keeper for Engine<D> {
    fn why_read_only(&self) -> Option<ReadOnly> {
        self.read_only()
    }

    fn tree_ids(&self) -> Vec<TreeId> {
        self.trees().map(|(tree, _)| tree).collect()
    }

    fn partition(&self) -> u64 {
        self.bytes()
    }

    fn asked_of_disk(&self) -> Counters {
        self.counters()
    }
}
