//! SQLite in a Linux guest, which tests/peers/sqlite/guest.sh makes.

use super::{BenchArgs, Keys, MIB};
use crate::protocol::StoreLoad;
use crate::qemu;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// Rounds of the loads in one boot.
const ROUNDS: u32 = 5;

/// Boots the guest in `directory` on `image`, and returns what it told.
///
/// # Errors
/// When there is no guest, QEMU does not start, or the guest does not do all loads.
pub(super) fn loads(
    args: &BenchArgs,
    directory: &Path,
    image: &Path,
    keys: Keys,
) -> Result<Vec<StoreLoad>> {
    let (kernel, initramfs) = (directory.join("kernel"), directory.join("initramfs"));
    ensure!(
        kernel.is_file() && initramfs.is_file(),
        "{} has no Linux guest; make it: tests/peers/sqlite/guest.sh {}",
        directory.display(),
        directory.display()
    );
    make_file_system(image)?;
    let drive = format!("if=none,id=d0,format=raw,file={}", image.display());
    let words = format!("console=ttyS0 quiet rdinit=/init keys={} rounds={ROUNDS}", keys.count());
    // The memory of Nexus' board.
    let memory = if keys.disk() > 512 * MIB { "256M" } else { "128M" };
    let output = Command::new(qemu::find(args.qemu.as_deref())?)
        .args(["-machine", "virt", "-cpu", "rv64", "-m", memory, "-smp", "1", "-nographic"])
        .args(["-global", "virtio-mmio.force-legacy=off", "-drive", &drive])
        .args(["-device", "virtio-blk-device,drive=d0"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", &words])
        .stdin(Stdio::null())
        .output()
        .context("starting QEMU for the Linux guest")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let loads: Vec<StoreLoad> = text.lines().filter_map(|line| read(line.trim())).collect();
    let rounds = loads.iter().filter(|load| load.name == "scan").count();
    if rounds != ROUNDS as usize {
        text.lines().rev().take(5).for_each(|line| eprintln!("    {line}"));
        anyhow::bail!("the Linux guest did {rounds} of {ROUNDS} rounds");
    }
    Ok(loads)
}

fn make_file_system(image: &Path) -> Result<()> {
    let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image).status();
    let made = made.context("starting mkfs.ext4; on Debian: apt-get install e2fsprogs")?;
    ensure!(made.success(), "mkfs.ext4 did not make a file system in {}", image.display());
    Ok(())
}

/// A line `store-load NAME OPERATIONS NANOSECONDS FLUSHES`.
fn read(line: &str) -> Option<StoreLoad> {
    let words: Vec<&str> = line.split(' ').collect();
    let ["store-load", name, operations, ns, flushes] = words[..] else { return None };
    let name = name.to_owned();
    let [operations, ns, flushes] = [operations, ns, flushes].map(|word| word.parse().ok());
    Some(StoreLoad { name, operations: operations?, ns: ns?, flushes: flushes? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_lines_of_the_guest() {
        let load = StoreLoad { name: "get".into(), operations: 10, ns: 20, flushes: 0 };
        assert_eq!(read("store-load get 10 20 0"), Some(load));
        for other in ["", "store-load get 10 20", "store-load get 10 20 x", "OpenSBI v1.1"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
