//! `cargo nexus test-broken`: each defence left out in turn; every one of these runs must fail, and
//! for the reason that tests/broken.toml gives.

mod host;

use crate::broken::{self, Defence};
use crate::build;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::test_os::{Options, Session, Until};
use anyhow::Result;
use clap::Args;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// How many of them `make test` tries at a time.
const FEW: usize = 2;

/// How the finding of a missing proof begins.
const MISSING: &str = "proof missing: ";

/// For a guest that hangs without the defence. An ordinary run takes a few seconds.
const LIMIT: Duration = Duration::from_secs(40);

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
        [] if args.few => turn(broken::all()?, commits()?, FEW),
        [] => broken::all()?,
        names => names.iter().map(|name| broken::find(name)).collect::<Result<_>>()?,
    };
    if args.list {
        chosen.iter().for_each(|one| println!("{:24} {}", one.name, one.defence));
        return Ok(Exit::Pass);
    }
    let (passed, failed) = all_of(&chosen, args.qemu.as_ref())?;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 && passed > 0 { Exit::Pass } else { Exit::Failed })
}

/// Runs all of them; returns how many were noticed, and how many not.
///
/// # Errors
/// See [`run`].
pub fn every() -> Result<(usize, usize)> {
    all_of(&broken::all()?, None)
}

/// Runs `count` of them: others with each commit, the same ones for the same commit. Returns how
/// many were noticed, how many not, and their names.
///
/// # Errors
/// See [`run`].
pub fn rotating(count: usize) -> Result<(usize, usize, String)> {
    let chosen = turn(broken::all()?, commits()?, count);
    let (passed, failed) = all_of(&chosen, None)?;
    let names: Vec<&str> = chosen.iter().map(|one| one.name.as_str()).collect();
    Ok((passed, failed, names.join(", ")))
}

/// The `count` of turn `turn`, which follow on those of the turn before it.
fn turn(all: Vec<Defence>, turn: usize, count: usize) -> Vec<Defence> {
    let first = turn.wrapping_mul(count) % all.len().max(1);
    let count = count.min(all.len());
    all.into_iter().cycle().skip(first).take(count).collect()
}

/// Commits up to now; 0 outside a repository.
fn commits() -> Result<usize> {
    let mut git = Command::new("git");
    let output = git.args(["rev-list", "--count", "HEAD"]).current_dir(paths::root()?).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    Ok(text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}

fn all_of(chosen: &[Defence], qemu: Option<&PathBuf>) -> Result<(usize, usize)> {
    let mut failed = 0;
    for defence in chosen {
        let noticed = match &defence.host_test {
            Some(filter) => host::noticed(defence, filter)?,
            None => in_qemu(defence, qemu)?,
        };
        failed += usize::from(!matches!(noticed, Noticed::AsExpected(_)));
        println!("broken {:24} {noticed}", defence.name);
    }
    Ok((chosen.len() - failed, failed))
}

/// Whether a run of a system without `defence` fails as it must.
fn in_qemu(defence: &Defence, qemu: Option<&PathBuf>) -> Result<Noticed> {
    let system = SystemArgs { system: defence.system()?, profile: "test".to_owned() };
    let built = build::system(&system, Some(defence))?;
    let options = Options { qemu: qemu.cloned(), until: Until::Verdict, limit: LIMIT, quiet: true };
    let session = Session::run(&built, &options)?;
    let transcript = &session.run.transcript;
    let cut_at = transcript.verdict.is_none().then_some(transcript.failures.as_slice());
    Ok(noticed(defence, session.judgement.findings, cut_at))
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
                write!(f, "FAILED, but not by `{expected}`: {}", findings.join("; "))
            }
            Noticed::Not => write!(f, "NOT NOTICED: the run passed"),
        }
    }
}

/// Holds the findings of a run against what must catch it. In a run that broke off before its
/// verdict every later proof is missing, too: only those count of which the guest itself had said
/// that they failed (`failures`).
fn noticed(defence: &Defence, findings: Vec<String>, failures: Option<&[String]>) -> Noticed {
    let counts = |finding: &&String| match (failures, finding.strip_prefix(MISSING)) {
        (Some(failures), Some(proof)) => {
            let words = proof.rsplit(' ').next().unwrap_or(proof).replace('-', " ");
            failures.iter().any(|said| said.contains(&format!(" {words} FAILED")))
        }
        _ => true,
    };
    let expected = |finding: &&String| defence.caught_by.iter().any(|by| finding.contains(by));
    match findings.iter().filter(counts).find(expected).cloned() {
        Some(finding) => Noticed::AsExpected(finding),
        None if findings.is_empty() => Noticed::Not,
        None => Noticed::Otherwise(defence.caught_by.join("` or `"), findings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    fn defence(name: &str) -> Defence {
        Defence {
            name: name.into(),
            defence: String::new(),
            package: "neuron-core".into(),
            caught_by: vec!["proof missing: selftest-client the-two".into()],
            system: None,
            host_test: None,
        }
    }

    fn seen(findings: &[&str], failures: Option<&[&str]>) -> Noticed {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let failures: Option<Vec<String>> = failures.map(owned);
        noticed(&defence("x-bit"), owned(findings), failures.as_deref())
    }

    const ONE: &str = "proof missing: selftest-client the-one";
    const TWO: &str = "proof missing: selftest-client the-two";

    #[test]
    fn test_only_the_expected_finding_counts() {
        assert_eq!(seen(&[TWO], None), Noticed::AsExpected(TWO.into()));
        assert_eq!(seen(&[ONE, TWO], None), Noticed::AsExpected(TWO.into()));
        assert!(matches!(seen(&[ONE], None), Noticed::Otherwise(..)));
        assert_eq!(seen(&[], None), Noticed::Not);
    }

    #[test]
    fn test_of_a_run_that_broke_off_only_what_had_failed_counts() {
        let hung = "the time limit passed";
        let said = "SELFTEST: the two FAILED: step: Ok(0), expected Err(Denied)";
        assert_eq!(seen(&[hung, ONE, TWO], Some(&[said])), Noticed::AsExpected(TWO.into()));
        assert!(matches!(seen(&[hung, ONE, TWO], Some(&[])), Noticed::Otherwise(..)));
    }

    #[test]
    fn test_every_defence_has_its_turn() {
        let names: Vec<String> = (0..5).map(|n| n.to_string()).collect();
        let all = || names.iter().map(|name| defence(name)).collect::<Vec<_>>();
        let mut seen = Vec::new();
        for commit in 7..12 {
            let few = turn(all(), commit, FEW);
            assert_eq!(few.len(), FEW);
            seen.extend(few.into_iter().map(|one| one.name));
        }
        assert!(names.iter().all(|name| seen.contains(name)), "{seen:?}");
        assert!(turn(Vec::new(), 3, FEW).is_empty());
    }

    #[test]
    fn test_list_of_defences_is_well_formed() {
        for one in broken::all().unwrap() {
            assert!(!one.defence.is_empty(), "{}", one.name);
            assert_ne!(one.caught_by.is_empty(), one.host_test.is_none(), "{}", one.name);
            assert!(one.system().unwrap().is_none_or(|path| path.is_dir()), "{}", one.name);
        }
    }

    #[test]
    fn test_list_has_every_defence_of_the_code_and_no_other() {
        let mut listed: Vec<String> = broken::all().unwrap().into_iter().map(|d| d.name).collect();
        listed.sort();
        assert_eq!(listed, names_in(&paths::root().unwrap().join("source")));
    }

    /// The names that the code under `directory` asks for.
    fn names_in(directory: &Path) -> Vec<String> {
        let mut names = BTreeSet::new();
        let mut directories = vec![directory.to_path_buf()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(path).unwrap();
                    let found = text.split("(broken = \"").skip(1);
                    names.extend(found.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
                }
            }
        }
        names.into_iter().collect()
    }
}
