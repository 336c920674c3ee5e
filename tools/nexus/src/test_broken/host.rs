//! Defences whose absence tests on the host must notice.

use super::Noticed;
use crate::broken::Defence;
use crate::build::{self, Defect};
use crate::exit::Exit;
use crate::steps::tools::cargo;
use anyhow::{Context, Result, anyhow};
use std::process::Command;

/// Compiled without what only speed and debuggers need: most of the time goes into compiling.
const PLAIN: [&str; 4] =
    ["--config", "profile.dev.package.neuron-core.opt-level=0", "--config", "profile.dev.debug=0"];

/// Runs the tests of the package without `defence` whose names have `filter` in them.
///
/// # Errors
/// With [`Exit::Build`] when they do not compile.
pub(super) fn failing(defence: &Defence, filter: &str) -> Result<Noticed> {
    let built = tests(defence)?.args(["--quiet", "--no-run"]).status().context("starting cargo")?;
    if !built.success() {
        let what = format!("the tests of {} did not compile", defence.package);
        return Err(anyhow!(what).context(Exit::Build));
    }
    let run = tests(defence)?.args(["--", filter]).output().context("starting cargo")?;
    Ok(judge(filter, run.status.success(), &String::from_utf8_lossy(&run.stdout)))
}

fn tests(defence: &Defence) -> Result<Command> {
    let target = build::target_of_broken(defence)?;
    let mut command = cargo(&["test", "--package", &defence.package])?;
    match &defence.test_file {
        Some(file) => command.args(["--test", file]),
        None => command.args(["--lib", "--bins", "--tests"]),
    };
    command.args(PLAIN).arg("--target-dir").arg(&target);
    Defect::new(defence, &target)?.apply(&mut command);
    Ok(command)
}

/// Judges what `cargo test` said.
fn judge(filter: &str, passed: bool, output: &str) -> Noticed {
    let name = |line: &str| Some(line.strip_prefix("test ")?.split_once(" ... ")?.0.to_owned());
    let failed = output.lines().filter(|line| line.ends_with("FAILED")).filter_map(name);
    match failed.filter(|name| name.contains(filter)).min() {
        Some(name) => Noticed::AsExpected(format!("test {name}")),
        None if passed => Noticed::Not,
        None => {
            let last = output.lines().rev().take(5).map(str::to_owned).collect();
            Noticed::Otherwise(format!("a failure of a test {filter}"), last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_only_a_failure_of_the_test_itself_counts() {
        let output = "test mmio::a ... ok\ntest mmio::b ... FAILED\ntest result: FAILED. 1 passed";
        assert_eq!(judge("mmio", false, output), Noticed::AsExpected("test mmio::b".into()));
        assert!(matches!(judge("mmio::a", false, output), Noticed::Otherwise(..)));
        assert!(matches!(judge("mmio", false, "signal: 6"), Noticed::Otherwise(..)));
        assert_eq!(judge("mmio", true, "test result: ok. 0 passed"), Noticed::Not);
    }
}
