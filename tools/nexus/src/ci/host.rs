//! Steps that need no guest: format, lints, tests, documentation.

use crate::steps::outcome::Outcome;
use crate::steps::tools::{cargo, has};
use crate::steps::{capture, counts, names};
use crate::toolchain::Toolchain;
use crate::{desc, paths};
use anyhow::Result;

pub(super) fn fmt() -> Result<Outcome> {
    if !has("fmt")? {
        return Ok(Outcome::skip("there is no rustfmt here"));
    }
    let (good, _) = capture::run(&mut cargo(&["fmt", "--all", "--check"])?)?;
    Ok(Outcome::of(good, ""))
}

pub(super) fn clippy() -> Result<Outcome> {
    if !has("clippy")? {
        return Ok(Outcome::skip("there is no clippy here"));
    }
    let mut host = cargo(&["clippy", "--workspace", "--all-targets", "--quiet"])?;
    let (good, _) = capture::run(host.args(["--", "-D", "warnings"]))?;
    Ok(Outcome::of(good, "").and(clippy_for_target()?))
}

/// The same code with its other half: what is compiled for the target alone.
fn clippy_for_target() -> Result<Outcome> {
    let toolchain = Toolchain::find()?;
    if toolchain.build_std {
        return Ok(Outcome::skip("not for the target: its core is built from source"));
    }
    let checked = desc::load(None, "test")?;
    let programs = checked.programs.iter().map(|program| program.package.as_str());
    // The kernel by itself, so that no feature that only programs use gets into it.
    let kernel = lint_for_target(&toolchain, ["neuron"], None)?;
    let with_checker = lint_for_target(&toolchain, ["neuron"], Some("neuron/checker"))?;
    let programs = lint_for_target(&toolchain, programs, None)?;
    Ok(Outcome::of(kernel && with_checker, "").and(Outcome::of(programs, "")))
}

fn lint_for_target<'a>(
    toolchain: &Toolchain,
    packages: impl IntoIterator<Item = &'a str>,
    feature: Option<&str>,
) -> Result<bool> {
    let mut command = toolchain.cargo("clippy", &[]);
    command.current_dir(paths::root()?).arg("--quiet");
    for package in packages {
        command.args(["--package", package]);
    }
    command.args(feature.iter().flat_map(|feature| ["--features", feature]));
    Ok(capture::run(command.args(["--", "-D", "warnings"]))?.0)
}

pub(super) fn tests() -> Result<Outcome> {
    let tests = run_tests(&[])?;
    let (good, text) = capture::run(&mut cargo(&["test", "--workspace", "--doc", "--quiet"])?)?;
    Ok(tests.and(of_counts(good, &text)))
}

/// Tests whose name has one of `filters`; all when there are none.
pub(super) fn run_tests(filters: &[&str]) -> Result<Outcome> {
    let outcome = if has("nextest")? { nextest(filters, &[])? } else { cargo_test(filters)? };
    Ok(match outcome {
        Outcome { passed: 0, failed: 0, .. } => Outcome::failure("no test ran"),
        outcome => outcome,
    })
}

/// Libraries and what stands in folders `tests`: no program has tests of its own, and to link each of a hundred as
/// if it had would take longer than most tests.
pub(crate) const TESTED: [&str; 3] = ["--lib", "--test", "*"];

/// By nextest, which fails when no test ran.
pub(crate) fn nextest(filters: &[&str], environment: &[(&str, &str)]) -> Result<Outcome> {
    let mut command = cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])?;
    command.args(TESTED);
    command.args(["--color", "never", "--status-level", "pass", "--final-status-level", "fail"]);
    command.envs(environment.iter().copied());
    let (good, text) = capture::run_showing(command.args(filters), &|line| !names::is_pass(line))?;
    Ok(Outcome { ran: names::of_nextest(&text), ..of_counts(good, &text) })
}

fn cargo_test(filters: &[&str]) -> Result<Outcome> {
    let binaries = names::binaries()?;
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"])?;
    command.args(TESTED);
    let (good, text) = capture::run(command.args(filters))?;
    Ok(Outcome { ran: names::of_cargo_test(&text, &binaries), ..of_counts(good, &text) })
}

fn of_counts(good: bool, text: &str) -> Outcome {
    let outcome = counts::of_output(text);
    if good || outcome.failed > 0 { outcome } else { outcome.and(Outcome::failure("see above")) }
}

pub(super) fn doc() -> Result<Outcome> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--quiet"])?;
    let (good, _) = capture::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::of(good, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Each package that `packages` are made of, in this format.
    fn tree(packages: &[&str], edges: &str, format: &str) -> BTreeSet<String> {
        let mut command = cargo(&["tree", "--locked", "--prefix", "none"]).unwrap();
        command.args(["--edges", edges, "--format", format]).args(packages);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // A star is at one that was told before.
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
    }

    /// A crate that tests want with other features than the tool is compiled for each, with all that stands on it.
    #[test]
    fn test_the_tool_is_made_of_what_tests_are_linked_with() {
        let of_tool = tree(&["--package", "nexus"], "normal,build", "{p}");
        let with = |edges| tree(&["--workspace"], edges, "{p}|{f}");
        let is_of_tool = |line: &&String| {
            line.split_once('|').is_some_and(|(package, _)| of_tool.contains(package))
        };
        let (alone, with_tests) = (with("normal,build"), with("normal,build,dev"));
        let alone: BTreeSet<&String> = alone.iter().filter(is_of_tool).collect();
        assert!(alone.len() >= of_tool.len(), "{} of {}", alone.len(), of_tool.len());
        let other: Vec<_> = alone.into_iter().filter(|line| !with_tests.contains(*line)).collect();
        assert!(other.is_empty(), "with other features in tests: {other:#?}");
    }
}
