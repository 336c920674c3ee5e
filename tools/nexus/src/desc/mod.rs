//! The description: `system/` read, checked and compiled.
//!
//! A system is a directory, or several: one may extend another (`layers`). Its files are read
//! with their places (`source`, `table`, `files`), merged (`merge`), checked (`rules`)
//! and compiled (`compile`). Whatever is wrong ends up in one [`Report`], which says where and
//! what to do.

mod classes;
mod compile;
mod diagnostic;
pub(crate) mod files;
mod kind;
mod layers;
mod lists;
mod merge;
mod model;
mod programs;
mod qemu;
mod report;
mod rules;
pub(crate) mod source;
pub(crate) mod suggest;
mod syntax;
pub(crate) mod table;
mod unread;
mod values;

use anyhow::{Result, anyhow, bail};
pub use diagnostic::{Diagnostic, Place};
pub use kind::Kind;
use nexus_sysdesc::Description;
pub use programs::Program;
pub use report::Report;
pub(crate) use report::Reporter;
pub use source::{Source, Span};
use std::path::{Path, PathBuf};

use crate::paths;
use source::Paths;

/// A system in one profile that has passed every check.
#[derive(Debug)]
pub struct Checked {
    /// The name of the profile's file.
    pub profile: String,
    /// What the guest reads of it.
    pub description: Description,
    /// The directory of the system.
    pub directory: PathBuf,
    /// Every program of the image, init included, by service id.
    pub programs: Vec<Program>,
    board_args: Vec<String>,
    watch: Option<String>,
    count: bool,
    memory: u64,
}

impl Checked {
    /// Arguments for QEMU that make the board, and those for the kernel. Kernel, image and serial port
    /// are not among them.
    #[must_use]
    pub fn qemu_args(&self) -> Vec<String> {
        let append = |watch: &String| ["-append".to_owned(), watch.clone()];
        let kernel = self.watch.iter().flat_map(append);
        self.board_args.iter().cloned().chain(kernel).collect()
    }

    /// What the kernel is built with: the checker, where it checks itself after the calls of some
    /// services, and `instret`, where programs may count instructions.
    #[must_use]
    pub fn kernel_features(&self) -> Vec<&'static str> {
        let features = [("neuron/checker", self.watch.is_some()), ("neuron/instret", self.count)];
        features.into_iter().filter(|(_, has)| *has).map(|(feature, _)| feature).collect()
    }

    /// The same with a kernel that is not told to check itself.
    #[must_use]
    pub fn unwatched(self) -> Checked {
        Checked { watch: None, ..self }
    }

    /// First address and bytes of RAM.
    #[must_use]
    pub fn ram(&self) -> (u64, u64) {
        (qemu::RAM_BASE, self.memory)
    }

    /// Service and proof, all that a test run must see. Empty for a `prod` profile.
    #[must_use]
    pub fn required_proofs(&self) -> Vec<(String, String)> {
        let services = self.description.services.iter();
        services
            .flat_map(|service| {
                service.must_prove.iter().map(|proof| (service.name.clone(), proof.name.clone()))
            })
            .collect()
    }
}

/// Reads and checks a system, in every profile, and compiles one. `None` is the standard system.
///
/// # Errors
/// Everything that is wrong with it, as text.
pub fn load(system: Option<&Path>, profile: &str) -> Result<Checked> {
    let standard = paths::standard_system()?;
    load_in(system.unwrap_or(&standard), &standard, profile)
}

/// As [`load`], the system in `dir`; `standard` is what `extends = "standard"` means.
///
/// # Errors
/// See [`load`].
pub fn load_in(dir: &Path, standard: &Path, profile: &str) -> Result<Checked> {
    let mut all = all_in(dir, standard)?;
    let names: Vec<String> = all.iter().map(|checked| checked.profile.clone()).collect();
    let Some(index) = names.iter().position(|name| name == profile) else {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        bail!(
            "the system has no profile `{profile}`; {}",
            suggest::instead(profile, "profiles", &names)
        );
    };
    Ok(all.swap_remove(index))
}

/// Reads and checks a system, and compiles every profile. `None` is the standard system.
///
/// # Errors
/// Everything that is wrong with it, as text.
pub fn load_all(system: Option<&Path>) -> Result<Vec<Checked>> {
    let standard = paths::standard_system()?;
    all_in(system.unwrap_or(&standard), &standard)
}

fn all_in(dir: &Path, standard: &Path) -> Result<Vec<Checked>> {
    let here = std::env::current_dir()?;
    let checked = check(dir, standard, &here);
    checked?.map_err(|report| anyhow!("the system is refused\n\n{report}"))
}

/// Reads and checks the system in `dir`, and compiles every profile. `standard` is what
/// `extends = "standard"` means; paths are shown relative to `shown_from`.
///
/// # Errors
/// Outside, what went wrong with the tool; inside, why the system is refused.
pub fn check(
    dir: &Path,
    standard: &Path,
    shown_from: &Path,
) -> Result<Result<Vec<Checked>, Report>> {
    let reporter = Reporter::new(Paths::relative_to(shown_from));
    match read(&reporter, dir, standard) {
        Ok(system) => compile_all(&system, dir).map(Ok),
        Err(report) => Ok(Err(report)),
    }
}

fn read(reporter: &Reporter, dir: &Path, standard: &Path) -> Result<model::System, Report> {
    let layers = layers::read_layers(reporter, dir, standard);
    let system = merge::merge(reporter, layers).ok_or_else(|| reporter.report())?;
    rules::check(&system, reporter);
    reporter.stop_if_refused()?;
    Ok(system)
}

fn compile_all(system: &model::System, dir: &Path) -> Result<Vec<Checked>> {
    let profiles = system.profiles.iter();
    profiles
        .map(|profile| {
            let description = compile::compile(system, profile)?;
            let services = description.services.iter();
            let programs = services
                .filter_map(|service| programs::of_service(system.service(&service.name)?))
                .collect();
            Ok(Checked {
                profile: profile.name.value.clone(),
                description,
                directory: dir.to_path_buf(),
                programs,
                board_args: qemu::arguments(system, profile),
                watch: qemu::watch(system, profile),
                count: profile.count.is_some(),
                memory: u64::from(system.memory_mib()) << 20,
            })
        })
        .collect()
}
