//! The ring with the driver, as a program uses it that has several requests under way.

use alloc::vec::Vec;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::disk::{Attach, Disk, SECTOR, ring as wire};
use nexus_ring::{Consumer, DONE, Ended, Submission};
use nexus_rt::{Client, Deadline, Ring, attach, startup};
use nexus_test::SAFETY_MS;

use crate::load::Load;
use crate::places::Places;
use crate::run::Failed;

/// Entries of the ring.
const ENTRIES: usize = 64;

/// This side of the ring.
#[derive(Debug)]
pub(crate) struct Side {
    ring: Ring,
    disk: Client<Disk>,
    consumer: Consumer<SharedMemory<ReadWrite>, ENTRIES>,
    /// What is in flight, by id.
    asked: [Submission; ENTRIES],
    /// Requests that were made again, since the driver died.
    again: u64,
}

impl Side {
    /// A new attachment, with whichever life of the driver lasts.
    pub(crate) fn new(ring: Ring, disk: Client<Disk>) -> Result<Side, Failed> {
        let life = startup().block().incarnation;
        let consumer = Consumer::new(ring.map()?, life).map_err(|_| Failed::Ring("memory"))?;
        let asked = [Submission::default(); ENTRIES];
        let mut side = Side { ring, disk, consumer, asked, again: 0 };
        side.attach()?;
        Ok(side)
    }

    /// Requests that were in flight when the driver died, and were made again.
    pub(crate) const fn again(&self) -> u64 {
        self.again
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

    fn attach(&mut self) -> Result<(), Failed> {
        let deadline = Deadline::after_ms(SAFETY_MS);
        Ok(attach(&self.disk, &Attach {}, [&mut self.consumer], deadline)?)
    }

    fn give(&mut self, op: u8, bytes: u32, sector: u64) -> Result<(), Failed> {
        let id = self.consumer.free_id().ok_or(Failed::Ring("no id"))?;
        let offset = u32::from(id) * bytes;
        self.submit(Submission { id, op, len: bytes, offset, arg: sector })
    }

    fn submit(&mut self, request: Submission) -> Result<(), Failed> {
        if let Some(place) = self.asked.get_mut(usize::from(request.id)) {
            *place = request;
        }
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
            match self.take(bytes, &mut count) {
                Ok(Some(failed)) => return Err(failed),
                Ok(None) if count > 0 => return Ok(count),
                Ok(None) => {}
                Err(Ended::PeerGone) => self.resume()?,
                Err(_) => return Err(Failed::Ring("driver")),
            }
            match self.consumer.may_wait() {
                Ok(true) => _ = self.ring.wait(Deadline::after_ms(SAFETY_MS))?,
                Ok(false) => {}
                Err(Ended::PeerGone) => self.resume()?,
                Err(_) => return Err(Failed::Ring("driver")),
            }
        }
    }

    /// Counts all that is there; what was not done as it must be.
    fn take(&mut self, bytes: u32, count: &mut u64) -> Result<Option<Failed>, Ended> {
        while let Some(done) = self.consumer.pop()? {
            if (done.status, done.len) != (DONE, bytes) {
                return Ok(Some(Failed::Request(done.status)));
            }
            *count += 1;
        }
        Ok(None)
    }

    /// The driver died: what was in flight is made again with the next life. To read, or to write the same, twice
    /// is the same as once.
    fn resume(&mut self) -> Result<(), Failed> {
        let lost: Vec<u16> = self.consumer.begin().collect();
        self.attach()?;
        for id in lost {
            let request = self.asked.get(usize::from(id)).copied();
            self.submit(request.ok_or(Failed::Ring("no id"))?)?;
            self.again += 1;
        }
        self.tell()
    }
}
