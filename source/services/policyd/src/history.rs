//! What has been asked and allowed before. Bounded by the number of services and devices.

use alloc::vec::Vec;

use nexus_abi::Sender;
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::{Decide, NO_LINE, Reason};
use nexus_proto::{Fold, Subject};

/// Unpermitted questions of one service that are recorded in the ledger. Later ones are counted.
const RECORDED_INTRUSIONS: u64 = 4;

/// The life of the distributor: the machine ends with it.
const ONLY_LIFE: u32 = 1;

/// Everything that a decision depends on beside the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    askers: Vec<Asker>,
    subjects: Vec<Subject>,
    places: Vec<Place>,
    intruders: Vec<Intruder>,
}

/// The last nonce of a distributor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asker {
    id: u32,
    incarnation: u32,
    nonce: u64,
}

/// Where a device was when it was first allowed, and its line when that first was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    device: u16,
    base: u64,
    len: u64,
    line: u16,
}

/// A service that asked without the permission to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Intruder {
    id: u32,
    times: u64,
}

impl History {
    /// Takes the nonce of a question: true once, for a nonce above all before it in this life of
    /// the asker.
    pub(crate) fn take_nonce(&mut self, asker: Sender, nonce: u64) -> bool {
        let Sender { service_id: id, incarnation } = asker;
        match self.askers.iter_mut().find(|known| known.id == id) {
            None => self.askers.push(Asker { id, incarnation, nonce }),
            Some(known) if incarnation > known.incarnation => {
                *known = Asker { id, incarnation, nonce };
            }
            Some(known) if incarnation == known.incarnation && nonce > known.nonce => {
                known.nonce = nonce;
            }
            Some(_) => return false,
        }
        true
    }

    /// Why `ask` contradicts what was allowed before, if it does.
    pub(crate) fn objection(&self, ask: &Decide) -> Option<Reason> {
        let Subject { id, incarnation } = ask.subject;
        let later = |known: &Subject| known.id == id && known.incarnation > incarnation;
        if incarnation == 0 || self.subjects.iter().any(later) {
            return Some(Reason::StaleIncarnation);
        }
        if self.places.iter().any(|known| known.conflicts(ask)) {
            return Some(Reason::WindowMismatch);
        }
        let crossed = self.places.iter().any(|known| known.crosses(ask));
        crossed.then_some(Reason::LineMismatch)
    }

    /// Remembers an allow.
    pub(crate) fn allowed(&mut self, ask: &Decide) {
        let Decide { device, base, line, .. } = *ask;
        self.lived(ask.subject);
        self.placed(Place { device, base, len: ask.window_len(), line });
    }

    /// Remembers what a record says that was made before this life: by the rules in force `distributor`
    /// alone has things decided. What policyd denied to others, it wrote of them itself; the rest it was
    /// asked under a nonce of the distributor.
    pub(crate) fn recall(&mut self, entry: &Entry, distributor: u32) {
        let Entry { subject, device, base, len, line, detail: nonce, .. } = *entry;
        match entry.event {
            Event::Decision if entry.reason == Reason::MayNotAsk.code() => {
                let _again = self.intruded(subject.id);
            }
            Event::Decision => {
                let asker = Sender { service_id: distributor, incarnation: ONLY_LIFE };
                let _fresh = self.take_nonce(asker, nonce);
                if entry.outcome == Outcome::Allow {
                    self.lived(subject);
                    self.placed(Place { device, base, len, line });
                }
            }
            Event::Fold => {
                let _of = Fold::of(entry).map(|fold| self.lived(fold.subject));
            }
            _ => {}
        }
    }

    /// Remembers the last life of a service that anything was decided for.
    fn lived(&mut self, subject: Subject) {
        match self.subjects.iter_mut().find(|known| known.id == subject.id) {
            Some(known) => known.incarnation = known.incarnation.max(subject.incarnation),
            None => self.subjects.push(subject),
        }
    }

    /// Remembers where a device is.
    fn placed(&mut self, place: Place) {
        match self.places.iter_mut().find(|known| known.device == place.device) {
            Some(known) if known.line == NO_LINE => known.line = place.line,
            Some(_) => {}
            None => self.places.push(place),
        }
    }

    /// Counts a question of a service without the permission to ask. True while such questions
    /// of this service are recorded. Services are few, because init alone makes them.
    pub(crate) fn intruded(&mut self, id: u32) -> bool {
        let index = self.intruders.iter().position(|known| known.id == id).unwrap_or_else(|| {
            self.intruders.push(Intruder { id, times: 0 });
            self.intruders.len() - 1
        });
        self.intruders.get_mut(index).is_some_and(|known| {
            known.times = known.times.saturating_add(1);
            known.times <= RECORDED_INTRUSIONS
        })
    }
}

impl Place {
    /// True when `ask` puts this device elsewhere, or another device on its pages. Both ranges
    /// have been checked not to wrap.
    fn conflicts(&self, ask: &Decide) -> bool {
        let len = ask.window_len();
        let same = self.base == ask.base && self.len == len;
        let apart = self.base.saturating_add(self.len) <= ask.base
            || ask.base.saturating_add(len) <= self.base;
        if self.device == ask.device { !same } else { !apart }
    }

    /// True when `ask` gives this device another line, or its line to another device.
    fn crosses(&self, ask: &Decide) -> bool {
        let lined = self.line != NO_LINE && ask.line != NO_LINE;
        lined && (self.device == ask.device) != (self.line == ask.line)
    }
}
