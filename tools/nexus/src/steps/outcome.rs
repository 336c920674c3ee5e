//! What a step came to, and the sum of all.

use super::figures::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

/// What a step came to.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// Things that were seen to hold.
    pub(crate) passed: usize,
    /// Things that were seen not to.
    pub(crate) failed: usize,
    /// Things that could not be looked at here.
    pub(crate) skipped: usize,
    /// A remark.
    pub(crate) note: String,
    /// Tests that ran and passed, by name ([`crate::attacks::Test::name`]).
    pub(crate) ran: Vec<String>,
}

impl Outcome {
    /// One thing that holds.
    pub(crate) fn success(note: impl Into<String>) -> Outcome {
        Outcome { passed: 1, note: note.into(), ..Outcome::default() }
    }

    /// One thing that does not.
    pub(crate) fn failure(note: impl Into<String>) -> Outcome {
        Outcome { failed: 1, note: note.into(), ..Outcome::default() }
    }

    /// One thing that cannot be looked at here.
    pub(crate) fn skip(note: impl Into<String>) -> Outcome {
        Outcome { skipped: 1, note: note.into(), ..Outcome::default() }
    }

    /// One thing that holds or does not.
    pub(crate) fn of(holds: bool, note: impl Into<String>) -> Outcome {
        if holds { Outcome::success(note) } else { Outcome::failure(note) }
    }

    /// Both.
    pub(crate) fn and(self, other: Outcome) -> Outcome {
        let note = [self.note, other.note].into_iter().filter(|note| !note.is_empty());
        Outcome {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            note: note.collect::<Vec<_>>().join("; "),
            ran: [self.ran, other.ran].concat(),
        }
    }
}

/// The sum of all steps.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    /// What all took, and may take on two idle cores.
    pub(super) took: Duration,
    pub(super) share: Duration,
    /// Everything that ran and passed, steps included.
    pub(crate) ran: BTreeSet<String>,
    /// One line for each step.
    pub(crate) lines: Vec<String>,
    /// The same, for docs/security/assurance.md.
    pub(super) rows: Vec<Row>,
}

impl Tally {
    /// Adds a step and returns its line.
    pub(crate) fn add(
        &mut self,
        (name, share): (&str, Option<Duration>),
        outcome: &Outcome,
        took: Duration,
    ) -> String {
        self.took += took;
        self.share += share.unwrap_or_default();

        self.passed += outcome.passed;
        self.failed += outcome.failed;
        self.skipped += outcome.skipped;
        self.ran.extend(outcome.ran.iter().cloned());
        if outcome.failed == 0 && outcome.passed > 0 {
            self.ran.insert(format!("step {name}"));
        }
        let word = match outcome {
            Outcome { failed: 1.., .. } => "FAILED",
            Outcome { passed: 0, .. } => "skipped",
            _ => "ok",
        };
        let mut text = format!("{} passed", outcome.passed);
        if outcome.failed > 0 {
            let _ = write!(text, ", {} failed", outcome.failed);
        }
        if !outcome.note.is_empty() {
            let _ = write!(text, " ({})", outcome.note);
        }
        let of = share.map_or_else(String::new, |share| format!(" of {:4}", share.as_secs()));
        let line = format!("{name:12} {word:8} {:5.1}{of} s  {text}", took.as_secs_f64());
        self.rows.push(Row { name: name.to_owned(), text, took });
        self.lines.push(line.clone());
        line
    }

    /// True when something ran and nothing failed.
    pub(crate) fn good(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// The line that CI reads.
    pub(crate) fn last_line(&self) -> String {
        let skipped = match self.skipped {
            0 => String::new(),
            count => format!(", {count} skipped"),
        };
        format!("{} passed, {} failed{skipped}", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_sum() {
        let mut tally = Tally::default();
        assert!(!tally.good(), "nothing ran");
        tally.add(("a", None), &Outcome { passed: 3, ..Outcome::default() }, Duration::ZERO);
        assert!(tally.good());
        assert_eq!(tally.last_line(), "3 passed, 0 failed");
        tally.add(("b", None), &Outcome::failure("x").and(Outcome::skip("y")), Duration::ZERO);
        assert!(!tally.good());
        assert_eq!(tally.last_line(), "3 passed, 1 failed, 1 skipped");
        assert!(tally.lines[1].contains("FAILED") && tally.lines[1].contains("x; y"));
        let slow = Duration::from_secs(70);
        tally.add(("c", Some(Duration::from_secs(60))), &Outcome::success(""), slow);
        assert!(tally.lines[2].contains("ok") && tally.lines[2].contains("70.0 of   60 s"));
        assert_eq!((tally.took, tally.share), (slow, Duration::from_secs(60)));
    }

    #[test]
    fn test_what_ran() {
        let mut tally = Tally::default();
        let ran = |name: &str| Outcome { ran: vec![name.to_owned()], ..Outcome::success("") };
        tally.add(("a", None), &ran("one").and(ran("two")), Duration::ZERO);
        tally.add(("b", None), &Outcome::failure("").and(ran("three")), Duration::ZERO);
        tally.add(("c", None), &Outcome::skip(""), Duration::ZERO);
        let names: Vec<&str> = tally.ran.iter().map(String::as_str).collect();
        assert_eq!(names, ["one", "step a", "three", "two"]);
    }
}
