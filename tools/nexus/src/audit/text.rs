//! An audit for people.

use super::model::{Audit, rights_names};
use std::fmt::Write as _;

impl Audit {
    /// Tables in lines of at most `width` columns, from `NARROWEST`: devices, rules, services, trusted
    /// set.
    #[must_use]
    pub fn to_text(&self, width: usize) -> String {
        let width = width.max(NARROWEST);
        let mut text = format!("{} {}, policy epoch {}\n", self.system, self.profile, self.epoch);
        let kib = self.image_bytes / 1024;
        for part in broken(&format!("image sha256 {}, {kib} KiB", self.image_sha256), width) {
            let _ = writeln!(text, "{part}");
        }
        section(&mut text, width, "Who holds which device", &self.device_rows());
        if !self.windows.is_empty() {
            section(
                &mut text,
                width,
                "Why that is allowed, in the words of the policy",
                &self.rule_rows(),
            );
        }
        if !self.refused.is_empty() {
            section(&mut text, width, "Asked for, and will be denied", &self.refused_rows());
        }
        section(&mut text, width, "Who may call whom, and ask for what", &self.service_rows());
        section(&mut text, width, "Who must be trusted, and with what", &self.trusted_rows());
        text
    }

    fn device_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&[
            "DEVICE", "OWNER", "RIGHTS", "WINDOW", "ADDRESS", "BYTES", "DMA", "DANGER", "RULE",
        ])];
        for device in &self.devices {
            let window = self.windows.iter().find(|window| window.device == device.id);
            let rights = window.map(|window| rights_names(window.rights).join("|"));
            let rule = window.map(|window| window.rule.clone());
            rows.push(vec![
                device.name.clone(),
                or_dash(device.owners.join(", ")),
                or_dash(rights.unwrap_or_default()),
                format!("{} #{}", device.class, device.instance),
                device.base.map_or_else(|| String::from("found"), |base| format!("{base:#x}")),
                format!("{:#x}", device.len),
                String::from(if device.dma { "all memory" } else { "none" }),
                device.danger.to_owned(),
                or_dash(rule.unwrap_or_default()),
            ]);
        }
        rows
    }

    fn rule_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["RULE", "REASON"])];
        for window in &self.windows {
            rows.push(row(&[&window.rule, &window.reason]));
        }
        rows
    }

    fn refused_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "DEVICE", "WHY"])];
        for refusal in &self.refused {
            rows.push(row(&[&refusal.service, &refusal.device, refusal.why]));
        }
        rows
    }

    fn service_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["ID", "SERVICE", "PRIORITY", "FRAMES", "MAY", "CALLS"])];
        for service in &self.services {
            let frames =
                if service.init { String::from("all") } else { service.frames.to_string() };
            rows.push(vec![
                service.id.to_string(),
                service.name.clone(),
                service.priority.to_string(),
                frames,
                or_dash(service.permissions.join(", ")),
                or_dash(service.calls.join(", ")),
            ]);
        }
        rows
    }

    fn trusted_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "WITH"])];
        for trusted in &self.trusted {
            rows.push(row(&[&trusted.service, &trusted.with.join("; ")]));
        }
        rows
    }
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn or_dash(text: String) -> String {
    if text.is_empty() { String::from("-") } else { text }
}

/// Columns of a line where nothing is known of the terminal.
pub(super) const USUAL: usize = 132;
/// Fewest columns that a table is made for.
const NARROWEST: usize = 40;
/// Columns between two others, and before the first.
const GAP: usize = 2;

/// A title and an aligned table under it. The last cell of a row goes on in lines of its own; where the
/// other columns leave no room for a word of it, each row is a block of lines instead.
fn section(text: &mut String, line: usize, title: &str, rows: &[Vec<String>]) {
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
fn lines(text: &mut String, lead: &str, cell: &str, room: usize) {
    let indent = " ".repeat(lead.chars().count());
    for (number, part) in broken(cell, room).iter().enumerate() {
        let lead = if number == 0 { lead } else { &indent };
        let _ = writeln!(text, "{}", format!("{lead}{part}").trim_end());
    }
}

/// A cell in lines of at most `width`, broken between words, and within one that is wider.
fn broken(cell: &str, width: usize) -> Vec<String> {
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
}
