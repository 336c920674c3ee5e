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

/// Who may touch what.
#[derive(Debug)]
pub struct Audit {
    /// One line for each grant.
    pub windows: Vec<AuditWindow>,
}

/// One window and its owner.
#[derive(Debug)]
pub struct AuditWindow {
    /// Service id.
    pub service: u32,
    /// Number of the device.
    pub device: u16,
    /// Name of the device.
    pub device_name: String,
    /// Bytes.
    pub len: u64,
    /// Rights (nexus-abi bits).
    pub rights: u16,
}

/// Reads the audit out of an image.
///
/// # Errors
/// When it is not an image.
pub fn of_image(_image: &[u8]) -> Result<Audit> {
    bail!("not built yet")
}
