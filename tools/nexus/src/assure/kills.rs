//! A thousand deaths of each driver under load.

use crate::build;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::steps::outcome::Outcome;
use crate::test_os::{Options, Session};
use anyhow::Result;
use std::time::Duration;

/// Longest time for it: a safety net.
const LIMIT: Duration = Duration::from_secs(3600);
/// Deaths of drivers that must have been survived: a thousand of each.
const DEATHS: u64 = 3000;

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let system = Some(paths::root()?.join("tests/systems/kills/long"));
    let built = build::system(&SystemArgs { system, profile: "test".to_owned() })?;
    let from_environment = Options::from_environment()?;
    let seed = seed.max(1);
    let options = Options { seed: Some(seed), quiet: true, limit: LIMIT, ..from_environment };
    let session = Session::run(&built, &options)?;
    session.report()?;
    let proofs = session.run.transcript.proofs.iter();
    let deaths = proofs.filter(|proof| proof.id == "drivers-killed");
    let deaths: u64 = deaths.map(|proof| u64::from(proof.checks)).sum();
    let passed = Outcome::of(session.judgement.exit == Exit::Pass, "");
    let note = format!("{deaths} deaths of drivers, seed {seed}");
    Ok(Outcome { note, ..passed.and(Outcome::of(deaths >= DEATHS, "")) })
}
