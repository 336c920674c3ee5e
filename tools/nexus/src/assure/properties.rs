//! The properties of all tests on the host, with other random inputs than `make test` tries, and more.

use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::steps::tools::cargo;
use crate::steps::{counts, names};
use anyhow::Result;

/// Random inputs for each property, but where a test says how many it needs.
const CASES: &str = "1024";

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let mut command = cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])?;
    command.args(["--color", "never", "--status-level", "pass", "--final-status-level", "fail"]);
    command.env("PROPTEST_CASES", CASES).env("PROPTEST_RNG_SEED", seed.to_string());
    let (good, text) = capture::run_showing(&mut command, &|line| !names::is_pass(line))?;
    let outcome = counts::of_output(&text);
    let ran = good && outcome.passed > 0 || outcome.failed > 0;
    Ok(match ran {
        true => Outcome { note: format!("{CASES} inputs for each, seed {seed}"), ..outcome },
        false => Outcome::failure("see above"),
    })
}
