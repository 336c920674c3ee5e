//! `cargo nexus build`: kernel, services, image.

mod cargo;
mod elf;
mod origin;
mod place;
mod reproducible;
mod sources;
mod twin;

pub use origin::{Origin, image, is_of};
pub use place::Place;
pub use sources::Sources;
pub use twin::Twin;

pub(crate) use cargo::names;

use crate::cli::SystemArgs;
use crate::desc::{Checked, Program};
use crate::exit::Exit;
use crate::image as boot_image;
use crate::progress::Step;
use crate::toolchain::Toolchain;
use anyhow::{Context, Result};
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use twin::Same;

/// Arguments of `cargo nexus build`.
#[derive(Args, Debug)]
pub struct BuildArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// Build a second time from a copy in another place, and compare.
    #[arg(long)]
    check_reproducible: bool,
}

/// Builds, and says what came out.
///
/// # Errors
/// When the description is wrong or something does not compile.
pub fn run(args: &BuildArgs) -> Result<Exit> {
    let built = system(&args.system)?;
    println!("kernel {}", boot_image::sha256(&fs::read(&built.kernel)?));
    println!("image  {}", boot_image::sha256(&built.image));
    println!("in     {}", built.directory.display());
    if args.check_reproducible { reproducible::check(&args.system, &built) } else { Ok(Exit::Pass) }
}

/// A system that can be started.
#[derive(Clone, Debug)]
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
        boot_image::set_nonce(&mut image, nonce);
        image
    }

    /// The same, all files moved to the directory `to`.
    ///
    /// # Errors
    /// When they cannot be moved there.
    pub fn moved_to(self, to: &Path) -> Result<Built> {
        fs::rename(&self.directory, to).with_context(|| format!("moving to {}", to.display()))?;
        let (kernel, kernel_debug) = (to.join("neuron.elf"), to.join("debug/neuron"));
        Ok(Built { directory: to.to_path_buf(), kernel, kernel_debug, ..self })
    }

    /// The same, whose runs leave what they write in a directory `name` of their own.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn apart(&self, name: &str) -> Result<Built> {
        let directory = self.directory.join(name);
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        Ok(Built { directory, ..self.clone() })
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

/// Builds a system of the tree.
///
/// # Errors
/// See [`system_in`].
pub fn system(args: &SystemArgs) -> Result<Built> {
    system_in(&Place::tree()?, args, None)
}

/// Builds a system in `place`, with programs of its twin that are the same.
///
/// # Errors
/// With [`Exit::Build`] when something does not compile; else what the description lacks.
pub fn system_in(place: &Place, args: &SystemArgs, twin: Option<&Twin>) -> Result<Built> {
    let checked = place.load(args)?;
    let toolchain = Toolchain::find()?;
    let _alone = place.alone()?;
    let directory = place.folder(&checked)?;
    fs::create_dir_all(directory.join("debug"))?;
    let same = twin.and_then(|twin| twin.same(place, &checked));
    let (directory, sources) = (directory.as_path(), Sources::new());
    let mut compiler = Compiler { toolchain, place, same, directory, sources };

    let step = Step::start("kernel");
    let kernel_debug = compiler.kernel(&checked.kernel_features())?;
    step.done();

    let step = Step::start("services");
    let programs = compiler.programs(&checked.programs)?;
    step.done();

    let elf_of = |program: &Program| programs.get(&program.id).cloned().unwrap_or_default();
    let image = boot_image::build(&checked, &elf_of)?;
    Origin::keep(&checked, compiler.sources, &image, directory)?;
    let (directory, kernel) = (directory.to_path_buf(), directory.join("neuron.elf"));
    Ok(Built { checked, directory, kernel, kernel_debug, image })
}

/// What compiles a system into a directory.
struct Compiler<'a> {
    toolchain: Toolchain,
    place: &'a Place,
    /// Programs that need not be compiled.
    same: Option<Same<'a>>,
    directory: &'a Path,
    /// What it has compiled so far.
    sources: Sources,
}

impl Compiler<'_> {
    fn kernel(&mut self, features: &[&str]) -> Result<PathBuf> {
        let manifest = self.place.root.join("Cargo.toml");
        if let Some(same) = self.same_as("neuron") {
            self.put(&same, &manifest, "neuron", "neuron.elf")?;
            return Ok(self.directory.join("debug/neuron"));
        }
        let kernel = &["neuron".to_owned()];
        let job = cargo::Job {
            manifest: &manifest,
            packages: kernel,
            binaries: kernel,
            features,
            place: self.place,
        };
        let binaries = cargo::build(&self.toolchain, &job)?;
        self.put(&binaries.join("neuron"), &manifest, "neuron", "neuron.elf")?;
        Ok(self.directory.join("debug/neuron"))
    }

    /// The binary of this name, when it need not be compiled.
    fn same_as(&self, name: &str) -> Option<PathBuf> {
        self.same.as_ref()?.program(name)
    }

    /// Builds every program, those of one manifest together; returns the stripped file of each id.
    fn programs(&mut self, programs: &[Program]) -> Result<BTreeMap<u32, PathBuf>> {
        let mut jobs: BTreeMap<&Path, Vec<&Program>> = BTreeMap::new();
        let mut files = BTreeMap::new();
        for program in programs {
            match self.same_as(&program.name) {
                Some(same) => self.put_program(&same, program, &mut files)?,
                None => jobs.entry(&program.manifest).or_default().push(program),
            }
        }
        for (manifest, members) in jobs {
            let mut packages: BTreeSet<String> =
                members.iter().map(|one| one.package.clone()).collect();
            if manifest == self.place.root.join("Cargo.toml") {
                packages.extend(self.place.always()?);
            }
            let binaries: BTreeSet<String> = members.iter().map(|one| one.bin.clone()).collect();
            let job = cargo::Job {
                manifest,
                packages: &Vec::from_iter(packages),
                binaries: &Vec::from_iter(binaries),
                features: &[],
                place: self.place,
            };
            let binaries = cargo::build(&self.toolchain, &job)?;
            for program in members {
                self.put_program(&binaries.join(&program.bin), program, &mut files)?;
            }
        }
        Ok(files)
    }

    fn put_program(
        &mut self,
        binary: &Path,
        program: &Program,
        files: &mut BTreeMap<u32, PathBuf>,
    ) -> Result<()> {
        let file = format!("{}.elf", program.name);
        self.put(binary, &program.manifest, &program.name, &file)?;
        files.insert(program.id, self.directory.join(file));
        Ok(())
    }

    /// Copies a binary to `debug/<name>`, with the list of what it was compiled from, and its loadable part to `file`.
    fn put(&mut self, binary: &Path, manifest: &Path, name: &str, file: &str) -> Result<()> {
        let elf = fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
        let kept = self.directory.join("debug").join(name);
        fs::write(&kept, &elf)?;
        let list = sources::list_of(binary);
        fs::copy(&list, sources::list_of(&kept))
            .with_context(|| format!("copying {}", list.display()))?;
        let stripped = elf::strip(&elf);
        let stripped = stripped.with_context(|| format!("stripping {}", binary.display()))?;
        fs::write(self.directory.join(file), stripped).context("writing the stripped file")?;
        sources::add(&mut self.sources, binary, manifest)
    }
}
