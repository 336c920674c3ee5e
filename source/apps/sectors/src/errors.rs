//! A disk some of whose requests fail: each failure comes to whoever asked, and nothing else is other for it.

use alloc::format;
use core::convert::Infallible;

use nexus_proto::disk::{DiskStats, ring as wire};
use nexus_ring::DONE;
use nexus_rt::{Deadline, startup};
use nexus_test::{Facts, Host};

use crate::disk::{Disk, MOST};
use crate::failed::Failed;
use crate::sector::{BYTES, Sector};

/// Writes of [`MOST`] sectors each, side by side.
const WRITES: u64 = 24;
/// Writes from one flush to the next.
const EACH: u64 = 4;

/// How often the disk was asked for something, and how often it failed.
#[derive(Debug, Default)]
struct Asked {
    reads: u32,
    writes: u32,
    flushes: u32,
    errors: u32,
}

struct Errors<'a> {
    disk: Disk,
    facts: &'a mut Facts,
    nonce: u64,
    asked: Asked,
}

/// Proves which requests fail, by kind and number, and that nothing else does.
///
/// # Errors
/// The host cannot be told.
pub fn run() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    let used = used(&mut facts).map_err(|why| format!("{why:?}"));
    facts.tell("others-are-done", &used)?;
    facts.host.witness(Deadline::NEVER)?;
    facts.end()
}

/// How many requests were done as they must be.
fn used(facts: &mut Facts) -> Result<u32, Failed> {
    let (nonce, asked) = (startup().block().nonce, Asked::default());
    Errors { disk: Disk::new()?, facts, nonce, asked }.everything()
}

impl Errors<'_> {
    fn everything(&mut self) -> Result<u32, Failed> {
        let before = self.disk.stats()?;
        for write in 1..=WRITES {
            self.written(write)?;
            if write.is_multiple_of(EACH) {
                self.flushed()?;
            }
        }
        for write in 1..=WRITES {
            self.read_back(write)?;
        }
        let Asked { reads, writes, flushes, errors } = self.asked;
        same_life(&before, &self.disk.stats()?, &self.asked)?;
        Ok(reads + writes + flushes - errors)
    }

    /// Writes; where that fails, the sectors hold what they held or what was to be written, and it is done the
    /// next time.
    fn written(&mut self, write: u64) -> Result<(), Failed> {
        let sectors = self.sectors(write);
        loop {
            self.disk.write(&sectors)?;
            self.asked.writes += 1;
            match self.disk.status()? {
                DONE => return Ok(()),
                wire::FAILED => self.failed("write", self.asked.writes)?,
                status => return Err(Failed::Request(wire::WRITE, status)),
            }
        }
    }

    fn flushed(&mut self) -> Result<(), Failed> {
        loop {
            self.disk.flush()?;
            self.asked.flushes += 1;
            match self.disk.status()? {
                DONE => return Ok(()),
                wire::FAILED => self.failed("flush", self.asked.flushes)?,
                status => return Err(Failed::Request(wire::FLUSH, status)),
            }
        }
    }

    fn read_back(&mut self, write: u64) -> Result<(), Failed> {
        let sectors = self.sectors(write);
        let [first, ..] = sectors;
        loop {
            let id = self.disk.read(first.sector, MOST)?;
            self.asked.reads += 1;
            match self.disk.status()? {
                DONE => {
                    for (at, sector) in (0..).zip(sectors) {
                        let seen: [u8; BYTES] = self.disk.has_read(id, at)?;
                        if seen != sector.bytes() {
                            return Err(Failed::Holds(sector.sector));
                        }
                    }
                    return Ok(());
                }
                wire::FAILED => self.failed("read", self.asked.reads)?,
                status => return Err(Failed::Request(wire::READ, status)),
            }
        }
    }

    /// Says that this request of its kind failed. Which must is in the file of the service.
    fn failed(&mut self, kind: &str, number: u32) -> Result<(), Failed> {
        self.asked.errors += 1;
        Ok(self.facts.tell(&format!("{kind}-{number}-fails"), &Ok(1))?)
    }

    fn sectors(&self, write: u64) -> [Sector; MOST as usize] {
        let first = write * u64::from(MOST);
        core::array::from_fn(|at| Sector {
            nonce: self.nonce,
            write,
            sector: first + at as u64,
            index: at as u32,
            count: MOST,
            flushed: 0,
        })
    }
}

/// The driver did what was asked of it, and nothing twice: it counts from its start.
fn same_life(before: &DiskStats, after: &DiskStats, asked: &Asked) -> Result<(), Failed> {
    let more = |of: fn(&DiskStats) -> u64| of(after).wrapping_sub(of(before));
    let counted = [
        more(|stats| stats.reads),
        more(|stats| stats.writes),
        more(|stats| stats.flushes.into()),
        more(|stats| stats.errors.into()),
    ];
    let Asked { reads, writes, flushes, errors } = *asked;
    let right = counted == [reads, writes, flushes, errors].map(u64::from);
    if right { Ok(()) } else { Err(Failed::Counts) }
}
