//! The machine of a run: one board, one number of the run, one disk, booted once or twice.

use super::described::virtio_id;
use super::drive::{self, Plan, Run, Until};
use super::frames::Networks;
use super::judge::Boot;
use super::page::{self, Asked};
use super::session::Options;
use super::wire::Wire;
use crate::build::Built;
use crate::desc::Expect;
use crate::qemu;
use crate::qemu::disk::{Backing, Slot, fresh};
use crate::symbolize::Symbols;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The machine.
pub(super) struct Machine<'a> {
    built: &'a Built,
    nonce: u64,
    board: Vec<String>,
    qemu: PathBuf,
    symbols: Symbols,
    initrd: PathBuf,
    quiet: bool,
    /// What is left of the time for all boots.
    left: Duration,
    /// By whom its page is asked for, where a port of this machine leads to one.
    page: Option<Asked>,
    /// Its networks.
    pub(super) networks: Networks,
    /// The peer on the other end of its network, where there is one.
    pub(super) wire: Option<Wire>,
    /// What all boots printed.
    pub(super) console: Vec<String>,
}

impl<'a> Machine<'a> {
    /// The machine for `built`, with the disk that the run needs.
    ///
    /// # Errors
    /// When its files cannot be written, or there is no QEMU.
    pub(super) fn new(
        built: &'a Built,
        options: &Options,
        expect: Option<&Expect>,
        nonce: u64,
    ) -> Result<Machine<'a>> {
        let initrd = built.directory.join("run.img");
        fs::write(&initrd, built.image_for(nonce)).context("writing the image of this run")?;
        let mut board = board(built, expect)?;
        let wire = Wire::of(&mut board, expect, options.packets, nonce)?;
        let page = page::is_reached(&built.checked.description) && page::forward(&mut board);
        let page = page.then_some(options.page);
        if let Some(firmware) = &options.firmware {
            board.extend(["-L".to_owned(), firmware.display().to_string()]);
        }
        Ok(Machine {
            built,
            nonce,
            page,
            networks: Networks::of(&board, &built.directory),
            board,
            qemu: qemu::find(options.qemu.as_deref())?,
            symbols: Symbols::load(&built.kernel_debug)?,
            initrd,
            quiet: options.quiet,
            left: options.limit,
            wire,
            console: Vec::new(),
        })
    }

    /// Boots it, and follows it to its end; its page, if it has one, is looked at in the last boot, when all is
    /// proved.
    ///
    /// # Errors
    /// When QEMU cannot be started, or the handshake of the witness breaks.
    pub(super) fn boot(&mut self, boot: Boot, until: Until) -> Result<Run> {
        let mut command = qemu::command(&self.qemu, &self.board, &self.built.kernel, &self.initrd);
        command.args(self.networks.dump()?);
        let checked = &self.built.checked;
        let played = self.wire.as_ref().map(Wire::play).transpose()?;
        let run = drive::run(Plan {
            command,
            // Where QEMU counts instructions as time, 7.2 does not go on after a debugger's stop.
            opens: checked.judged,
            nonce: self.nonce,
            ram: checked.ram(),
            until,
            limit: self.left,
            symbols: Some(&self.symbols),
            is_virtio: &|device| virtio_id(checked, device).is_some(),
            page: self.page.filter(|_| boot == Boot::Last),
            show: &mut |line| {
                self.console.push(line.to_owned());
                if !self.quiet {
                    println_raw!("{line}");
                }
            },
        });
        let told = played.map(|played| played.end());
        let run = run?;
        if let (Some(wire), Some(told)) = (&mut self.wire, told) {
            for line in &told.said {
                let line = format!("peer: {line}");
                if !self.quiet {
                    println_raw!("{line}");
                }
                self.console.push(line);
            }
            wire.told = told;
        }
        self.left = self.left.saturating_sub(run.took);
        Ok(run)
    }
}

/// The log of what a run wrote, where it ends in a cut of the power.
pub(super) fn log_of(directory: &Path) -> PathBuf {
    directory.join("disk.log")
}

/// The board, with a fresh disk of the host's where the run is about what is on it.
fn board(built: &Built, expect: Option<&Expect>) -> Result<Vec<String>> {
    let args = built.checked.qemu_args();
    let (image, log) = (built.directory.join("disk.img"), log_of(&built.directory));
    let backing = match expect {
        Some(Expect::Cuts(_)) => Backing::Logged { image: &image, log: &log },
        Some(Expect::Errors(errors)) => Backing::Failing { image: &image, errors },
        _ if !built.checked.first_boot.is_empty() => Backing::Image(&image),
        _ => return Ok(args),
    };
    let slot = slot(built, &args)?;
    fresh(&image, slot.bytes()?)?;
    fresh(&log, 0)?;
    slot.with(args, backing)
}

/// The disk that has the store; without one, the only disk that there is.
fn slot(built: &Built, args: &[String]) -> Result<Slot> {
    let description = &built.checked.description;
    let store = description.store().and_then(|(device, _)| description.device(device));
    match store {
        Some(device) => Slot::of_device(args, &device.name),
        None => Slot::of(args),
    }
}
