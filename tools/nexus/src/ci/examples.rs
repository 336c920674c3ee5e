//! The crates of the examples: workspaces of their own, held to what the tree is held to.

use crate::build::Place;
use crate::paths;
use crate::steps::outcome::Outcome;
use crate::steps::{capture, counts, tools};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// Format, lints and host tests of each.
pub(super) fn check() -> Result<Outcome> {
    let mut total = Outcome::default();
    let environment = environment()?;
    for manifest in manifests()? {
        let cargo = |subcommand: &str| -> Result<Command> {
            let mut command = tools::cargo(&[subcommand])?;
            command.arg("--manifest-path").arg(&manifest);
            command.envs(environment.clone());
            Ok(command)
        };
        if tools::has("fmt")? {
            total = total.and(succeeds(cargo("fmt")?.arg("--check"))?);
        }
        if tools::has("clippy")? {
            let mut clippy = cargo("clippy")?;
            clippy.args(["--all-targets", "--quiet", "--locked", "--", "-D", "warnings"]);
            total = total.and(succeeds(&mut clippy)?);
        }
        total = total.and(tests(cargo("test")?.arg("--locked"))?);
    }
    Ok(total)
}

/// Where cargo compiles them for the host: in one place, so that what all are made of is compiled once; and as the
/// profile of the tree says. No two of them have one name, by which cargo would take one for another
/// ([`Place::target_of`]).
///
/// # Errors
/// When the tree is not found.
pub(super) fn environment() -> Result<[(&'static str, PathBuf); 2]> {
    let target = Place::tree()?.target.join("workspaces/examples");
    Ok([("CARGO_TARGET_DIR", target), ("CARGO_INCREMENTAL", "0".into())])
}

fn succeeds(command: &mut Command) -> Result<Outcome> {
    let (good, _) = capture::run(command)?;
    Ok(Outcome::of(good, ""))
}

fn tests(command: &mut Command) -> Result<Outcome> {
    let (good, text) = capture::run(command)?;
    let outcome = counts::of_output(&text);
    let enough = good && outcome.passed > 0;
    Ok(if enough || outcome.failed > 0 {
        outcome
    } else {
        outcome.and(Outcome::failure("no test ran"))
    })
}

/// `examples/SYSTEM/CRATE/Cargo.toml`, by name.
fn manifests() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for system in paths::root()?.join("examples").read_dir()? {
        let system = system?.path();
        if system.is_dir() {
            for part in system.read_dir()? {
                found.push(part?.path().join("Cargo.toml"));
            }
        }
    }
    found.retain(|manifest| manifest.is_file());
    found.sort();
    Ok(found)
}
