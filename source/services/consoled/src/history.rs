//! Lines entered before.

use alloc::collections::VecDeque;
use alloc::string::String;

/// Most lines remembered; the oldest goes first.
pub const MAX_LINES: usize = 64;

/// The lines that one reader entered, oldest first.
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<String>,
}

impl History {
    /// Remembers a line, unless it is blank or the same as the last one.
    pub fn add(&mut self, line: &str) {
        if line.trim().is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(String::from(line));
    }

    /// The line `back` steps ago: 1 is the last one.
    #[must_use]
    pub fn get(&self, back: usize) -> Option<&str> {
        let index = self.lines.len().checked_sub(back)?;
        self.lines.get(index).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_back_from_the_last() {
        let mut history = History::default();
        assert_eq!(history.get(1), None);
        for line in ["one", "two", "two", "  ", ""] {
            history.add(line);
        }
        assert_eq!(history.get(0), None);
        assert_eq!(history.get(1), Some("two"));
        assert_eq!(history.get(2), Some("one"));
        assert_eq!(history.get(3), None);
        assert_eq!(history.get(usize::MAX), None);
    }

    #[test]
    fn forgets_the_oldest_at_its_bound() {
        let mut history = History::default();
        for number in 0..=MAX_LINES {
            history.add(&alloc::format!("line {number}"));
        }
        assert_eq!(history.get(1), Some("line 64"));
        assert_eq!(history.get(MAX_LINES), Some("line 1"));
        assert_eq!(history.get(MAX_LINES + 1), None);
    }
}
