//! The kernel against its reference model, by long random programs on every core.

use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::steps::tools::cargo;
use anyhow::{Context, Result, anyhow};
use std::process::Command;
use std::thread;

/// Steps of all cores together.
const STEPS: u64 = 100_000_000;

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let (built, _) = capture::run(test()?.arg("--no-run"))?;
    if !built {
        return Ok(Outcome::failure("the test does not compile"));
    }
    let cores = thread::available_parallelism().context("counting the cores")?.get() as u64;
    let runs: Vec<_> =
        (0..cores).map(|core| thread::spawn(move || one(STEPS / cores, seed ^ core))).collect();
    let mut total = Outcome::default();
    for run in runs {
        total = total.and(run.join().map_err(|_| anyhow!("a run broke off"))??);
    }
    Ok(Outcome { note: format!("{STEPS} steps, seed {seed}, {cores} cores"), ..total })
}

fn test() -> Result<Command> {
    cargo(&["test", "--package", "neuron-core", "--test", "model"])
}

fn one(steps: u64, seed: u64) -> Result<Outcome> {
    let mut command = test()?;
    command.env("NEURON_STEPS", steps.to_string()).env("NEURON_SEED", seed.to_string());
    let (good, text) = capture::run(command.args(["--", "--nocapture"]))?;
    let ran = text.contains("random_programs_do_as_the_model_says ... ok");
    Ok(Outcome::of(good && ran, ""))
}
