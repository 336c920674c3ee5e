//! The disk under the store: the ring of virtioblkd, as sectors that are read, written and flushed.
//!
//! One request at a time is asked for, and answered before this returns; a long one is several requests of the ring
//! that are under way together. virtioblkd may die at any moment: what was under way is asked of its next life. A read
//! or a write is the same twice, and a flush stands in the ring behind the writes that it is for, and counts when they
//! were answered before it.
//!
//! Nothing here waits for ever. While it waits, calls to this process are kept for afterwards, and whoever asks
//! whether it lives is answered ([`crate::road`]).

use core::fmt;

use nexus_mmio::{ReadWrite, SharedMemory, SharedMut};
use nexus_proto::disk::{Disk as Protocol, DiskInfo, SECTOR, can};
use nexus_proto::{Name, ids};
use nexus_ring::{Consumer, Ended};
use nexus_rt::abi::Error;
use nexus_rt::{CallError, Client, Deadline, StartError, startup, ticks_of_ns};
use nexus_store::{BlockDevice, DeviceError, PAGE};

use crate::job::{Data, Job};
use crate::road::{OwnRoad, Road, SharedInbox};

/// Entries of the ring.
pub const ENTRIES: usize = 64;
/// Most bytes of a request, of which virtioblkd makes no parts.
const MOST: u32 = 128 << 10;
/// Requests that there is room for at one time, as long as each is not too short.
const AT_ONCE: u32 = 4;
/// Milliseconds after which a disk that has not done what it was asked is taken for one that does not any more.
const PATIENCE_MS: u64 = 20_000;
/// The same after it has failed so, until it does something again: nobody else waits long for it.
const IMPATIENCE_MS: u64 = 100;
/// Milliseconds for which the driver is called at one time; then this process looks at what came to it.
const CALL_MS: u64 = 100;

/// Why there is no disk to open a store on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDisk {
    /// This process was given none, or its memory is of no use.
    Start(StartError),
    /// The memory of the ring has no room for data.
    Room,
    /// The driver does not say what the disk is, or does not attach.
    Driver(DeviceError),
}

impl fmt::Display for NoDisk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoDisk::Start(why) => write!(out, "no ring with virtioblkd: {why:?}"),
            NoDisk::Room => out.write_str("the ring with virtioblkd has no room for data"),
            NoDisk::Driver(why) => write!(out, "virtioblkd does not answer: {why}"),
        }
    }
}

/// The disk of this process.
pub type OwnDisk = Disk<SharedMemory<ReadWrite>, OwnRoad>;

/// A disk by a ring. `M` is the memory of the ring.
#[derive(Debug)]
pub struct Disk<M, R> {
    ring: Consumer<M, ENTRIES>,
    road: R,
    info: DiskInfo,
    /// Bytes of a request, and how many there is room for at one time.
    piece: u32,
    most: u16,
    /// Both sides are in the attachment, as far as this one knows.
    attached: bool,
    /// It did nothing for as long as it may take.
    late: bool,
    /// What came to this process was last looked at then.
    looked: u64,
}

impl OwnDisk {
    /// The disk of virtioblkd, by the ring that this process was given with it.
    ///
    /// # Errors
    /// [`NoDisk`].
    pub fn own(inbox: SharedInbox) -> Result<OwnDisk, NoDisk> {
        let start = startup();
        let none = NoDisk::Start;
        let ring = start.ring(ids::VIRTIOBLKD).ok_or(none(StartError::NoMemory))?;
        let driver: Client<Protocol> = start.client(ids::VIRTIOBLKD).map_err(none)?;
        let memory = ring.map().map_err(none)?;
        let ring_side = Consumer::new(memory, start.block().incarnation);
        let ring_side = ring_side.map_err(|_| NoDisk::Room)?;
        Disk::new(ring_side, OwnRoad::new(ring, driver, inbox))
    }
}

impl<M: SharedMut, R: Road> Disk<M, R> {
    /// The disk of the driver at the end of `road`, by a ring of which this side has begun an attachment.
    ///
    /// # Errors
    /// [`NoDisk::Room`], [`NoDisk::Driver`].
    pub fn new(ring: Consumer<M, ENTRIES>, road: R) -> Result<Self, NoDisk> {
        let info = DiskInfo { sectors: 0, block: 0, can: 0, serial: Name::default() };
        let (piece, most) = places(ring.data_len()).ok_or(NoDisk::Room)?;
        let (attached, late, looked) = (false, false, road.now());
        let mut disk = Disk { ring, road, info, piece, most, attached, late, looked };
        let until = disk.after(PATIENCE_MS);
        disk.info = disk.call(until, R::info).map_err(NoDisk::Driver)?;
        disk.attach(until).map_err(NoDisk::Driver)?;
        Ok(disk)
    }

    /// True when it can be written, and keeps what it was written once it was flushed.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        let both = can::WRITE | can::FLUSH;
        self.info.can & both == both
    }

    /// Sectors of the disk.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.info.sectors
    }

    /// The driver, as this side reaches it.
    pub const fn road(&mut self) -> &mut R {
        &mut self.road
    }

    /// Reads whole sectors.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn read_sectors(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError> {
        self.check(sector, out.len())?;
        self.run(Job::new(Data::Into(out), sector, self.piece))
    }

    /// Writes whole sectors.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn write_sectors(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        self.check(sector, data.len())?;
        self.run(Job::new(Data::From(data), sector, self.piece))
    }

    /// Returns when all that was written is there for good.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn flush_all(&mut self) -> Result<(), DeviceError> {
        self.run(Job::flushed(Data::Nothing, 0, self.piece))
    }

    /// Writes whole sectors, and returns when they, and all that was written before, are there for good. Write and flush
    /// are asked at once: the driver holds the flush back until the write is done.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn write_flushed(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        self.check(sector, data.len())?;
        self.run(Job::flushed(Data::From(data), sector, self.piece))
    }

    /// Reads as many pages as there are sectors, each from its own, together.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn read_each(&mut self, sectors: &[u64], out: &mut [u8]) -> Result<(), DeviceError> {
        self.check_each(sectors, out.len())?;
        self.run(Job::each(Data::Into(out), sectors))
    }

    /// Writes as many pages as there are sectors, each to its own, together.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn write_each(&mut self, sectors: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        self.check_each(sectors, data.len())?;
        self.run(Job::each(Data::From(data), sectors))
    }

    /// The same, and returns when they, and all that was written before, are there for good.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn write_each_flushed(&mut self, sectors: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        self.check_each(sectors, data.len())?;
        self.run(Job::each_flushed(Data::From(data), sectors))
    }

    fn check_each(&self, sectors: &[u64], bytes: usize) -> Result<(), DeviceError> {
        if bytes != sectors.len() * PAGE {
            return Err(DeviceError::OutOfRange);
        }
        sectors.iter().try_for_each(|sector| self.check(*sector, PAGE))
    }

    fn check(&self, sector: u64, bytes: usize) -> Result<(), DeviceError> {
        let (bytes, len) = (bytes as u64, self.info.sectors);
        let inside = sector <= len && bytes / SECTOR <= len - sector;
        let fits = bytes.is_multiple_of(SECTOR) && inside;
        if fits { Ok(()) } else { Err(DeviceError::OutOfRange) }
    }

    fn run(&mut self, mut job: Job<'_>) -> Result<(), DeviceError> {
        let patience = if self.late { IMPATIENCE_MS } else { PATIENCE_MS };
        let until = self.after(patience);
        self.look()?;
        let result = self.finish(&mut job, until);
        if self.ring.in_flight() > 0 {
            // Whatever comes of that is for nobody. The driver joins the next attachment when the device has
            // nothing of this one any more: until then its data may change.
            self.leave(&mut job);
        }
        result
    }

    /// Asks for all of the job, of one life of the driver after the other.
    fn finish(&mut self, job: &mut Job<'_>, until: Deadline) -> Result<(), DeviceError> {
        loop {
            self.attach(until)?;
            job.give(&mut self.ring, self.most)?;
            let reached = self.tell()?;
            if let Some(result) = job.result(self.ring.in_flight()) {
                return result;
            }
            match self.next(job, reached, until) {
                Ok(result) => result?,
                // Another life of the driver, or none any more: that is seen when it is attached to.
                Err(Ended::PeerGone | Ended::Before) => self.leave(job),
                // No driver does that which does what it must.
                Err(Ended::Index { .. } | Ended::NotInFlight { .. }) => {
                    self.leave(job);
                    return Err(DeviceError::Failed);
                }
            }
        }
    }

    /// Takes a completion, and those that came with it; waits for it if there is none, and for all when nothing can be
    /// done before. `told`: the driver was told just now, and so has not ended for good.
    fn next(
        &mut self,
        job: &mut Job<'_>,
        mut told: bool,
        until: Deadline,
    ) -> Result<Result<(), DeviceError>, Ended> {
        loop {
            let mut some = false;
            while let Some(done) = self.ring.pop()? {
                job.done(&self.ring, done);
                some = true;
            }
            if some {
                self.late = false;
                return Ok(Ok(()));
            }
            let ring = &mut self.ring;
            let waits = if job.is_given() { ring.may_wait_for_all() } else { ring.may_wait() };
            if !waits? {
                continue;
            }
            if (!told && self.road.is_over()) || self.wait(until).is_err() {
                return Ok(Err(DeviceError::Failed));
            }
            told = false;
        }
    }

    /// Tells the driver of what was asked. True when it was told, and not when it need not be.
    fn tell(&mut self) -> Result<bool, DeviceError> {
        let Disk { ring, road, .. } = self;
        ring.ring(|| if road.tell() { Ok(()) } else { Err(DeviceError::Failed) })
    }

    /// Leaves the attachment; what was under way is asked for again.
    fn leave(&mut self, job: &mut Job<'_>) {
        self.attached = false;
        job.lost(self.ring.begin());
    }

    /// Attaches, if it is not attached, to whichever life of the driver lasts.
    fn attach(&mut self, until: Deadline) -> Result<(), DeviceError> {
        while !self.attached {
            self.call(until, R::join)?;
            match self.ring.attached() {
                Ok(()) => self.attached = true,
                // It died since it answered. Nothing was under way.
                Err(_) => {
                    drop(self.ring.begin());
                    self.past(until)?;
                }
            }
        }
        Ok(())
    }

    /// Calls the driver, a short time each, until it answers.
    fn call<T>(
        &mut self,
        until: Deadline,
        ask: impl Fn(&mut R, Deadline) -> Result<T, CallError>,
    ) -> Result<T, DeviceError> {
        loop {
            let slice = self.after(CALL_MS).min(until);
            match ask(&mut self.road, slice) {
                Ok(answer) => return Ok(answer),
                Err(CallError::Kernel(Error::TimedOut | Error::PeerGone)) => {}
                Err(_) => return Err(DeviceError::Failed),
            }
            self.past(until)?;
            self.look_until(Deadline::at(0))?;
        }
    }

    /// Waits until the driver tells, until `until` at most.
    fn wait(&mut self, until: Deadline) -> Result<(), DeviceError> {
        self.past(until)?;
        self.look_until(until)
    }

    /// That it may still take longer.
    fn past(&mut self, until: Deadline) -> Result<(), DeviceError> {
        if self.road.now() < until.ticks() {
            return Ok(());
        }
        self.late = true;
        Err(DeviceError::Failed)
    }

    /// Looks at what came to this process, when it has not for some time: a disk that is so quick that nobody waits
    /// for it must not make it look dead.
    fn look(&mut self) -> Result<(), DeviceError> {
        let due = self.looked.saturating_add(ticks_of_ns(CALL_MS * 1_000_000));
        if self.road.now() < due { Ok(()) } else { self.look_until(Deadline::at(0)) }
    }

    fn look_until(&mut self, until: Deadline) -> Result<(), DeviceError> {
        let waited = self.road.wait(until);
        self.looked = self.road.now();
        waited.map_err(|_| DeviceError::Failed)
    }

    /// So many milliseconds from now.
    fn after(&self, ms: u64) -> Deadline {
        Deadline::at(self.road.now().saturating_add(ticks_of_ns(ms * 1_000_000)))
    }
}

/// How long a request is, and how many there is room for, in a data area of so many bytes. None where it has no room
/// for one of a page.
pub(crate) fn places(data_len: u32) -> Option<(u32, u16)> {
    const PAGE: u32 = nexus_store::PAGE as u32;
    let piece = (data_len / AT_ONCE / PAGE * PAGE).clamp(PAGE, MOST);
    let most = (data_len / piece).min(ENTRIES as u32);
    u16::try_from(most).ok().filter(|most| *most > 0).map(|most| (piece, most))
}

impl<M, R> BlockDevice for Disk<M, R>
where
    M: SharedMut + fmt::Debug + Send + 'static,
    R: Road + Send + 'static,
{
    fn sectors(&self) -> u64 {
        self.size()
    }

    fn read(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError> {
        self.read_sectors(sector, out)
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        self.write_sectors(sector, data)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.flush_all()
    }

    fn write_flushed(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        self.write_flushed(sector, data)
    }

    fn read_each(&mut self, sectors: &[u64], out: &mut [u8]) -> Result<(), DeviceError> {
        self.read_each(sectors, out)
    }

    fn write_each(&mut self, sectors: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        self.write_each(sectors, data)
    }

    fn write_each_flushed(&mut self, sectors: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        self.write_each_flushed(sectors, data)
    }
}
