//! Steps about the system: its description, its image, its runs.

use super::host::run_tests;
use crate::assure::mutants;
use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::desc::Expect;
use crate::exit::Exit;
use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::test_os::{Options, Session, Until, profile_of, renamed, shipped_beside};
use crate::{broken, paths, test_broken};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// This tool, as a person would call it.
fn nexus(arguments: &[&str]) -> Result<Outcome> {
    let (good, _) = capture::run(Command::new(paths::TOOL).args(arguments))?;
    Ok(Outcome::of(good, ""))
}

pub(super) fn check() -> Result<Outcome> {
    Ok(nexus(&["check"])?.and(rows()?))
}

/// Each defence that can be left out is where its row says.
fn rows() -> Result<Outcome> {
    let faults = broken::faults()?;
    faults.iter().for_each(|fault| println!("{fault}"));
    let failed = faults.len();
    Ok(Outcome { passed: usize::from(failed == 0), failed, ..Outcome::default() })
}

pub(super) fn audit() -> Result<Outcome> {
    let system = paths::standard_system()?;
    profile("prod")?;
    profile("test")?;
    Ok(assertions(&system, "prod")?.and(assertions(&system, "test")?))
}

fn profile(name: &str) -> Result<Built> {
    build::system(&SystemArgs { system: None, profile: name.to_owned() })
}

pub(super) fn reproducible_prod() -> Result<Outcome> {
    reproducible("prod")
}

/// Two clean builds of the standard system in two places.
pub(crate) fn reproducible(profile: &str) -> Result<Outcome> {
    nexus(&["build", "--profile", profile, "--check-reproducible"])
}

pub(super) fn bench() -> Result<Outcome> {
    Ok(nexus(&["bench", "--check"])?.and(nexus(&["bench", "--disk", "--quick", "--check"])?))
}

/// Systems of their own: those under tests/systems that say how they must end, and the examples.
pub(super) fn systems() -> Result<Outcome> {
    let mut total = Outcome::default();
    for parent in ["tests/systems", "examples"] {
        for directory in directories(&paths::root()?.join(parent))? {
            let args = SystemArgs {
                profile: profile_of(Some(&directory))?,
                system: Some(directory.clone()),
            };
            // The benchmarks have a step of their own.
            let own = ["tests/systems/bench", "tests/systems/bench-disk"];
            if !own.iter().any(|own| directory.ends_with(own)) {
                let outcome = one_system(&directory, &args)?;
                total = total.and(Outcome { note: String::new(), ..outcome });
            }
        }
    }
    Ok(total)
}

fn one_system(directory: &Path, args: &SystemArgs) -> Result<Outcome> {
    let mut options = Options::from_environment()?;
    if let Some(Expect::Prompt(prompt)) = Expect::of_system(directory)? {
        options.until = Until::Marker(prompt.reaches);
    }
    println!("-- {}", directory.display());
    let built = build::system(args)?;
    let ships = shipped_beside(&built, args)?;
    let judged = built.checked.judged;
    let (booted, _) = boot(&built, ships.as_ref(), &options)?;
    let mut outcome = booted.and(assertions(directory, &args.profile)?);
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    // Proofs of its own are no test of the standard system.
    if outcome.failed > 0 || !judged {
        outcome.ran.clear();
    }
    if outcome.failed == 0 {
        outcome.ran.push(format!("system {name}"));
    }
    Ok(outcome)
}

/// What a system asserts of its own image.
fn assertions(directory: &Path, profile: &str) -> Result<Outcome> {
    let file = directory.join("assertions.toml");
    if !file.is_file() {
        return Ok(Outcome::default());
    }
    let (directory, file) = (directory.to_string_lossy(), file.to_string_lossy());
    nexus(&["audit", "--system", &directory, "--profile", profile, "--assert", &file])
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
    let ships = profile("prod")?;
    let options = Options::from_environment()?;
    let (first, records) = boot(&built, Some(&ships), &options)?;
    if first.failed > 0 {
        return Ok(first);
    }
    let quiet = Options { quiet: true, ..options };
    let (second, again) = boot(&built, None, &quiet)?;
    let same = Outcome::of(records == again, "two boots, equal records");
    let (third, _) = boot(&renamed(built)?, None, &quiet)?;
    let others = Outcome::of(third.failed == 0, "and one with every service renamed");
    Ok(first.and(Outcome::of(second.failed == 0, second.note)).and(same).and(others))
}

/// Boots once, and what ships beside it; returns the outcome and the records of proofs and ledger.
fn boot(built: &Built, ships: Option<&Built>, options: &Options) -> Result<(Outcome, [String; 2])> {
    let mut session = Session::run(built, options)?;
    if let Some(ships) = ships {
        session.hold_against(&built.image, ships, options)?;
    }
    session.report()?;
    let verdict = usize::from(session.judgement.exit == Exit::Pass);
    let proofs = session.run.transcript.proofs.iter().map(|proof| format!("proof {proof}"));
    let outcome = Outcome {
        passed: session.judgement.passed + verdict,
        failed: session.judgement.findings.len(),
        note: format!("booted for {:.1} s", session.run.took.as_secs_f64()),
        ran: proofs.filter(|_| verdict == 1).collect(),
        ..Outcome::default()
    };
    let record = |name| fs::read_to_string(built.directory.join(name));
    Ok((outcome, [record("proofs.txt")?, record("ledger.txt")?]))
}

pub(super) fn broken() -> Result<Outcome> {
    test_broken::rotating().map(|(passed, failed, names)| Outcome {
        passed,
        failed,
        note: names,
        ..Outcome::default()
    })
}

pub(super) fn mutants() -> Result<Outcome> {
    mutants::rotating(test_broken::commits()?)
}

pub(super) fn mmio() -> Result<Outcome> {
    let host = run_tests(&["mmio"])?;
    let (guest, _) = boot(&profile("test")?, None, &Options::from_environment()?)?;
    Ok(host.and(guest))
}
