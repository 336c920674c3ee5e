//! The disk of virtioblkd, by messages.

use alloc::vec::Vec;
use core::fmt::Debug;

use nexus_proto::disk::{Disk, DiskInfo, DiskStats, Flush, Info, Read, SECTOR, Stats, Write, can};
use nexus_proto::{Operation, ServiceError, Text, Zero, ids};
use nexus_rt::{CallError, Client, startup};

use crate::check::{Check, Failure, ensure, passed, same};
use crate::context::Context;

/// What is written at these sectors and read back: the first, one in the middle of a block, and the last.
const BYTES: usize = 40;

fn ask<O: Operation<Protocol = Disk>>(context: &Context, op: &O) -> Result<O::Reply, CallError> {
    let disk: Client<Disk> = startup()
        .client(ids::VIRTIOBLKD)
        .map_err(|_| CallError::Service(ServiceError::NoSuchService))?;
    context.ask(disk, op)
}

fn read(offset: u64, len: u32) -> Read {
    Read { offset, len, zero: Zero::ZERO }
}

fn refused<T: Debug>(what: &str, answer: Result<T, CallError>) -> Check {
    match answer {
        Err(CallError::Service(ServiceError::OutOfRange)) => {
            passed(1);
            Ok(())
        }
        other => Err(Failure::new(format_args!("{what}: {other:?}, expected OutOfRange"))),
    }
}

/// Bytes of which each depends on where it is.
fn pattern(sector: u64) -> Vec<u8> {
    (0..BYTES as u64).map(|at| (sector.wrapping_mul(31) ^ at.wrapping_mul(7)) as u8 | 1).collect()
}

/// What is written at three places is there afterwards, at each its own, and what is beside it is as it was;
/// before, the disk holds zeroes. It counts what it did.
pub(crate) fn read_back(context: &Context) -> Check {
    let DiskInfo { sectors, can, .. } = ask(context, &Info {})?;
    ensure!(sectors >= 16, "a disk of {sectors} sectors");
    ensure!(can & can::WRITE != 0 && can & can::FLUSH != 0, "it can do {can:#x}");
    let before: DiskStats = ask(context, &Stats {})?;
    let places = [0, 11, sectors - 1];
    for sector in places {
        let start = sector * SECTOR;
        same("a new disk", &ask(context, &read(start, 48))?, &Text::piece(&[0; 48]))?;
        let write = Write { offset: start + 3, data: Text::piece(&pattern(sector)) };
        same("bytes written", &ask(context, &write)?.len, &(BYTES as u64))?;
    }
    ask(context, &Flush {})?;
    for sector in places {
        let start = sector * SECTOR;
        let text = ask(context, &read(start + 3, BYTES as u32))?;
        same("what was written", &text.as_bytes(), &pattern(sector).as_slice())?;
        same("before it", &ask(context, &read(start, 3))?, &Text::piece(&[0; 3]))?;
        let after = read(start + 3 + BYTES as u64, 40);
        same("after it", &ask(context, &after)?, &Text::piece(&[0; 40]))?;
    }
    let stats: DiskStats = ask(context, &Stats {})?;
    // A write of bytes reads the sector first.
    same("reads", &(stats.reads - before.reads), &15)?;
    same("writes", &(stats.writes - before.writes), &3)?;
    same("bytes", &(stats.written_bytes - before.written_bytes), &(3 * SECTOR))?;
    same("flushes", &(stats.flushes - before.flushes), &1)?;
    same("errors", &stats.errors, &0)
}

/// Places and lengths that cannot be: the device does not hear of any.
pub(crate) fn refusals(context: &Context) -> Check {
    let end = ask(context, &Info {})?.sectors * SECTOR;
    let before: DiskStats = ask(context, &Stats {})?;
    for (offset, len) in [
        (0, 0),
        (0, 49),
        (0, u32::MAX),
        (SECTOR - 1, 2),
        (end - 1, 2),
        (end, 1),
        (end + SECTOR, 48),
        (u64::MAX - 47, 48),
        (u64::MAX, 1),
    ] {
        refused("a read", ask(context, &read(offset, len)))?;
    }
    for (offset, bytes) in [(0, 0), (SECTOR - 1, 2), (end, 1), (end - 1, 2), (u64::MAX, 1)] {
        let data = Text::piece([1; 2].get(..bytes).unwrap_or(&[]));
        refused("a write", ask(context, &Write { offset, data }))?;
    }
    let after: DiskStats = ask(context, &Stats {})?;
    same("what was done", &after, &before)
}
