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
    /// What a consumer wrote at random into rings, in how many lives, and how many of these had joined before.
    pub(super) written: [u64; 3],
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
    /// The same of those with random values in registers.
    pub(super) registers: [u64; 5],
    /// Microseconds from a death to the first answer of the next life: median, 99th percentile, longest.
    pub(super) recovery: [u64; 3],
    /// The seed of the life behind which it was longest.
    pub(super) slowest: u64,
}

impl Ran {
    /// By what its keeper said.
    ///
    /// # Errors
    /// When it says nothing of it, as after a run that did not get to its end.
    pub(super) fn of(session: &Session, seed: u64) -> Result<Ran> {
        let passed = session.judgement.exit == Exit::Pass;
        read(session.console(), seed, passed).with_context(|| {
            format!("the run with seed {seed} did not get to its end: {:?}", session.judgement.exit)
        })
    }

    pub(super) fn faults(&self) -> u64 {
        self.drivers.iter().map(|driver| driver.faults).sum()
    }

    pub(super) fn lives(&self) -> u64 {
        let lives = |driver: &Driver| driver.lives + driver.registers.iter().sum::<u64>();
        self.drivers.iter().map(lives).sum()
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let verdict = if self.passed { "passed" } else { "FAILED" };
        format!("{} faults in {} lives, {verdict}", self.faults(), self.lives())
    }
}

/// The lines of the keeper (source/apps/faults/src/keeper.rs).
fn read(console: &[String], seed: u64, passed: bool) -> Option<Ran> {
    let mut ran = Ran { seed, passed, lost: 0, written: [0; 3], drivers: Vec::new() };
    let mut ended = false;
    for line in console.iter().filter_map(|line| line.strip_prefix("faults: ")) {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let numbers = numbers(line);
        let driver = ran.drivers.iter_mut().find(|driver| driver.name == name);
        match (words.next(), driver) {
            (Some("random"), Some(driver)) => {
                driver.registers = numbers.get(1..)?.try_into().ok()?
            }
            (Some("recovery"), Some(driver)) => {
                let [median, p99, longest, slowest] = <[u64; 4]>::try_from(numbers).ok()?;
                (driver.recovery, driver.slowest) = ([median, p99, longest], slowest);
            }
            (Some("writes"), _) => ran.written = numbers.try_into().ok()?,
            (Some("questions"), _) => (ran.lost, ended) = (*numbers.first()?, true),
            (Some(_), None) if line.contains(" faults in ") => {
                let [faults, lives, ends @ ..] = <[u64; 7]>::try_from(numbers).ok()?;
                let (name, registers) = (name.to_owned(), [0; 5]);
                let (recovery, slowest) = ([0; 3], 0);
                let driver = Driver { name, faults, lives, ends, registers, recovery, slowest };
                ran.drivers.push(driver);
            }
            _ => {}
        }
    }
    (ended && !ran.drivers.is_empty()).then_some(ran)
}

/// The words that are numbers.
fn numbers(line: &str) -> Vec<u64> {
    let words = line.split_whitespace();
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
mod tests {
    use super::*;

    fn console() -> Vec<String> {
        let lines = [
            "init: ready",
            "faults: ends ffeo",
            "faults: ends sw",
            "faults: rngd 12583 faults in 1056 lives: 820 faulted, 167 ended, 27 silent, 3 wrong, 39 sound",
            "faults: rngd random registers in 66 lives: 1 faulted, 50 ended, 9 silent, 4 wrong, 2 sound",
            "faults: rngd recovery 1277 us, p99 1427, max 1451 after life 7340039",
            "faults: death to rest 56 us, p99 454, max 633",
            "faults: 14 questions lost",
            "faults: 900 writes into rings in 40 lives, of which 39 had joined",
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
            registers: [1, 50, 9, 4, 2],
            recovery: [1277, 1427, 1451],
            slowest: 7_340_039,
        };
        let ran =
            Ran { seed: 7, passed: true, lost: 14, written: [900, 40, 39], drivers: vec![rngd] };
        assert_eq!(read(&console(), 7, true), Some(ran));
        assert_eq!(read(&console()[..4], 7, true), None, "a run that was cut short");
    }

    #[test]
    fn test_a_life_is_found_by_its_number() {
        let ends = Ends { tree: "a".to_owned(), ends: Ends::read(&console()) };
        assert_eq!(ends.of_life(1), Some('f'));
        assert_eq!(ends.of_life(6), Some('w'));
        assert_eq!((ends.of_life(0), ends.of_life(7)), (None, None));
    }
}
