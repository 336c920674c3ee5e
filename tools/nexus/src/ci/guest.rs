//! Steps about the system: its description, its image, its runs.

use super::capture;
use super::host::run_tests;
use super::outcome::Outcome;
use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::test_os::{Options, Session};
use crate::{paths, test_broken};
use anyhow::Result;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// How many defences are left out in a run of everything.
const BROKEN_AT_A_TIME: usize = 3;

/// This tool, as a person would call it.
fn nexus(arguments: &[&str]) -> Result<Outcome> {
    let (good, _) = capture::run(Command::new(env::current_exe()?).args(arguments))?;
    Ok(Outcome::of(good, ""))
}

pub(super) fn check() -> Result<Outcome> {
    Ok(nexus(&["check", "--profile", "prod"])?.and(nexus(&["check", "--profile", "test"])?))
}

pub(super) fn audit() -> Result<Outcome> {
    profile("prod")?;
    profile("test")?;
    let mut arguments = vec!["audit", "--profile", "prod"];
    let assertions = paths::root()?.join("tests/audit/standard.toml");
    let assertions = assertions.to_string_lossy();
    arguments.extend(["--assert", &assertions]);
    Ok(nexus(&arguments)?.and(nexus(&["audit", "--profile", "test"])?))
}

fn profile(name: &str) -> Result<Built> {
    build::system(&SystemArgs { system: None, profile: name.to_owned() }, None)
}

/// Systems of their own: those under tests/systems that say how they must end, and the examples.
pub(super) fn systems() -> Result<Outcome> {
    let mut total = Outcome::default();
    for directory in ["tests/systems", "examples"] {
        for system in directories(&paths::root()?.join(directory))? {
            if directory == "examples" || system.join("expect.toml").is_file() {
                let args = SystemArgs { system: Some(system), profile: "test".to_owned() };
                let (outcome, _) = boot(&build::system(&args, None)?, false)?;
                total = total.and(Outcome { note: String::new(), ..outcome });
            }
        }
    }
    Ok(total)
}

/// Directories in `parent` that hold a system, by name.
fn directories(parent: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = parent.read_dir() else { return Ok(Vec::new()) };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|one| one.map(|one| one.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.join("system.toml").is_file());
    paths.sort();
    Ok(paths)
}

pub(super) fn os() -> Result<Outcome> {
    let built = profile("test")?;
    let (first, records) = boot(&built, false)?;
    if first.failed > 0 {
        return Ok(first);
    }
    let (second, again) = boot(&built, true)?;
    let same = Outcome::of(records == again, "two boots, equal records");
    Ok(first.and(Outcome::of(second.failed == 0, second.note)).and(same))
}

/// Boots once; returns the outcome and the records of proofs and ledger.
fn boot(built: &Built, quiet: bool) -> Result<(Outcome, [String; 2])> {
    let session = Session::run(built, &Options { quiet, ..Options::from_environment()? })?;
    if !quiet {
        session.report();
    }
    let verdict = usize::from(session.judgement.exit == Exit::Pass);
    let outcome = Outcome {
        passed: session.judgement.passed + verdict,
        failed: session.judgement.findings.len(),
        note: format!("booted for {:.1} s", session.run.took.as_secs_f64()),
        ..Outcome::default()
    };
    let record = |name| fs::read_to_string(built.directory.join(name));
    Ok((outcome, [record("proofs.txt")?, record("ledger.txt")?]))
}

pub(super) fn broken() -> Result<Outcome> {
    test_broken::rotating(BROKEN_AT_A_TIME).map(|(passed, failed, names)| Outcome {
        passed,
        failed,
        note: names,
        skipped: 0,
    })
}

pub(super) fn mmio() -> Result<Outcome> {
    let host = run_tests(&["mmio"])?;
    let (guest, _) = boot(&profile("test")?, false)?;
    Ok(host.and(guest))
}
