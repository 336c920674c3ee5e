//! One refusal, and how it is shown.

use super::kind::Kind;
use super::source::Span;
use crate::visible;
use std::fmt::Write as _;
use std::ops::Range;

/// Where a refusal points.
#[derive(Clone, Debug)]
pub enum Place {
    /// Into a file.
    Span(Span),
    /// To a path, where there is no file to point into.
    Path(String),
}

/// One refusal: what is wrong, where, and what to do.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Which refusal.
    pub kind: Kind,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do. Lines after the first are text to write.
    pub fix: String,
    /// Other places that matter, and what each is.
    pub see: Vec<(Span, String)>,
}

impl Diagnostic {
    /// A refusal at a place in a file.
    pub fn at(
        kind: Kind,
        span: &Span,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            kind,
            place: Place::Span(span.clone()),
            message: message.into(),
            fix: fix.into(),
            see: Vec::new(),
        }
    }

    /// A refusal about a path.
    pub fn path(
        kind: Kind,
        path: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            kind,
            place: Place::Path(path.into()),
            message: message.into(),
            fix: fix.into(),
            see: Vec::new(),
        }
    }

    /// The same, with another place that matters.
    #[must_use]
    pub fn see(mut self, span: &Span, what: impl Into<String>) -> Diagnostic {
        self.see.push((span.clone(), what.into()));
        self
    }

    /// True when it is about a text with characters in it that nobody sees: told already.
    pub(crate) fn is_hidden(&self) -> bool {
        let Place::Span(span) = &self.place else { return false };
        let within =
            |hidden: &Range<usize>| hidden.start < span.bytes.end && span.bytes.start < hidden.end;
        span.source.hidden.iter().any(within)
    }

    /// File, line and column, for sorting.
    pub(crate) fn sort_key(&self) -> (String, usize, Kind) {
        match &self.place {
            Place::Span(span) => (span.source.shown.clone(), span.bytes.start, self.kind),
            Place::Path(path) => (path.clone(), 0, self.kind),
        }
    }

    /// `file:line:column: error: …`, the line it is about, other places, and the fix; of characters
    /// that nobody sees, the number.
    #[must_use]
    pub fn render(&self) -> String {
        visible::shown(&self.plain()).into_owned()
    }

    fn plain(&self) -> String {
        let mut text = String::new();
        match &self.place {
            Place::Span(span) => {
                let _ = writeln!(text, "{}: error: {}", span.shown(), self.message);
                text.push_str(&excerpt(span));
            }
            Place::Path(path) => {
                let _ = writeln!(text, "{path}: error: {}", self.message);
            }
        }
        for (span, what) in &self.see {
            let _ = writeln!(text, "  see: {}: {what}", span.shown());
        }
        for (number, line) in self.fix.lines().enumerate() {
            let lead = if number == 0 { "  fix: " } else { "       " };
            let _ = writeln!(text, "{}", format!("{lead}{line}").trim_end());
        }
        text
    }
}

/// The line that `span` begins on, with the part that is meant underlined. Empty for a place that
/// is a whole file.
fn excerpt(span: &Span) -> String {
    if span.bytes == (0..0) {
        return String::new();
    }
    let (number, column) = span.source.position(span.bytes.start);
    let line = span.source.line(number);
    let meant = span.source.text.get(span.bytes.clone()).unwrap_or_default();
    let meant = meant.lines().next().unwrap_or_default();
    let width = visible::shown(meant).chars().count().max(1);
    let margin = number.to_string();
    let gap = " ".repeat(margin.len());
    let before: String = line.chars().take(column - 1).collect();
    let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
    let indent: String = visible::shown(&before).chars().map(blank).collect();
    format!("  {margin} | {line}\n  {gap} | {indent}{}\n", "^".repeat(width))
}
