//! `cargo nexus check`: the description, checked.

use crate::desc::{self, Checked};
use crate::exit::Exit;
use crate::paths;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `cargo nexus check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Directory of the system. The standard one when absent.
    #[arg(long, value_name = "DIR")]
    system: Option<PathBuf>,
}

/// Checks every profile of a system, and says what is wrong: where, and what to do.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(args: &CheckArgs) -> Result<Exit> {
    let standard = paths::standard_system()?;
    let here = std::env::current_dir()?;
    let dir = args.system.as_deref().unwrap_or(&standard);
    let tests = paths::tests_beside(&standard);
    match desc::check_with_tests(dir, &standard, Some(&tests), &here)? {
        Ok(profiles) => {
            profiles.iter().for_each(summary);
            Ok(Exit::Pass)
        }
        Err(report) => {
            eprintln!("{report}");
            Ok(Exit::Failed)
        }
    }
}

fn summary(checked: &Checked) {
    let description = &checked.description;
    println!(
        "{} {}: {} services, {} devices, {} rules, {} proofs; epoch {}: checked",
        description.name,
        checked.profile,
        description.services.len(),
        description.devices.len(),
        description.rules.len(),
        checked.required_proofs().len(),
        description.epoch,
    );
}
