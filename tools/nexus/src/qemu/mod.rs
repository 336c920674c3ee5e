//! QEMU: how it is found, started, watched and asked.

pub mod disk;
mod gdb;
mod guest;
mod qmp;
pub mod usernet;
mod version;
pub(crate) mod virtio;

pub use gdb::Gdb;
pub use guest::{Event, Guest, Lines};
pub use qmp::Qmp;
pub use version::find;

use anyhow::{Context, Result};
use rustix::io::{FdFlags, fcntl_setfd};
use std::io::PipeWriter;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

/// The device that is a disk.
pub const DISK: &str = "virtio-blk-device";

/// QEMU with a kernel and an initrd; `board` is what the description says of the machine.
///
/// Semihosting lets the kernel, and only the kernel, end QEMU with an exit code of its own. What a disk cannot do,
/// the guest is told: by itself QEMU stops a guest whose write finds no room.
#[must_use]
pub fn command(qemu: &Path, board: &[String], kernel: &Path, initrd: &Path) -> Command {
    let mut command = Command::new(qemu);
    command.args(board);
    command.args(["-display", "none", "-nodefaults", "-no-reboot"]);
    command.args(["-semihosting-config", "enable=on,target=native"]);
    for what in ["werror", "rerror"] {
        command.args(["-global", &format!("{DISK}.{what}=report")]);
    }
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    command
}

/// Puts the serial port on this terminal, with QEMU's monitor behind Ctrl-]: Ctrl-A is a key of the line editor. Whatever
/// the guest prints QEMU writes to `copy`, too.
///
/// # Errors
/// QEMU cannot be handed `copy`.
pub fn on_terminal(command: &mut Command, copy: &PipeWriter) -> Result<()> {
    fcntl_setfd(copy, FdFlags::empty()).context("handing on a copy of the serial port")?;
    let log = format!("logfile=/dev/fd/{}", copy.as_raw_fd());
    command.args(["-chardev", &format!("stdio,id=serial,mux=on,signal=off,{log}")]);
    command.args(["-serial", "chardev:serial", "-mon", "chardev=serial,mode=readline"]);
    command.args(["-echr", "0x1d"]);
    Ok(())
}

/// Puts the serial port on standard input and output, as bytes without a monitor, and the machine
/// protocol on a socket that already listens at `qmp`.
pub fn attach(command: &mut Command, qmp: &Path) {
    command.args(["-chardev", "stdio,id=serial,signal=off,mux=off", "-serial", "chardev:serial"]);
    monitor(command, qmp);
}

/// Puts the machine protocol on a socket that already listens at `qmp`.
pub fn monitor(command: &mut Command, qmp: &Path) {
    let socket = format!("socket,id=qmp,path={}", qmp.display());
    command.args(["-chardev", &socket, "-mon", "chardev=qmp,mode=control"]);
}

/// Lets debuggers connect at `gdb`, a socket that QEMU makes, while the machine runs.
pub fn debuggable(command: &mut Command, gdb: &Path) {
    let socket = format!("socket,id=gdb,path={},server=on,wait=off", gdb.display());
    command.args(["-chardev", &socket, "-gdb", "chardev:gdb"]);
}

/// Has the machine wait for a debugger on a socket that already listens at `gdb`.
pub fn debug(command: &mut Command, gdb: &Path) {
    let socket = format!("socket,id=gdb,path={}", gdb.display());
    command.args(["-chardev", &socket, "-gdb", "chardev:gdb", "-S"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 66 U: a write finds no room, at which QEMU by itself stops the guest; the guest is told; broken: disk-stops-guest
    #[test]
    fn test_errors_of_disks_are_the_guest_s() {
        let command = command(Path::new("qemu"), &[], Path::new("kernel"), Path::new("initrd"));
        let args: Vec<_> = command.get_args().filter_map(|arg| arg.to_str()).collect();
        for error in ["virtio-blk-device.werror=report", "virtio-blk-device.rerror=report"] {
            assert!(args.windows(2).any(|pair| pair == ["-global", error]), "{args:?}");
        }
    }
}
