//! Steps about the system: its description, its image, its runs.

use super::host::run_tests;
use crate::assure::mutants;
use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::test_os::{Asked, Options, Session, renamed};
use crate::{broken, paths, test_broken};
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::process::Command;

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
    let disk = nexus(&["bench", "--disk", "--quick", "--check"])?;
    let store = nexus(&["bench", "--store", "--quick", "--check"])?;
    let net = nexus(&["bench", "--net", "--quick", "--check"])?;
    Ok(nexus(&["bench", "--check"])?.and(disk).and(store).and(net))
}

/// What a system asserts of its own image.
pub(super) fn assertions(directory: &Path, profile: &str) -> Result<Outcome> {
    let file = directory.join("assertions.toml");
    if !file.is_file() {
        return Ok(Outcome::default());
    }
    let (directory, file) = (directory.to_string_lossy(), file.to_string_lossy());
    nexus(&["audit", "--system", &directory, "--profile", profile, "--assert", &file])
}

pub(super) fn os() -> Result<Outcome> {
    let built = profile("test")?;
    let ships = profile("prod")?;
    let options = Options::from_environment()?;
    let all = Options { page: Asked::ByAll, ..options.clone() };
    let (first, records) = boot(&built, Some(&ships), &all)?;
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
    let outcome = judged(&session);
    let record = |name| fs::read_to_string(built.directory.join(name));
    Ok((outcome, [record("proofs.txt")?, record("ledger.txt")?]))
}

/// What a run came to.
pub(super) fn judged(session: &Session) -> Outcome {
    let verdict = usize::from(session.judgement.exit == Exit::Pass);
    let proofs = session.proofs().map(|proof| format!("proof {proof}"));
    Outcome {
        passed: session.judgement.passed + verdict,
        failed: session.judgement.findings.len(),
        note: format!("booted for {:.1} s", session.run.took.as_secs_f64()),
        ran: proofs.filter(|_| verdict == 1).collect(),
        ..Outcome::default()
    }
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
