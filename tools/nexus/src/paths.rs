//! Where things are.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The root of the Nexus tree that this tool was built from.
///
/// # Errors
/// When the tree has been moved away since.
pub fn root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().context("the Nexus tree is not where this tool was built; build it again")
}

/// The standard system.
///
/// # Errors
/// See [`root`].
pub fn standard_system() -> Result<PathBuf> {
    Ok(root()?.join("system"))
}
