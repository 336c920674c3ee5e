//! Power cuts under load, in QEMU.

use crate::build;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::steps::outcome::Outcome;
use crate::test_os::{Options, Session, Survived};
use anyhow::Result;

/// Systems: what is looked for was put into sectors by a ring, and into the store.
const SYSTEMS: [&str; 2] = ["cuts", "store-cuts"];
/// Runs of each, each of which ends in a cut, and has as many more tried as its `expect.toml` says.
const RUNS: u64 = 50;
/// Cuts of each that must have been survived in all runs together.
const CUTS: usize = 500;

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let mut all = Outcome::default();
    for system in SYSTEMS {
        all = all.and(runs(system, seed)?);
    }
    Ok(all)
}

fn runs(name: &str, seed: u64) -> Result<Outcome> {
    let system = Some(paths::root()?.join("tests/systems").join(name));
    let built = build::system(&SystemArgs { system, profile: "test".to_owned() })?;
    let (mut total, mut all) = (Outcome::default(), Survived::default());
    for run in 0..RUNS {
        let seed = seed.wrapping_add(run).max(1);
        let options = Options { seed: Some(seed), quiet: true, ..Options::from_environment()? };
        let session = Session::run(&built, &options)?;
        session.report()?;
        all = all + session.survived.unwrap_or_default();
        total = total.and(Outcome::of(session.judgement.exit == Exit::Pass, ""));
    }
    let enough = Outcome::of(all.cuts >= CUTS, "");
    Ok(Outcome { note: format!("{name}: {all}, seeds from {seed}"), ..total.and(enough) })
}
