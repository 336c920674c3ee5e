//! Aligned columns that fit the terminal.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Columns of the terminal.
pub const COLUMNS: usize = 80;
const GAP: usize = 2;
/// Narrowest that a column is made.
const NARROWEST: usize = 6;

/// A column: its heading, and whether its cells stand at its right edge.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    right: bool,
}

/// A column of text.
#[must_use]
pub const fn left(heading: &'static str) -> Column {
    Column { heading, right: false }
}

/// A column of numbers.
#[must_use]
pub const fn right(heading: &'static str) -> Column {
    Column { heading, right: true }
}

/// Rows of cells under headings.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: &[Column]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, a cell a column.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The table as lines, none wider than the terminal; cells that are too wide end in `…`.
    #[must_use]
    pub fn render(&self) -> String {
        let widths = self.widths();
        let headings: Vec<String> = self.columns.iter().map(|c| c.heading.to_string()).collect();
        let mut text = String::new();
        for row in core::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, column), width) in row.iter().zip(&self.columns).zip(&widths) {
                pad(&mut line, &cut(cell, *width), *width, column.right);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            cells.map(|cell| width(cell)).max().unwrap_or(0)
        };
        let columns = self.columns.iter().enumerate();
        let mut widths: Vec<usize> =
            columns.map(|(index, c)| widest(index).max(width(c.heading))).collect();
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > COLUMNS {
            let Some(widest) = widths.iter_mut().max().filter(|w| **w > NARROWEST) else { break };
            *widest -= 1;
        }
        widths
    }
}

/// Columns that `text` takes: it is ASCII or box drawing, one column a character.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// `text`, at most `width` columns of it.
#[must_use]
pub fn cut(text: &str, to: usize) -> String {
    if width(text) <= to {
        return text.to_string();
    }
    let mut short: String = text.chars().take(to.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn pad(line: &mut String, cell: &str, to: usize, right: bool) {
    let spaces = " ".repeat(to.saturating_sub(width(cell)));
    if !line.is_empty() {
        line.push_str("  ");
    }
    if right {
        line.push_str(&spaces);
    }
    line.push_str(cell);
    if !right {
        line.push_str(&spaces);
    }
}

/// Words in as few rows as fit, in columns, down and then across.
#[must_use]
pub fn grid(words: &[&str]) -> String {
    let widest = words.iter().map(|word| width(word)).max().unwrap_or(0) + GAP;
    let across = (COLUMNS / widest.max(1)).max(1);
    let down = words.len().div_ceil(across).max(1);
    let mut text = String::new();
    for row in 0..down {
        let mut line = String::new();
        for word in words.iter().skip(row).step_by(down) {
            line.push_str(word);
            line.push_str(&" ".repeat(widest - width(word)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `text` broken at spaces into lines that fit: the first begins with `first`, the others with as
/// many spaces.
#[must_use]
pub fn wrap(first: &str, text: &str) -> String {
    let indent = width(first);
    let room = COLUMNS.saturating_sub(indent).max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > room {
            lines.push(core::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while width(&line) > room {
            let rest: String = line.chars().skip(room).collect();
            lines.push(line.chars().take(room).collect());
            line = rest;
        }
    }
    lines.push(line);
    let mut out = String::from(first);
    out.push_str(&lines.join(&("\n".to_string() + &" ".repeat(indent))));
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_left_and_right() {
        let mut table = Table::new(&[left("NAME"), right("ID"), left("WHAT")]);
        table.row(["a".into(), "1".into(), "x".into()]);
        table.row(["longer".into(), "100".into(), "".into()]);
        assert_eq!(table.render(), "NAME     ID  WHAT\na         1  x\nlonger  100\n");
    }

    #[test]
    fn the_widest_column_gives_way() {
        let mut table = Table::new(&[left("A"), left("B")]);
        table.row(["x".repeat(100), "short".into()]);
        let text = table.render();
        assert!(text.lines().all(|line| width(line) <= COLUMNS), "{text}");
        assert!(text.contains("…  short"), "{text}");
    }

    #[test]
    fn cuts_at_the_bound() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("abcd", 0), "…");
    }

    #[test]
    fn a_grid_goes_down_then_across() {
        let words: Vec<String> = (0..20).map(|n| format!("word-number-{n}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = grid(&words);
        assert_eq!(text.lines().count(), 4);
        assert!(text.starts_with("word-number-0   word-number-4"), "{text}");
        assert_eq!(grid(&["a", "b"]), "a  b\n");
    }

    #[test]
    fn wraps_with_a_hanging_indent() {
        let text = wrap("  why  ", &"word ".repeat(30));
        assert!(text.lines().all(|line| width(line) <= COLUMNS));
        assert!(text.lines().skip(1).all(|line| line.starts_with("       word")), "{text}");
        assert_eq!(wrap("a ", "b"), "a b\n");
        assert_eq!(wrap("", &"x".repeat(81)), format!("{}\nx\n", "x".repeat(80)));
    }
}
