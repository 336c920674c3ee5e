//! An audit for people.

use super::model::{Audit, rights_names};
use std::fmt::Write as _;

impl Audit {
    /// Aligned tables: devices, services, trusted set.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{} {}, policy epoch {}\nimage sha256 {}, {} KiB\n",
            self.system,
            self.profile,
            self.epoch,
            self.image_sha256,
            self.image_bytes / 1024
        );
        section(&mut text, "Who holds which device", &self.device_rows());
        if !self.refused.is_empty() {
            section(&mut text, "Asked for, and will be denied", &self.refused_rows());
        }
        section(&mut text, "Who may call whom, and ask for what", &self.service_rows());
        section(&mut text, "Who must be trusted, and with what", &self.trusted_rows());
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

/// Columns that a line should not exceed, where its last cell can be broken.
const LINE: usize = 120;

/// A title and an aligned table under it. The last cell of a row goes on in lines of its own.
fn section(text: &mut String, title: &str, rows: &[Vec<String>]) {
    let _ = writeln!(text, "\n{title}");
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns.saturating_sub(1)).map(width).collect();
    for row in rows {
        let Some((last, cells)) = row.split_last() else { continue };
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  "));
        let lead = format!("  {}", cells.collect::<String>());
        let indent = " ".repeat(lead.chars().count());
        let parts = broken(last, LINE.saturating_sub(indent.len()).max(LINE / 3));
        for (number, part) in parts.iter().enumerate() {
            let lead = if number == 0 { &lead } else { &indent };
            let _ = writeln!(text, "{}", format!("{lead}{part}").trim_end());
        }
    }
}

/// A cell in lines of at most `width`, broken between words.
fn broken(cell: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in cell.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_a_long_cell_between_words() {
        assert_eq!(broken("a, b, c", 5), ["a, b,", "c"]);
        assert_eq!(broken("", 5), [""]);
        assert_eq!(broken("longer-than-that x", 5), ["longer-than-that", "x"]);
    }

    #[test]
    fn aligns_columns_and_continues_the_last_one() {
        let names = vec!["name"; 40].join(", ");
        let mut text = String::new();
        section(&mut text, "Title", &[row(&["ID", "CALLS"]), row(&["12", &names])]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["", "Title", "  ID  CALLS"]);
        assert!(lines[3].starts_with("  12  name, "));
        assert!(lines[4].starts_with("      name, "));
        assert!(lines.iter().all(|line| line.len() <= LINE), "{text}");
    }
}
