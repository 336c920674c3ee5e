//! `cargo nexus build`: kernel, services, image.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus build`.
#[derive(Args, Debug)]
pub struct BuildArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &BuildArgs) -> Result<Exit> {
    bail!("`cargo nexus build` is not built yet")
}
