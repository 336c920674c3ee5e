//! Collects a snapshot, question by question, within a quota. What costs many questions and changes seldom (rules,
//! records, capabilities) is kept, and read on from where it was.

mod caps;
mod counters;
mod ledger;
mod machine;
mod policy;
mod quota;

use alloc::vec::Vec;

use nexus_proto::init::{OwnerInfo, ServiceInfo};

pub use ledger::{DENIALS_SHOWN, RECORDS_A_SNAPSHOT, RECORDS_SHOWN};
pub use quota::{MOST_ITEMS, PATIENCE_MS, QUESTIONS};

use crate::ask::Ask;
use crate::facts::Facts;
use crate::model::{Page, Snapshot, VERSION};
use quota::Quota;

/// The facts of this machine, by asking others.
#[derive(Debug)]
pub struct Collector<A> {
    ask: A,
    known: Known,
    snapshots: u64,
}

/// What is kept from one snapshot to the next.
#[derive(Debug, Default)]
struct Known {
    services: Vec<ServiceInfo>,
    owners: Vec<OwnerInfo>,
    rules: policy::Rules,
    ledger: ledger::Reading,
    caps: caps::Held,
}

impl<A: Ask> Collector<A> {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(ask: A) -> Collector<A> {
        Collector { ask, known: Known::default(), snapshots: 0 }
    }
}

impl<A: Ask> Facts for Collector<A> {
    fn now_ms(&self) -> u64 {
        self.ask.ms(self.ask.ticks())
    }

    fn snapshot(&mut self) -> Snapshot {
        let known = &mut self.known;
        let mut quota = Quota::new(&mut self.ask);
        let mut snapshot = Snapshot {
            version: VERSION,
            uptime_ms: quota.now_ms(),
            unix_ms: counters::unix_ms(&mut quota),
            ready: machine::ready(&mut quota),
            memory: machine::memory(&mut quota),
            times: machine::times(&mut quota),
            services: machine::services(&mut quota, known),
            devices: machine::devices(&mut quota, known),
            disk: counters::disk(&mut quota),
            network: counters::network(&mut quota),
            store: counters::store(&mut quota),
            log: counters::log(&mut quota),
            ..Snapshot::default()
        };
        snapshot.card = counters::card(&mut quota, &snapshot);
        known.rules.read(&mut quota);
        known.ledger.read(&mut quota, &snapshot, &known.rules);
        known.caps.read(&mut quota, &known.services);
        known.caps.tell(&mut snapshot.services);
        snapshot.rules = known.rules.lines().to_vec();
        snapshot.rings = known.ledger.rings().to_vec();
        snapshot.ledger = known.ledger.tell();
        let (asked, behind) = quota.end();
        self.snapshots += 1;
        snapshot.page = Page { snapshots: self.snapshots, asked, most: QUESTIONS };
        snapshot.behind = behind;
        snapshot.totals = snapshot.sums();
        snapshot
    }
}

#[cfg(test)]
#[path = "tests/collect.rs"]
mod tests;

#[cfg(test)]
#[path = "tests/counted.rs"]
mod counted;

#[cfg(test)]
#[path = "tests/reads_on.rs"]
mod reads_on;
