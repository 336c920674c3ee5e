//! Random hostile processes in QEMU, from seed after seed.

use crate::build;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::steps::outcome::Outcome;
use crate::test_os::{Options, Session};
use anyhow::Result;

/// Runs, of 100,000 calls each.
const RUNS: u64 = 10;

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let system = Some(paths::root()?.join("tests/systems/wild"));
    let built = build::system(&SystemArgs { system, profile: "test".to_owned() })?;
    let mut total = Outcome::default();
    for run in 0..RUNS {
        let seed = seed.wrapping_add(run).max(1);
        let options = Options { seed: Some(seed), quiet: true, ..Options::from_environment()? };
        let session = Session::run(&built, &options)?;
        session.report()?;
        total = total.and(Outcome::of(session.judgement.exit == Exit::Pass, ""));
    }
    Ok(Outcome { note: format!("{RUNS} runs, seeds from {seed}"), ..total })
}
