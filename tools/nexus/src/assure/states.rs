//! Every state, to bounds that take longer than `cargo nexus ci` has.

use crate::steps::outcome::Outcome;
use crate::steps::tools::cargo;
use crate::steps::{capture, counts};
use anyhow::Result;
use std::collections::BTreeSet;

pub(super) fn check() -> Result<Outcome> {
    Ok(kernel()?.and(services()?))
}

/// Every order of small programs on the real kernel, cut into the smallest steps.
fn kernel() -> Result<Outcome> {
    let mut command = cargo(&["test", "--package", "neuron-core", "--test", "states"])?;
    command.env("NEURON_STATES", "large").args(["--", "--nocapture"]);
    let (good, text) = capture::run(&mut command)?;
    let outcome = counts::of_output(&text);
    // `NAME: N states, ..., Bound { ... }`
    let counted = text.lines().filter(|line| line.contains(" states, "));
    let found: u64 = counted
        .clone()
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum();
    let bounds: BTreeSet<&str> =
        counted.filter_map(|line| Some(&line[line.find("Bound")?..])).collect();
    let bounds: Vec<&str> = bounds.into_iter().collect();
    let note = format!("states {found} of the kernel: {}", bounds.join(", "));
    Ok(match good && outcome.passed > 0 && found > 0 {
        true => Outcome { note, ..outcome },
        false => Outcome::failure("see above"),
    })
}

/// Two grants with three things going wrong, over the real init, policyd and logd.
fn services() -> Result<Outcome> {
    let mut command = cargo(&["test", "--release", "--package", "nexus-states", "--tests"])?;
    command.env("NEXUS_STATES_EVENTS", "3").args(["--", "--nocapture"]);
    let (good, text) = capture::run(&mut command)?;
    let outcome = counts::of_output(&text);
    let counted: Vec<&str> = text.lines().filter(|line| line.starts_with("states ")).collect();
    let note = counted.join("; ");
    Ok(match good && outcome.passed > 0 && !counted.is_empty() {
        true => Outcome { note, ..outcome },
        false => Outcome::failure("see above"),
    })
}
