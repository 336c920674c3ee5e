//! What was done.

use nexus_proto::disk::{DiskStats, SECTOR};

use crate::disk::Op;

/// Counts since the driver began. All go round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reads that the device was asked for.
    pub reads: u64,
    /// Sectors of them.
    pub read_sectors: u64,
    /// Writes that it was asked for.
    pub writes: u64,
    /// Sectors of them.
    pub written_sectors: u64,
    /// Flushes.
    pub flushes: u32,
    /// Discards, and writes of zeroes.
    pub ranges: u32,
    /// Requests that it did not do.
    pub errors: u32,
    /// Batches that it was given.
    pub batches: u64,
    /// Batches that it was told of.
    pub doorbells: u64,
    /// Most requests that it had at one time.
    pub most: u16,
}

impl Counters {
    /// The device was asked.
    pub(crate) fn asked(&mut self, op: Op, sectors: u32) {
        let add = |count: &mut u64, more: u64| *count = count.wrapping_add(more);
        match op {
            Op::Read => {
                add(&mut self.reads, 1);
                add(&mut self.read_sectors, sectors.into());
            }
            Op::Write => {
                add(&mut self.writes, 1);
                add(&mut self.written_sectors, sectors.into());
            }
            Op::Flush => self.flushes = self.flushes.wrapping_add(1),
            Op::Discard | Op::Zeroes => self.ranges = self.ranges.wrapping_add(1),
            Op::Serial => {}
        }
    }

    /// A batch was given to the device, if it `rang` with the doorbell; now it has so many requests.
    pub(crate) fn batch(&mut self, in_flight: u16, rang: bool) {
        self.batches = self.batches.wrapping_add(1);
        self.doorbells = self.doorbells.wrapping_add(rang.into());
        self.most = self.most.max(in_flight);
    }

    /// As a message has them.
    #[must_use]
    pub const fn stats(&self, in_flight: u16) -> DiskStats {
        DiskStats {
            reads: self.reads,
            writes: self.writes,
            read_bytes: self.read_sectors.wrapping_mul(SECTOR),
            written_bytes: self.written_sectors.wrapping_mul(SECTOR),
            batches: self.batches,
            doorbells: self.doorbells,
            flushes: self.flushes,
            errors: self.errors,
            ranges: self.ranges,
            in_flight,
            most: self.most,
        }
    }
}
