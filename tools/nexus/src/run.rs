//! `cargo nexus run`: boots to the prompt.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus run`.
#[derive(Args, Debug)]
pub struct RunArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &RunArgs) -> Result<Exit> {
    bail!("`cargo nexus run` is not built yet")
}
