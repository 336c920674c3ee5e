//! `cargo nexus ci`: everything that must hold, in the order of what it costs.

mod capture;
mod counts;
mod examples;
mod guest;
mod host;
mod licences;
mod outcome;
mod unsafe_code;

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;
use outcome::{Outcome, Tally};
use std::time::Instant;

/// Arguments of `cargo nexus ci`.
#[derive(Args, Debug)]
pub struct CiArgs {
    /// Only these steps.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// Not these steps.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    without: Vec<String>,
    /// Name the steps and do nothing.
    #[arg(long)]
    list: bool,
}

struct Step {
    name: &'static str,
    about: &'static str,
    /// Part of a run without `--only`.
    always: bool,
    run: fn() -> Result<Outcome>,
}

const fn step(name: &'static str, about: &'static str, run: fn() -> Result<Outcome>) -> Step {
    Step { name, about, always: true, run }
}

const STEPS: &[Step] = &[
    step("fmt", "rustfmt finds nothing to change", host::fmt),
    step("unsafe", "no unsafe code beyond its budget", unsafe_code::check),
    step("licences", "dependencies are pinned, licensed and from the registry", licences::check),
    step("check", "the description holds", guest::check),
    step("clippy", "lints, for the host and for the target", host::clippy),
    step("host", "tests on the host", host::tests),
    step("examples", "the crates of the examples: format, lints, tests", examples::check),
    step("doc", "rustdoc without warnings", host::doc),
    step("os", "proofs in QEMU: twice, with equal records, and with other names", guest::os),
    step("audit", "the built image, and what is asserted of it", guest::audit),
    step("bench", "instructions for each operation, within their limits", guest::bench),
    step("systems", "other systems: those that must not come up, and the examples", guest::systems),
    step("broken", "a few defences left out, each of which must be noticed", guest::broken),
    Step {
        always: false,
        ..step(
            "reproducible",
            "two clean builds in two places, the same bytes",
            guest::reproducible,
        )
    },
    Step { always: false, ..step("mmio", "the device part of `host` and `os`", guest::mmio) },
];

/// Runs the steps and says `N passed, N failed` at the end.
///
/// # Errors
/// When there is no such step.
pub fn run(args: &CiArgs) -> Result<Exit> {
    let named = args.only.iter().chain(&args.without);
    for name in named {
        if !STEPS.iter().any(|step| step.name == name) {
            bail!("there is no step `{name}`; `--list` names them");
        }
    }
    let chosen = STEPS.iter().filter(|step| {
        let asked = args.only.iter().any(|name| name == step.name);
        (asked || step.always && args.only.is_empty())
            && !args.without.iter().any(|name| name == step.name)
    });
    if args.list {
        chosen.for_each(|step| println!("{:12} {}", step.name, step.about));
        return Ok(Exit::Pass);
    }
    let mut tally = Tally::default();
    let start = Instant::now();
    for step in chosen {
        one(step, &mut tally);
    }
    println!("\nin {:.0} s:", start.elapsed().as_secs_f64());
    tally.lines.iter().for_each(|line| println!("  {line}"));
    println!("{}", tally.last_line());
    Ok(if tally.good() { Exit::Pass } else { Exit::Failed })
}

fn one(step: &Step, tally: &mut Tally) {
    println!("\n== {}: {}", step.name, step.about);
    let start = Instant::now();
    let outcome = (step.run)().unwrap_or_else(|error| Outcome::failure(format!("{error:#}")));
    let line = tally.add(step.name, &outcome, start.elapsed());
    println!("== {line}");
}
