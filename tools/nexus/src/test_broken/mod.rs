//! `cargo nexus test-broken`: each defence left out in turn. The run in QEMU that tests/broken.toml
//! names must fail, and for the reason that it gives; and so must each test on the host of which a
//! line says that it fails without the defence.

mod host;
mod qemu;
mod rows;

use crate::attacks::{self, Catalogue, Test};
use crate::broken::{self, By, Defence};
use crate::exit::Exit;
use crate::paths;
use anyhow::Result;
use clap::Args;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::process::Command;

/// How many findings are shown of a run that failed otherwise: of one that broke off, every later
/// proof is missing.
const SHOWN: usize = 3;

/// Arguments of `cargo nexus test-broken`.
#[derive(Args, Debug)]
pub struct TestBrokenArgs {
    /// Which defences; all of them when none is named.
    names: Vec<String>,
    /// A few of them: others with each commit.
    #[arg(long, conflicts_with = "names")]
    few: bool,
    /// Name them and do nothing.
    #[arg(long)]
    list: bool,
    /// The QEMU to use.
    #[arg(long, value_name = "PATH", env = "NEXUS_QEMU")]
    qemu: Option<PathBuf>,
}

/// Runs each; fails when one goes unnoticed.
///
/// # Errors
/// When one does not build.
pub fn run(args: &TestBrokenArgs) -> Result<Exit> {
    let chosen = match args.names.as_slice() {
        [] if args.few => pick(&broken::all()?, commits()?),
        [] => broken::all()?,
        names => names.iter().map(|name| broken::find(name)).collect::<Result<_>>()?,
    };
    let chosen = with_tests(chosen)?;
    if args.list {
        for Tried { defence, .. } in &chosen {
            println!("{:24} {}", defence.name, defence.defence);
        }
        return Ok(Exit::Pass);
    }
    let (passed, failed) = rows::all_of(&chosen, args.qemu.as_ref())?;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 && passed > 0 { Exit::Pass } else { Exit::Failed })
}

/// Runs one part of them, from 1, of so many; returns how many were noticed, and how many not.
///
/// # Errors
/// See [`run`].
pub(crate) fn part(part: [u32; 2]) -> Result<(usize, usize)> {
    rows::all_of(&with_tests(of_part(broken::all()?, part))?, None)
}

/// Every so manieth, so that neighbours, which take the same to build, are in different parts.
fn of_part<T>(all: Vec<T>, [part, parts]: [u32; 2]) -> Vec<T> {
    let numbered = (0..parts).cycle().zip(all);
    numbered.filter(|(number, _)| number + 1 == part).map(|(_, one)| one).collect()
}

/// Runs a few of them: others with each commit, the same ones for the same commit. Returns how
/// many were noticed, how many not, and their names.
///
/// # Errors
/// See [`run`].
pub fn rotating() -> Result<(usize, usize, String)> {
    let chosen = pick(&broken::all()?, commits()?);
    let names: Vec<&str> = chosen.iter().map(|one| one.name.as_str()).collect();
    let names = names.join(", ");
    let (passed, failed) = rows::all_of(&with_tests(chosen)?, None)?;
    Ok((passed, failed, names))
}

/// A defence, and the tests that are said to fail without it.
#[derive(Clone, Debug)]
struct Tried {
    defence: Defence,
    tests: Vec<Test>,
}

/// Each with the tests that name it.
fn with_tests(defences: Vec<Defence>) -> Result<Vec<Tried>> {
    let scan = attacks::scan(&Catalogue::load()?)?;
    let tried = |defence: Defence| {
        let naming = scan.entries.iter().filter(|entry| entry.claim.broken.contains(&defence.name));
        let tests: BTreeSet<Test> = naming.map(|entry| entry.test.clone()).collect();
        Tried { defence, tests: tests.into_iter().collect() }
    };
    Ok(defences.into_iter().map(tried).collect())
}

/// Those of turn `turn`: one that a proof notices, one that the judge notices, and one of the rest,
/// whatever the number is.
fn pick(all: &[Defence], turn: usize) -> Vec<Defence> {
    let of = |by: By| {
        let those: Vec<&Defence> = all.iter().filter(|one| one.noticed_by() == by).collect();
        those.get(turn % those.len().max(1)).map(|one| (*one).clone())
    };
    [By::Proof, By::Judge, By::Other].into_iter().filter_map(of).collect()
}

/// Commits up to now; 0 outside a repository.
pub(crate) fn commits() -> Result<usize> {
    let mut git = Command::new("git");
    let output = git.args(["rev-list", "--count", "HEAD"]).current_dir(paths::root()?).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    Ok(text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}

/// What became of a build without a defence.
#[derive(Debug, PartialEq, Eq)]
enum Noticed {
    /// Noticed by what stands for the defence: the finding.
    AsExpected(String),
    /// Failed for other reasons: what was expected, and the findings.
    Otherwise(String, Vec<String>),
    /// Nothing failed.
    Not,
}

impl Display for Noticed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Noticed::AsExpected(finding) => write!(f, "noticed: {finding}"),
            Noticed::Otherwise(expected, findings) => {
                let first: Vec<&str> = findings.iter().take(SHOWN).map(String::as_str).collect();
                write!(f, "FAILED, but not by `{expected}`: {}", first.join("; "))
            }
            Noticed::Not => write!(f, "NOT NOTICED: the run passed"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn each_row_is_in_one_part() {
        let parts = (1..=3).map(|part| of_part((0..8).collect(), [part, 3]));
        assert_eq!(parts.collect::<Vec<_>>(), [vec![0, 3, 6], vec![1, 4, 7], vec![2, 5]]);
    }

    pub(in crate::test_broken) fn defence(name: &str) -> Defence {
        Defence {
            name: name.into(),
            defence: String::new(),
            caught_by: None,
            system: None,
            edits: Vec::new(),
        }
    }

    #[test]
    fn test_each_pick_has_one_for_a_proof_and_one_for_the_judge() {
        let all = broken::all().unwrap();
        let mut seen = BTreeSet::new();
        for turn in 0..all.len() {
            let picked = pick(&all, turn);
            let by: Vec<By> = picked.iter().map(Defence::noticed_by).collect();
            assert_eq!(by, [By::Proof, By::Judge, By::Other], "turn {turn}");
            seen.extend(picked.into_iter().map(|one| one.name));
        }
        assert_eq!(seen.len(), all.len(), "every defence has its turn");
        assert!(pick(&[], 3).is_empty());
    }

    #[test]
    fn test_what_notices_it() {
        let by = |text: &str| Defence { caught_by: Some(text.into()), ..defence("one") };
        assert_eq!(by("proof missing: a b").noticed_by(), By::Proof);
        for text in ["page tables: x", "ledger: x", "exit code 33 with the verdict None"] {
            assert_eq!(by(text).noticed_by(), By::Judge);
            let elsewhere = Defence { system: Some("wild".into()), ..by(text) };
            assert_eq!(elsewhere.noticed_by(), By::Other);
        }
        for text in ["checker: ListMember", "init ended"] {
            assert_eq!(by(text).noticed_by(), By::Other);
        }
        assert_eq!(defence("one").noticed_by(), By::Other);
    }

    #[test]
    fn test_list_of_defences_is_well_formed() {
        for one in broken::all().unwrap() {
            assert!(!one.defence.is_empty(), "{}", one.name);
            assert!(one.system.is_none() || one.caught_by.is_some(), "{}", one.name);
        }
        assert_eq!(broken::faults().unwrap(), Vec::<String>::new());
    }

    // attack 70 H: code that lacks a defence when a flag says so; no file of the tree asks for one
    #[test]
    fn test_no_flag_leaves_a_defence_out() {
        let root = paths::root().unwrap();
        let tops = ["source", "tools", "tests", "examples", "scripts", ".cargo", ".ci"];
        let mut files: Vec<PathBuf> =
            tops.iter().flat_map(|top| files_in(&root.join(top))).collect();
        files.extend(["Cargo.toml", "justfile", "Makefile"].map(|file| root.join(file)));
        let words =
            [concat!("cfg!(", "broken"), concat!("cfg(", "broken"), concat!("rustc", "-cfg")];
        let asks = |text: &str| {
            let flag = |line: &str| line.contains(concat!("--", "cfg ")) && line.contains("broken");
            text.lines().any(flag) || words.iter().any(|word| text.contains(word))
        };
        let asking = |path: &&PathBuf| asks(&fs::read_to_string(path).unwrap_or_default());
        let found: Vec<&PathBuf> = files.iter().filter(asking).collect();
        assert_eq!(found, Vec::<&PathBuf>::new());
    }

    fn files_in(directory: &Path) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        paths
            .flat_map(|path| match path.is_dir() {
                true if path.ends_with("target") => Vec::new(),
                true => files_in(&path),
                false => vec![path],
            })
            .collect()
    }
}
