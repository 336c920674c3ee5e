//! `cargo nexus image`: the boot image.
//!
//! The compiled description and every program, in order of service id. Nothing else is in it, so
//! that the same programs and the same description give the same bytes.

use crate::build::{Origin, Place, Sources};
use crate::cli::SystemArgs;
use crate::desc::{Checked, Diagnostic, Program, budget};
use crate::exit::Exit;
use crate::files;
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use nexus_loader::Plan;
use nexus_sysdesc::archive::{ArchiveWriter, Kind, NONCE_OFFSET};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// Arguments of `cargo nexus image`.
#[derive(Args, Debug)]
pub struct ImageArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// Directory with an ELF file `NAME.elf` for each service; that of `build` when absent.
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// Where to write the image; `boot.img` beside the programs when absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the image, and says its hash.
///
/// # Errors
/// When the description is wrong, or a program is missing or does not fit its service.
pub fn run(args: &ImageArgs) -> Result<Exit> {
    let place = Place::tree()?;
    let checked = place.load(&args.system)?;
    let built = place.folder(&checked)?;
    let programs = args.programs.as_ref().unwrap_or(&built);
    let sources = match &args.programs {
        None => Some(compiled(&built, &checked, &args.system)?),
        Some(_) => None,
    };
    let elf_of = |program: &Program| programs.join(format!("{}.elf", program.name));
    let image = build(&checked, &elf_of)?;
    let out = args.out.clone().unwrap_or_else(|| programs.join("boot.img"));
    match (sources, &args.out) {
        (Some(sources), None) => Origin::keep(&checked, sources, &image, &built)?,
        _ => fs::write(&out, &image).with_context(|| format!("writing {}", out.display()))?,
    }
    println!("{}  {}", sha256(&image), out.display());
    Ok(Exit::Pass)
}

/// What the programs of the last build were compiled from, when that is as it was.
fn compiled(built: &Path, checked: &Checked, args: &SystemArgs) -> Result<Sources> {
    Origin::programs(built, checked).map_err(|why| {
        let (built, args) = (built.display(), args.as_arguments());
        anyhow!("what is built in {built} {why:#}; `cargo nexus build{args}` builds it anew")
    })
}

/// The boot archive of a system, with nonce 0.
///
/// # Errors
/// When a program cannot be read, cannot be loaded, or does not fit the budget of its service.
pub fn build(checked: &Checked, elf_of: &dyn Fn(&Program) -> PathBuf) -> Result<Vec<u8>> {
    let description = checked.description.encode().context("encoding the description")?;
    let mut elves = Vec::new();
    for program in &checked.programs {
        elves.push((program, read_program(checked, program, &elf_of(program))?));
    }
    let mut writer = ArchiveWriter::new();
    writer.set_device_frames(checked.description.device_frames());
    writer.push(Kind::Description, 0, "description", &description);
    for (program, elf) in &elves {
        let init = program.id == checked.description.init;
        let kind = if init { Kind::Init } else { Kind::Service };
        writer.push(kind, program.id, &program.name, elf);
    }
    writer.finish().context("laying out the image")
}

/// Writes the number of a run into an image. Its hash does not change by that.
pub fn set_nonce(image: &mut [u8], nonce: u64) {
    if let Some(bytes) = image.get_mut(NONCE_OFFSET..NONCE_OFFSET + 8) {
        bytes.copy_from_slice(&nonce.to_le_bytes());
    }
}

/// The hash of some bytes, in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_program(checked: &Checked, program: &Program, path: &Path) -> Result<Vec<u8>> {
    let name = &program.name;
    let elf = files::bytes(path)
        .with_context(|| format!("{name} is not built: reading {}", path.display()))?;
    let plan =
        Plan::parse(&elf).map_err(|why| anyhow!("{} cannot be loaded: {why:?}", path.display()))?;
    match budget_refusal(checked, program, &plan) {
        Some(refusal) => bail!("the system is refused\n\n{}", refusal.render()),
        None => Ok(elf),
    }
}

/// Why a program that is built cannot start with the budget of its service.
fn budget_refusal(checked: &Checked, program: &Program, plan: &Plan) -> Option<Diagnostic> {
    let service = checked.description.service(program.id)?;
    let image = plan.segments().map(|segment| segment.pages()).sum();
    let place = program.budget.as_ref()?;
    budget::refusal(&service.name, place, service.frames, service.stack_pages, Some(image))
}

/// The same of all programs that are built.
pub fn budget_refusals(checked: &Checked, elf_of: &dyn Fn(&Program) -> PathBuf) -> Vec<Diagnostic> {
    let refusal = |program: &Program| {
        let elf = files::bytes(&elf_of(program)).ok()?;
        budget_refusal(checked, program, &Plan::parse(&elf).ok()?)
    };
    checked.programs.iter().filter_map(refusal).collect()
}
