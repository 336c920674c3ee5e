//! `cargo nexus bench --disk`: a disk under load by the ring of its driver, in wall time; and from outside,
//! how often the machine changed the address space and rang the doorbell for it.
//!
//! The load (source/apps/disk-load) does five rounds of all loads in one boot, on a raw image of 512 MiB. A
//! second boot on a small image counts: every write of `satp` in the kernel ends a translation block of
//! QEMU, so each shows in its log as the block that follows it.

mod figures;
mod image;
pub(super) mod log;
pub(super) mod switches;

use super::{BenchArgs, Ended, Until, boot_as, code, load_of_host};
use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::protocol::Load;
use crate::{paths, qemu};
use anyhow::{Context, Result, bail, ensure};
use image::Image;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

const MIB: u64 = 1 << 20;
/// Bytes of the image for the times: the loads go by its size.
const LARGE: u64 = 512 * MIB;
/// The same for the counts.
const SMALL: u64 = 16 * MIB;

/// Measures and prints.
///
/// # Errors
/// When the system cannot be built, or does not end as it must.
pub(super) fn run(args: &BenchArgs) -> Result<Exit> {
    let system = paths::root()?.join("tests/systems/bench-disk");
    let built = build::system(&SystemArgs { system: Some(system), profile: "test".to_owned() })?;
    if !args.quick {
        let image = Image::of(args.image.as_deref(), &built.directory, LARGE)?;
        let extra: [&str; 0] = [];
        println!("{}", line(&built, args, &image, &extra)?);
        println!("load of the host: {}", load_of_host());
        let loads = loads(&built, args, &image, &extra)?;
        if args.json {
            figures::json(&loads).iter().for_each(|line| println_raw!("{line}"));
        } else {
            print!("{}", figures::text(&loads));
        }
        println!("load of the host: {}", load_of_host());
    }
    let counts = count(&built, args)?;
    print!("{}", switches::text(&counts));
    let over = switches::over(&counts);
    if args.check && !over.is_empty() {
        eprintln!("bench: {}", over.join("; "));
        return Ok(Exit::Failed);
    }
    Ok(Exit::Pass)
}

/// What is counted in a run of its own.
fn count(built: &Built, args: &BenchArgs) -> Result<Vec<switches::Count>> {
    let sites = switches::sites(&fs::read(&built.kernel)?)?;
    ensure!(!sites.is_empty(), "the kernel never writes satp");
    let image = Image::of(None, &built.directory, SMALL)?;
    let file = built.directory.join("switches.log");
    let ranges: Vec<String> = sites.iter().map(|site| format!("{site:#x}+0x1")).collect();
    let ranges = ranges.join(",");
    let mut extra: Vec<&OsStr> = ["-d", "exec,cpu", "-dfilter", &ranges].map(OsStr::new).into();
    for event in [log::READ, log::NOTIFY] {
        extra.extend(["-trace", event].map(OsStr::new));
    }
    extra.extend([OsStr::new("-D"), file.as_os_str()]);
    let loads = loads(built, args, &image, &extra)?;
    let text = fs::read_to_string(&file).context("reading what QEMU logged")?;
    fs::remove_file(&file).context("removing what QEMU logged")?;
    switches::counts(&loads, &log::between(text.lines()))
}

/// Boots the system on `image`, and returns what it told.
fn loads(
    built: &Built,
    args: &BenchArgs,
    image: &Image,
    extra: &[impl AsRef<OsStr>],
) -> Result<Vec<Load>> {
    let board = image.in_place_of_the_disk(built.checked.qemu_args())?;
    let run = boot_as(built, args, &board, extra, Until::Verdict)?;
    match run.ended {
        Ended::Guest(Some(code::PASSED)) if run.transcript.wrong.is_empty() => {}
        ended => {
            run.transcript.last_lines.iter().for_each(|line| eprintln!("    {line}"));
            bail!("the load ended with {ended:?}; {:?}", run.transcript.wrong)
        }
    }
    let loads = run.transcript.loads;
    ensure!(!loads.is_empty(), "the load told nothing");
    Ok(loads)
}

/// QEMU as it is started, but for serial port and monitor.
fn line(
    built: &Built,
    args: &BenchArgs,
    image: &Image,
    extra: &[impl AsRef<OsStr>],
) -> Result<String> {
    let board = image.in_place_of_the_disk(built.checked.qemu_args())?;
    let qemu = qemu::find(args.qemu.as_deref())?;
    let mut command = qemu::command(&qemu, &board, &built.kernel, Path::new("run.img"));
    command.args(extra);
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let short = |word: &OsStr| {
        let root = paths::root().unwrap_or_default();
        let prefix = format!("{}/", root.display());
        word.to_string_lossy().replace(&prefix, "")
    };
    Ok(words.map(short).collect::<Vec<_>>().join(" "))
}
