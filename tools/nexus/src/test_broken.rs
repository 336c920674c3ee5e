//! `cargo nexus test-broken`: each defence left out in turn; every one of these runs must fail, and
//! for the reason that tests/broken.toml gives.

use crate::broken::{self, Defence};
use crate::build;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::test_os::{Options, Session, Until};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::Command;

/// Arguments of `cargo nexus test-broken`.
#[derive(Args, Debug)]
pub struct TestBrokenArgs {
    /// Which defences; all of them when none is named.
    names: Vec<String>,
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

/// Runs `count` of them: others with each commit, the same ones for the same commit. Returns how
/// many were noticed, how many not, and their names.
///
/// # Errors
/// See [`run`].
pub fn rotating(count: usize) -> Result<(usize, usize, String)> {
    let all = broken::all()?;
    let first = commits()? * count;
    let chosen: Vec<Defence> = all
        .iter()
        .cycle()
        .skip(first % all.len().max(1))
        .take(count.min(all.len()))
        .cloned()
        .collect();
    let (passed, failed) = all_of(&chosen, None)?;
    let names: Vec<&str> = chosen.iter().map(|one| one.name.as_str()).collect();
    Ok((passed, failed, format!("{} of {}: {}", chosen.len(), all.len(), names.join(", "))))
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
        let findings = findings(defence, qemu)?;
        let word = match noticed(defence, &findings) {
            Noticed::AsExpected(finding) => format!("noticed: {finding}"),
            Noticed::Otherwise => {
                failed += 1;
                let expected = defence.caught_by.join("` or `");
                format!("FAILED, but not by `{expected}`: {}", findings.join("; "))
            }
            Noticed::Not => {
                failed += 1;
                "NOT NOTICED: the run passed".to_owned()
            }
        };
        println!("broken {:24} {word}", defence.name);
    }
    Ok((chosen.len() - failed, failed))
}

/// What the run of a system without `defence` is blamed for.
fn findings(defence: &Defence, qemu: Option<&PathBuf>) -> Result<Vec<String>> {
    let system = SystemArgs { system: None, profile: "test".to_owned() };
    let built = build::system(&system, Some(defence))?;
    let options = Options {
        qemu: qemu.cloned(),
        until: Until::Verdict,
        quiet: true,
        ..Options::from_environment()?
    };
    Ok(Session::run(&built, &options)?.judgement.findings)
}

enum Noticed<'a> {
    AsExpected(&'a str),
    Otherwise,
    Not,
}

fn noticed<'a>(defence: &Defence, findings: &'a [String]) -> Noticed<'a> {
    let expected = |finding: &&String| defence.caught_by.iter().any(|by| finding.contains(by));
    match findings.iter().find(expected) {
        Some(finding) => Noticed::AsExpected(finding),
        None if findings.is_empty() => Noticed::Not,
        None => Noticed::Otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defence() -> Defence {
        Defence {
            name: "x-bit".into(),
            defence: String::new(),
            package: "neuron-core".into(),
            caught_by: vec!["proof missing: selftest-client mmio-exec".into()],
        }
    }

    #[test]
    fn test_only_the_expected_finding_counts() {
        let defence = defence();
        let right = ["proof missing: selftest-client mmio-exec".to_owned()];
        assert!(matches!(noticed(&defence, &right), Noticed::AsExpected(_)));
        let wrong = ["the time limit passed".to_owned()];
        assert!(matches!(noticed(&defence, &wrong), Noticed::Otherwise));
        assert!(matches!(noticed(&defence, &[]), Noticed::Not));
    }

    #[test]
    fn test_list_of_defences_is_well_formed() {
        for one in broken::all().unwrap() {
            assert!(!one.caught_by.is_empty() && !one.defence.is_empty(), "{}", one.name);
        }
    }
}
