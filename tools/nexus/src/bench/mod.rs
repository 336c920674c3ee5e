//! `cargo nexus bench`: measurements beside the peers' figures.
//!
//! Operations are counted in instructions by the guest itself, under `-icount shift=0`: the same
//! figures on every machine. The time from start to all owners ready is wall time, the median of
//! several starts, and is told apart.

mod disk;
mod net;
mod peers;
mod store;
mod table;

use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::columns;
use crate::exit::Exit;
use crate::protocol::Bench;
use crate::test_os::{Ended, Plan, Run, Until, code, drive, fresh_nonce};
use crate::{paths, qemu};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::ffi::OsStr;
use std::fs;
use std::io::stdout;
use std::path::PathBuf;
use std::time::Duration;

/// What the shell says when all owners hold their devices.
const READY: &str = "devices are with their owners, ";
/// How often the system is started for the median.
const STARTS: usize = 5;
const LIMIT: Duration = Duration::from_secs(300);
/// The same where a store is filled with a million keys.
const LONG_LIMIT: Duration = Duration::from_secs(7200);

/// Arguments of `cargo nexus bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// One JSON object a line, instead of a table.
    #[arg(long)]
    json: bool,
    /// Fail when a figure is over the column "at most".
    #[arg(long)]
    check: bool,
    /// Instructions only: do not measure how long a start takes.
    #[arg(long)]
    no_start: bool,
    /// The disk instead: wall time of loads by the ring of its driver, and switches and doorbells counted.
    #[arg(long, conflicts_with = "no_start")]
    disk: bool,
    /// Of the disk, the store or the network only what is counted.
    #[arg(long, conflicts_with = "no_start")]
    quick: bool,
    /// A raw image to be the disk, which is overwritten; else one of 512 MiB is made for the run.
    #[arg(long, value_name = "FILE", requires = "disk", conflicts_with = "quick")]
    image: Option<PathBuf>,
    /// The store instead: wall time of what services ask of it, beside SQLite in a Linux guest.
    #[arg(long, conflicts_with_all = ["no_start", "disk"])]
    store: bool,
    /// The network instead: throughput, round trips and the small page, beside a Linux guest.
    #[arg(long, conflicts_with_all = ["no_start", "disk", "store"])]
    net: bool,
    /// A directory with a Linux guest, made by guest.sh of tests/peers/sqlite, or of tests/peers/network for --net.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["no_start", "disk"])]
    beside: Option<PathBuf>,
    /// How many keys are in the store.
    #[arg(long, requires = "store", default_value = "10000")]
    keys: store::Keys,
    /// The QEMU to use.
    #[arg(long, value_name = "PATH", env = "NEXUS_QEMU")]
    qemu: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// When a system cannot be built, or does not end as it must.
pub fn run(args: &BenchArgs) -> Result<Exit> {
    if args.disk {
        return disk::run(args);
    }
    if args.store {
        return store::run(args);
    }
    if args.net {
        return net::run(args);
    }
    if args.quick || args.beside.is_some() {
        bail!("--quick and --beside are of the disk, the store or the network: say which, too");
    }
    let mut figures = instructions(args)?;
    if !args.no_start {
        figures.push(start(args)?);
    }
    if args.json {
        figures.iter().for_each(|figure| println_raw!("{}", table::json(figure)));
    } else {
        print!("{}", table::text(&figures, columns::of(stdout())));
    }
    let over: Vec<&str> = table::over(&figures);
    let missing: Vec<&str> = table::missing(&figures);
    if args.check && !(over.is_empty() && missing.is_empty()) {
        eprintln!("bench: over the limit: {over:?}; not measured: {missing:?}");
        return Ok(Exit::Failed);
    }
    Ok(Exit::Pass)
}

/// The benchmark system, under an instruction counter.
fn instructions(args: &BenchArgs) -> Result<Vec<Bench>> {
    let system = paths::root()?.join("tests/systems/bench");
    let built = build::system(&SystemArgs { system: Some(system), profile: "test".to_owned() })?;
    let run = boot(&built, args, &["-icount", "shift=0"], Until::Verdict)?;
    match run.ended {
        Ended::Guest(Some(code::PASSED)) if run.transcript.wrong.is_empty() => {}
        ended => {
            run.transcript.last_lines.iter().for_each(|line| eprintln!("    {line}"));
            bail!("the benchmark ended with {ended:?}; {:?}", run.transcript.wrong)
        }
    }
    Ok(run.transcript.bench)
}

/// Wall time from the start of QEMU to all owners ready, in microseconds.
fn start(args: &BenchArgs) -> Result<Bench> {
    let built = build::system(&SystemArgs { system: None, profile: "prod".to_owned() })?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let run = boot(&built, args, &[], Until::Marker(READY.to_owned()))?;
        if run.ended != Ended::Marker {
            bail!("the system did not say `{READY}`, it ended with {:?}", run.ended);
        }
        times.push(u64::try_from(run.took.as_micros())?);
    }
    times.sort_unstable();
    let median = times.get(STARTS / 2).copied().unwrap_or_default();
    let equal = times.iter().filter(|time| **time == median).count() as u64;
    Ok(Bench { name: table::START.to_owned(), median, samples: STARTS as u64, equal })
}

fn boot(built: &Built, args: &BenchArgs, extra: &[&str], until: Until) -> Result<Run> {
    boot_as(built, args, &built.checked.qemu_args(), extra, until)
}

/// The same on another board.
fn boot_as(
    built: &Built,
    args: &BenchArgs,
    board: &[String],
    extra: &[impl AsRef<OsStr>],
    until: Until,
) -> Result<Run> {
    let nonce = fresh_nonce()?;
    let initrd = built.directory.join("run.img");
    fs::write(&initrd, built.image_for(nonce)).context("writing the image of this run")?;
    let qemu = qemu::find(args.qemu.as_deref())?;
    let mut command = qemu::command(&qemu, board, &built.kernel, &initrd);
    command.args(extra);
    drive(Plan {
        command,
        opens: false,
        nonce,
        ram: built.checked.ram(),
        until,
        limit: if args.keys == store::Keys::Few { LIMIT } else { LONG_LIMIT },
        symbols: None,
        is_virtio: &|_| false,
        page: None,
        show: &mut |_| {},
    })
}

/// As the host tells it: processes that were ready, on average of 1, 5 and 15 minutes.
fn load_of_host() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let averages: Vec<&str> = text.split(' ').take(3).collect();
    if averages.len() == 3 { averages.join(" ") } else { "unknown".to_owned() }
}
