//! `cargo nexus attacks`: the catalogue of attacks, with the tests that say which one they are.
//!
//! A line comment directly above a test names its number, how it tests, what is tried, what must
//! happen, and which defences that can be left out (tests/broken.toml) it notices:
//!
//! ```text
//! attack 7 U: mint a window over RAM; refused with `Reserved`; broken: window-over-ram
//! ```
//!
//! tests/attacks.toml lists the numbers. A number without a test is a gap.

mod catalogue;
mod claim;
mod fault;
mod gaps;
mod modules;
mod page;
mod rust;
mod scan;
mod show;
mod test;
#[cfg(test)]
mod tests;

pub use catalogue::{Attack, Catalogue, How};
pub use claim::Claim;
pub use fault::Fault;
pub use gaps::{Gap, gaps, not_run};
pub(crate) use modules::package_name;
pub use page::page;
pub use scan::{Entry, Scan, scan};
pub use test::Test;

use crate::exit::Exit;
use crate::paths;
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;
use std::{env, fs};

/// Arguments of `cargo nexus attacks`.
#[derive(Args, Debug)]
pub struct AttacksArgs {
    /// Which attacks; all of them when none is given.
    numbers: Vec<u32>,
    /// Only what has no test.
    #[arg(long)]
    gaps: bool,
}

/// Lists the tests of each attack with the commands that run them, and what has no test. With
/// `NEXUS_UPDATE=1`, writes docs/security/attacks.md instead.
///
/// # Errors
/// When the tree cannot be read, or the page cannot be written.
pub fn run(args: &AttacksArgs) -> Result<Exit> {
    let catalogue = Catalogue::load()?;
    known(&catalogue, &args.numbers)?;
    let scan = scan(&catalogue)?;
    if env::var_os("NEXUS_UPDATE").is_some() {
        fs::write(place_of_page()?, page(&catalogue, &scan.entries))?;
    } else if !args.gaps {
        show::attacks(&catalogue, &scan.entries, &args.numbers);
    }
    scan.faults.iter().for_each(|fault| println!("{fault}"));
    let mut gaps = gaps(&catalogue, &scan.entries);
    gaps.retain(|gap| args.numbers.is_empty() || args.numbers.contains(&gap.number));
    gaps.iter().for_each(|gap| println!("{gap}"));
    let asked = |number: u32| args.numbers.is_empty() || args.numbers.contains(&number);
    println!(
        "{} tests of {}, {} gaps, {} faults",
        scan.entries.iter().filter(|entry| asked(entry.claim.number)).count(),
        if args.numbers.is_empty() { "attacks" } else { "these attacks" },
        gaps.len(),
        scan.faults.len()
    );
    Ok(if gaps.is_empty() && scan.faults.is_empty() { Exit::Pass } else { Exit::Failed })
}

/// Refuses a number that no attack has.
fn known(catalogue: &Catalogue, numbers: &[u32]) -> Result<()> {
    let last = catalogue.attacks.last().map_or(0, |attack| attack.number);
    for number in numbers {
        ensure!(
            catalogue.find(*number).is_some(),
            "there is no attack {number}: tests/attacks.toml has {} of them, up to {last}",
            catalogue.attacks.len()
        );
    }
    Ok(())
}

/// Where [`page`] stands.
///
/// # Errors
/// See [`paths::root`].
pub fn place_of_page() -> Result<PathBuf> {
    Ok(paths::root()?.join("docs/security/attacks.md"))
}
