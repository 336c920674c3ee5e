//! `cargo nexus symbolize`: names for addresses.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus symbolize`.
#[derive(Args, Debug)]
pub struct SymbolizeArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &SymbolizeArgs) -> Result<Exit> {
    bail!("`cargo nexus symbolize` is not built yet")
}
