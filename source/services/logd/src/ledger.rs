//! The security ledger: what was decided, given, refused and ended.

use alloc::vec::Vec;

use nexus_abi::Sender;
use nexus_proto::log::{Entry, Event, Outcome, Stamp, VERIFY_RECORDS, Verification};

use crate::chain::{GENESIS, Hash, Link};
use crate::time::Moment;

/// Records that fit.
pub const CAPACITY: usize = 1024;

/// Records at the end of the space that denials cannot take.
pub const KEPT_FROM_DENIALS: usize = 256;

/// There is no room for the record. What it would have said did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The ledger. Its space is taken when it is made, and nothing in it is ever removed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ledger {
    links: Vec<Link>,
    capacity: usize,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger::with_capacity(CAPACITY)
    }
}

impl Ledger {
    /// An empty ledger with room for `capacity` records.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Ledger {
        Ledger { links: Vec::with_capacity(capacity), capacity }
    }

    /// Adds a record that `reporter` asked for, and returns its number, from 1.
    ///
    /// # Errors
    /// [`Full`]; nothing has changed.
    pub fn append(&mut self, reporter: Sender, entry: Entry, at: Moment) -> Result<u64, Full> {
        let kept = if is_denial(&entry) { KEPT_FROM_DENIALS } else { 0 };
        if self.links.len() >= self.capacity.saturating_sub(kept) {
            return Err(Full);
        }
        let seq = self.records() + 1;
        let Moment { ticks, unix_ns } = at;
        let stamp = Stamp { seq, ticks, unix_ns, reporter: reporter.into() };
        self.links.push(Link::new(self.head(), stamp, entry));
        Ok(seq)
    }

    /// The record with this number.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<&Link> {
        self.links.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// All records, in order.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// How many there are.
    #[must_use]
    pub fn records(&self) -> u64 {
        u64::try_from(self.links.len()).unwrap_or(u64::MAX)
    }

    /// How many more fit.
    #[must_use]
    pub fn room(&self) -> u64 {
        u64::try_from(self.capacity.saturating_sub(self.links.len())).unwrap_or(u64::MAX)
    }

    /// Hash of the last record.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.links.last().map_or(GENESIS, |link| link.own)
    }

    /// Computes a piece of the chain anew: up to [`VERIFY_RECORDS`] records from number `from`.
    /// When each piece fits, the whole chain does.
    #[must_use]
    pub fn verify(&self, from: u64) -> Verification {
        let from = from.max(1);
        let mut answer =
            Verification { records: self.records(), first_bad: 0, next: 0, head: self.head() };
        let end = from.saturating_add(VERIFY_RECORDS);
        for seq in from..end {
            let Some(link) = self.get(seq) else { return answer };
            let previous = self.get(seq - 1).map_or(GENESIS, |link| link.own);
            if !link.fits(seq, &previous) {
                answer.first_bad = seq;
                return answer;
            }
        }
        answer.next = if end <= self.records() { end } else { 0 };
        answer
    }
}

/// A record of something that did not happen.
fn is_denial(entry: &Entry) -> bool {
    match entry.event {
        Event::Refusal => true,
        Event::Decision => entry.outcome != Outcome::Allow,
        Event::Boot
        | Event::Clock
        | Event::Grant
        | Event::Revoke
        | Event::Exit
        | Event::Drop
        | Event::Prepared
        | Event::Share
        | Event::Unshare => false,
    }
}

#[cfg(test)]
mod tests;
