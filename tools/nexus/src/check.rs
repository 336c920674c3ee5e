//! `cargo nexus check`: the description, checked.

use crate::build::{Origin, Place};
use crate::desc::{self, Checked, Diagnostic, Program};
use crate::exit::Exit;
use crate::{image, paths};
use anyhow::Result;
use clap::Args;
use std::collections::BTreeSet;
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
            let refusals = built(&profiles)?;
            refusals.iter().for_each(|refusal| eprintln!("{refusal}"));
            if !refusals.is_empty() {
                return Ok(Exit::Failed);
            }
            profiles.iter().for_each(summary);
            Ok(Exit::Pass)
        }
        Err(report) => {
            eprintln!("{report}");
            Ok(Exit::Failed)
        }
    }
}

/// What is wrong with programs that are built already, of sources as they are now.
fn built(profiles: &[Checked]) -> Result<BTreeSet<String>> {
    let place = Place::tree()?;
    let mut refusals = BTreeSet::new();
    for checked in profiles {
        let folder = place.folder(checked)?;
        if Origin::programs(&folder, checked).is_ok() {
            let elf_of = |program: &Program| folder.join(format!("{}.elf", program.name));
            let found = image::budget_refusals(checked, &elf_of);
            refusals.extend(found.iter().map(Diagnostic::render));
        }
    }
    Ok(refusals)
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
