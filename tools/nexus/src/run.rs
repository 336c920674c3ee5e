//! `cargo nexus run`: boots to the prompt.

use crate::build::{self, Place};
use crate::cli::SystemArgs;
use crate::disk::OwnDisk;
use crate::exit::Exit;
use crate::ledger::Keeper;
use crate::qemu::{self, Lines};
use crate::test_os::chain::ARCHIVED;
use crate::test_os::fresh_nonce;
use anyhow::{Context, Result};
use clap::Args;
use nexus_store::TreeId;
use nexus_sysdesc::Description;
use nexus_sysdesc::archive::HOST_READS;
use std::fs;
use std::io::{BufReader, Read, pipe};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

/// Arguments of `cargo nexus run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// The QEMU to use.
    #[arg(long, value_name = "PATH", env = "NEXUS_QEMU")]
    qemu: Option<PathBuf>,
}

/// Builds, then hands the terminal to the guest. A system with a store has its disk for as long as it runs, and the
/// heads of its ledger are kept beside that.
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
    let mut keeper = disk.as_ref().map(|disk| Keeper::beside(disk.path(), nonce)).transpose()?;
    let mut command = qemu::command(&qemu, &board, &built.kernel, &initrd);
    // `reboot` starts the machine anew; a test run ends instead.
    command.args(["-action", "reboot=reset"]);
    eprintln!("nexus: booting; `poweroff`, or Ctrl-] and then X, leaves");
    let status = followed(command, |line| {
        if let Some(keeper) = &mut keeper {
            keeper.take(line);
        }
    })?;
    if let (Some(keeper), Some(disk)) = (keeper, disk) {
        let path = disk.path().to_owned();
        // Whoever looks asks for the lock.
        drop(disk);
        for note in keeper.end(&path, archive(&built.checked.description)) {
            eprintln!("nexus: {note}");
        }
    }
    Ok(if status.success() { Exit::Pass } else { Exit::Panic })
}

/// Runs QEMU on this terminal, and hands each line that the guest prints to `line`.
fn followed(mut command: Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    let (serial, copy) = pipe()?;
    qemu::on_terminal(&mut command, &copy)?;
    let mut child =
        command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
    // QEMU has the last one: what it writes ends with it.
    drop(copy);
    let mut lines = Lines::default();
    for byte in BufReader::new(serial).bytes() {
        if let Some(text) = lines.take(byte.context("reading what the guest prints")?) {
            line(&text);
        }
    }
    child.wait().context("waiting for QEMU")
}

/// The tree in which a system keeps its ledgers.
fn archive(description: &Description) -> Option<TreeId> {
    let services = description.services.iter();
    let archived = services.filter(|service| service.id == ARCHIVED).find_map(|one| one.tree)?;
    Some(TreeId(archived.id))
}
