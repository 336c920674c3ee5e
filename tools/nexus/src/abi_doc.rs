//! `cargo nexus abi-doc`: the reference page of system calls.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus abi-doc`.
#[derive(Args, Debug)]
pub struct AbiDocArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &AbiDocArgs) -> Result<Exit> {
    bail!("`cargo nexus abi-doc` is not built yet")
}
