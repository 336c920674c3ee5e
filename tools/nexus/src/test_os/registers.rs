//! Registers that decide what user mode may do. Firmware may leave anything in them: a run begins with
//! all of their bits set, and the kernel must have closed them.

use crate::qemu::Gdb;
use anyhow::{Result, ensure};
use std::os::unix::net::UnixListener;

/// Where firmware hands over to the kernel.
const ENTRY: u64 = 0x8020_0000;

/// What the kernel makes of each. In `hstatus` VSXL is fixed: guests have 64 bits; in `scounteren` only
/// `time` is open.
pub(super) const CLOSED: [(&str, u64); 3] =
    [("senvcfg", 0), ("hstatus", 2 << 32), ("scounteren", 0b010)];

/// Takes QEMU's connection, lets firmware run, and sets every bit there is in the registers before the
/// kernel's first instruction.
///
/// # Errors
/// When QEMU does not connect, or a register takes nothing: then nothing would be shown.
pub(super) fn open(listener: &UnixListener) -> Result<Gdb> {
    let mut gdb = Gdb::accept(listener)?;
    gdb.run_to(ENTRY)?;
    for (name, closed) in CLOSED {
        gdb.write(name, u64::MAX)?;
        ensure!(gdb.read(name)? != closed, "{name} cannot be opened");
    }
    gdb.go_on()?;
    Ok(gdb)
}

/// The registers now, of a guest that runs.
///
/// # Errors
/// When the connection breaks.
pub(super) fn read(gdb: &mut Gdb) -> Result<Vec<(&'static str, u64)>> {
    gdb.stop()?;
    let values = CLOSED.iter().map(|(name, _)| Ok((*name, gdb.read(name)?))).collect();
    gdb.go_on()?;
    values
}

/// What is not as the kernel must make it, of registers that were opened. None may be missing.
pub(super) fn left_open(registers: &[(&'static str, u64)]) -> impl Iterator<Item = String> {
    CLOSED.iter().filter_map(|(name, closed)| {
        match registers.iter().find(|(register, _)| register == name) {
            None => Some(format!("{name} was not opened and read")),
            Some((_, value)) if value == closed => None,
            Some((_, value)) => Some(format!("{name} is as firmware left it, or open: {value:#x}")),
        }
    })
}
