//! Who was denied what: told once for each service, line and kind of operation, and then counted.

use alloc::collections::BTreeMap;

use nexus_proto::log::{Access, Log, Refuse};
use nexus_proto::policy::NO_RULE;
use nexus_proto::{Subject, Zero, ids};
use nexus_rt::{Deadline, startup};
use nexus_sysdesc::StateRight;

/// What was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denied {
    /// Service id of who asked.
    pub service: u32,
    /// Number of the line that opens some of that tree to it, and not this; 0 where no line opens any.
    pub rule: u16,
    /// For what it asked.
    pub right: StateRight,
}

/// Where denials are told.
pub trait Refusals {
    /// The first of its kind since statefsd began.
    fn first(&mut self, denied: Denied);

    /// So many more of a kind of which the first was told.
    fn more(&mut self, _denied: Denied, _times: u64) {}
}

/// Tells the log of the first of each kind, and logd, which has it on record and counts.
#[derive(Clone, Debug, Default)]
pub struct ToLedger {
    /// What logd has not taken.
    owed: BTreeMap<Denied, u64>,
}

/// Milliseconds that logd has: as many as for a line.
const TELL_MS: u64 = 50;

impl ToLedger {
    fn tell(&mut self, denied: Denied, times: u64) {
        let owed = self.owed.entry(denied).or_default();
        *owed = owed.saturating_add(times);
        let logd = startup().client::<Log>(ids::LOGD);
        let told = logd.map(|logd| logd.call(&refuse(denied, *owed), Deadline::after_ms(TELL_MS)));
        if matches!(told, Ok(Ok(_))) {
            *owed = 0;
        }
    }
}

impl Refusals for ToLedger {
    fn first(&mut self, denied: Denied) {
        let Denied { service, rule, right } = denied;
        nexus_rt::warn!("service {service} was denied `{}` by line {rule}", right.name());
        self.tell(denied, 1);
    }

    fn more(&mut self, denied: Denied, times: u64) {
        self.tell(denied, times);
    }
}

/// What logd is told. A ring is of all lives of its client: which of them it was is not said.
fn refuse(denied: Denied, times: u64) -> Refuse {
    let Denied { service, rule, right } = denied;
    Refuse {
        subject: Subject { id: service, incarnation: 0 },
        rule: if rule == 0 { NO_RULE } else { rule },
        access: match right {
            StateRight::Get => Access::Get,
            StateRight::List => Access::List,
            StateRight::Put => Access::Put,
        },
        zero: Zero::ZERO,
        times,
    }
}

/// How often each was denied. There are no more kinds than services and lines, three times.
#[derive(Clone, Debug, Default)]
pub struct Counted<R> {
    counts: BTreeMap<Denied, u64>,
    total: u64,
    to: R,
}

impl<R: Refusals> Counted<R> {
    /// Tells `to`.
    #[must_use]
    pub const fn new(to: R) -> Counted<R> {
        Counted { counts: BTreeMap::new(), total: 0, to }
    }

    /// One more.
    pub fn add(&mut self, denied: Denied) {
        self.total = self.total.saturating_add(1);
        let count = self.counts.entry(denied).or_default();
        *count = count.saturating_add(1);
        match *count {
            1 => self.to.first(denied),
            // Told ever more seldom: a storm is no call of logd for each.
            count if count.is_power_of_two() => self.to.more(denied, count / 2),
            _ => {}
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Each kind, and how often.
    pub fn each(&self) -> impl Iterator<Item = (Denied, u64)> {
        self.counts.iter().map(|(denied, count)| (*denied, *count))
    }

    /// Where they are told.
    pub const fn to(&mut self) -> &mut R {
        &mut self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(alloc::vec::Vec<(Denied, u64)>);

    impl Refusals for Kept {
        fn first(&mut self, denied: Denied) {
            self.0.push((denied, 1));
        }

        fn more(&mut self, denied: Denied, times: u64) {
            self.0.push((denied, times));
        }
    }

    // attack 92 U: a storm of refusals; logd is asked a few times and not each time, and knows at least half of them; broken: state-refusal-storm
    #[test]
    fn a_storm_of_refusals_is_told_a_few_times() {
        let denied = Denied { service: 7, rule: 0, right: StateRight::Put };
        let mut counted = Counted::new(Kept::default());
        for times in 1..=100_000_u64 {
            counted.add(denied);
            let told: u64 = counted.to().0.iter().map(|(_, times)| times).sum();
            assert!(told <= times && told * 2 > times, "{told} of {times}");
        }
        assert_eq!(counted.to().0.len(), 17);
        assert_eq!(counted.total(), 100_000);
    }

    #[test]
    fn what_is_told_names_who_and_what() {
        let told = refuse(Denied { service: 7, rule: 0, right: StateRight::List }, 3);
        assert_eq!((told.subject, told.rule), (Subject { id: 7, incarnation: 0 }, NO_RULE));
        assert_eq!((told.access, told.times), (Access::List, 3));
        assert_eq!(refuse(Denied { service: 7, rule: 5, right: StateRight::Get }, 1).rule, 5);
    }
}
