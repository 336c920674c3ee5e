//! The figures of the last runs in docs/security/assurance.md.

use anyhow::{Context, Result};
use std::time::Duration;

/// What a step came to.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// What it says of itself: counts, seeds, bounds.
    pub(crate) text: String,
    pub(crate) took: Duration,
}

impl Row {
    fn line(&self) -> String {
        let text = self.text.replace('|', "/");
        format!("| `{}` | {text} | {:.0} s |", self.name, self.took.as_secs_f64())
    }
}

/// `page` with these rows in the table of `section`: a row of the same name is replaced, others
/// stay, and what is new comes last. The table stands between two lines `<!-- SECTION begin -->` and
/// `<!-- SECTION end -->`, below its two lines of heading.
///
/// # Errors
/// When the page has no such table.
pub(crate) fn updated(page: &str, section: &str, rows: &[Row]) -> Result<String> {
    let begin = format!("<!-- {section} begin -->\n");
    let end = format!("<!-- {section} end -->");
    let missing = || format!("there is no table `{section}` in the page");
    let (before, rest) = page.split_once(&begin).with_context(missing)?;
    let (table, after) = rest.split_once(&end).with_context(missing)?;
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    for row in rows {
        let start = format!("| `{}` |", row.name);
        match lines.iter_mut().find(|line| line.starts_with(&start)) {
            Some(line) => *line = row.line(),
            None => lines.push(row.line()),
        }
    }
    Ok(format!("{before}{begin}{}\n{end}{after}", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "a\n<!-- x begin -->\n| h |\n|---|\n| `one` | old | 1 s |\n| `two` | old | 1 s |\n\
                        <!-- x end -->\nb\n";

    #[test]
    fn test_rows_are_replaced_and_added() {
        let row = |name: &str| Row {
            name: name.to_owned(),
            text: "new | so".to_owned(),
            took: Duration::from_millis(2600),
        };
        let page = updated(PAGE, "x", &[row("one"), row("three")]).unwrap();
        let expected = "a\n<!-- x begin -->\n| h |\n|---|\n| `one` | new / so | 3 s |\n\
                        | `two` | old | 1 s |\n| `three` | new / so | 3 s |\n<!-- x end -->\nb\n";
        assert_eq!(page, expected);
        assert_eq!(updated(&page, "x", &[]).unwrap(), page);
        assert!(updated(PAGE, "y", &[]).is_err());
    }
}
