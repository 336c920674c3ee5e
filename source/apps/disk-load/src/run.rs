//! All loads, several times.

use alloc::format;
use core::convert::Infallible;

use nexus_proto::disk::{Disk, DiskInfo, DiskStats, Info, SECTOR, Stats};
use nexus_proto::{Operation, ids};
use nexus_rt::{CallError, Client, Deadline, ns_of_ticks, startup, ticks};
use nexus_test::{Host, SAFETY_MS, records};

use crate::load::{LOADS, Load};
use crate::places::Places;
use crate::side::Side;

/// How often each load is measured.
const ROUNDS: u64 = 5;

/// Why there is no measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// As every test program.
    Program(nexus_test::Failed),
    /// The ring is not as it must be.
    Ring(&'static str),
    /// A request was not done, or not wholly: its status.
    Request(u8),
    /// The disk has no room for this load.
    Small(&'static str),
}

impl<T: Into<nexus_test::Failed>> From<T> for Failed {
    fn from(why: T) -> Failed {
        Failed::Program(why.into())
    }
}

/// Measures everything, tells the host, and ends the machine.
///
/// # Errors
/// Why the machine goes on.
pub fn run() -> Result<Infallible, Failed> {
    let host = Host::new()?;
    let (passed, failed) = match measured(host) {
        Ok(measured) => (measured, 0),
        Err(failed) => {
            host.console.line(&format!("disk-load: {failed:?}"))?;
            (0, 1)
        }
    };
    Ok(host.end(passed, failed)?)
}

/// How many figures were told.
fn measured(host: Host) -> Result<u32, Failed> {
    host.wait_for_owners()?;
    Suite::new(host)?.run()
}

/// What is measured on.
struct Suite {
    host: Host,
    disk: Client<Disk>,
    side: Side,
    /// Bytes of the disk.
    bytes: u64,
}

impl Suite {
    fn new(host: Host) -> Result<Suite, Failed> {
        let start = startup();
        let disk = start.client(ids::VIRTIOBLKD)?;
        let ring = start.ring(ids::VIRTIOBLKD).ok_or(Failed::Ring("none"))?;
        let side = Side::new(ring, disk)?;
        let DiskInfo { sectors, .. } = ask(&disk, &Info {})?;
        Ok(Suite { host, disk, side, bytes: sectors.saturating_mul(SECTOR) })
    }

    /// How many figures were told.
    fn run(&mut self) -> Result<u32, Failed> {
        let mut told = 0;
        for round in 0..ROUNDS {
            for (load, seed) in LOADS.iter().zip(round * LOADS.len() as u64..) {
                self.measure(load, seed)?;
                told += 1;
            }
        }
        if self.side.again() > 0 {
            self.host.console.line(&format!("{} requests were made again", self.side.again()))?;
        }
        Ok(told)
    }

    /// The time that a load takes. It stands between two marks, and what the driver counts is asked for before
    /// the first and after the second.
    fn measure(&mut self, load: &Load, seed: u64) -> Result<(), Failed> {
        let small = || Failed::Small(load.name);
        let mut places =
            Places::new(load, self.bytes, seed.wrapping_mul(0x9e37_79b9)).ok_or_else(small)?;
        let requests = load.requests(self.bytes);
        let before: DiskStats = ask(&self.disk, &Stats {})?;
        self.side.mark()?;
        let start = ticks();
        self.side.load(load, &mut places, requests)?;
        let took = ns_of_ticks(ticks().saturating_sub(start));
        self.side.mark()?;
        let after: DiskStats = ask(&self.disk, &Stats {})?;
        // The two marks are a batch each.
        let batches = after.batches.saturating_sub(before.batches).saturating_sub(2);
        let doorbells = after.doorbells.saturating_sub(before.doorbells).saturating_sub(2);
        let bytes = requests.saturating_mul(load.bytes.into());
        let record = records::load(load.name, requests, bytes, took, [batches, doorbells]);
        Ok(self.host.record(&record)?)
    }
}

fn ask<O: Operation<Protocol = Disk>>(disk: &Client<Disk>, op: &O) -> Result<O::Reply, CallError> {
    disk.call(op, Deadline::after_ms(SAFETY_MS))
}
