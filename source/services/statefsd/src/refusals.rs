//! Who was denied what: told once for each service, line and kind of operation, and then counted.

use alloc::collections::BTreeMap;

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
}

/// Tells the log, and nobody else.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToLog;

impl Refusals for ToLog {
    fn first(&mut self, denied: Denied) {
        let Denied { service, rule, right } = denied;
        nexus_rt::warn!("service {service} was denied `{}` by line {rule}", right.name());
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
        if *count == 1 {
            self.to.first(denied);
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
