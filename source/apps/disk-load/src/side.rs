//! The ring with the driver, as a program uses it that has several requests under way.

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::disk::{SECTOR, ring as wire};
use nexus_ring::{Completion, Consumer, DONE, Submission};
use nexus_rt::{Deadline, Ring};
use nexus_test::SAFETY_MS;

use crate::load::Load;
use crate::places::Places;
use crate::run::Failed;

/// This side of the ring.
#[derive(Debug)]
pub(crate) struct Side {
    ring: Ring,
    consumer: Consumer<SharedMemory<ReadWrite>, 64>,
}

impl Side {
    /// A new attachment, before the driver hears of it.
    pub(crate) fn new(ring: Ring) -> Result<Side, Failed> {
        let consumer = Consumer::new(ring.map()?).map_err(|_| Failed::Ring("memory"))?;
        Ok(Side { ring, consumer })
    }

    /// Makes all requests of a load, as many at a time as it says; all must be done.
    pub(crate) fn load(
        &mut self,
        load: &Load,
        places: &mut Places,
        requests: u64,
    ) -> Result<(), Failed> {
        let (mut given, mut done) = (0, 0);
        while done < requests {
            while given < requests && self.consumer.in_flight() < load.depth {
                self.give(load.op, load.bytes, places.next())?;
                given += 1;
            }
            self.tell()?;
            done += self.completed(load.bytes)?;
        }
        Ok(())
    }

    /// Reads the first sector, and nothing else: whoever watches the device sees where a load begins and ends.
    pub(crate) fn mark(&mut self) -> Result<(), Failed> {
        self.give(wire::READ, SECTOR as u32, 0)?;
        self.tell()?;
        self.completed(SECTOR as u32).map(|_| ())
    }

    fn give(&mut self, op: u8, bytes: u32, sector: u64) -> Result<(), Failed> {
        let id = self.consumer.free_id().ok_or(Failed::Ring("no id"))?;
        let offset = u32::from(id) * bytes;
        let request = Submission { id, op, len: bytes, offset, arg: sector };
        self.consumer.submit(request).map_err(|_| Failed::Ring("not submitted"))
    }

    fn tell(&mut self) -> Result<(), Failed> {
        self.consumer.ring(|| self.ring.tell().tell())?;
        Ok(())
    }

    /// Waits until something was done, and takes all that was: how many requests, each with all its bytes.
    fn completed(&mut self, bytes: u32) -> Result<u64, Failed> {
        let mut count = 0;
        loop {
            while let Some(done) = self.pop()? {
                if (done.status, done.len) != (DONE, bytes) {
                    return Err(Failed::Request(done.status));
                }
                count += 1;
            }
            if count > 0 {
                return Ok(count);
            }
            if self.consumer.may_wait().map_err(|_| Failed::Ring("driver"))? {
                self.ring.wait(Deadline::after_ms(SAFETY_MS))?;
            }
        }
    }

    fn pop(&mut self) -> Result<Option<Completion>, Failed> {
        self.consumer.pop().map_err(|_| Failed::Ring("driver"))
    }
}
