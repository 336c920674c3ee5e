//! What is wrong with a line, where, and what to do.

use std::fmt::{self, Display, Formatter};

/// A line that says nothing that can be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, from the root of the tree.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: error: {}\n  fix: {}", self.file, self.line, self.what, self.fix)
    }
}
