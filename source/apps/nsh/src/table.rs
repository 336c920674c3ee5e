//! Aligned columns that fit the terminal.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

/// Columns of the terminal, as far as it says.
static COLUMNS: AtomicUsize = AtomicUsize::new(80);
/// Columns that tables and texts are made for.
const RANGE: RangeInclusive<usize> = 40..=200;

/// Columns of the terminal.
#[must_use]
pub fn columns() -> usize {
    COLUMNS.load(Relaxed)
}

/// What is shown from now on is made for a terminal of so many columns, within 40 to 200.
pub fn set_columns(columns: usize) {
    COLUMNS.store(columns.clamp(*RANGE.start(), *RANGE.end()), Relaxed);
}

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

    /// The table as lines, none wider than the terminal: cells that are a little too wide end in `…`;
    /// where that would take half of a cell, or of a number anything, each row is a block of lines.
    #[must_use]
    pub fn render(&self) -> String {
        self.fit(columns())
    }

    fn fit(&self, columns: usize) -> String {
        let Some(widths) = self.widths(columns) else { return self.blocks(columns) };
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

    /// Columns for each column; `None` when not even half of what is in one fits. A number is never cut:
    /// what is left of it would be another.
    fn widths(&self, columns: usize) -> Option<Vec<usize>> {
        let widest = |index: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            cells.map(|cell| width(cell)).max().unwrap_or(0)
        };
        let wanted = self.columns.iter().enumerate();
        let wanted: Vec<usize> =
            wanted.map(|(index, c)| widest(index).max(width(c.heading))).collect();
        let gaps = GAP * wanted.len().saturating_sub(1);
        let mut widths = wanted.clone();
        while widths.iter().sum::<usize>() + gaps > columns {
            let text = widths.iter_mut().zip(&self.columns).filter(|(_, column)| !column.right);
            *text.map(|(width, _)| width).max().filter(|width| **width > NARROWEST)? -= 1;
        }
        widths.iter().zip(&wanted).all(|(is, wanted)| is * 2 >= *wanted).then_some(widths)
    }

    /// Each row as a line for each of its cells, behind its heading.
    fn blocks(&self, columns: usize) -> String {
        let widest = self.columns.iter().map(|c| width(c.heading)).max().unwrap_or(0);
        let mut text = String::new();
        for row in &self.rows {
            for (index, (cell, column)) in row.iter().zip(&self.columns).enumerate() {
                let mut lead = String::from(if index == 0 { "" } else { "  " });
                lead.push_str(column.heading);
                lead.push_str(&" ".repeat(widest + GAP + 2 - width(&lead)));
                // A branch of a tree stands where it branches off.
                let word = cell.trim_start();
                lead.push_str(&" ".repeat(width(cell) - width(word)));
                if !cell.is_empty() {
                    text.push_str(&wrap_to(columns, &lead, word));
                }
            }
        }
        text
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
    let across = (columns() / widest.max(1)).max(1);
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
    wrap_to(columns(), first, text)
}

/// `text` with each line that is wider than the terminal broken at spaces; what is broken off stands
/// as deep as its line.
#[must_use]
pub fn fold(text: &str) -> String {
    fold_to(columns(), text)
}

fn fold_to(columns: usize, text: &str) -> String {
    let fold_line = |whole: &str| {
        let line = whole.trim_end_matches('\n');
        if width(line) <= columns {
            return whole.to_string();
        }
        let words = line.trim_start_matches(' ');
        let indent = (line.len() - words.len()).min(columns / 2);
        wrap_to(columns, &" ".repeat(indent), words)
    };
    text.split_inclusive('\n').map(fold_line).collect()
}

fn wrap_to(columns: usize, first: &str, text: &str) -> String {
    let indent = width(first);
    let room = columns.saturating_sub(indent).max(1);
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
        assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
        assert!(text.contains("…  short"), "{text}");
    }

    #[test]
    fn a_number_is_shown_whole_or_below() {
        let mut table = Table::new(&[left("NAME"), right("OF"), right("USED")]);
        table.row(["a-long-name".into(), "123456789".into(), "123456789".into()]);
        assert!(table.fit(30).contains("a-long-…  123456789  123456789"), "{}", table.fit(30));
        for terminal in 20..=80 {
            let text = table.fit(terminal);
            assert_eq!(text.matches("123456789").count(), 2, "{terminal}\n{text}");
        }
    }

    #[test]
    fn a_table_fits_every_terminal_and_loses_nothing_on_a_narrow_one() {
        let mut table =
            Table::new(&[left("DEVICE"), left("OWNER"), right("SIZE"), left("BY RULE")]);
        table.row([
            "net0".into(),
            "virtionetd".into(),
            "4 KiB".into(),
            "allow-virtionetd-net0".into(),
        ]);
        table.row(["flash0".into(), "".into(), "32 MiB".into(), "x".repeat(60)]);
        for terminal in RANGE {
            let text = table.fit(terminal);
            assert!(text.lines().all(|line| width(line) <= terminal), "{terminal}\n{text}");
            assert!(text.contains("allow-virtionetd-net0"), "{terminal}\n{text}");
        }
        assert!(
            table.fit(40).starts_with("DEVICE     net0\n  OWNER    virtionetd\n  SIZE     4 KiB\n")
        );
    }

    #[test]
    fn a_tree_keeps_its_branches_on_a_narrow_terminal() {
        let mut table = Table::new(&[left("BOARD"), left("DEVICE")]);
        table.row(["└─ soc".into(), "".into()]);
        table.row(["   ├─ serial@10000000".into(), "x".repeat(60)]);
        let text = table.fit(40);
        assert!(text.starts_with("BOARD     └─ soc\nBOARD        ├─ serial@10000000\n"), "{text}");
        assert!(text.lines().all(|line| width(line) <= 40), "{text}");
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
    fn what_is_shown_is_folded_to_every_terminal_and_loses_nothing() {
        let text = "short\n\n    usage: why SERVICE DEVICE [RIGHTS] and more than any terminal of forty columns has room for\n";
        let words = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
        for terminal in RANGE {
            let folded = fold_to(terminal, text);
            assert!(folded.lines().all(|line| width(line) <= terminal), "{terminal}\n{folded}");
            assert!(folded.starts_with("short\n\n    usage:"), "{folded}");
            assert!(folded.lines().skip(2).all(|line| line.starts_with("    ")), "{folded}");
            assert_eq!(words(&folded), words(text));
            assert_eq!(fold_to(terminal, &folded), folded);
        }
        assert_eq!(fold_to(200, text), text);
        assert_eq!(fold_to(40, "no end of line"), "no end of line");
    }

    #[test]
    fn wraps_with_a_hanging_indent() {
        let text = wrap("  why  ", &"word ".repeat(30));
        assert!(text.lines().all(|line| width(line) <= columns()));
        assert!(text.lines().skip(1).all(|line| line.starts_with("       word")), "{text}");
        assert_eq!(wrap("a ", "b"), "a b\n");
        assert_eq!(wrap("", &"x".repeat(81)), format!("{}\nx\n", "x".repeat(80)));
    }
}
