//! What the catalogue requires and no test does, and what did not run.

use super::catalogue::{Catalogue, How};
use super::scan::Entry;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

/// A way of testing an attack that no test goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which attack.
    pub number: u32,
    /// What it is.
    pub title: String,
    /// Which way.
    pub how: How,
}

impl Display for Gap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "gap: attack {} {}: {}", self.number, self.how, self.title)
    }
}

/// Every gap, by number.
#[must_use]
pub fn gaps(catalogue: &Catalogue, entries: &[Entry]) -> Vec<Gap> {
    let tested: BTreeSet<(u32, How)> =
        entries.iter().map(|entry| (entry.claim.number, entry.claim.how)).collect();
    let required = catalogue.attacks.iter().flat_map(|attack| {
        attack.required().map(move |how| Gap {
            number: attack.number,
            title: attack.title.clone(),
            how,
        })
    });
    required.filter(|gap| !tested.contains(&(gap.number, gap.how))).collect()
}

/// Tests of attacks that are not among those that `ran` and passed.
#[must_use]
pub fn not_run<'a>(entries: &'a [Entry], ran: &BTreeSet<String>) -> Vec<&'a Entry> {
    let missing = |entry: &&Entry| entry.test.in_ci() && !ran.contains(&entry.test.name());
    entries.iter().filter(missing).collect()
}
