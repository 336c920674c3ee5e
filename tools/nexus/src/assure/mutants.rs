//! Small changes of the code that decides about authority: a test must notice each.
//!
//! What is changed stands in .cargo/mutants.toml; changes that no test can notice, with the reason,
//! in tests/mutants.toml.

use crate::paths;
use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::steps::tools::installed;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

/// What is changed at once, and with which of its tests. The random programs are not among those of
/// the kernel: what only they notice has no test that says what it is about.
const PARTS: &[(&str, &[&str])] = &[
    ("kernel", &["--package", "neuron-core", "--", "--lib", "--test", "kernel", "-E", QUICK]),
    ("services", &["--package", "policyd", "--package", "nexus-init"]),
];

/// The tests of the kernel but for three that take longer than all others together.
const QUICK: &str = "not test(/wild_calls|random_deadlines|partners_in_a_call/)";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    mutant: Vec<Equivalent>,
}

/// A change that no test can notice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Equivalent {
    /// As cargo-mutants names it, without line and column.
    name: String,
    /// Why the program does the same with it.
    reason: String,
}

pub(super) fn check() -> Result<Outcome> {
    let root = paths::root()?;
    let (mut caught, mut missed) = (0, Vec::new());
    for (part, which) in PARTS {
        let out = root.join("target/mutants").join(part);
        fs::create_dir_all(&out)?;
        // A survivor makes cargo-mutants fail: what it wrote says more.
        let (_, text) = capture::run(command(&out)?.args(*which))?;
        if !text.contains(" mutants tested") {
            return Ok(Outcome::failure("see above"));
        }
        let list = |name: &str| names(&out.join("mutants.out").join(name));
        caught += list("caught.txt")?.len() + list("timeout.txt")?.len();
        missed.append(&mut list("missed.txt")?);
    }
    Ok(judge(caught, &missed, &equivalent(&root)?))
}

/// To build takes longer than to test, so nothing is optimized; each of the cores has a build folder
/// of its own.
fn command(out: &Path) -> Result<Command> {
    let cores = thread::available_parallelism().context("counting the cores")?;
    let mut command = installed(&["mutants", "--no-shuffle", "--colors", "never", "--cargo-arg"])?;
    command.arg("--config=profile.dev.package.neuron-core.opt-level=0");
    command.args(["--jobs", &cores.to_string(), "--output"]).arg(out);
    command.env("CARGO_PROFILE_DEV_DEBUG", "0").env_remove("CARGO_TARGET_DIR");
    Ok(command)
}

/// Those that no test need notice.
fn equivalent(root: &Path) -> Result<Vec<Equivalent>> {
    let path = root.join("tests/mutants.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let file: File = toml::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(file.mutant)
}

fn names(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(text.lines().map(without_place).collect())
}

/// `file:line:column: change` without line and column, which move.
fn without_place(line: &str) -> String {
    let mut parts = line.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(change)) => format!("{file}:{change}"),
        _ => line.to_owned(),
    }
}

fn judge(caught: usize, missed: &[String], equivalent: &[Equivalent]) -> Outcome {
    let mut outcome = Outcome { passed: caught, ..Outcome::default() };
    for name in missed {
        let known = equivalent.iter().find(|one| one.name == *name);
        match known {
            Some(one) => println!("unnoticed, and may be: {name}: {}", one.reason),
            None => {
                outcome.failed += 1;
                println!("unnoticed: {name}: write the test, or say why not in tests/mutants.toml");
            }
        }
    }
    for stale in equivalent.iter().filter(|one| !missed.contains(&one.name)) {
        outcome.failed += 1;
        println!("noticed, or gone: {}: take it out of tests/mutants.toml", stale.name);
    }
    outcome.note = format!("{caught} noticed, {} not", missed.len());
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equivalent(name: &str) -> Equivalent {
        Equivalent { name: name.to_owned(), reason: "same".to_owned() }
    }

    #[test]
    fn test_names_have_no_place() {
        assert_eq!(
            without_place("a/b.rs:1:22: replace x -> y::z with 0"),
            "a/b.rs: replace x -> y::z with 0"
        );
    }

    #[test]
    fn test_judge() {
        let missed = ["a: x".to_owned()];
        assert_eq!(judge(2, &missed, &[equivalent("a: x")]).failed, 0);
        assert_eq!(judge(2, &missed, &[]).failed, 1, "not justified");
        assert_eq!(judge(2, &[], &[equivalent("a: x")]).failed, 1, "justified and noticed");
        assert_eq!(judge(2, &[], &[]).passed, 2);
    }
}
