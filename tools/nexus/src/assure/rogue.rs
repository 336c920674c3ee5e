//! Many lives of a hostile owner of a disk in QEMU, from seed after seed.

use crate::build;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::steps::outcome::Outcome;
use crate::test_os::{Options, Session};
use anyhow::Result;
use std::time::Duration;

/// Runs of the system, which says how many lives and heads each has.
const RUNS: u64 = 10;
/// Longest time for one of them: a safety net.
const LIMIT: Duration = Duration::from_secs(3600);
/// Heads that must have been given in all runs together.
const HEADS: u64 = 10_000_000;

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let system = Some(paths::root()?.join("tests/systems/rogue-lives/long"));
    let built = build::system(&SystemArgs { system, profile: "test".to_owned() })?;
    let mut total = Outcome::default();
    let [mut lives, mut heads] = [0, 0];
    for run in 0..RUNS {
        let seed = seed.wrapping_add(run).max(1);
        let limit = LIMIT;
        let options =
            Options { seed: Some(seed), quiet: true, limit, ..Options::from_environment()? };
        let session = Session::run(&built, &options)?;
        session.report()?;
        lives += session.proved("lives-change-nothing");
        heads += session.proved("lives-heads");
        total = total.and(Outcome::of(session.judgement.exit == Exit::Pass, ""));
    }
    let enough = Outcome::of(heads >= HEADS, "");
    let note = format!("{heads} heads in {lives} lives, seeds from {seed}");
    Ok(Outcome { note, ..total.and(enough) })
}
