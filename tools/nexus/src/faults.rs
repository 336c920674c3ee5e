//! `cargo nexus faults`: millions of faults in the code of drivers, in QEMU.
//!
//! Runs of `tests/systems/faults/long`, each with a seed of its own, two at a time. What each came to is kept, so
//! that what is cut short goes on with the next run, and is published by `--write`.

mod ran;
mod sum;

use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::steps::figures;
use crate::steps::results::{Kept, Results};
use crate::test_os::{Options, Session, fresh_nonce};
use anyhow::{Context, Result};
use clap::Args;
use ran::{Ends, Ran};
use std::fs;
use std::panic;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use sum::Sum;

/// Arguments of `cargo nexus faults`.
#[derive(Args, Debug)]
pub struct FaultsArgs {
    /// One life alone, by its seed, with each of its faults; it must end as it did in its run.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["runs", "seed", "anew", "write"])]
    life: Option<u64>,
    /// No more than this many of the runs that are left.
    #[arg(long, value_name = "NUMBER", default_value_t = RUNS)]
    runs: u32,
    /// The seed of the first run; a new one when absent.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Begins anew, and does not go on with what is kept or published of this tree.
    #[arg(long)]
    anew: bool,
    /// Write what all runs came to so far into docs/security/assurance.md, and publish each.
    #[arg(long)]
    write: bool,
}

/// Runs, of 10,000 lives and 126,000 faults each: 3.5 million faults.
const RUNS: u32 = 28;
/// Guests at a time: each has one hart.
const AT_ONCE: usize = 2;
/// Longest time for one run: a safety net.
const LIMIT: Duration = Duration::from_secs(6 * 3600);
/// Bits of the seed of a run: that of a life has so many more, and two fewer in all than a number has.
const SEED_BITS: u32 = 40;
const NUMBER_BITS: u32 = 20;
/// The name of what is kept, and of the table.
const NAME: &str = "faults";

/// Makes the runs that are left.
///
/// # Errors
/// When the system cannot be built, or what is kept cannot be written.
pub fn run(args: &FaultsArgs) -> Result<Exit> {
    let results = Results::open(NAME, !args.anew)?;
    if let Some(life) = args.life {
        return one_life(life, results.tree());
    }
    let seed = match args.seed.or_else(|| results.seed()) {
        Some(seed) => seed,
        None => fresh_nonce()?,
    };
    let seed = (seed & ((1 << SEED_BITS) - 1)).max(1);
    println!("seed {seed}; `--seed {seed}` makes the same runs again");
    let (done, left): (Vec<u32>, Vec<u32>) =
        (1..=RUNS).partition(|number| kept(&results, *number, seed).is_some());
    println!("faults: {} of {RUNS} runs are done", done.len());
    let left = left.into_iter().take(args.runs as usize).collect::<Vec<u32>>();
    make(&left, seed, &results)?;
    let all = (1..=RUNS).filter_map(|number| kept(&results, number, seed));
    let sum = Sum::of(all, RUNS);
    let rows = sum.rows(results.tree(), seed);
    rows.iter().for_each(|row| println!("faults: {}: {}", row.name, row.text));
    if args.write {
        let path = paths::root()?.join("docs/security/assurance.md");
        let page = fs::read_to_string(&path)?;
        fs::write(&path, figures::updated(&page, NAME, &rows)?)?;
        results.publish()?;
    }
    Ok(if sum.passed() { Exit::Pass } else { Exit::Failed })
}

fn kept(results: &Results, number: u32, seed: u64) -> Option<Kept<Ran>> {
    results.find("run", [number, RUNS], seed)
}

/// Makes these runs.
fn make(runs: &[u32], seed: u64, results: &Results) -> Result<()> {
    let left = Mutex::new(runs.iter().copied());
    let next = || left.lock().ok()?.next();
    let mut built = Vec::new();
    for worker in 1..=AT_ONCE.min(runs.len()) {
        let one = system("tests/systems/faults/long")?;
        // What a run leaves beside its image is its own.
        let directory = one.directory.join(worker.to_string());
        fs::create_dir_all(&directory)?;
        built.push(Built { directory, ..one });
    }
    let work = |built: &Built| {
        while let Some(number) = next() {
            one_run(built, [number, RUNS], seed, results)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = built.iter().map(|built| scope.spawn(|| work(built))).collect();
        let each = workers.into_iter();
        let each = each.map(|one| one.join().unwrap_or_else(|why| panic::resume_unwind(why)));
        each.collect::<Result<Vec<()>>>().map(drop)
    })
}

fn one_run(built: &Built, [number, of]: [u32; 2], seed: u64, results: &Results) -> Result<()> {
    let began = Instant::now();
    let own = seed.wrapping_add(u64::from(number) - 1);
    let session = session(built, own, true)?;
    let ran = Ran::of(&session, own)?;
    Ends { tree: results.tree().to_owned(), ends: Ends::read(session.console()) }.keep(own)?;
    println!("faults: run {number} of {of}, seed {own}: {}", ran.line());
    results.keep("run", [number, of], seed, (ran, began.elapsed())).map(drop)
}

fn system(directory: &str) -> Result<Built> {
    let system = Some(paths::root()?.join(directory));
    build::system(&SystemArgs { system, profile: "test".to_owned() })
}

/// One life, and whether it ended as it did in its run, where that was made here.
fn one_life(seed: u64, tree: &str) -> Result<Exit> {
    let built = system("tests/systems/faults/one")?;
    let session = session(&built, seed, false)?;
    let now = Ends::read(session.console());
    let now = now.chars().next().context("no life is told of")?;
    let (run, number) = (seed >> NUMBER_BITS, seed & ((1 << NUMBER_BITS) - 1));
    let passed = session.judgement.exit;
    match Ends::find(run, tree)?.and_then(|ends| ends.of_life(number)) {
        Some(then) if then == now => println!("faults: it ended as in its run"),
        Some(then) => {
            println!("faults: it ended as `{now}`, and in its run as `{then}`");
            return Ok(if passed == Exit::Pass { Exit::Failed } else { passed });
        }
        None => {
            println!("faults: its run was not made here, of this tree: nothing to compare with")
        }
    }
    Ok(passed)
}

fn session(built: &Built, seed: u64, quiet: bool) -> Result<Session> {
    let seed = Some(seed);
    let options = Options { seed, quiet, limit: LIMIT, ..Options::from_environment()? };
    let session = Session::run(built, &options)?;
    session.report()?;
    Ok(session)
}
