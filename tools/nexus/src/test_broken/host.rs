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

/// Runs the tests of `binary` (as nextest names it) whose paths are `paths` without `defence`: each
/// of them must fail.
///
/// # Errors
/// With [`Exit::Build`] when they do not compile.
pub(super) fn failing(defence: &Defence, binary: &str, paths: &[&str]) -> Result<Noticed> {
    let built = tests(defence, binary)?.args(["--quiet", "--no-run"]).status();
    if !built.context("starting cargo")?.success() {
        let what = format!("the tests of {binary} did not compile");
        return Err(anyhow!(what).context(Exit::Build));
    }
    let mut run = tests(defence, binary)?;
    let run = run.args(["--", "--exact"]).args(paths).output().context("starting cargo")?;
    Ok(judge(paths, &String::from_utf8_lossy(&run.stdout)))
}

fn tests(defence: &Defence, binary: &str) -> Result<Command> {
    let target = build::target_of_broken(defence)?;
    let (package, crate_of_tests) = binary.split_once("::").unwrap_or((binary, ""));
    let mut command = cargo(&["test", "--package", package])?;
    match crate_of_tests.strip_prefix("bin/") {
        Some(program) => command.args(["--bin", program]),
        None if crate_of_tests.is_empty() => command.arg("--lib"),
        None => command.args(["--test", crate_of_tests]),
    };
    command.args(PLAIN).arg("--target-dir").arg(&target);
    Defect::new(defence, &target)?.apply(&mut command);
    Ok(command)
}

/// Judges what `cargo test` said of the tests `paths`.
fn judge(paths: &[&str], output: &str) -> Noticed {
    let failed = |path: &&&str| {
        let mut ends = output.lines().filter_map(|line| {
            let (path, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
            Some((path, end))
        });
        ends.any(|(one, end)| one == **path && end == "FAILED")
    };
    let passed: Vec<&str> = paths.iter().filter(|path| !failed(path)).copied().collect();
    if passed.is_empty() {
        return Noticed::AsExpected(format!("test {}", paths.join(", ")));
    }
    let last = output.lines().rev().take(5).map(str::to_owned).collect();
    Noticed::Otherwise(format!("a failure of {}", passed.join(", ")), last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_each_of_the_tests_must_fail_itself() {
        let output = "test mmio::a ... ok\ntest mmio::b ... FAILED\ntest mmio::c ... FAILED\n\
                      test result: FAILED. 1 passed";
        assert_eq!(judge(&["mmio::b"], output), Noticed::AsExpected("test mmio::b".into()));
        assert!(matches!(judge(&["mmio::b", "mmio::c"], output), Noticed::AsExpected(_)));
        for paths in [&["mmio::a"][..], &["mmio"], &["mmio::a", "mmio::b"]] {
            assert!(matches!(judge(paths, output), Noticed::Otherwise(..)), "{paths:?}");
        }
        assert!(matches!(judge(&["mmio::a"], "signal: 6"), Noticed::Otherwise(..)));
    }
}
