//! What one run came to.

use crate::exit::Exit;
use crate::paths;
use crate::test_os::Session;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::PathBuf;

/// A run.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Ran {
    pub(super) seed: u64,
    pub(super) passed: bool,
    /// Questions that nobody answered.
    pub(super) lost: u64,
    pub(super) drivers: Vec<Driver>,
}

/// What came of the lives of a driver with faults.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Driver {
    pub(super) name: String,
    pub(super) faults: u64,
    pub(super) lives: u64,
    /// How they ended: faulted, ended, silent, wrong, sound.
    pub(super) ends: [u64; 5],
    /// Microseconds from a death to the first answer of the next life: median, 99th percentile, longest.
    pub(super) recovery: [u64; 3],
}

impl Ran {
    /// By what its keeper said.
    ///
    /// # Errors
    /// When it says nothing of it, as after a run that did not get to its end.
    pub(super) fn of(session: &Session, seed: u64) -> Result<Ran> {
        let passed = session.judgement.exit == Exit::Pass;
        let (lost, drivers) = read(session.console()).with_context(|| {
            format!("the run with seed {seed} did not get to its end: {:?}", session.judgement.exit)
        })?;
        Ok(Ran { seed, passed, lost, drivers })
    }

    pub(super) fn faults(&self) -> u64 {
        self.drivers.iter().map(|driver| driver.faults).sum()
    }

    pub(super) fn lives(&self) -> u64 {
        self.drivers.iter().map(|driver| driver.lives).sum()
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let verdict = if self.passed { "passed" } else { "FAILED" };
        format!("{} faults in {} lives, {verdict}", self.faults(), self.lives())
    }
}

/// The lines of the keeper (source/apps/faults/src/keeper.rs).
fn read(console: &[String]) -> Option<(u64, Vec<Driver>)> {
    let mut drivers = Vec::new();
    let mut lost = None;
    for line in console.iter().filter_map(|line| line.strip_prefix("faults: ")) {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        match numbers(words.clone()).as_slice() {
            [faults, lives, ends @ ..] if line.contains(" faults in ") => {
                let (name, ends) = (name.to_owned(), <[u64; 5]>::try_from(ends).ok()?);
                let (faults, lives) = (*faults, *lives);
                drivers.push(Driver { name, faults, lives, ends, recovery: [0; 3] });
            }
            recovery if words.next() == Some("recovery") => {
                let driver = drivers.iter_mut().find(|driver| driver.name == name)?;
                driver.recovery = recovery.try_into().ok()?;
            }
            _ if line.ends_with(" questions lost") => lost = name.parse().ok(),
            _ => {}
        }
    }
    Some((lost?, drivers)).filter(|(_, drivers)| !drivers.is_empty())
}

/// The words that are numbers.
fn numbers<'a>(words: impl Iterator<Item = &'a str>) -> Vec<u64> {
    words.filter_map(|word| word.trim_matches([',', ':']).parse().ok()).collect()
}

/// How each life of a run ended, by its number: letters of source/apps/faults/src/counts.rs.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Ends {
    /// SHA-256 of the tree.
    pub(super) tree: String,
    pub(super) ends: String,
}

impl Ends {
    /// What the keeper said of them.
    pub(super) fn read(console: &[String]) -> String {
        console.iter().filter_map(|line| line.strip_prefix("faults: ends ")).collect()
    }

    /// Of the life with this number, from 1.
    pub(super) fn of_life(&self, number: u64) -> Option<char> {
        self.ends.chars().nth(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// Keeps those of a run, beside what is published.
    pub(super) fn keep(&self, run: u64) -> Result<()> {
        let path = path(run)?;
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(&path, serde_json::to_vec(self)?).with_context(|| path.display().to_string())
    }

    /// Those of a run of this tree.
    pub(super) fn find(run: u64, tree: &str) -> Result<Option<Ends>> {
        let Ok(bytes) = fs::read(path(run)?) else { return Ok(None) };
        Ok(serde_json::from_slice(&bytes).ok().filter(|ends: &Ends| ends.tree == tree))
    }
}

fn path(run: u64) -> Result<PathBuf> {
    Ok(paths::root()?.join(format!("target/faults/{run}.json")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::faults) fn console() -> Vec<String> {
        let lines = [
            "init: ready",
            "faults: ends ffeo",
            "faults: ends sw",
            "faults: rngd 12583 faults in 1056 lives: 820 faulted, 167 ended, 27 silent, 3 wrong, 39 sound",
            "faults: rngd recovery 1277 us, p99 1427, max 1451",
            "faults: death to rest 56 us, p99 454, max 633",
            "faults: 14 questions lost",
            "faults: 5537 looks at others: late by 1906 us, answer in 6 us",
        ];
        lines.map(str::to_owned).to_vec()
    }

    #[test]
    fn test_what_the_keeper_says_is_read() {
        let rngd = Driver {
            name: "rngd".to_owned(),
            faults: 12583,
            lives: 1056,
            ends: [820, 167, 27, 3, 39],
            recovery: [1277, 1427, 1451],
        };
        assert_eq!(read(&console()), Some((14, vec![rngd])));
        assert_eq!(read(&console()[..3]), None, "a run that was cut short");
    }

    #[test]
    fn test_a_life_is_found_by_its_number() {
        let ends = Ends { tree: "a".to_owned(), ends: Ends::read(&console()) };
        assert_eq!(ends.of_life(1), Some('f'));
        assert_eq!(ends.of_life(6), Some('w'));
        assert_eq!((ends.of_life(0), ends.of_life(7)), (None, None));
    }
}
