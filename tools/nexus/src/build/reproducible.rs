//! Builds again from a copy of the tree in another place: the same bytes must come out.

use super::{Built, Place};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::progress::Step;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::process::Command;

/// What a build reads of the tree.
const PARTS: [&str; 8] = [
    "source",
    "system",
    "examples",
    "tests",
    "tools",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
];

/// Compares `built` with a clean build of the same system in a scratch directory.
///
/// # Errors
/// When the second build fails, or a program is of another workspace than the tree's: cargo then
/// names symbols by where the tree is, and only builds in one place give the same bytes.
pub(super) fn check(args: &SystemArgs, built: &Built) -> Result<Exit> {
    let workspace = paths::root()?.join("Cargo.toml");
    if let Some(other) = built.checked.programs.iter().find(|one| one.manifest != workspace) {
        bail!(
            "{} is in a workspace of its own, {}: cargo names its symbols by where the tree is, \
             and only builds in one place give the same bytes",
            other.name,
            other.manifest.display()
        );
    }
    let step = Step::start("clean build in another place");
    let scratch = tempfile::tempdir().context("making a scratch directory")?;
    let copy = scratch.path().join("a/place/that/is/not/the/first");
    for part in PARTS {
        paths::copy_tree(&paths::root()?.join(part), &copy.join(part))?;
    }
    let output = scratch.path().join("out");
    let target = scratch.path().join("target");
    let second = Place { root: copy.clone(), build: output.clone(), target, lenient: false };
    let mut system_there = second.standard_system();
    let mut command = Command::new(paths::TOOL);
    command.args(["build", "--profile", &args.profile]);
    if let Some(system) = &args.system {
        let system = system.canonicalize()?;
        // Where it was in the tree, its crates still find the tree.
        system_there = match system.strip_prefix(paths::root()?) {
            Ok(inside) => copy.join(inside),
            Err(_) => scratch.path().join("system"),
        };
        paths::copy_tree(&system, &system_there)?;
        command.arg("--system").arg(&system_there);
    }
    let status = command
        .current_dir(&copy)
        .env(paths::ROOT_VARIABLE, &copy)
        .env("NEXUS_BUILD_DIR", &output)
        .env("CARGO_TARGET_DIR", &second.target)
        .status()?;
    ensure!(status.success(), "the second build failed");
    step.done();
    let name = &built.checked.description.name;
    let second = second.folder_of(&system_there, name, &args.profile)?;
    let mut exit = Exit::Pass;
    for file in ["neuron.elf", "boot.img"] {
        let same = fs::read(built.directory.join(file))? == fs::read(second.join(file))?;
        println!("{file}: {}", if same { "the same bytes" } else { "DIFFERS" });
        if !same {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}
