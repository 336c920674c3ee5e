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
