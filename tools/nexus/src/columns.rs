//! Text in the columns of a terminal.

use rustix::fd::AsFd;
use rustix::termios::tcgetwinsize;
use std::env;
use std::fmt::Write as _;

/// Columns of a line where nothing is known of the terminal.
pub const USUAL: usize = 132;
/// Fewest columns that a table is made for.
pub(crate) const NARROWEST: usize = 40;
/// Columns between two others, and before the first.
const GAP: usize = 2;

/// A title and an aligned table under it. The last cell of a row goes on in lines of its own; where the
/// other columns leave no room for a word of it, each row is a block of lines instead.
pub(crate) fn section(text: &mut String, line: usize, title: &str, rows: &[Vec<String>]) {
    text.push('\n');
    lines(text, "", title, line);
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default().max(1);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns - 1).map(width).collect();
    let indent = GAP + widths.iter().map(|width| width + GAP).sum::<usize>();
    let room = line.saturating_sub(indent);
    let words = rows.iter().filter_map(|row| row.get(columns - 1)).flat_map(|last| last.split(' '));
    if words.map(|word| word.chars().count()).max().is_some_and(|widest| widest > room) {
        return blocks(text, line, rows);
    }
    for row in rows {
        let Some((last, cells)) = row.split_last() else { continue };
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        lines(text, &format!("  {}", cells.collect::<String>()), last, room);
    }
}

/// Each row as a line for each of its cells, behind its heading.
fn blocks(text: &mut String, line: usize, rows: &[Vec<String>]) {
    let Some((headings, rows)) = rows.split_first() else { return };
    let width = headings.iter().map(|heading| heading.chars().count()).max().unwrap_or_default();
    for row in rows {
        for (number, (heading, cell)) in headings.iter().zip(row).enumerate() {
            let lead = if number == 0 { "  " } else { "    " };
            let lead = format!("{lead}{heading:width$}  ");
            lines(text, &lead, cell, line.saturating_sub(lead.chars().count()));
        }
    }
}

/// A cell behind `lead`, in lines of at most `room` columns each.
pub(crate) fn lines(text: &mut String, lead: &str, cell: &str, room: usize) {
    let indent = " ".repeat(lead.chars().count());
    for (number, part) in broken(cell, room).iter().enumerate() {
        let lead = if number == 0 { lead } else { &indent };
        let _ = writeln!(text, "{}", format!("{lead}{part}").trim_end());
    }
}

/// A cell in lines of at most `width`, broken between words, and within one that is wider.
pub(crate) fn broken(cell: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in cell.split(' ').flat_map(|word| parts(word, width)) {
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(&word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

fn parts(word: &str, width: usize) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    let parts = chars.chunks(width.max(1)).map(|part| part.iter().collect());
    if word.is_empty() { vec![String::new()] } else { parts.collect() }
}

/// Cells of a row.
pub(crate) fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// Columns of what is written to: what `COLUMNS` says, or the terminal itself; `None` where it is no
/// terminal.
pub(crate) fn of(written: impl AsFd) -> Option<usize> {
    let said = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let found = said.or_else(|| Some(usize::from(tcgetwinsize(written).ok()?.ws_col)));
    found.filter(|columns| *columns > 0)
}

/// `text`, its lines of more than `width` columns continued in lines that are indented further. Of a
/// line with another under it that marks a part of it, what is shown is around that part.
#[must_use]
pub fn fold(text: &str, width: usize) -> String {
    let width = width.max(NARROWEST / 2);
    let mut folded = String::new();
    let mut rest = text.split_inclusive('\n').peekable();
    while let Some(whole) = rest.next() {
        let line = whole.trim_end_matches('\n');
        if line.chars().count() <= width {
            folded.push_str(whole);
        } else if let Some([line, marks]) = rest.peek().and_then(|next| window(line, next, width)) {
            rest.next();
            let _ = write!(folded, "{line}\n{marks}\n");
        } else {
            fold_line(&mut folded, line, width);
            if line.len() == whole.len() {
                folded.pop();
            }
        }
    }
    folded
}

fn fold_line(folded: &mut String, line: &str, width: usize) {
    let indent = line.chars().take_while(|c| *c == ' ').count().min(width / 2);
    let deeper = indent + GAP;
    let line = line.trim_start_matches(' ');
    for (number, part) in broken(line, width - deeper).iter().enumerate() {
        let lead = " ".repeat(if number == 0 { indent } else { deeper });
        let _ = writeln!(folded, "{}", format!("{lead}{part}").trim_end());
    }
}

/// What `width` columns have room for of a line of a file, behind its number and `|`, and of the marks
/// under it.
fn window(line: &str, marks: &str, width: usize) -> Option<[String; 2]> {
    let marks = marks.trim_end();
    let (margin, under) = marks.split_once("| ")?;
    let (number, code) = line.split_at_checked(margin.len())?;
    let code = code.strip_prefix("| ")?;
    if !margin.trim().is_empty() || !under.ends_with('^') {
        return None;
    }
    let room = width.saturating_sub(margin.len() + GAP);
    let first = under.find('^')?;
    let skip = under.chars().count().saturating_sub(room).min(first);
    let part = |text: &str| text.chars().skip(skip).take(room).collect::<String>();
    Some([
        format!("{number}| {}", part(code)).trim_end().to_owned(),
        format!("{margin}| {}", part(under)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_a_long_cell_between_words() {
        assert_eq!(broken("a, b, c", 5), ["a, b,", "c"]);
        assert_eq!(broken("", 5), [""]);
        assert_eq!(broken("longer-than x", 6), ["longer", "-than", "x"]);
    }

    #[test]
    fn aligns_columns_and_continues_the_last_one() {
        let names = vec!["name"; 40].join(", ");
        let mut text = String::new();
        section(&mut text, USUAL, "Title", &[row(&["ID", "CALLS"]), row(&["12", &names])]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["", "Title", "  ID  CALLS"]);
        assert!(lines[3].starts_with("  12  name, "));
        assert!(lines[4].starts_with("      name, "));
        assert!(lines.iter().all(|line| line.len() <= USUAL), "{text}");
    }

    #[test]
    fn folds_what_is_wider_and_nothing_else() {
        let text = "short\n  fix: a longer line that goes on and on\nlast";
        let folded = fold(text, 20);
        assert_eq!(folded, "short\n  fix: a longer\n    line that goes\n    on and on\nlast");
        assert_eq!(fold(text, 200), text);
        assert_eq!(fold("a\n", 1), "a\n");
    }

    #[test]
    fn shows_the_part_of_an_excerpt_that_is_meant() {
        let text = "  7 | needs = [{ device = \"flash0\" }]\n    |                     ^^^^^^^^\n";
        assert_eq!(fold(text, 200), text);
        let expected = "  7 | evice = \"flash0\"\n    |         ^^^^^^^^\n";
        assert_eq!(fold(text, 22), expected);
    }
}
