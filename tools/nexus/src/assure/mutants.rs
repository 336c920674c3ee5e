//! Small changes of the code that decides or judges: a test must notice each.
//!
//! What is changed stands in .cargo/mutants.toml; changes that no test can notice, with the reason,
//! in tests/mutants.toml.

use crate::broken::Copy;
use crate::paths;
use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::steps::tools::{MUTANTS, installed};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

/// What is changed at once, and with which of its tests.
struct Group {
    name: &'static str,
    packages: &'static [&'static str],
    /// Whose tests may notice: those of the changed package; with `together` those of all of these.
    together: bool,
    /// What is built for each change; all when there are none.
    targets: &'static [&'static str],
    /// For nextest.
    tests: &'static [&'static str],
    /// In how many parts of at most an hour.
    parts: u32,
}

/// The random programs are not among the tests of the kernel: what only they notice has no test that
/// says what it is about.
const GROUPS: &[Group] = &[
    Group {
        name: "services",
        packages: &["policyd", "logd", "nexus-init", "busd"],
        together: false,
        targets: &[],
        tests: &[],
        parts: 2,
    },
    // What disks, network cards and entropy devices have of their own stands in the library, and is
    // tested where a driver uses it.
    Group {
        name: "drivers",
        packages: DRIVERS,
        together: true,
        targets: &[],
        tests: &[],
        parts: 2,
    },
    Group {
        name: "libraries",
        packages: &["nexus-loader", "nexus-sysdesc", "nexus-proto", "nexus-mmio"],
        together: false,
        targets: &[],
        tests: &[],
        parts: 2,
    },
    Group {
        name: "store",
        packages: &["nexus-store"],
        together: false,
        targets: &["--lib"],
        tests: &[],
        parts: 4,
    },
    // What a client says it is told, it is told by statefsd: the tests of both.
    Group {
        name: "state",
        packages: &["nexus-state", "statefsd"],
        together: true,
        targets: &["--lib"],
        tests: &[],
        parts: 2,
    },
    // The same of sockets, which netstackd gives.
    Group {
        name: "network",
        packages: &["nexus-net", "netstackd"],
        together: true,
        targets: &["--lib"],
        tests: &[],
        parts: 4,
    },
    Group {
        name: "page",
        packages: &["nexus-graph", "httpd"],
        together: false,
        targets: &["--lib"],
        tests: &[],
        parts: 2,
    },
    Group {
        name: "archive",
        packages: &["nexus-archive", "archived"],
        together: true,
        targets: &["--lib"],
        tests: &[],
        parts: 1,
    },
    Group {
        name: "kernel",
        packages: &["neuron-core"],
        together: false,
        targets: &["--lib", "--test=kernel"],
        tests: &["-E", QUICK],
        parts: 4,
    },
    Group {
        name: "tool",
        packages: &["nexus"],
        together: false,
        targets: &["--lib", "--test=audit"],
        tests: &["-E", JUDGES],
        parts: 6,
    },
];

/// What drives a device of virtio, and by what.
const DRIVERS: &[&str] = &["nexus-ring", "nexus-virtio", "rngd", "virtioblkd", "virtionetd"];

/// The tests of the kernel but for three that take longer than all others together.
const QUICK: &str = "not test(/wild_calls|random_deadlines|partners_in_a_call/)";

/// The tests of the tool about what judges a run.
const JUDGES: &str =
    "test(/^(test_os|witness|audit|protocol|disk|ledger|qemu::disk|desc::net)::/) | binary(audit)";

/// How many changes `make test` tries, others with each commit: about half a minute's worth.
const FEW: usize = 3;

/// Seconds after which the tests of such a change hang: a whole run of them takes one or two.
const HANGS: &str = "20";

/// Of these packages: a change compiles in seconds, and `just assure` has found no survivor.
const SMALL: &[&str] = &["policyd", "nexus-mmio", "nexus-ring"];

/// All parts of all groups.
pub(super) const PARTS: u32 = {
    let (mut sum, mut index) = (0, 0);
    while index < GROUPS.len() {
        sum += GROUPS[index].parts;
        index += 1;
    }
    sum
};

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
    /// Several changes have this name, and tests notice some of them.
    #[serde(default)]
    some: bool,
}

/// The group that part `part` of all is in, from 1, and which of its own parts it is, from 0.
fn group(part: u32) -> Option<(&'static Group, u32)> {
    let mut before = 0;
    GROUPS.iter().find_map(|group| {
        let own = part.checked_sub(before + 1);
        before += group.parts;
        own.filter(|own| *own < group.parts).map(|own| (group, own))
    })
}

/// One part of all changes.
pub(super) fn check(part: u32) -> Result<Outcome> {
    let root = paths::root()?;
    let (group, own) = group(part).context("there is no such part")?;
    let out = root.join("target/mutants").join(group.name);
    fs::create_dir_all(&out)?;
    let cores = thread::available_parallelism().context("counting the cores")?;
    let mut command = command(&out, group.packages)?;
    for package in group.packages.iter().filter(|_| group.together) {
        command.args(["--test-package", package]);
    }
    group.targets.iter().for_each(|target| {
        command.args(["--cargo-arg", target]);
    });
    command.args(["--test-tool", "nextest", "--jobs", &cores.to_string()]);
    command.arg("--shard").arg(format!("{own}/{}", group.parts));
    command.env_remove("CARGO_TARGET_DIR").arg("--").args(group.tests);
    let mut outcome = came_to(&mut command, &out, &equivalent(&root)?)?;
    if part == 1 {
        outcome = outcome.and(all_are_there(&equivalent(&root)?)?);
    }
    Ok(outcome)
}

/// A few changes, in the copy of the tree, where a change compiles in seconds; others with each turn.
pub(crate) fn rotating(turn: usize) -> Result<Outcome> {
    if let Some(missing) = MUTANTS.missing() {
        return Ok(Outcome::skip(missing));
    }
    let package = SMALL.get(turn % SMALL.len()).copied().unwrap_or_default();
    let count = listed(&[package])?.len();
    let shards = count.div_ceil(FEW).max(1);
    let shard = turn / SMALL.len() % shards;
    let copy = Copy::open()?;
    let out = copy.kept.join("mutants");
    fs::create_dir_all(&out)?;
    let mut command = command(&out, &[package])?;
    command.args(["--in-place", "--baseline", "skip", "--timeout", HANGS, "--test-tool", "cargo"]);
    command.args(["--sharding", "slice", "--shard", &format!("{shard}/{shards}"), "--dir"]);
    command.arg(&copy.place.root).current_dir(&copy.place.root);
    copy.place.let_warn(&mut command);
    command.env("CARGO_TARGET_DIR", &copy.place.target).env_remove("CARGO_PROFILE_DEV_DEBUG");
    command.env(paths::ROOT_VARIABLE, &copy.place.root);
    let outcome = came_to(&mut command, &out, &equivalent(&paths::root()?)?)?;
    let note = format!("{package}, {} of {count}: {}", FEW.min(count), outcome.note);
    Ok(Outcome { note, ..outcome })
}

/// Runs it, and holds what it says against what no test can notice.
fn came_to(command: &mut Command, out: &Path, equivalent: &[Equivalent]) -> Result<Outcome> {
    // A survivor makes cargo-mutants fail: what it wrote says more.
    let (_, text) = capture::run(command)?;
    if !text.contains(" mutants tested") && !text.contains(" mutant tested") {
        return Ok(Outcome::failure("see above"));
    }
    let list = |name: &str| names(&out.join("mutants.out").join(name));
    let caught = [list("caught.txt")?, list("timeout.txt")?].concat();
    Ok(judge(&caught, &list("missed.txt")?, equivalent))
}

/// To build takes longer than to test, so nothing is optimized; each of the cores has a build folder
/// of its own.
fn command(out: &Path, packages: &[&str]) -> Result<Command> {
    let mut command = installed(&["mutants", "--no-shuffle", "--colors", "never", "--cargo-arg"])?;
    command.arg("--config=profile.dev.package.neuron-core.opt-level=0").arg("--output").arg(out);
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    // One test that notices is enough: the others, which run beside it, are ended at once.
    command.env("NEXTEST_PROFILE", "mutants");
    packages.iter().for_each(|package| {
        command.args(["--package", package]);
    });
    Ok(command)
}

/// All changes of these packages, without their place.
fn listed(packages: &[&str]) -> Result<Vec<String>> {
    let mut command = installed(&["mutants", "--list", "--colors", "never"])?;
    packages.iter().for_each(|package| {
        command.args(["--package", package]);
    });
    let output = command.output().context("starting cargo")?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(without_place).collect())
}

/// Each change that no test can notice can still be made.
fn all_are_there(equivalent: &[Equivalent]) -> Result<Outcome> {
    let packages: Vec<&str> = GROUPS.iter().flat_map(|group| group.packages).copied().collect();
    let all = listed(&packages)?;
    let mut outcome = Outcome::default();
    for gone in equivalent.iter().filter(|one| !all.contains(&one.name)) {
        outcome.failed += 1;
        println!("gone: {}: take it out of tests/mutants.toml", gone.name);
    }
    Ok(outcome)
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

fn judge(caught: &[String], missed: &[String], equivalent: &[Equivalent]) -> Outcome {
    let mut outcome = Outcome { passed: caught.len(), ..Outcome::default() };
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
    // Of two changes of one name in a function one may be noticed.
    let stale = |one: &&Equivalent| caught.contains(&one.name) && !missed.contains(&one.name);
    for stale in equivalent.iter().filter(stale).filter(|one| !one.some) {
        outcome.failed += 1;
        println!("noticed: {}: take it out of tests/mutants.toml", stale.name);
    }
    outcome.note = format!("{} noticed, {} not", caught.len(), missed.len());
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equivalent(name: &str, some: bool) -> Equivalent {
        Equivalent { name: name.to_owned(), reason: "same".to_owned(), some }
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
        let name = ["a: x".to_owned()];
        assert_eq!(judge(&[], &name, &[equivalent("a: x", false)]).failed, 0);
        assert_eq!(judge(&[], &name, &[]).failed, 1, "not justified");
        assert_eq!(judge(&name, &[], &[equivalent("a: x", false)]).failed, 1, "noticed");
        assert_eq!(judge(&name, &[], &[equivalent("a: x", true)]).failed, 0, "one of them is");
        assert_eq!(judge(&name, &[], &[equivalent("a: y", false)]).failed, 0, "in another part");
        assert_eq!(judge(&name, &[], &[]).passed, 1);
    }

    #[test]
    fn test_each_part_is_in_one_group() {
        let parts: Vec<(&str, u32)> = (1..=PARTS)
            .map(|part| group(part).unwrap())
            .map(|(one, own)| (one.name, own))
            .collect();
        let each =
            |group: &Group| (0..group.parts).map(|own| (group.name, own)).collect::<Vec<_>>();
        assert_eq!(parts, GROUPS.iter().flat_map(each).collect::<Vec<_>>());
        assert!(group(0).is_none() && group(PARTS + 1).is_none());
    }
}
