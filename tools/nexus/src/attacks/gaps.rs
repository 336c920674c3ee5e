//! What the catalogue requires and no test does, and what did not run.

use super::catalogue::{Catalogue, How};
use super::scan::Entry;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

/// What an attack lacks.
#[derive(Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which attack.
    pub number: u32,
    /// What it is.
    pub title: String,
    /// The way of testing it that no test goes; `None` when no test of it is known to fail without
    /// some defence.
    pub how: Option<How>,
}

impl Display for Gap {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Gap { number, title, .. } = self;
        match self.how {
            Some(how) => write!(f, "gap: attack {number} {how}: {title}"),
            None => write!(
                f,
                "gap: attack {number}: no test of it names a defence without which it fails \
                 (`; broken: NAME`), and tests/attacks.toml does not say why (`no-defect`): {title}"
            ),
        }
    }
}

/// Every gap, by number.
#[must_use]
pub fn gaps(catalogue: &Catalogue, entries: &[Entry]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for attack in &catalogue.attacks {
        let mine = || entries.iter().filter(|entry| entry.claim.number == attack.number);
        let gap = |how| Gap { number: attack.number, title: attack.title.clone(), how };
        let untested = |how: &How| !mine().any(|entry| entry.claim.how == *how);
        gaps.extend(attack.required().filter(untested).map(|how| gap(Some(how))));
        let shown = attack.letters.is_empty() || attack.no_defect.is_some();
        if !shown && !mine().any(|entry| !entry.claim.broken.is_empty()) {
            gaps.push(gap(None));
        }
    }
    gaps
}

/// Tests of attacks that are not among those that `ran` and passed; those in a browser only where there is a `browser`.
#[must_use]
pub fn not_run<'a>(entries: &'a [Entry], ran: &BTreeSet<String>, browser: bool) -> Vec<&'a Entry> {
    let missing = |entry: &&Entry| entry.test.in_ci(browser) && !ran.contains(&entry.test.name());
    entries.iter().filter(missing).collect()
}
