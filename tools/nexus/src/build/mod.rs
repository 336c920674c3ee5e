//! `cargo nexus build`: kernel, services, image.

mod cargo;
mod defect;
mod elf;
mod reproducible;

pub use cargo::{target_dir, target_dir_of, target_of_broken};
pub use defect::Defect;

use crate::cli::SystemArgs;
use crate::desc::{self, Checked, Program};
use crate::exit::Exit;
use crate::progress::Step;
use crate::toolchain::Toolchain;
use crate::{broken, image, paths};
use anyhow::{Context, Result};
use clap::Args;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Arguments of `cargo nexus build`.
#[derive(Args, Debug)]
pub struct BuildArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// Leave out one defence (tests/broken.toml).
    #[arg(long, value_name = "NAME")]
    broken: Option<String>,
    /// Build a second time from a copy in another place, and compare.
    #[arg(long)]
    check_reproducible: bool,
}

/// Builds, and says what came out.
///
/// # Errors
/// When the description is wrong or something does not compile.
pub fn run(args: &BuildArgs) -> Result<Exit> {
    let broken = args.broken.as_deref().map(broken::find).transpose()?;
    let built = system(&args.system, broken.as_ref())?;
    println!("kernel {}", image::sha256(&fs::read(&built.kernel)?));
    println!("image  {}", image::sha256(&built.image));
    println!("in     {}", built.directory.display());
    if args.check_reproducible { reproducible::check(&args.system, &built) } else { Ok(Exit::Pass) }
}

/// A system that can be started.
#[derive(Debug)]
pub struct Built {
    /// What it was built from.
    pub checked: Checked,
    /// Where its files are.
    pub directory: PathBuf,
    /// The kernel without symbols.
    pub kernel: PathBuf,
    /// The kernel with line tables.
    pub kernel_debug: PathBuf,
    /// The boot archive, with nonce 0.
    pub image: Vec<u8>,
}

impl Built {
    /// The boot archive for the run with this nonce.
    #[must_use]
    pub fn image_for(&self, nonce: u64) -> Vec<u8> {
        let mut image = self.image.clone();
        image::set_nonce(&mut image, nonce);
        image
    }

    /// The same with a kernel that is not told to check itself.
    #[must_use]
    pub fn unwatched(self) -> Built {
        Built { checked: self.checked.unwatched(), ..self }
    }

    /// Physical ranges that the kernel image takes.
    ///
    /// # Errors
    /// When the kernel cannot be read back.
    pub fn kernel_ranges(&self) -> Result<Vec<Range<u64>>> {
        elf::physical_ranges(&fs::read(&self.kernel)?)
    }
}

/// Builds a system, with `broken` left out.
///
/// # Errors
/// With [`Exit::Build`] when something does not compile; else what the description lacks.
pub fn system(args: &SystemArgs, broken: Option<&broken::Defence>) -> Result<Built> {
    let checked = desc::load(args.system.as_deref(), &args.profile)?;
    let toolchain = Toolchain::find()?;
    let mut name = format!("{}-{}", checked.description.name, args.profile);
    if let Some(broken) = broken {
        name = format!("{name}-broken-{}", broken.name);
    }
    let directory = paths::build()?.join(name);
    fs::create_dir_all(directory.join("debug"))?;

    let step = Step::start("kernel");
    let left_out = broken.filter(|broken| broken.in_kernel());
    let kernel_debug = kernel(&toolchain, &directory, checked.checker(), left_out)?;
    step.done();

    let step = Step::start("services");
    let left_out = broken.filter(|broken| !broken.in_kernel());
    let programs = programs(&toolchain, &directory, &checked.programs, left_out)?;
    step.done();

    let elf_of = |program: &Program| programs.get(&program.id).cloned().unwrap_or_default();
    let image = image::build(&checked, &elf_of)?;
    fs::write(directory.join("boot.img"), &image)?;
    let kernel = directory.join("neuron.elf");
    Ok(Built { checked, directory, kernel, kernel_debug, image })
}

fn kernel(
    toolchain: &Toolchain,
    directory: &Path,
    checker: bool,
    broken: Option<&broken::Defence>,
) -> Result<PathBuf> {
    let manifest = paths::root()?.join("Cargo.toml");
    let packages = &["neuron".to_owned()];
    let features: &[&str] = if checker { &["neuron/checker"] } else { &[] };
    let job = cargo::Job { manifest: &manifest, packages, features, broken };
    let binaries = cargo::build(toolchain, &job)?;
    place(&binaries.join("neuron"), directory, "neuron", "neuron.elf")?;
    Ok(directory.join("debug/neuron"))
}

/// Builds every program, those of one manifest together; returns the stripped file of each id.
/// Only the package that holds a broken defence is built without it.
fn programs(
    toolchain: &Toolchain,
    directory: &Path,
    programs: &[Program],
    broken: Option<&broken::Defence>,
) -> Result<BTreeMap<u32, PathBuf>> {
    let mut jobs: BTreeMap<(&Path, bool), Vec<&Program>> = BTreeMap::new();
    for program in programs {
        let without = broken.is_some_and(|broken| broken.affects(&program.package));
        jobs.entry((&program.manifest, without)).or_default().push(program);
    }
    let mut files = BTreeMap::new();
    for ((manifest, without), members) in jobs {
        let mut packages: Vec<String> = members.iter().map(|one| one.package.clone()).collect();
        packages.sort_unstable();
        packages.dedup();
        let left_out = broken.filter(|_| without);
        let job = cargo::Job { manifest, packages: &packages, features: &[], broken: left_out };
        let binaries = cargo::build(toolchain, &job)?;
        for program in members {
            let file = format!("{}.elf", program.name);
            place(&binaries.join(&program.bin), directory, &program.name, &file)?;
            files.insert(program.id, directory.join(file));
        }
    }
    Ok(files)
}

/// Copies a binary to `debug/<name>` and its loadable part to `file`.
fn place(binary: &Path, directory: &Path, name: &str, file: &str) -> Result<()> {
    let elf = fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
    fs::write(directory.join("debug").join(name), &elf)?;
    let stripped = elf::strip(&elf).with_context(|| format!("stripping {}", binary.display()))?;
    fs::write(directory.join(file), stripped).context("writing the stripped file")
}
