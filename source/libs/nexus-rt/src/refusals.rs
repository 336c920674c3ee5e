//! Who was denied what: told once for each service, line and kind of operation, and then counted.

use alloc::collections::BTreeMap;

use nexus_proto::log::{Access, Log, Refuse};
use nexus_proto::policy::NO_RULE;
use nexus_proto::{ServiceError, Subject, Zero, ids};

use crate::{CallError, Deadline, startup, ticks, ticks_of_ns};

/// What was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denied {
    /// Service id of who asked.
    pub service: u32,
    /// Number of the line that lets it do something like that, and not this; 0 where there is none.
    pub rule: u16,
    /// For what it asked.
    pub access: Access,
}

/// Where denials are told.
pub trait Refusals {
    /// The first of its kind since this process began.
    fn first(&mut self, denied: Denied);

    /// So many more of a kind of which the first was told.
    fn more(&mut self, _denied: Denied, _times: u64) {}

    /// Tells what was not taken once more, when it is time to.
    fn again(&mut self) {}

    /// When it is time to.
    fn due(&self) -> Deadline {
        Deadline::NEVER
    }
}

/// What keeps records of denials.
pub trait Records {
    /// Takes it: it is on record now, or never will be. False when there is nobody who answers.
    fn take(&mut self, refuse: &Refuse) -> bool;

    /// The time, in ticks.
    fn now(&self) -> u64;
}

/// logd, called where it is needed.
#[derive(Clone, Copy, Debug)]
pub struct Logd;

/// Milliseconds that logd has: as many as for a line.
const TELL_MS: u64 = 50;

impl Records for Logd {
    fn take(&mut self, refuse: &Refuse) -> bool {
        let Ok(logd) = startup().client::<Log>(ids::LOGD) else { return true };
        let told = logd.call(refuse, Deadline::after_ms(TELL_MS));
        // What it refuses it will not take later either; one that is away may.
        let away = |why| matches!(why, ServiceError::Gone | ServiceError::Busy);
        match told {
            Ok(_) | Err(CallError::Malformed(_)) => true,
            Err(CallError::Service(why)) => !away(why),
            Err(CallError::Kernel(_)) => false,
        }
    }

    fn now(&self) -> u64 {
        ticks()
    }
}

/// Tells the log of the first of each kind, and logd, which has it on record and counts.
#[derive(Clone, Debug)]
pub struct ToLedger<K> {
    logd: K,
    /// What logd has not taken.
    owed: BTreeMap<Denied, u64>,
    /// When it is asked again.
    due: Option<u64>,
}

/// Nanoseconds after which logd is asked again that has not taken something: it may be starting.
const AGAIN_NS: u64 = 1_000_000_000;

impl<K: Records> ToLedger<K> {
    /// Tells `logd`.
    #[must_use]
    pub const fn new(logd: K) -> ToLedger<K> {
        ToLedger { logd, owed: BTreeMap::new(), due: None }
    }

    fn tell(&mut self, denied: Denied, times: u64) {
        let owed = self.owed.entry(denied).or_default();
        *owed = owed.saturating_add(times);
        if self.due.is_none() {
            self.settle();
        }
    }

    /// Tells all that is owed, up to what is not taken.
    fn settle(&mut self) {
        self.due = None;
        while let Some((denied, times)) = self.owed.first_key_value() {
            if !self.logd.take(&refuse(*denied, *times)) {
                self.due = Some(self.logd.now().saturating_add(ticks_of_ns(AGAIN_NS)));
                return;
            }
            self.owed.pop_first();
        }
    }
}

impl<K: Records> Refusals for ToLedger<K> {
    fn first(&mut self, denied: Denied) {
        let Denied { service, rule, access } = denied;
        crate::warn!("service {service} was denied `{}` by line {rule}", access.word());
        self.tell(denied, 1);
    }

    fn more(&mut self, denied: Denied, times: u64) {
        self.tell(denied, times);
    }

    fn again(&mut self) {
        if self.due.is_some_and(|due| self.logd.now() >= due) {
            self.settle();
        }
    }

    fn due(&self) -> Deadline {
        self.due.map_or(Deadline::NEVER, Deadline::at)
    }
}

/// What logd is told. A ring is of all lives of its client: which of them it was is not said.
fn refuse(denied: Denied, times: u64) -> Refuse {
    let Denied { service, rule, access } = denied;
    Refuse {
        subject: Subject { id: service, incarnation: 0 },
        rule: if rule == 0 { NO_RULE } else { rule },
        access,
        zero: Zero::ZERO,
        times,
    }
}

/// How often each was denied. There are no more kinds than services and lines, times [`Access`].
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
        let denied = Denied { service: 7, rule: 0, access: Access::Put };
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
        let told = refuse(Denied { service: 7, rule: 0, access: Access::List }, 3);
        assert_eq!((told.subject, told.rule), (Subject { id: 7, incarnation: 0 }, NO_RULE));
        assert_eq!((told.access, told.times), (Access::List, 3));
        assert_eq!(refuse(Denied { service: 7, rule: 5, access: Access::Get }, 1).rule, 5);
    }

    /// logd, as it may be: away, and what it has on record.
    #[derive(Default)]
    struct Fake {
        away: bool,
        now: u64,
        asked: u32,
        taken: alloc::vec::Vec<(u32, u64)>,
    }

    impl Records for Fake {
        fn take(&mut self, refuse: &Refuse) -> bool {
            self.asked += 1;
            if !self.away {
                self.taken.push((refuse.subject.id, refuse.times));
            }
            !self.away
        }

        fn now(&self) -> u64 {
            self.now
        }
    }

    // attack 92 U: ask once for what is another's while logd ends; it is on record once logd is there again, and nobody waits for it meanwhile; broken: state-refusal-owed
    #[test]
    fn what_logd_has_not_taken_is_told_again() {
        let denied = |service| Denied { service, rule: 0, access: Access::Get };
        let logd = Fake { away: true, now: 5, ..Fake::default() };
        let mut told = ToLedger::new(logd);
        assert_eq!(told.due(), Deadline::NEVER);
        told.first(denied(7));
        told.more(denied(7), 2);
        told.first(denied(8));
        assert_eq!(told.logd.asked, 1, "it is asked once until it is time to ask again");
        let due = 5 + ticks_of_ns(AGAIN_NS);
        assert_eq!(told.due(), Deadline::at(due));
        told.logd.now = due - 1;
        told.again();
        assert_eq!(told.logd.asked, 1);
        told.logd.now = due;
        told.again();
        assert_eq!((told.logd.asked, told.due()), (2, Deadline::at(due + ticks_of_ns(AGAIN_NS))));
        told.logd.away = false;
        told.logd.now = due + ticks_of_ns(AGAIN_NS);
        told.again();
        assert_eq!(told.logd.taken, [(7, 3), (8, 1)]);
        assert_eq!(told.due(), Deadline::NEVER);
        told.first(denied(9));
        assert_eq!(told.logd.taken.last(), Some(&(9, 1)));
    }
}
