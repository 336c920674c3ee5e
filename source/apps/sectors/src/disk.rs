//! The ring of virtioblkd, whose driver must live as long as this program.

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::disk::{Attach, Disk as Protocol, DiskStats, SECTOR, Stats, ring as wire};
use nexus_proto::ids;
use nexus_ring::{Completion, Consumer, DONE, Submission};
use nexus_rt::{Client, Deadline, Ring, StartError, attach, startup};
use nexus_test::SAFETY_MS;

use crate::failed::Failed;
use crate::sector::{BYTES, Sector};

/// Entries of the ring.
pub(crate) const ENTRIES: usize = 64;
/// Most sectors of a request.
pub(crate) const MOST: u32 = 8;

/// This side of the ring. The data of request `id` has the place `id` in its memory.
#[derive(Debug)]
pub(crate) struct Disk {
    ring: Ring,
    driver: Client<Protocol>,
    consumer: Consumer<SharedMemory<ReadWrite>, ENTRIES>,
}

impl Disk {
    /// With an attachment that has begun.
    pub(crate) fn new() -> Result<Disk, Failed> {
        let start = startup();
        let ring = start.ring(ids::VIRTIOBLKD).ok_or(StartError::NoMemory)?;
        let consumer = Consumer::new(ring.map()?, start.block().incarnation);
        let mut consumer = consumer.map_err(|_| Failed::Room)?;
        let driver = start.client(ids::VIRTIOBLKD)?;
        attach(&driver, &Attach {}, [&mut consumer], Deadline::after_ms(SAFETY_MS))?;
        Ok(Disk { ring, driver, consumer })
    }

    /// Requests that are under way.
    pub(crate) const fn in_flight(&self) -> u16 {
        self.consumer.in_flight()
    }

    /// Asks for the sectors of one write, in order, to be written; which request that is.
    pub(crate) fn write(&mut self, sectors: &[Sector]) -> Result<u16, Failed> {
        let id = self.consumer.free_id().ok_or(Failed::Room)?;
        for (at, sector) in (0..).zip(sectors) {
            let offset = place(id) + at * BYTES as u32;
            self.consumer.write(offset, &sector.bytes()).map_err(|_| Failed::Room)?;
        }
        let first = sectors.first().map_or(0, |first| first.sector);
        self.submit(id, wire::WRITE, sectors.len() as u32, first)
    }

    /// Asks for sectors to be read; which request that is.
    pub(crate) fn read(&mut self, first: u64, count: u32) -> Result<u16, Failed> {
        let id = self.consumer.free_id().ok_or(Failed::Room)?;
        self.submit(id, wire::READ, count, first)
    }

    /// Asks for what was written to last; which request that is.
    pub(crate) fn flush(&mut self) -> Result<u16, Failed> {
        let id = self.consumer.free_id().ok_or(Failed::Room)?;
        self.submit(id, wire::FLUSH, 0, 0)
    }

    fn submit(&mut self, id: u16, op: u8, count: u32, arg: u64) -> Result<u16, Failed> {
        let (len, offset) = (count * BYTES as u32, place(id));
        let request = Submission { id, op, len, offset, arg };
        self.consumer.submit(request).map_err(Failed::Refused)?;
        self.consumer.ring(|| self.ring.tell().tell())?;
        Ok(id)
    }

    /// Waits for the next completion.
    pub(crate) fn completed(&mut self) -> Result<Completion, Failed> {
        loop {
            if let Some(done) = self.consumer.pop().map_err(Failed::Ring)? {
                return Ok(done);
            }
            if self.consumer.may_wait().map_err(Failed::Ring)? {
                self.ring.wait(Deadline::after_ms(SAFETY_MS))?;
            }
        }
    }

    /// Waits for the one request that is under way: its status, [`DONE`] or one of the driver's.
    pub(crate) fn status(&mut self) -> Result<u8, Failed> {
        Ok(self.completed()?.status)
    }

    /// The same for a request that must be done.
    pub(crate) fn done(&mut self, op: u8) -> Result<(), Failed> {
        match self.status()? {
            DONE => Ok(()),
            status => Err(Failed::Request(op, status)),
        }
    }

    /// Sector `at` of what request `id` has read.
    pub(crate) fn has_read(&self, id: u16, at: u32) -> Result<[u8; BYTES], Failed> {
        let mut bytes = [0; BYTES];
        let offset = place(id) + at * BYTES as u32;
        self.consumer.read(offset, &mut bytes).map_err(|_| Failed::Room)?;
        Ok(bytes)
    }

    /// What the driver did in this life.
    pub(crate) fn stats(&self) -> Result<DiskStats, Failed> {
        Ok(self.driver.call(&Stats {}, Deadline::after_ms(SAFETY_MS))?)
    }
}

/// Where the data of a request is.
fn place(id: u16) -> u32 {
    u32::from(id) * MOST * SECTOR as u32
}
