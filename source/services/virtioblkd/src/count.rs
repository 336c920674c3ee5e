//! What was done.

use nexus_proto::disk::{DiskStats, SECTOR};
use nexus_virtio::block::Use;

/// Counts since the driver began. All go round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Requests that the device did not do.
    pub(crate) errors: u32,
    /// Batches that it was given.
    batches: u64,
    /// Batches that it was told of.
    doorbells: u64,
    /// Most requests that it had at one time.
    most: u16,
}

impl Counters {
    /// A batch was given to the device, which now has so many requests; it was told with the doorbell, if
    /// `rang`.
    #[inline]
    pub(crate) fn batch(&mut self, in_flight: u16, rang: bool) {
        self.batches = self.batches.wrapping_add(1);
        self.doorbells = self.doorbells.wrapping_add(rang.into());
        self.most = self.most.max(in_flight);
    }

    /// As a message has them. `given`: of heads for one use, how often one was given to the device, and the
    /// sectors of its data.
    pub(crate) fn stats(
        &self,
        given: impl Iterator<Item = (Use, u64, u32)>,
        in_flight: u16,
    ) -> DiskStats {
        let mut stats = DiskStats {
            reads: 0,
            writes: 0,
            read_bytes: 0,
            written_bytes: 0,
            batches: self.batches,
            doorbells: self.doorbells,
            flushes: 0,
            errors: self.errors,
            ranges: 0,
            in_flight,
            most: self.most,
        };
        for (used_for, times, sectors) in given {
            let bytes = times.wrapping_mul(u64::from(sectors)).wrapping_mul(SECTOR);
            let add = |count: &mut u64, more| *count = count.wrapping_add(more);
            match used_for {
                Use::Read => {
                    add(&mut stats.reads, times);
                    add(&mut stats.read_bytes, bytes);
                }
                Use::Write => {
                    add(&mut stats.writes, times);
                    add(&mut stats.written_bytes, bytes);
                }
                Use::Flush => stats.flushes = stats.flushes.wrapping_add(times as u32),
                Use::Range => stats.ranges = stats.ranges.wrapping_add(times as u32),
                Use::Serial => {}
            }
        }
        stats
    }
}
