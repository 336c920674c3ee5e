//! `cargo nexus run`: boots to the prompt.

use crate::build::{self, Place};
use crate::cli::SystemArgs;
use crate::disk::OwnDisk;
use crate::exit::Exit;
use crate::qemu;
use crate::test_os::fresh_nonce;
use anyhow::{Context, Result};
use clap::Args;
use nexus_sysdesc::archive::HOST_READS;
use std::fs;
use std::path::PathBuf;

/// Arguments of `cargo nexus run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// The QEMU to use.
    #[arg(long, value_name = "PATH", env = "NEXUS_QEMU")]
    qemu: Option<PathBuf>,
}

/// Builds, then hands the terminal to the guest. A system with a store has its disk for as long as it runs.
///
/// # Errors
/// When the disk is not the described one or in use, the system cannot be built, or QEMU cannot be started.
pub fn run(args: &RunArgs) -> Result<Exit> {
    let qemu = qemu::find(args.qemu.as_deref())?;
    let place = Place::tree()?;
    let disk = OwnDisk::of(&place.load(&args.system)?)?;
    if let Some(disk) = &disk {
        eprintln!("nexus: {}", disk.shown());
    }
    let built = build::system_in(&place, &args.system)?;
    let initrd = built.directory.join("run.img");
    // A person reads this run, and no host: init prints no record between the lines.
    let nonce = fresh_nonce()? & !HOST_READS;
    fs::write(&initrd, built.image_for(nonce)).context("writing the image of this run")?;
    let board = built.checked.qemu_args();
    let board = match &disk {
        Some(disk) => disk.arguments(board)?,
        None => board,
    };
    let mut command = qemu::command(&qemu, &board, &built.kernel, &initrd);
    // Ctrl-] (0x1d) instead of QEMU's Ctrl-A, which the line editor has a use for.
    command.args(["-serial", "mon:stdio", "-echr", "0x1d"]);
    // `reboot` starts the machine anew; a test run ends instead.
    command.args(["-action", "reboot=reset"]);
    eprintln!("nexus: booting; `poweroff`, or Ctrl-] and then X, leaves");
    let status = command.status().with_context(|| format!("starting {}", qemu.display()))?;
    Ok(if status.success() { Exit::Pass } else { Exit::Panic })
}
