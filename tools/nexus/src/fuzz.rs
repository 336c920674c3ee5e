//! `cargo nexus fuzz`: libFuzzer on one target of tests/fuzz.

use crate::build::Place;
use crate::exit::Exit;
use crate::paths;
use crate::steps::tools::{FUZZ, NIGHTLY, Tool, nightly};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use std::process::Command;

/// Arguments of `cargo nexus fuzz`.
#[derive(Args, Debug)]
pub struct FuzzArgs {
    /// The target, as `tests/fuzz/corpus` has it; without one, they are listed.
    target: Option<String>,
    /// For libFuzzer: `-max_total_time=60`, `-runs=100000`, a file to run alone.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Fuzzes until libFuzzer ends.
///
/// # Errors
/// When there is no such target, or cargo-fuzz or its compiler is missing: says what to install.
pub fn run(args: &FuzzArgs) -> Result<Exit> {
    let Some(target) = &args.target else {
        targets()?.iter().for_each(|name| println!("{name}"));
        return Ok(Exit::Pass);
    };
    let status = command(target, &args.args)?.status().context("starting cargo fuzz")?;
    Ok(if status.success() { Exit::Pass } else { Exit::Failed })
}

/// Every target, by name.
///
/// # Errors
/// When the corpora cannot be listed.
pub fn targets() -> Result<Vec<String>> {
    let corpora = paths::root()?.join("tests/fuzz/corpus");
    let entries = fs::read_dir(&corpora).with_context(|| corpora.display().to_string())?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}

/// The command that fuzzes `target`. What it finds new is kept beside the builds, and the
/// committed corpus is only read.
///
/// # Errors
/// As [`run`].
pub fn command(target: &str, libfuzzer: &[String]) -> Result<Command> {
    let names = targets()?;
    if !names.iter().any(|name| name == target) {
        bail!("there is no target `{target}`; there are {}", names.join(", "));
    }
    installed()?;
    let root = paths::root()?;
    let work = Place::tree()?.target.join("fuzz");
    let found = work.join("corpus").join(target);
    fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
    let mut command = nightly(&["fuzz", "run", target])?;
    command.env_remove("CARGO_TARGET_DIR");
    command.arg("--fuzz-dir").arg(root.join("tests/fuzz/libfuzzer"));
    command.arg("--target-dir").arg(&work);
    // Nothing that it runs has unsafe code, and without a sanitizer it runs more inputs.
    command.args(["--sanitizer", "none"]);
    command.arg(&found).arg(root.join("tests/fuzz/corpus").join(target));
    command.arg("--").args(libfuzzer);
    Ok(command)
}

/// Says what to install when something is missing.
fn installed() -> Result<()> {
    match [NIGHTLY, FUZZ].iter().find_map(Tool::missing) {
        Some(missing) => bail!("{missing}"),
        None => Ok(()),
    }
}
