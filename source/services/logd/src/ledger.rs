//! The security ledger: what was decided, given, refused and ended.

use alloc::vec::Vec;

use nexus_abi::Sender;
use nexus_proto::log::{Entry, Stamp, VERIFY_RECORDS, Verification};
use nexus_proto::{Fold, Holes};
use nexus_sysdesc::Description;

use crate::chain::{Checkpoint, GENESIS, Hash, Link};
use crate::store::{Found, Store, Words};
use crate::time::Moment;

mod fold;
mod room;

pub use fold::KEPT_LIVES;
pub use room::KEPT_FROM_DENIALS;
use room::{ACCESSES, Room};

/// Records that fit in a ledger of no system in particular.
pub const CAPACITY: usize = 1024;

/// Counts of refusals that a system can have: one for each record of them, and one for the others.
#[must_use]
pub fn counts(description: &Description) -> usize {
    ACCESSES * description.services.len() + 1
}

/// There is no room for the record. What it would have said did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What has become of a slot of the memory that the ledger lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// A record was put there.
    Put(usize, Link),
    /// The record there was folded away.
    Clear(usize),
}

/// The ledger. Its space is taken when it is made. What is in it stays, but for records of lives that have
/// ended, which are folded away when the share of their service is full.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// In the order of their numbers.
    links: Vec<Link>,
    /// Where each of them lies in memory.
    slots: Vec<usize>,
    free: Vec<usize>,
    room: Room,
    /// Who keeps it, and records what is folded.
    keeper: Sender,
    /// What has not been stored yet; `None` when nothing is.
    changes: Option<Vec<Change>>,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger::with_capacity(CAPACITY)
    }
}

impl Ledger {
    /// An empty ledger with room for `capacity` records, whoever they are about: none is folded.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Ledger {
        Ledger::with_room(Room::undivided(capacity))
    }

    /// An empty ledger with a share for each service of a system.
    #[must_use]
    pub fn new(description: &Description) -> Ledger {
        Ledger::with_room(Room::divided(description, usize::MAX))
    }

    /// The ledger that lies in this memory, up to the first record that does not fit; empty where the
    /// memory is. Everything after that record is gone from the memory, too, and what a fold had not yet
    /// taken out. From here on [`save`](Self::save) keeps the memory as the ledger is.
    #[must_use]
    pub fn recover<W: Words>(
        description: &Description,
        store: &mut Store<W>,
    ) -> (Ledger, Option<Found>) {
        let most = store.slots().saturating_sub(1);
        let mut ledger = Ledger::with_room(Room::divided(description, most));
        let (kept, found) = store.recover();
        let used: Vec<usize> = kept.iter().map(|(slot, _)| *slot).collect();
        ledger.free = (0..store.slots()).rev().filter(|slot| !used.contains(slot)).collect();
        for (slot, link) in kept {
            ledger.insert(slot, link);
        }
        ledger.changes = Some(Vec::new());
        (ledger, found)
    }

    fn with_room(room: Room) -> Ledger {
        // One more than there is room for: a fold is there before what it takes out is gone.
        let slots = room.records().saturating_add(1);
        Ledger {
            links: Vec::with_capacity(slots),
            slots: Vec::with_capacity(slots),
            free: (0..slots).rev().collect(),
            room,
            keeper: Sender::default(),
            changes: None,
        }
    }

    /// Says who keeps it.
    pub fn set_keeper(&mut self, keeper: Sender) {
        self.keeper = keeper;
    }

    /// Stores all that has changed, in the order in which it did. Wherever that ends, what is in the memory
    /// is the ledger before a change or after it.
    pub fn save<W: Words>(&mut self, store: &mut Store<W>) {
        for change in self.changes.iter_mut().flat_map(|changes| changes.drain(..)) {
            match change {
                Change::Put(slot, link) => store.put(slot, &link),
                Change::Clear(slot) => store.clear(slot),
            }
        }
    }

    /// Adds a record that `reporter` asked for, and returns its number, from 1. When it finds the share of
    /// its service full, lives that have ended are folded first.
    ///
    /// # Errors
    /// [`Full`]; nothing has changed, or nothing but that.
    pub fn append(&mut self, reporter: Sender, entry: Entry, at: Moment) -> Result<u64, Full> {
        if let Some(service) = self.room.is_due(&entry) {
            self.fold(service, at);
        }
        // The last slot is for folds.
        if !self.room.has(&entry) || self.free.len() < 2 {
            return Err(Full);
        }
        self.push(reporter, entry, at).ok_or(Full)
    }

    /// Folds what can be of a service.
    fn fold(&mut self, service: u32, at: Moment) {
        let Some((fold, covered)) = fold::plan(&self.links, service) else { return };
        if self.push(self.keeper, fold.entry(), at).is_some() {
            covered.into_iter().for_each(|seq| self.remove(seq));
        }
    }

    fn push(&mut self, reporter: Sender, entry: Entry, at: Moment) -> Option<u64> {
        let slot = self.free.pop()?;
        let seq = self.records() + 1;
        let Moment { ticks, unix_ns } = at;
        let stamp = Stamp { seq, ticks, unix_ns, reporter: reporter.into() };
        let link = Link::new(self.head(), stamp, entry);
        self.insert(slot, link);
        self.changed(Change::Put(slot, link));
        Some(seq)
    }

    fn insert(&mut self, slot: usize, link: Link) {
        self.links.push(link);
        self.slots.push(slot);
        self.room.add(&link.entry);
    }

    fn remove(&mut self, seq: u64) {
        let Some(index) = self.index(seq) else { return };
        let link = self.links.remove(index);
        let slot = self.slots.remove(index);
        self.room.remove(&link.entry);
        self.free.push(slot);
        self.changed(Change::Clear(slot));
    }

    fn changed(&mut self, change: Change) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    fn index(&self, seq: u64) -> Option<usize> {
        self.links.binary_search_by_key(&seq, |link| link.stamp.seq).ok()
    }

    /// The record with this number; `None` when there is none, or it is folded away.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<&Link> {
        self.links.get(self.index(seq)?)
    }

    /// The first record with this number or a higher one.
    #[must_use]
    pub fn find(&self, seq: u64) -> Option<&Link> {
        self.links.get(self.links.partition_point(|link| link.stamp.seq < seq))
    }

    /// All records, in order.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Number of the last record: as many as there ever were.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.links.last().map_or(0, |link| link.stamp.seq)
    }

    /// How many more fit, whoever they are about.
    #[must_use]
    pub fn room(&self) -> u64 {
        u64::try_from(self.free.len().saturating_sub(1)).unwrap_or(u64::MAX)
    }

    /// Hash of the last record.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.links.last().map_or(GENESIS, |link| link.own)
    }

    /// Computes a piece of the chain anew: up to [`VERIFY_RECORDS`] records from number `from`.
    /// When each piece fits, the whole chain does: a hole fits when the folds account for all of them.
    #[must_use]
    pub fn verify(&self, from: u64) -> Verification {
        let (records, head) = (self.records(), self.head());
        let mut answer = Verification { records, first_bad: 0, next: 0, head };
        let mut holes = Holes::NONE;
        self.links.iter().for_each(|link| holes.take(link.stamp.seq, &link.entry));
        let first = self.links.partition_point(|link| link.stamp.seq < from);
        let before = first.checked_sub(1).and_then(|index| self.links.get(index));
        let mut at = before.map_or(Checkpoint::EMPTY, Link::checkpoint);
        let mut rest = self.links.iter().skip(first);
        for link in rest.by_ref().take(usize::try_from(VERIFY_RECORDS).unwrap_or(0)) {
            let whole = link.stamp.seq == at.records + 1 || holes.are_accounted_for();
            if !whole || !link.follows(&at) {
                answer.first_bad = at.records + 1;
                return answer;
            }
            at = link.checkpoint();
        }
        answer.next = rest.next().map_or(0, |link| link.stamp.seq);
        answer
    }
}

/// The folds of a ledger, at most one of each service.
pub(crate) fn folds(links: &[Link]) -> impl Iterator<Item = (u64, Fold)> {
    links.iter().filter_map(|link| Some((link.stamp.seq, Fold::of(&link.entry)?)))
}

pub(crate) use fold::covered;

#[cfg(test)]
mod tests;
