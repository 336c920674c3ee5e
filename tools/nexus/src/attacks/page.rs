//! The catalogue as a page (docs/security/attacks.md).

use super::catalogue::{Attack, Catalogue, How};
use super::scan::Entry;
use std::fmt::Write;

/// The page.
#[must_use]
pub fn page(catalogue: &Catalogue, entries: &[Entry]) -> String {
    let mut page = String::from(
        "# Attacks, and their tests\n\n\
         Made from the lines `attack NUMBER LETTER: …` above the tests and from tests/attacks.toml;\n\
         `NEXUS_UPDATE=1 cargo nexus attacks` makes it anew. `cargo nexus attacks\n\
         NUMBER` gives file, line and command of each test. `make test` fails when a letter that is\n\
         required has no test, and when a test that stands here did not run and pass.\n\n",
    );
    for (how, letter, meaning) in How::ALL {
        let count = entries.iter().filter(|entry| entry.claim.how == how).count();
        let _ = writeln!(page, "- **{letter}** {meaning}: {count}");
    }
    for (nth, first) in catalogue.attacks.iter().enumerate() {
        let of_group = |attack: &&Attack| attack.group == first.group;
        if catalogue.attacks.iter().take(nth).any(|earlier| of_group(&earlier)) {
            continue;
        }
        let _ = writeln!(page, "\n## {}", first.group);
        let attacks = catalogue.attacks.iter().filter(of_group);
        attacks.for_each(|attack| section(&mut page, attack, entries));
    }
    page
}

fn section(page: &mut String, attack: &Attack, entries: &[Entry]) {
    let required = match attack.letters.as_str() {
        "" => String::new(),
        letters => format!(" [{letters}]"),
    };
    let _ = writeln!(page, "\n**{}. {}**{required}", attack.number, attack.title);
    if let Some(later) = &attack.later {
        let _ = writeln!(page, "Later: {later}");
    }
    let mine = entries.iter().filter(|entry| entry.claim.number == attack.number);
    for (index, entry) in mine.enumerate() {
        if index == 0 {
            page.push('\n');
        }
        row(page, entry);
    }
}

fn row(page: &mut String, entry: &Entry) {
    let claim = &entry.claim;
    let _ = write!(
        page,
        "- {} {}: **{}**. `{}` in `{}`",
        claim.how,
        claim.tried,
        claim.expected,
        entry.test.label(),
        entry.file
    );
    if !claim.broken.is_empty() {
        let _ = write!(page, "; fails without `{}`", claim.broken.join("`, `"));
    }
    page.push('\n');
}
