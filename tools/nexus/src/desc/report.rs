//! All refusals of a system together.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::source::Paths;
use std::cell::{Cell, RefCell};
use std::fmt;

/// Collects refusals while a system is read and checked.
#[derive(Debug)]
pub(crate) struct Reporter {
    /// How files are read and shown.
    pub(crate) paths: Paths,
    found: RefCell<Vec<Diagnostic>>,
    /// How many of them were there before the same was looked at again.
    told: Cell<usize>,
}

impl Reporter {
    /// A reporter that has found nothing yet.
    #[must_use]
    pub(crate) fn new(paths: Paths) -> Reporter {
        Reporter { paths, found: RefCell::default(), told: Cell::new(0) }
    }

    /// Adds a refusal, once: a system is looked at in each of its profiles.
    pub(crate) fn add(&self, diagnostic: Diagnostic) {
        let mut found = self.found.borrow_mut();
        let same = |(index, other): (usize, &Diagnostic)| {
            other.sort_key() == diagnostic.sort_key()
                && (other.message == diagnostic.message || index < self.told.get())
        };
        if !found.iter().enumerate().any(same) {
            found.push(diagnostic);
        }
    }

    /// From here on, nothing more is said of places of which the same kind has been said already:
    /// what is looked at is the same system with something beside it.
    pub(crate) fn only_new_places(&self) {
        self.told.set(self.count());
    }

    /// How many refusals there are so far.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.found.borrow().len()
    }

    /// Goes on only while nothing has been refused.
    ///
    /// # Errors
    /// What was refused.
    pub(crate) fn stop_if_refused(&self) -> Result<(), Report> {
        if self.found.borrow().is_empty() { Ok(()) } else { Err(self.report()) }
    }

    /// Everything refused so far.
    #[must_use]
    pub(crate) fn report(&self) -> Report {
        let mut found = self.found.borrow().clone();
        found.retain(|one| one.kind == Kind::HiddenCharacter || !one.is_hidden());
        found.sort_by_key(Diagnostic::sort_key);
        Report { found }
    }
}

/// Why a system is refused, in order of file and line.
#[derive(Clone, Debug)]
pub struct Report {
    found: Vec<Diagnostic>,
}

impl Report {
    /// Each refusal.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.found
    }

    /// The kinds of the refusals, in order.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.found.iter().map(|diagnostic| diagnostic.kind)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.found {
            writeln!(f, "{}", diagnostic.render())?;
        }
        let count = self.found.len();
        let noun = if count == 1 { "error" } else { "errors" };
        write!(f, "refused: {count} {noun}")
    }
}

impl std::error::Error for Report {}
