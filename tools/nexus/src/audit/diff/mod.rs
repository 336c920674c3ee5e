//! `cargo nexus audit --diff`: who gained or lost what between two images.
//!
//! Each image is a list of facts ([`facts`]): somebody, what is said of it, and how much of it. What one list has and the
//! other has not was gained or lost; what both have with another amount has changed.

mod facts;

use super::model::Audit;
use crate::columns;
use facts::Fact;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Name and version of the JSON form. Fields may be added without a new version.
const SCHEMA: &str = "nexus-audit-diff/1";

/// What differs between two images.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// [`SCHEMA`].
    schema: &'static str,
    old: Side,
    new: Side,
    gained: Vec<Fact>,
    lost: Vec<Fact>,
    changed: Vec<Change>,
}

/// Which image one is.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Side {
    system: String,
    profile: String,
    epoch: u32,
    image_sha256: String,
}

/// The same of the same, with another amount.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    who: String,
    what: String,
    old: String,
    new: String,
}

impl Diff {
    /// What is said in `new` and not in `old`, or the other way, in the order of the services of each.
    #[must_use]
    pub fn of(old: &Audit, new: &Audit) -> Diff {
        let (before, after) = (facts::of(old), facts::of(new));
        let known = by_name(&before);
        let changed = after.iter().filter_map(|fact| Change::of(known.get(&fact.name())?, fact));
        Diff {
            schema: SCHEMA,
            old: Side::of(old),
            new: Side::of(new),
            gained: missing(&before, &after),
            lost: missing(&after, &before),
            changed: changed.collect(),
        }
    }

    /// True when nobody gained or lost anything, and no amount has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.changed.is_empty()
    }

    /// A sentence in a line for each, of at most `width` columns: `+` what was gained, `-` what was lost, `~` what
    /// has changed.
    #[must_use]
    pub fn to_text(&self, width: usize) -> String {
        let width = width.max(columns::NARROWEST);
        let mut text = String::new();
        let mut line = |lead: &str, sentence: &str| {
            columns::lines(&mut text, lead, sentence, width.saturating_sub(lead.chars().count()));
        };
        line("old: ", &self.old.sentence());
        line("new: ", &self.new.sentence());
        self.gained.iter().for_each(|fact| line("+ ", &fact.sentence()));
        self.lost.iter().for_each(|fact| line("- ", &fact.sentence()));
        self.changed.iter().for_each(|change| line("~ ", &change.sentence()));
        let [gained, lost, changed] = [self.gained.len(), self.lost.len(), self.changed.len()];
        let _ = match self.is_empty() {
            true => writeln!(text, "nobody gained or lost anything"),
            false => writeln!(text, "{gained} gained, {lost} lost, {changed} changed"),
        };
        text
    }

    /// The stable JSON form.
    ///
    /// # Errors
    /// Never in practice: there is nothing that JSON lacks.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl Side {
    fn of(audit: &Audit) -> Side {
        Side {
            system: audit.system.clone(),
            profile: audit.profile.clone(),
            epoch: audit.epoch,
            image_sha256: audit.image_sha256.clone(),
        }
    }

    fn sentence(&self) -> String {
        let Side { system, profile, epoch, image_sha256 } = self;
        format!("{system} {profile}, policy epoch {epoch}, image sha256 {image_sha256}")
    }
}

impl Change {
    fn of(old: &Fact, new: &Fact) -> Option<Change> {
        (old.amount != new.amount).then(|| Change {
            who: new.who.clone(),
            what: new.what.clone(),
            old: old.amount.clone(),
            new: new.amount.clone(),
        })
    }

    fn sentence(&self) -> String {
        format!("{} {} {}, was {}", self.who, self.what, self.new, self.old)
    }
}

fn by_name(facts: &[Fact]) -> BTreeMap<(&str, &str), &Fact> {
    facts.iter().map(|fact| (fact.name(), fact)).collect()
}

/// Those of `all` that are not among `some`.
fn missing(some: &[Fact], all: &[Fact]) -> Vec<Fact> {
    let some = by_name(some);
    all.iter().filter(|fact| !some.contains_key(&fact.name())).cloned().collect()
}
