//! `cargo nexus check`: the description, checked.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus check`.
#[derive(Args, Debug)]
pub struct CheckArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &CheckArgs) -> Result<Exit> {
    bail!("`cargo nexus check` is not built yet")
}
