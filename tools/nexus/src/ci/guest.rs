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
use std::path::Path;
use std::process::Command;
use std::{fs, panic, thread};

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

/// What is counted of devices takes one core, and is the same beside others: two at a time. What is measured in time,
/// too, is alone.
pub(super) fn bench() -> Result<Outcome> {
    let counted = |what: &str| -> Result<Outcome> {
        let (good, text) = capture::run_showing(
            Command::new(paths::TOOL).args(["bench", what, "--quick", "--check"]),
            &|_| false,
        )?;
        text.lines().for_each(|line| println!("{line}"));
        Ok(Outcome::of(good, ""))
    };
    let (net, others) =
        both(|| counted("--net"), || Ok(counted("--disk")?.and(counted("--store")?)))?;
    Ok(nexus(&["bench", "--check"])?.and(others).and(net))
}

/// Both, at the same time.
fn both<A: Send, B>(
    one: impl FnOnce() -> Result<A> + Send,
    other: impl FnOnce() -> Result<B>,
) -> Result<(A, B)> {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        Ok((one.join().unwrap_or_else(|why| panic::resume_unwind(why))?, other?))
    })
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
    let quiet = Options { quiet: true, ..options };
    let twice = built.apart("again")?;
    let others = renamed(built.clone())?.apart("renamed")?;
    // A guest has one hart: the second and third run beside the first and what ships.
    let later = || Ok([Session::run(&twice, &quiet)?, Session::run(&others, &quiet)?]);
    let ([second, third], first) = both(later, || session(&built, Some(&ships), &all))?;
    let first = came_to(&first, &built)?;
    let (second, third) = (came_to(&second, &twice)?, came_to(&third, &others)?);
    let same = Outcome::of(first.1 == second.1, "two boots, equal records");
    let others = Outcome::of(third.0.failed == 0, "and one with every service renamed");
    Ok(first.0.and(Outcome::of(second.0.failed == 0, second.0.note)).and(same).and(others))
}

/// Boots once, and what ships beside it.
fn session(built: &Built, ships: Option<&Built>, options: &Options) -> Result<Session> {
    let mut session = Session::run(built, options)?;
    if let Some(ships) = ships {
        session.hold_against(&built.image, ships, options)?;
    }
    Ok(session)
}

/// Tells what a boot came to; the outcome, and the records of proofs and ledger.
fn came_to(session: &Session, built: &Built) -> Result<(Outcome, [String; 2])> {
    session.report()?;
    let record = |name| fs::read_to_string(built.directory.join(name));
    Ok((judged(session), [record("proofs.txt")?, record("ledger.txt")?]))
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
    let built = profile("test")?;
    let (guest, _) = came_to(&session(&built, None, &Options::from_environment()?)?, &built)?;
    Ok(host.and(guest))
}
