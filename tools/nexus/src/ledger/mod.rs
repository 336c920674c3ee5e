//! `cargo nexus ledger`: the ledgers of all boots, out of a disk image, and whether they are what they were.
//!
//! The image is opened for reading alone. What is in the archive is read and computed anew with none of the guest's
//! code (RFC-0006, section 11).

mod check;
mod heads;
mod keep;
mod read;
#[cfg(test)]
mod tests;

use crate::disk;
use crate::exit::Exit;
use crate::image::hex;
use crate::paths;
use anyhow::{Context, Result, bail};
use clap::Args;
use heads::KeptHead;
use read::{Boot, Kept};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use keep::Keeper;

/// Arguments of `cargo nexus ledger`.
#[derive(Args, Debug)]
pub struct LedgerArgs {
    /// The image; the disk that `cargo nexus run` has of the system when absent.
    image: Option<PathBuf>,
    /// The tree of the archive: 32 hexadecimal digits, or the service whose it is.
    #[arg(long, default_value = "archived")]
    tree: String,
    /// The system whose services are named: its directory, or `standard`.
    #[arg(long, value_name = "DIR", default_value = "standard")]
    system: PathBuf,
    /// Heads that were kept, a line each: number of the run, records, hash, in the order in which they were told. The
    /// file that `cargo nexus run` keeps beside the image when absent.
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// Show the records of this boot.
    #[arg(long, value_name = "N")]
    boot: Option<u32>,
}

/// Does what was asked.
///
/// # Errors
/// When the image or the heads cannot be read.
pub fn run(args: &LedgerArgs) -> Result<Exit> {
    let image = match &args.image {
        Some(image) => image.clone(),
        None => own(&args.system)?,
    };
    let heads = heads_of(args.heads.as_deref(), &image)?;
    let rows = disk::rows(&image, &args.system, &args.tree)?;
    let kept = read::kept(&rows);
    if let Some(boot) = args.boot {
        let boot =
            kept.boots.get(&boot).with_context(|| format!("boot {boot} is not in the image"))?;
        boot.records.iter().for_each(|(_, entry)| println!("{entry}"));
    }
    for line in lines(&kept) {
        println!("{line}");
    }
    let (findings, notes) = check::check(&kept, &heads);
    for note in &notes {
        println!("note: {note}");
    }
    for finding in &findings {
        println!("FINDING: {finding}");
    }
    let (boots, told) = (kept.boots.len(), heads.len());
    println!("{boots} boots, {told} heads that were kept: {} findings", findings.len());
    Ok(if findings.is_empty() { Exit::Pass } else { Exit::Failed })
}

/// The disk that people have of a system.
fn own(system: &Path) -> Result<PathBuf> {
    let image = disk::own_of(system)?;
    if !image.exists() {
        bail!("there is no {} yet: `cargo nexus run` makes it; or name an image", image.display());
    }
    Ok(image)
}

/// The heads in `file`, else those that were kept beside the image, if any were.
fn heads_of(file: Option<&Path>, image: &Path) -> Result<Vec<KeptHead>> {
    let beside = paths::heads_beside(image);
    match file {
        Some(file) => heads::read(file),
        None if beside.exists() => heads::read(&beside),
        None => {
            println!("note: no heads were kept in {}", beside.display());
            Ok(Vec::new())
        }
    }
}

/// What is wrong with the archive that these rows are, as sentences; also by the heads that are kept in a file.
///
/// # Errors
/// When the heads cannot be read.
pub fn findings(rows: &BTreeMap<String, Vec<u8>>, heads: Option<&Path>) -> Result<Vec<String>> {
    let heads = heads.map(heads::read).transpose()?.unwrap_or_default();
    Ok(check::check(&read::kept(rows), &heads).0)
}

/// A line for each boot.
fn lines(kept: &Kept) -> Vec<String> {
    let dropped = kept.dropped.iter().map(|gone| {
        let (which, here) = (format!("{} to {}", gone.first, gone.last), gone.here);
        format!("boots {which}: dropped for room, {here} records, head {}", hex(&gone.own))
    });
    let boots = kept.boots.iter().map(|(number, boot)| {
        let Boot { records, nonce, .. } = boot;
        let last = records.last().map_or(0, |(_, entry)| entry.seq);
        let head = records.last().map_or_else(|| "-".to_owned(), |(_, entry)| hex(&entry.hash));
        let gaps = check::missing(records);
        let whole = if boot.wrong.is_empty() { "whole" } else { "NOT WHOLE" };
        format!(
            "boot {number}: run {nonce:016x}, {} records of {last}, {gaps} missing, {whole}, head {head}",
            records.len()
        )
    });
    dropped.chain(boots).collect()
}
