//! A Linux guest that does the same, which tests/peers/network/guest.sh makes.

use super::peer::Ports;
use crate::bench::BenchArgs;
use crate::qemu;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// For so long it may take to end once it was told to.
const END: Duration = Duration::from_secs(20);

/// A guest that runs; it is gone in the end.
#[derive(Debug)]
pub(super) struct Guest(Child);

impl Guest {
    /// Starts the guest in `directory`.
    ///
    /// # Errors
    /// There is none, or QEMU does not start.
    pub(super) fn start(args: &BenchArgs, directory: &Path, ports: Ports) -> Result<Guest> {
        let (kernel, initramfs) = (directory.join("kernel"), directory.join("initramfs"));
        ensure!(
            kernel.is_file() && initramfs.is_file(),
            "{} has no Linux guest; make it: tests/peers/network/guest.sh {}",
            directory.display(),
            directory.display()
        );
        let link = format!("user,id=net0,restrict=off{}", ports.forwards());
        let child = Command::new(qemu::find(args.qemu.as_deref())?)
            .args(["-machine", "virt", "-cpu", "rv64", "-m", "128M", "-smp", "1", "-nographic"])
            .args(["-global", "virtio-mmio.force-legacy=off", "-netdev", &link])
            .args(["-device", "virtio-net-device,netdev=net0"])
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(initramfs)
            .args(["-append", "console=ttyS0 quiet rdinit=/init"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("starting QEMU for the Linux guest")?;
        Ok(Guest(child))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It goes on.
    pub(super) fn wait(mut self) -> Result<()> {
        let end = Instant::now() + END;
        while self.0.try_wait().context("waiting for the Linux guest")?.is_none() {
            ensure!(Instant::now() < end, "the Linux guest does not end");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
