//! The description: `system/` read, checked and compiled.

use anyhow::{Result, bail};
use nexus_sysdesc::Description;
use std::path::{Path, PathBuf};

/// A system that has passed every check.
#[derive(Debug)]
pub struct Checked {
    /// What the guest reads of it.
    pub description: Description,
    /// The directory of the system.
    pub directory: PathBuf,
    /// Every program of the image, init included.
    pub programs: Vec<Program>,
}

/// A program of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Service id.
    pub id: u32,
    /// Service name.
    pub name: String,
    /// The cargo package.
    pub package: String,
    /// The binary of that package.
    pub bin: String,
    /// The `Cargo.toml` that it is built from.
    pub manifest: PathBuf,
}

impl Checked {
    /// Arguments for QEMU that make the board.
    #[must_use]
    pub fn qemu_args(&self) -> Vec<String> {
        Vec::new()
    }

    /// First address and bytes of RAM.
    #[must_use]
    pub fn ram(&self) -> (u64, u64) {
        (0x8000_0000, 128 << 20)
    }

    /// Service and proof, all that must be given.
    #[must_use]
    pub fn required_proofs(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Reads and checks a system.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(_system: Option<&Path>, _profile: &str) -> Result<Checked> {
    bail!("the description is not read yet")
}
