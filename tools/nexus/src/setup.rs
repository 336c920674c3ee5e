//! `cargo nexus setup`: what a build and a run need.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus setup`.
#[derive(Args, Debug)]
pub struct SetupArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &SetupArgs) -> Result<Exit> {
    bail!("`cargo nexus setup` is not built yet")
}
