//! libFuzzer on each target of tests/fuzz, a fixed number of inputs.

use crate::fuzz;
use crate::steps::capture;
use crate::steps::outcome::Outcome;
use anyhow::Result;

/// Inputs that a target gets, in about half a minute on one idle core.
const RUNS: &[(&str, u64)] = &[
    ("archive", 500_000),
    ("board", 500_000),
    ("consoled", 300_000),
    ("description", 200_000),
    ("device", 150_000),
    ("elf", 2_000_000),
    ("init", 50_000),
    ("lines", 200_000),
    ("logd", 100_000),
    ("policy", 500_000),
    ("policyd", 100_000),
    ("powerd", 200_000),
    ("rtcd", 200_000),
    ("serial", 300_000),
    ("system", 50_000),
];
/// The same for a target that is not in the list.
const OTHERS: u64 = 100_000;

/// Fails when a target finds something.
pub(super) fn check(seed: u64) -> Result<Outcome> {
    // libFuzzer takes 32 bits, and 0 for a seed of its own.
    let seed = (seed & 0x7fff_ffff).max(1);
    let mut total = Outcome::default();
    let mut inputs = 0;
    for target in fuzz::targets()? {
        let runs = RUNS.iter().find(|(name, _)| *name == target).map_or(OTHERS, |(_, runs)| *runs);
        let done = one(&target, runs, seed)?;
        println!("{target}: {done} of {runs} inputs, seed {seed}");
        let good = done >= runs;
        total = total.and(Outcome::of(good, if good { "" } else { target.as_str() }));
        inputs += done;
    }
    let note = format!("{inputs} inputs, seed {seed}; {}", total.note);
    Ok(Outcome { note: note.trim_end_matches("; ").to_owned(), ..total })
}

/// How many inputs the target got; 0 when one of them broke it.
fn one(target: &str, runs: u64, seed: u64) -> Result<u64> {
    let wanted = [
        format!("-runs={runs}"),
        format!("-seed={seed}"),
        "-verbosity=0".to_owned(),
        "-print_final_stats=1".to_owned(),
    ];
    let (good, text) = capture::run(&mut fuzz::command(target, &wanted)?)?;
    let executed = text.lines().find_map(|line| line.strip_prefix(EXECUTED));
    let executed = executed.and_then(|number| number.trim().parse().ok());
    Ok(executed.filter(|_| good).unwrap_or(0))
}

/// What libFuzzer says before the number of inputs that it ran.
const EXECUTED: &str = "stat::number_of_executed_units:";
