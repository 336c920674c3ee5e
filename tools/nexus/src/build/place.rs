//! Where a system is built: the tree of its sources, and where cargo and the image go.

use crate::{image, paths};
use anyhow::Result;
use std::env;
use std::path::{Path, PathBuf};

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

    /// The standard system.
    #[must_use]
    pub fn standard_system(&self) -> PathBuf {
        self.root.join("system")
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
        let mut name = image::sha256(manifest.as_os_str().as_encoded_bytes());
        name.truncate(16);
        self.target.join("workspaces").join(name)
    }
}
