//! `cargo nexus image`: the boot image.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus image`.
#[derive(Args, Debug)]
pub struct ImageArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &ImageArgs) -> Result<Exit> {
    bail!("`cargo nexus image` is not built yet")
}

/// The boot archive of a system, with nonce 0.
///
/// # Errors
/// When a program cannot be read.
pub fn build(
    _checked: &crate::desc::Checked,
    _elf_of: &dyn Fn(&crate::desc::Program) -> std::path::PathBuf,
) -> Result<Vec<u8>> {
    bail!("not built yet")
}

/// Writes the number of a run into an image.
pub fn set_nonce(_image: &mut [u8], _nonce: u64) {}

/// The hash of some bytes, in hexadecimal.
#[must_use]
pub fn sha256(_bytes: &[u8]) -> String {
    String::new()
}
