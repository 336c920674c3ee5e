//! `cargo nexus audit`: who may touch what, from the built image.
//!
//! The sources are not consulted: what is printed is what the machine will act on. The archive,
//! every hash in it, the description and every program's headers are checked on the way.

mod assert;
mod model;
mod reach;
mod read;
mod text;
mod trust;

use crate::build::{self, Place};
use crate::cli::SystemArgs;
use crate::columns;
use crate::exit::Exit;
use crate::files;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use std::io::stdout;
use std::path::PathBuf;

pub use assert::{Assertions, Outcome};
pub use model::{
    Audit, AuditDevice, AuditOpen, AuditPermit, AuditProgram, AuditRefusal, AuditRing,
    AuditSegment, AuditService, AuditTree, AuditWindow, MemoryTrust, SCHEMA, Trusted,
};
pub use reach::{AuditMemory, AuditQueue};
pub use read::of_image;

/// Arguments of `cargo nexus audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// The image to read; the one that `build` wrote when absent. With `--system`, it must be of that.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Print JSON (schema `nexus-audit/2`).
    #[arg(long)]
    json: bool,
    /// Check the assertions in this file as well; it can be given more than once.
    #[arg(long, value_name = "FILE")]
    assert: Vec<PathBuf>,
}

/// Prints the audit, and whether the assertions hold.
///
/// # Errors
/// When the image cannot be read or is damaged, or an assertion file is malformed.
pub fn run(args: &AuditArgs) -> Result<Exit> {
    let assertions: Vec<Assertions> =
        args.assert.iter().map(|file| Assertions::read(file)).collect::<Result<_>>()?;
    let (path, image) = image_of(args)?;
    let audit = of_image(&image).with_context(|| format!("refusing {}", path.display()))?;
    if args.json {
        println_raw!("{}", audit.to_json()?);
    } else {
        print!("{}", audit.to_text(columns::of(stdout()).unwrap_or(columns::USUAL)));
    }
    let mut exit = Exit::Pass;
    for file in &assertions {
        let outcome = file.check(&audit);
        eprint!("{outcome}");
        if !outcome.holds() {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// The image that is meant, and where it is: the one that `build` wrote, while it is of the system; or
/// any, which must be of the system only where one is named.
fn image_of(args: &AuditArgs) -> Result<(PathBuf, Vec<u8>)> {
    let place = Place::tree()?;
    let Some(path) = &args.image else { return build::image(&place, &args.system) };
    let image = files::bytes(path);
    let image = image.map_err(|why| anyhow!("no image at {}: {why}", path.display()))?;
    if args.system.system.is_some() {
        let checked = place.load(&args.system)?;
        build::is_of(&image, &checked).map_err(|why| anyhow!("{} {why:#}", path.display()))?;
    }
    Ok((path.clone(), image))
}
