//! `cargo nexus faults`: millions of faults in the code of drivers, in QEMU.
//!
//! One run after another of `tests/systems/faults/long`, each with a seed of its own. What each came to is kept,
//! so that what is cut short goes on with the next run.

use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::test_os::{Options, Session, fresh_nonce};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Arguments of `cargo nexus faults`.
#[derive(Args, Debug)]
pub struct FaultsArgs {
    /// One life alone, by its seed, with each of its faults.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["faults", "seed", "anew"])]
    life: Option<u64>,
    /// How many faults there are to be, in all.
    #[arg(long, value_name = "NUMBER", default_value_t = 3_500_000)]
    faults: u64,
    /// The seed of the first run; a new one each time when absent.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Begins anew, and does not go on with what is kept.
    #[arg(long)]
    anew: bool,
}

/// Longest time for one run: a safety net.
const LIMIT: Duration = Duration::from_secs(6 * 3600);
/// Bits of a seed of a run: those of a life have 20 more, and two fewer in all than a number has.
const SEED_BITS: u32 = 40;

/// What all runs came to so far.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct State {
    /// SHA-256 of the image that they are of.
    image: String,
    /// Seed of the first.
    seed: u64,
    runs: Vec<Ran>,
}

/// What one run came to.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Ran {
    seed: u64,
    passed: bool,
    faults: u64,
    lives: u64,
    took: Duration,
    /// What the guest said of it.
    said: Vec<String>,
}

impl State {
    /// The next run's seed.
    fn next(&self) -> u64 {
        self.seed.wrapping_add(self.runs.len() as u64)
    }

    fn faults(&self) -> u64 {
        self.runs.iter().map(|run| run.faults).sum()
    }

    /// What there is to be said.
    fn lines(&self) -> Vec<String> {
        let took: Duration = self.runs.iter().map(|run| run.took).sum();
        let lives: u64 = self.runs.iter().map(|run| run.lives).sum();
        let failed: Vec<&Ran> = self.runs.iter().filter(|run| !run.passed).collect();
        let mut lines = vec![format!(
            "faults: {} in {lives} lives, {} runs, seeds from {}; {:.1} h; {} runs failed",
            self.faults(),
            self.runs.len(),
            self.seed,
            took.as_secs_f64() / 3600.0,
            failed.len(),
        )];
        lines.extend(failed.iter().map(|run| format!("faults: failed with seed {}", run.seed)));
        lines
    }
}

/// Runs until there were as many faults as there are to be.
///
/// # Errors
/// When the system cannot be built, or what is kept cannot be read or written.
pub fn run(args: &FaultsArgs) -> Result<Exit> {
    if let Some(life) = args.life {
        return one_life(life);
    }
    let built = system("tests/systems/faults/long")?;
    let path = paths::root()?.join("target/faults/state.json");
    let seed = match args.seed {
        Some(seed) => seed,
        None => fresh_nonce()?,
    };
    let mut state = begin(&path, &built, seed, args)?;
    state.lines().iter().for_each(|line| println!("{line}"));
    while state.faults() < args.faults {
        let ran = one_run(&built, state.next())?;
        let found_nothing = ran.faults == 0;
        state.runs.push(ran);
        keep(&path, &state)?;
        state.lines().iter().for_each(|line| println!("{line}"));
        if found_nothing {
            bail!("a run without a fault: {}", path.display());
        }
    }
    println!("faults: kept in {}", path.display());
    let passed = state.runs.iter().all(|run| run.passed);
    Ok(if passed { Exit::Pass } else { Exit::Failed })
}

fn system(directory: &str) -> Result<Built> {
    let system = Some(paths::root()?.join(directory));
    build::system(&SystemArgs { system, profile: "test".to_owned() })
}

/// What is kept of this very image, unless it is not wanted.
fn begin(path: &Path, built: &Built, seed: u64, args: &FaultsArgs) -> Result<State> {
    let hash = Sha256::digest(built.image_for(0));
    let image: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = fs::read(path).ok().map(|bytes| serde_json::from_slice::<State>(&bytes));
    let kept = kept.transpose().with_context(|| format!("reading {}", path.display()))?;
    match kept.filter(|_| !args.anew) {
        Some(kept) if kept.image == image && args.seed.is_none_or(|seed| seed == kept.seed) => {
            Ok(kept)
        }
        other => {
            if other.is_some() {
                println!("faults: what is kept is of another image or seed; this begins anew");
            }
            let seed = (seed & ((1 << SEED_BITS) - 1)).max(1);
            Ok(State { image, seed, runs: Vec::new() })
        }
    }
}

fn one_run(built: &Built, seed: u64) -> Result<Ran> {
    let began = Instant::now();
    let session = session(built, seed, true)?;
    let said = session.console().iter().filter(|line| line.starts_with("faults: "));
    Ok(Ran {
        seed,
        passed: session.judgement.exit == Exit::Pass,
        faults: session.proved("faults"),
        lives: session.proved("honest-life-follows"),
        took: began.elapsed(),
        said: said.cloned().collect(),
    })
}

fn one_life(seed: u64) -> Result<Exit> {
    let built = system("tests/systems/faults/one")?;
    Ok(session(&built, seed, false)?.judgement.exit)
}

fn session(built: &Built, seed: u64, quiet: bool) -> Result<Session> {
    let seed = Some(seed);
    let options = Options { seed, quiet, limit: LIMIT, ..Options::from_environment()? };
    let session = Session::run(built, &options)?;
    session.report()?;
    Ok(session)
}

/// Writes what is kept in one step, so that a run that is cut short leaves all of it or what was there.
fn keep(path: &PathBuf, state: &State) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    let whole = path.with_extension("new");
    fs::write(&whole, serde_json::to_vec_pretty(state)?)?;
    fs::rename(&whole, path).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(seed: u64, passed: bool) -> Ran {
        let (lives, took) = (100, Duration::from_secs(1800));
        Ran { seed, passed, faults: 1200, lives, took, said: vec![] }
    }

    #[test]
    fn test_what_is_kept_goes_on_with_the_next_seed() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("faults/state.json");
        let runs = vec![ran(7, true), ran(8, false)];
        let state = State { image: "ab".to_owned(), seed: 7, runs };
        keep(&path, &state).unwrap();
        let kept: State = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((kept.next(), kept.faults()), (9, 2400));
        assert_eq!(kept, state);
        let lines = kept.lines();
        assert_eq!(
            lines,
            [
                "faults: 2400 in 200 lives, 2 runs, seeds from 7; 1.0 h; 1 runs failed",
                "faults: failed with seed 8",
            ]
        );
    }
}
