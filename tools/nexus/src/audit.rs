//! `cargo nexus audit`: who may touch what, from the built image.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &AuditArgs) -> Result<Exit> {
    bail!("`cargo nexus audit` is not built yet")
}
