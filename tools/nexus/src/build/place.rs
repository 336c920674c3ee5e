//! Where a system is built: the tree of its sources, and where cargo and the image go.

use crate::cli::SystemArgs;
use crate::desc::{self, Checked};
use crate::{image, paths};
use anyhow::{Context, Result};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tree, and what is built from it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The root of the tree.
    pub root: PathBuf,
    /// Where built systems go.
    pub build: PathBuf,
    /// Where cargo works.
    pub target: PathBuf,
    /// What is wrong by a lint alone compiles, too: of code without a defence, some is unused.
    pub lenient: bool,
}

impl Place {
    /// The tree itself.
    ///
    /// # Errors
    /// See [`paths::root`].
    pub fn tree() -> Result<Place> {
        let root = paths::root()?;
        let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = target.unwrap_or_else(|| root.join("target"));
        Ok(Place { root, build: paths::build()?, target, lenient: false })
    }

    /// What calls the compiler so that no lint is an error.
    pub const WARNS: &str = "scripts/rustc-warns.sh";

    /// Lets `cargo`, for the host, compile in this tree what is wrong by a lint alone. Crates of others are compiled
    /// as in every tree.
    pub fn let_warn(&self, cargo: &mut Command) {
        cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS");
        cargo.env("RUSTC_WORKSPACE_WRAPPER", self.root.join(Place::WARNS));
    }

    /// Waits until nobody else builds a system here, and keeps others waiting until what this gives is dropped: what cargo
    /// has built is taken from where it builds the next.
    ///
    /// # Errors
    /// When there is no place for the lock.
    pub(super) fn alone(&self) -> Result<File> {
        fs::create_dir_all(&self.target).with_context(|| self.target.display().to_string())?;
        let lock = File::create(self.target.join("nexus.lock")).context("making a lock")?;
        lock.lock().context("waiting for another build")?;
        Ok(lock)
    }

    /// The standard system.
    #[must_use]
    pub fn standard_system(&self) -> PathBuf {
        self.root.join("system")
    }

    /// The system that is meant, read and checked.
    ///
    /// # Errors
    /// What it lacks.
    pub fn load(&self, args: &SystemArgs) -> Result<Checked> {
        let standard = self.standard_system();
        let system = args.system.as_deref().unwrap_or(&standard);
        desc::load_in(system, &standard, &args.profile)
    }

    /// Packages of the standard system. With them cargo compiles what each other system shares with it, by the features
    /// that all of these together want: so it is the same, and compiled once.
    ///
    /// # Errors
    /// What that system lacks.
    pub fn always(&self) -> Result<Vec<String>> {
        let checked = self.load(&SystemArgs { system: None, profile: "prod".to_owned() })?;
        let here = self.root.join("Cargo.toml");
        let mut programs = checked.programs;
        programs.retain(|program| program.manifest == here);
        Ok(programs.into_iter().map(|program| program.package).collect())
    }

    /// Where a system is built: called by its name and profile, and by a number made from the place
    /// of the system, because two systems can have one name.
    ///
    /// # Errors
    /// When the system is not there any more.
    pub fn folder(&self, checked: &Checked) -> Result<PathBuf> {
        self.folder_of(&checked.directory, &checked.description.name, &checked.profile)
    }

    /// The same for the system in `directory`.
    ///
    /// # Errors
    /// When it is not there.
    pub fn folder_of(&self, directory: &Path, name: &str, profile: &str) -> Result<PathBuf> {
        let directory =
            directory.canonicalize().with_context(|| directory.display().to_string())?;
        Ok(self.build.join(format!("{name}-{profile}-{}", number_of(&directory, 8))))
    }

    /// Where the workspace of `manifest` is compiled: in the target directory, or for another one
    /// than that of the tree in a directory of its own there. Cargo tells a package of one workspace
    /// from one of another by the path inside the workspace alone, and would take one copy of a
    /// system for another.
    #[must_use]
    pub fn target_of(&self, manifest: &Path) -> PathBuf {
        if manifest == self.root.join("Cargo.toml") {
            return self.target.clone();
        }
        self.target.join("workspaces").join(number_of(manifest, 16))
    }
}

/// A number of `digits` hexadecimal digits that is made from a path.
fn number_of(path: &Path, digits: usize) -> String {
    let mut number = image::sha256(path.as_os_str().as_encoded_bytes());
    number.truncate(digits);
    number
}
