//! A tree of the store, as far as the archive uses it.

use nexus_mmio::SharedMut;
use nexus_state::{Change, Error, Link, OWN, Page, State, Value, Version};

/// A tree that can be read.
pub trait Tree {
    /// The value under a key.
    ///
    /// # Errors
    /// As [`nexus_state::State::get`].
    fn get(&mut self, key: &str) -> Result<Option<Value>, Error>;

    /// At most `rows` keys under `under`, behind `after`, without values.
    ///
    /// # Errors
    /// As [`nexus_state::State::list`].
    fn list(&mut self, under: &str, after: Option<&str>, rows: u32) -> Result<Page, Error>;
}

/// A tree that can be changed, by its owner.
pub trait OwnTree: Tree {
    /// Makes all changes or none, and returns when they are durable: the version that each value has.
    ///
    /// # Errors
    /// As [`nexus_state::State::batch`].
    fn change(&mut self, changes: &[Change<'_>]) -> Result<Version, Error>;
}

/// A tree of the store.
#[derive(Debug)]
pub struct StoreTree<'a, L, M> {
    state: &'a mut State<L, M>,
    owner: u32,
}

impl<'a, L, M> StoreTree<'a, L, M> {
    /// The tree of this service itself.
    #[must_use]
    pub const fn own(state: &'a mut State<L, M>) -> Self {
        StoreTree { state, owner: OWN }
    }

    /// The tree of another service, to be read.
    #[must_use]
    pub const fn of(state: &'a mut State<L, M>, owner: u32) -> Self {
        StoreTree { state, owner }
    }
}

impl<L: Link<M>, M: SharedMut> Tree for StoreTree<'_, L, M> {
    fn get(&mut self, key: &str) -> Result<Option<Value>, Error> {
        self.state.get(self.owner, key)
    }

    fn list(&mut self, under: &str, after: Option<&str>, rows: u32) -> Result<Page, Error> {
        self.state.list(self.owner, under, after, rows, false)
    }
}

impl<L: Link<M>, M: SharedMut> OwnTree for StoreTree<'_, L, M> {
    fn change(&mut self, changes: &[Change<'_>]) -> Result<Version, Error> {
        self.state.batch(self.owner, changes, true)
    }
}
