//! `cargo nexus bench`: measurements beside the peers' figures.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &BenchArgs) -> Result<Exit> {
    bail!("`cargo nexus bench` is not built yet")
}
