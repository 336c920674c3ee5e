//! This side of a ring, whose driver may die at any time.

use alloc::vec::Vec;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_ring::{Completion, Consumer, Ended, Submission};
use nexus_rt::{Ring, startup};

use crate::failed::Failed;
use crate::victim::soon;

/// Entries of a ring.
pub(crate) const ENTRIES: usize = 64;

/// Memory that is shared with a driver.
pub(crate) type Memory = SharedMemory<ReadWrite>;

/// This side of a ring.
#[derive(Debug)]
pub(crate) struct Side {
    ring: Ring,
    pub(crate) consumer: Consumer<Memory, ENTRIES>,
}

impl Side {
    /// In all of `memory`, with an attachment that has begun.
    pub(crate) fn new(ring: Ring, memory: Memory) -> Result<Side, Failed> {
        let life = startup().block().incarnation;
        let consumer = Consumer::new(memory, life).map_err(|_| Failed::Room)?;
        Ok(Side { ring, consumer })
    }

    pub(crate) fn submit(&mut self, request: Submission) -> Result<(), Failed> {
        self.consumer.submit(request).map_err(Failed::Refused)
    }

    pub(crate) fn tell(&mut self) -> Result<(), Failed> {
        self.consumer.ring(|| self.ring.tell().tell())?;
        Ok(())
    }

    /// The next completion. `None` when the driver is another life.
    pub(crate) fn completed(&mut self) -> Result<Option<Completion>, Failed> {
        loop {
            match self.next() {
                Ok(Some(done)) => return Ok(Some(done)),
                Ok(None) => _ = self.ring.wait(soon())?,
                Err(Ended::PeerGone) => return Ok(None),
                Err(why) => return Err(Failed::Ring(why)),
            }
        }
    }

    /// The next completion; `None` when there is none, and this side will be told of the next.
    fn next(&mut self) -> Result<Option<Completion>, Ended> {
        loop {
            let done = self.consumer.pop()?;
            if done.is_some() || self.consumer.may_wait()? {
                return Ok(done);
            }
        }
    }

    /// Leaves the attachment: what was in flight.
    pub(crate) fn begin(&mut self) -> Vec<u16> {
        self.consumer.begin().collect()
    }
}
