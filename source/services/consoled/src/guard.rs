//! What a line on the wire may begin with.
//!
//! The host takes a line that begins in one of these ways for a record, a test or the kernel. Nobody
//! else may begin one so: not with a line, not with a prompt, and not with a prompt and what is
//! typed or put behind it.

use alloc::format;
use alloc::string::{String, ToString};

/// Beginnings for services that may report, and for no other: a record, a test.
const REPORTS: [&str; 2] = ["@nx", "SELFTEST:"];
/// The beginning for the kernel, which does not write by way of consoled.
const KERNEL: &str = "neuron:";
/// Stands before what may not begin a line.
const MARK: &str = "? ";

fn reserved(reports: bool) -> impl Iterator<Item = &'static str> {
    REPORTS.into_iter().filter(move |_| !reports).chain([KERNEL])
}

/// A line that may go out: marked if it begins as its writer may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// A line of a service, without control characters. `reports`: it may begin records.
    #[must_use]
    pub fn new(text: &[u8], reports: bool) -> Line {
        let text = clean(text);
        let forged = reserved(reports).any(|word| text.starts_with(word));
        Line(if forged { format!("{MARK}{text}") } else { text })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A prompt that may begin a row, whatever comes behind it: marked unless it tells the row apart from
/// every reserved beginning by itself.
#[must_use]
pub fn prompt(text: &str, reports: bool) -> String {
    let could = |word: &str| text.starts_with(word) || word.starts_with(text);
    if reserved(reports).any(could) { format!("{MARK}{text}") } else { text.to_string() }
}

/// Text fit for a terminal: nothing that moves the cursor, changes the terminal, or hides what
/// stands beside it.
pub(crate) fn clean(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let visible = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() || is_hidden(c) => '?',
        c => c,
    };
    String::from_utf8_lossy(bytes).chars().map(visible).collect()
}

/// Separators, marks of direction, and characters that show nothing.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
