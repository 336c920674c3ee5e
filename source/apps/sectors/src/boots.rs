//! Two boots on one disk, with one number of the run: the first writes what follows from it to a disk of zeroes, and
//! flushes; the second finds it.

use alloc::format;
use core::convert::Infallible;

use nexus_proto::disk::ring as wire;
use nexus_rt::{Deadline, startup};
use nexus_test::{Facts, Host};

use crate::disk::{Disk, MOST};
use crate::failed::Failed;
use crate::sector::{BYTES, Sector};

/// Writes, of [`MOST`] sectors each.
const WRITES: u64 = 8;
/// Sectors from the start of one to that of the next.
const APART: u64 = 1000;

/// Which boot it is, by what the disk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Boot {
    First,
    Second,
}

/// Proves in the first boot that it wrote, and in the second that it was there.
///
/// # Errors
/// The host cannot be told.
pub fn run() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    let nonce = startup().block().nonce;
    let (boot, sectors) = match used(nonce) {
        Ok((boot, sectors)) => (boot, Ok(sectors)),
        Err(why) => (Boot::Second, Err(format!("{why:?}"))),
    };
    let name = match boot {
        Boot::First => "written",
        Boot::Second => "read-back",
    };
    facts.tell(name, &sectors)?;
    facts.host.witness(Deadline::NEVER)?;
    match boot {
        Boot::First => facts.end_first_boot(),
        Boot::Second => facts.end(),
    }
}

/// How many sectors were written, or found.
fn used(nonce: u64) -> Result<(Boot, u32), Failed> {
    let mut disk = Disk::new()?;
    let [first, ..] = sectors(nonce, 1);
    let id = disk.read(first.sector, 1)?;
    disk.done(wire::READ)?;
    match disk.has_read(id, 0)? == [0; BYTES] {
        true => Ok((Boot::First, written(&mut disk, nonce)?)),
        false => Ok((Boot::Second, read_back(&mut disk, nonce)?)),
    }
}

fn written(disk: &mut Disk, nonce: u64) -> Result<u32, Failed> {
    let mut count = 0;
    for write in 1..=WRITES {
        disk.write(&sectors(nonce, write))?;
        disk.done(wire::WRITE)?;
        count += MOST;
    }
    disk.flush()?;
    disk.done(wire::FLUSH)?;
    Ok(count)
}

fn read_back(disk: &mut Disk, nonce: u64) -> Result<u32, Failed> {
    let mut count = 0;
    for write in 1..=WRITES {
        let sectors = sectors(nonce, write);
        let [first, ..] = sectors;
        let id = disk.read(first.sector, MOST)?;
        disk.done(wire::READ)?;
        for (at, sector) in (0..).zip(sectors) {
            if disk.has_read(id, at)? != sector.bytes() {
                return Err(Failed::Holds(sector.sector));
            }
            count += 1;
        }
    }
    Ok(count)
}

fn sectors(nonce: u64, write: u64) -> [Sector; MOST as usize] {
    core::array::from_fn(|at| Sector {
        nonce,
        write,
        sector: write * APART + at as u64,
        index: at as u32,
        count: MOST,
        flushed: 0,
    })
}
