//! `cargo nexus bench --store`: what services ask of the store, in wall time, beside SQLite in a Linux guest.
//!
//! Both are started by turns, in the same QEMU, each on a new raw image of the same size. Both tell operations, time
//! and flushes of each load, and the same loads (source/apps/store-load, tests/peers/sqlite/sqlite-load.c).

pub(super) mod counts;
mod figures;
mod linux;

use super::{BenchArgs, Ended, Until, boot_as, code, load_of_host};
use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::protocol::StoreLoad;
use crate::qemu::disk::{Backing, Slot, fresh};
use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;
/// Pairs of runs.
const PAIRS: usize = 3;

/// How much is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Keys {
    /// 10,000 keys.
    #[value(name = "10000")]
    Few,
    /// 100,000 keys, which have no gate.
    #[value(name = "100000")]
    More,
    /// 1,000,000 keys.
    #[value(name = "1000000")]
    Many,
}

impl Keys {
    /// How many.
    pub(super) const fn count(self) -> u64 {
        match self {
            Self::Few => 10_000,
            Self::More => 100_000,
            Self::Many => 1_000_000,
        }
    }

    /// Bytes of the disk: the load goes by its size.
    const fn disk(self) -> u64 {
        match self {
            Self::Few => 512 * MIB,
            Self::More => 1024 * MIB,
            Self::Many => 2048 * MIB,
        }
    }
}

/// An image that is gone in the end.
struct Image(PathBuf);

impl Drop for Image {
    fn drop(&mut self) {
        // It is in the way of nobody.
        let _ = fs::remove_file(&self.0);
    }
}

/// Measures and prints.
///
/// # Errors
/// When the system cannot be built, or a guest does not end as it must.
pub(super) fn run(args: &BenchArgs) -> Result<Exit> {
    let system = paths::root()?.join("tests/systems/bench-store");
    let built = build::system(&SystemArgs { system: Some(system), profile: "test".to_owned() })?;
    let keys = args.keys;
    let image = Image(built.directory.join("store.img"));
    if args.quick {
        return count(&built, args, &image.0);
    }
    println!("load of the host: {}", load_of_host());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        if let Some(guest) = &args.beside {
            fresh(&image.0, keys.disk())?;
            theirs.extend(linux::loads(args, guest, &image.0, keys)?);
        }
        fresh(&image.0, keys.disk())?;
        ours.extend(loads(&built, args, &image.0, &[""; 0])?);
    }
    println!("load of the host: {}", load_of_host());
    let figures = figures::figures(&ours, &theirs, keys);
    if args.json {
        figures.iter().for_each(|figure| println_raw!("{}", figures::json(figure)));
    } else {
        print!("{}", figures::text(&figures));
    }
    let missed = figures::missed(&figures);
    if args.check && !missed.is_empty() {
        eprintln!("bench: {}", missed.join("; "));
        return Ok(Exit::Failed);
    }
    Ok(Exit::Pass)
}

/// Prints what is counted and not timed.
fn count(built: &Built, args: &BenchArgs, image: &Path) -> Result<Exit> {
    let counts = counts::counts(built, args, image)?;
    print!("{}", counts::text(&counts));
    let over = counts::over(&counts);
    if args.check && !over.is_empty() {
        eprintln!("bench: {}", over.join("; "));
        return Ok(Exit::Failed);
    }
    Ok(Exit::Pass)
}

/// Boots the system on `image`, and returns what it told.
fn loads(
    built: &Built,
    args: &BenchArgs,
    image: &Path,
    extra: &[impl AsRef<OsStr>],
) -> Result<Vec<StoreLoad>> {
    let board = built.checked.qemu_args();
    let board = Slot::of(&board)?.with(board, Backing::Image(image))?;
    let run = boot_as(built, args, &board, extra, Until::Verdict)?;
    match run.ended {
        Ended::Guest(Some(code::PASSED)) if run.transcript.wrong.is_empty() => {}
        ended => {
            run.transcript.last_lines.iter().for_each(|line| eprintln!("    {line}"));
            bail!("the load ended with {ended:?}; {:?}", run.transcript.wrong)
        }
    }
    ensure!(!run.transcript.store_loads.is_empty(), "the load told nothing");
    Ok(run.transcript.store_loads)
}
