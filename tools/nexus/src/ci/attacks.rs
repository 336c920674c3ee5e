//! Every attack has a test, and each of these tests ran and passed in this very run.

use super::web;
use crate::attacks::{Catalogue, gaps, not_run, page, place_of_page, scan};
use crate::steps::outcome::Outcome;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fs;

/// Holds the catalogue against the names in `ran`.
pub(super) fn check(ran: &BTreeSet<String>) -> Result<Outcome> {
    let catalogue = Catalogue::load()?;
    let scan = scan(&catalogue)?;
    scan.faults.iter().for_each(|fault| println!("{fault}"));
    let gaps = gaps(&catalogue, &scan.entries);
    gaps.iter().for_each(|gap| println!("{gap}"));
    let missing = not_run(&scan.entries, ran, web::is_asked());
    for entry in &missing {
        println!("{}:{}: did not run and pass: {}", entry.file, entry.line, entry.test.name());
    }
    let written = fs::read_to_string(place_of_page()?).unwrap_or_default();
    let stale = written != page(&catalogue, &scan.entries);
    if stale {
        println!("docs/security/attacks.md is stale: run `NEXUS_UPDATE=1 cargo nexus attacks`");
    }
    Ok(Outcome {
        passed: scan.entries.len() - missing.len(),
        failed: scan.faults.len() + gaps.len() + missing.len() + usize::from(stale),
        ..Outcome::default()
    })
}
