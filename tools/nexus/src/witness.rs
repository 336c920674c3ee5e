//! `cargo nexus witness`: the page tables in a dump of guest memory.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus witness`.
#[derive(Args, Debug)]
pub struct WitnessArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &WitnessArgs) -> Result<Exit> {
    bail!("`cargo nexus witness` is not built yet")
}
