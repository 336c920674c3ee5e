//! The description: `system/` read, checked and compiled.
//!
//! A system is a directory, or several: one may extend another (`layers`). Its files are read
//! with their places (`source`, `table`, `files`), merged (`merge`), checked (`rules`)
//! and compiled (`compile`). Whatever is wrong ends up in one [`Report`], which says where and
//! what to do.

pub(crate) mod budget;
mod classes;
mod compile;
mod diagnostic;
mod expect;
pub(crate) mod files;
mod kind;
mod layers;
mod lists;
mod manifest;
mod merge;
mod model;
pub(crate) mod net;
mod programs;
mod qemu;
mod report;
mod rules;
mod size;
pub(crate) mod source;
pub(crate) mod suggest;
mod syntax;
pub(crate) mod table;
mod tests_layer;
mod unread;
mod values;
mod workspace;

use anyhow::{Result, anyhow, bail};
pub use diagnostic::{Diagnostic, Place};
pub use expect::{Cuts, Ends, Expect, Peer, Prompt, Random, Refusal};
pub use kind::Kind;
use nexus_sysdesc::{Description, Proof};
pub use programs::Program;
pub(crate) use qemu::words::property;
pub use report::Report;
pub(crate) use report::Reporter;
pub use source::{Source, Span};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
pub use tests_layer::reserved;

use crate::paths;
use source::Paths;

/// A system in one profile that has passed every check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The name of the profile's file.
    pub profile: String,
    /// What the guest reads of it.
    pub description: Description,
    /// The directory of the system.
    pub directory: PathBuf,
    /// Every program of the image, init included, by service id.
    pub programs: Vec<Program>,
    /// The tests are laid over it.
    pub judged: bool,
    /// By service id, what it must prove in the first of two boots in the place of the rest. Where nobody has
    /// any, there is one boot.
    pub first_boot: BTreeMap<u32, Vec<Proof>>,
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
    let tests = paths::tests_beside(standard);
    let checked = check_with_tests(dir, standard, Some(&tests), &here);
    checked?.map_err(|report| anyhow!("the system is refused\n\n{report}"))
}

/// As [`check_with_tests`], without tests.
///
/// # Errors
/// As there.
pub fn check(
    dir: &Path,
    standard: &Path,
    shown_from: &Path,
) -> Result<Result<Vec<Checked>, Report>> {
    check_with_tests(dir, standard, None, shown_from)
}

/// Reads and checks the system in `dir`, and compiles every profile. `standard` is what
/// `extends = "standard"` means, `tests` the system of tests that is laid over the others; paths are
/// shown relative to `shown_from`.
///
/// # Errors
/// Outside, what went wrong with the tool; inside, why the system is refused.
pub fn check_with_tests(
    dir: &Path,
    standard: &Path,
    tests: Option<&Path>,
    shown_from: &Path,
) -> Result<Result<Vec<Checked>, Report>> {
    let reporter = Reporter::new(Paths::relative_to(shown_from));
    let (own, judged) = match read(&reporter, dir, standard, tests) {
        Ok(systems) => systems,
        Err(report) => return Ok(Err(report)),
    };
    let mut all = compile_all(&own, dir, false, &reporter)?;
    for system in &judged {
        all.extend(compile_all(system, dir, true, &reporter)?);
    }
    Ok(reporter.stop_if_refused().map(|()| all))
}

/// The system as it is, and what is judged of it.
type Systems = (model::System, Vec<model::System>);

fn read(
    reporter: &Reporter,
    dir: &Path,
    standard: &Path,
    tests: Option<&Path>,
) -> Result<Systems, Report> {
    let layers = layers::read_layers(reporter, dir, standard);
    let mut own = merge::merge(reporter, layers).ok_or_else(|| reporter.report())?;
    let tests = tests.map(|dir| tests_layer::read_tests(reporter, dir));
    let judged = tests.as_ref().map(|tests| tests.judged(&own)).unwrap_or_default();
    if tests.is_some() {
        own.profiles.retain(|profile| !tests_layer::is_laid_over(profile));
    }
    if let Some(expect) = expect::read(reporter, dir) {
        let all = own.profiles.iter().chain(judged.iter().flat_map(|system| &system.profiles));
        let names: Vec<&str> = all.map(|profile| profile.name.as_str()).collect();
        // What could not be read is unread by its name alone: a service's, or a profile's.
        if own.is_whole(expect.profile_of_run()) {
            expect::check_profile(&expect, &names, reporter);
        }
    }
    tests_layer::check_own(&own, reporter);
    rules::check(&own, reporter);
    // The same mistake looks otherwise beside the tests.
    reporter.only_new_places();
    if let (Some(tests), false) = (&tests, judged.is_empty()) {
        tests.check(reporter);
        if tests.check_over(&own, reporter) {
            judged.iter().for_each(|system| rules::check(system, reporter));
        }
    }
    reporter.stop_if_refused()?;
    Ok((own, judged))
}

fn compile_all(
    system: &model::System,
    dir: &Path,
    judged: bool,
    reporter: &Reporter,
) -> Result<Vec<Checked>> {
    let profiles = system.profiles.iter();
    profiles
        .map(|profile| {
            let description = compile::compile(system, profile)?;
            size::check(system, profile, &description, reporter);
            let first_boot = compile::first_boot(system, profile);
            let services = description.services.iter();
            let programs = services
                .filter_map(|service| programs::of_service(system.service(&service.name)?))
                .collect();
            Ok(Checked {
                profile: profile.name.value.clone(),
                description,
                directory: dir.to_path_buf(),
                programs,
                judged,
                first_boot,
                board_args: qemu::arguments(system, profile),
                watch: qemu::watch(system, profile),
                count: profile.count.is_some(),
                memory: u64::from(system.memory_mib()) << 20,
            })
        })
        .collect()
}
