//! How often services were refused by who keeps state for others: the first of each kind is a record, and the
//! others are counted.

use alloc::vec::Vec;

use nexus_proto::log::{Entry, Event, Outcome, Refuse};

use crate::chain::Link;
use crate::store::{Store, Words};

/// Place of the count of those that had no room for a record; behind it are those of the records, in order.
const OTHERS: usize = 0;

/// Which are counted together: the service, the line of the policy, and what was asked for.
type Kind = (u32, u16, u8);

/// The counts of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Refusals {
    counted: Vec<Counted>,
    others: u64,
    /// Places of counts that have not been stored yet.
    changed: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Counted {
    seq: u64,
    kind: Kind,
    times: u64,
}

impl Refusals {
    /// The counts of the records of a ledger, as they were stored; those of records that are gone are cleared.
    pub(crate) fn recover<W: Words>(links: &[Link], store: &mut Store<W>) -> Refusals {
        let records = links.iter().filter(|link| link.entry.event == Event::Access);
        let counted: Vec<Counted> = (OTHERS + 1..)
            .zip(records)
            // A life that ended between the two has stored the record alone.
            .map(|(place, link)| Counted {
                seq: link.stamp.seq,
                kind: kind(&link.entry),
                times: store.count(place).max(1),
            })
            .collect();
        (counted.len() + 1..store.counts()).for_each(|place| store.set_count(place, 0));
        Refusals { counted, others: store.count(OTHERS), changed: Vec::new() }
    }

    /// Counts what is on record; the number of the record, or `None` when there is none of its kind.
    pub(crate) fn count(&mut self, entry: &Entry, times: u64) -> Option<u64> {
        let mut counted = self.counted.iter_mut().zip(OTHERS + 1..);
        let (one, place) = counted.find(|(one, _)| one.kind == kind(entry))?;
        one.times = one.times.saturating_add(times);
        self.changed.push(place);
        Some(one.seq)
    }

    /// Begins to count what is on record now, by this number.
    pub(crate) fn begin(&mut self, seq: u64, entry: &Entry, times: u64) {
        self.counted.push(Counted { seq, kind: kind(entry), times });
        self.changed.push(OTHERS + self.counted.len());
    }

    /// Counts what has no room for a record.
    pub(crate) fn count_other(&mut self, times: u64) {
        self.others = self.others.saturating_add(times);
        self.changed.push(OTHERS);
    }

    /// How often what the record with this number says has happened; for 0, what had no room for a record.
    #[must_use]
    pub fn times(&self, seq: u64) -> Option<u64> {
        if seq == 0 {
            return Some(self.others);
        }
        self.counted.iter().find(|one| one.seq == seq).map(|one| one.times)
    }

    pub(crate) fn save<W: Words>(&mut self, store: &mut Store<W>) {
        while let Some(place) = self.changed.pop() {
            let counted = place.checked_sub(OTHERS + 1).and_then(|index| self.counted.get(index));
            store.set_count(place, counted.map_or(self.others, |one| one.times));
        }
    }
}

/// The first of its kind as a record: the line in `rule`, what was asked for in `reason`, whose tree it was in
/// `detail`.
pub(crate) fn entry(ask: &Refuse) -> Entry {
    let Refuse { subject, owner, rule, access, .. } = *ask;
    let about = Entry::about(Event::Access, Outcome::Deny, subject);
    Entry { rule, reason: access.code(), detail: owner.into(), ..about }
}

const fn kind(entry: &Entry) -> Kind {
    (entry.subject.id, entry.rule, entry.reason)
}
