//! libFuzzer on each target of tests/fuzz, a fixed number of inputs.

use crate::fuzz;
use crate::steps::capture;
use crate::steps::outcome::Outcome;
use anyhow::Result;

/// Inputs that a target gets in about half a minute on one idle core.
const RUNS: &[(&str, u64)] = &[];

pub(super) fn check(seed: u64) -> Result<Outcome> {
    // libFuzzer takes 32 bits, and 0 for a seed of its own.
    let seed = (seed & 0x7fff_ffff).max(1);
    let mut total = Outcome::default();
    let mut inputs = 0;
    for target in fuzz::targets()? {
        let Some((_, runs)) = RUNS.iter().find(|(name, _)| *name == target) else {
            total = total.and(Outcome::failure(format!("{target}: no number of runs is set")));
            continue;
        };
        let wanted = [format!("-runs={runs}"), format!("-seed={seed}"), "-verbosity=0".into()];
        let (good, text) = capture::run(&mut fuzz::command(&target, &wanted)?)?;
        let done = good && text.contains(&format!("Done {runs} runs"));
        println!(
            "{target}: {runs} inputs from seed {seed}: {}",
            if done { "ok" } else { "FAILED" }
        );
        total = total.and(Outcome::of(done, if done { "" } else { target.as_str() }));
        inputs += runs;
    }
    Ok(Outcome { note: format!("{inputs} inputs; {}", total.note), ..total })
}
