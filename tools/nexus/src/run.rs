//! `cargo nexus run`: boots to the prompt, and leads to the page.

mod doors;
mod network;

use crate::build::{self, Place};
use crate::cli::SystemArgs;
use crate::debugger::Live;
use crate::disk::OwnDisk;
use crate::exit::Exit;
use crate::image::hex;
use crate::ledger::Keeper;
use crate::qemu;
use crate::test_os::chain::ARCHIVED;
use crate::test_os::fresh_nonce;
use anyhow::{Context, Result, bail};
use clap::Args;
use doors::{Doors, Screen};
use network::NetworkArgs;
use nexus_store::TreeId;
use nexus_sysdesc::Description;
use nexus_sysdesc::archive::{HOST_READS, image_hash};
use std::ffi::OsString;
use std::fs;
use std::io::{BufReader, Read, pipe};
use std::panic;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::channel;
use std::thread;

/// Arguments of `cargo nexus run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    system: SystemArgs,
    /// The QEMU to use.
    #[arg(long, value_name = "PATH", env = "NEXUS_QEMU")]
    qemu: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Let `cargo nexus gdb` attach, by a socket that nobody else may reach.
    #[arg(long)]
    gdb: bool,
    /// Arguments for QEMU, behind all others: `-- -S` stands still until a debugger lets the machine go on.
    #[arg(last = true, value_name = "QEMU ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// Builds, then hands the terminal to the guest. A system with a store has its disk for as long as it runs, and the
/// heads of its ledger are kept beside that.
///
/// # Errors
/// When the disk is not the described one or in use, the system cannot be built, or QEMU cannot be started, as where
/// a port cannot be had that is to lead to the page.
pub fn run(args: &RunArgs) -> Result<Exit> {
    let qemu = qemu::find(args.qemu.as_deref())?;
    let place = Place::tree()?;
    let disk = OwnDisk::of(&place.load(&args.system)?)?;
    if let Some(disk) = &disk {
        eprintln!("nexus: {}", disk.shown());
    }
    let built = build::system_in(&place, &args.system, None)?;
    let initrd = built.directory.join("run.img");
    // A person reads this run, and no host: init prints no record between the lines.
    let nonce = fresh_nonce()? & !HOST_READS;
    fs::write(&initrd, built.image_for(nonce)).context("writing the image of this run")?;
    let board = built.checked.qemu_args();
    let board = match &disk {
        Some(disk) => disk.arguments(board)?,
        None => board,
    };
    let (board, doors) = network::set_up(board, &built.checked.description, args.network)?;
    let mut keeper = disk.as_ref().map(|disk| Keeper::beside(disk.path(), nonce)).transpose()?;
    let mut command = qemu::command(&qemu, &board, &built.kernel, &initrd);
    // `reboot` starts the machine anew; a test run ends instead.
    command.args(["-action", "reboot=reset"]);
    let live = args.gdb.then(|| Live::of(&built.directory).open(&hex(&image_hash(&built.image))));
    let live = live.transpose()?;
    if let Some(live) = &live {
        qemu::debuggable(&mut command, &live.gdb());
        let about = args.system.as_arguments();
        eprintln!(
            "nexus: `cargo nexus gdb{about} SERVICE`, in another terminal, attaches a debugger"
        );
    }
    command.args(&args.arguments);
    eprintln!("nexus: booting; `poweroff`, or Ctrl-] and then X, leaves");
    let doors = Doors::attach(doors, &mut command)?;
    let status = followed(command, &doors, |line| {
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

/// Runs QEMU on this terminal, says what leads to the guest, and hands each line that the guest prints to `line`.
fn followed(mut command: Command, doors: &Doors, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    let (serial, copy) = pipe()?;
    qemu::on_terminal(&mut command, &copy)?;
    let mut child =
        command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
    // QEMU has the last one: what it writes ends with it.
    drop(copy);
    let screen = Screen::default();
    let (runs, over) = channel();
    thread::scope(|scope| {
        let to = &screen;
        let said = scope.spawn(move || doors.say(to, &over));
        for byte in BufReader::new(serial).bytes() {
            let Ok(byte) = byte else { break };
            if let Some(text) = screen.take(byte) {
                line(&text);
            }
        }
        let status = child.wait().context("waiting for QEMU");
        drop(runs);
        doors.close();
        let said = said.join().unwrap_or_else(|why| panic::resume_unwind(why));
        if !said {
            bail!("QEMU has started no machine; why is what it says above");
        }
        status
    })
}

/// The tree in which a system keeps its ledgers.
fn archive(description: &Description) -> Option<TreeId> {
    let services = description.services.iter();
    let archived = services.filter(|service| service.id == ARCHIVED).find_map(|one| one.tree)?;
    Some(TreeId(archived.id))
}
