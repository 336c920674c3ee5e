//! Lines entered before, and what was cut out of one.

use alloc::collections::VecDeque;
use alloc::string::String;

/// Most lines remembered; the oldest goes first.
pub const MAX_LINES: usize = 64;

/// What one reader entered.
#[derive(Debug, Default)]
pub struct History {
    /// Oldest first.
    lines: VecDeque<String>,
    /// What was cut last.
    cut: String,
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

    /// How many steps ago the last line was entered that has `wanted` in it, not before `back` steps.
    #[must_use]
    pub fn find(&self, wanted: &str, back: usize) -> Option<usize> {
        (back.max(1)..=self.lines.len())
            .find(|back| self.get(*back).is_some_and(|line| line.contains(wanted)))
    }

    /// Keeps what was cut out of a line.
    pub fn set_cut(&mut self, cut: &str) {
        self.cut = String::from(cut);
    }

    /// What was cut last.
    #[must_use]
    pub fn cut(&self) -> &str {
        &self.cut
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
    fn finds_the_last_line_with_a_word() {
        let mut history = History::default();
        assert_eq!(history.find("", 0), None);
        for line in ["state ls", "log rngd", "log", "state get a"] {
            history.add(line);
        }
        assert_eq!(
            [0, 1, 2, 3, 4].map(|back| history.find("state", back)),
            [Some(1), Some(1), Some(4), Some(4), Some(4)]
        );
        assert_eq!((history.find("rngd", 0), history.find("gone", 0)), (Some(3), None));
        assert_eq!(history.find("state", 5), None);
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
