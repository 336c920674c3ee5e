//! `cargo nexus test-os`: boots the test profile and judges the run.

use crate::exit::Exit;
use anyhow::{Result, bail};
use clap::Args;

/// Arguments of `cargo nexus test-os`.
#[derive(Args, Debug)]
pub struct TestOsArgs {}

/// Runs the command.
///
/// # Errors
/// When it cannot be carried out.
pub fn run(_args: &TestOsArgs) -> Result<Exit> {
    bail!("`cargo nexus test-os` is not built yet")
}
