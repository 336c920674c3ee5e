//! The device: requests to it, one head each, and what came of them.

use core::iter::once;

use nexus_mmio::{Exact, Outside, Shared, SharedMut};
use nexus_proto::disk::DiskStats;
use nexus_virtio::block::{Config, Heads, NoUse, OK, Op, UNSUPPORTED};
use nexus_virtio::{Doorbell, Head, Misbehaved, Queue, Slots};

use crate::count::Counters;

/// A request, or what is left of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub op: Op,
    /// The first sector; of no meaning for a flush and the serial number.
    pub sector: u64,
    /// How many; 1 for a flush and the serial number.
    pub sectors: u32,
    /// What its completion is told with.
    pub tag: u64,
}

/// Why the device was not asked. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The disk does not offer it.
    Unsupported,
    /// No sectors, or not all of them are on the disk.
    OutOfRange,
    /// All heads for it are in use: later.
    Later,
    /// The data could not be had.
    NoData,
    /// The device misbehaved.
    Gone,
}

/// Why a request was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The device failed, or said what cannot be.
    Device,
    /// The device does not offer it.
    Unsupported,
}

/// A request that the device is done with, or the part of one that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// That of the request.
    pub tag: u64,
    /// What was asked.
    pub op: Op,
    /// Sectors of data.
    pub sectors: u32,
    /// What came of it.
    pub result: Result<(), Failure>,
}

/// The disk, with one queue of `HEADS` heads. `A` holds the available ring, `U` the used ring, `P` the slots.
#[derive(Debug)]
pub struct Disk<A, U, P: Exact, const HEADS: usize> {
    queue: Queue<A, U, HEADS>,
    config: Config,
    heads: Heads<P, HEADS>,
    counters: Counters,
    /// It was given much to write since it was last told.
    urgent: bool,
}

/// Sectors of a piece that takes long to copy: 64 KiB.
const LONG: u32 = 128;
/// What stands for a status that the device has not written.
const NO_STATUS: u64 = u64::MAX;

impl<A: SharedMut, U: Shared, P: Exact, const HEADS: usize> Disk<A, U, P, HEADS> {
    /// A disk that has nothing to do.
    ///
    /// # Errors
    /// [`NoUse`].
    pub fn new(
        config: Config,
        queue: Queue<A, U, HEADS>,
        heads: [Head; HEADS],
        slots: Slots<P>,
    ) -> Result<Self, NoUse> {
        let heads = Heads::new(&config, heads, slots)?;
        Ok(Disk { queue, config, heads, counters: Counters::default(), urgent: false })
    }

    /// What the disk is.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// It has become larger or smaller.
    pub const fn resize(&mut self, sectors: u64) {
        self.config.sectors = sectors;
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> DiskStats {
        self.counters.stats(self.heads.given(), self.queue.in_flight())
    }

    /// Requests that the device has.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.queue.in_flight()
    }

    /// Gives the device a request, or as many of its first sectors as there is a head for; tells how many.
    /// `fill` copies the data of a write to the memory that it is given, so many bytes. The device hears of it
    /// at the next [`ring`](Self::ring).
    ///
    /// # Errors
    /// [`Refused`].
    #[inline]
    pub fn submit(
        &mut self,
        request: Request,
        fill: impl FnOnce(&mut P, usize) -> Result<(), Outside>,
    ) -> Result<u32, Refused> {
        let Request { op, sector, sectors, tag } = request;
        self.check(op, sector, sectors)?;
        let Some((index, entry, class)) = self.heads.take(op, sectors) else {
            return Err(if self.queue.is_over() { Refused::Gone } else { Refused::Later });
        };
        let at = if matches!(op, Op::Read | Op::Write) { sector } else { 0 };
        let prepared = put(&mut entry.header, [op.code(), at])
            .and_then(|()| entry.status.put_words(0, once(NO_STATUS)));
        let (taken, prepared) = match (op, prepared) {
            (Op::Read, prepared) => (class.sectors, prepared),
            (Op::Write, Ok(())) => (class.sectors, fill(&mut entry.data, class.shape.len as usize)),
            (Op::Discard | Op::Zeroes, Ok(())) => {
                let taken = self.config.part(op, sectors);
                // The flags behind the count are 0: what is zeroed stays allocated.
                (taken, put(&mut entry.data, [sector, taken.into()]))
            }
            (_, prepared) => (sectors, prepared),
        };
        if prepared.is_err() {
            class.put(entry, index);
            return Err(Refused::NoData);
        }
        (entry.op, entry.tag) = (op, tag);
        if !self.queue.post_index(index) {
            class.put(entry, index);
            return Err(Refused::Gone);
        }
        class.given = class.given.wrapping_add(1);
        self.urgent |= op == Op::Write && class.sectors >= LONG;
        Ok(taken)
    }

    /// That the disk offers it, and has all of these sectors.
    ///
    /// # Errors
    /// `Unsupported`, `OutOfRange`.
    #[inline]
    pub const fn check(&self, op: Op, sector: u64, sectors: u32) -> Result<(), Refused> {
        if !self.config.offers(op) {
            return Err(Refused::Unsupported);
        }
        match op {
            Op::Flush | Op::Serial => Ok(()),
            _ if self.config.has(sector, sectors) => Ok(()),
            _ => Err(Refused::OutOfRange),
        }
    }

    /// True when the device has so much to write that it had better begin, while more is copied.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// After a batch of requests: tells the device once, if it wants to know.
    ///
    /// # Errors
    /// Of the doorbell; it is rung at the next call.
    #[inline]
    pub fn ring<D: Doorbell>(&mut self, doorbell: &mut D) -> Result<(), D::Error> {
        self.urgent = false;
        if self.queue.untold() > 0 {
            let rang = self.queue.ring(doorbell)?;
            self.counters.batch(self.queue.in_flight(), rang);
        }
        Ok(())
    }

    /// The next request that the device is done with; `None` when there is none now. Where it has read
    /// data, `take` gets it first: the memory, and how many bytes of it.
    ///
    /// # Errors
    /// What the device did. It does nothing any more: what it had is never completed.
    #[inline]
    pub fn complete(
        &mut self,
        take: impl FnOnce(&Done, &P, usize),
    ) -> Result<Option<Done>, Misbehaved> {
        let Some((index, len)) = self.queue.pop_index()? else { return Ok(None) };
        let Some((entry, class)) = self.heads.done(index) else { return Ok(None) };
        let result = match entry.status.read32(0) as u8 {
            OK if len >= class.written => Ok(()),
            UNSUPPORTED => Err(Failure::Unsupported),
            _ => Err(Failure::Device),
        };
        let done = Done { tag: entry.tag, op: entry.op, sectors: class.sectors, result };
        match (result, entry.op) {
            (Ok(()), Op::Read | Op::Serial) => {
                take(&done, &entry.data, class.shape.len as usize);
            }
            (Ok(()), _) => {}
            (Err(_), _) => self.counters.errors = self.counters.errors.wrapping_add(1),
        }
        class.put(entry, index);
        Ok(Some(done))
    }

    /// Before waiting. The one request that the device has, if it is the only one, is looked for while
    /// `goes_on` says so ([`Queue::spin`]); then an interrupt is asked for ([`Queue::may_wait`]), but not of
    /// a device that has nothing to do. True when nothing is there to be completed.
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    #[inline]
    pub fn may_wait(&mut self, goes_on: impl FnMut() -> bool) -> Result<bool, Misbehaved> {
        if self.queue.in_flight() == 0 { Ok(true) } else { self.wait_for(goes_on) }
    }

    fn wait_for(&mut self, goes_on: impl FnMut() -> bool) -> Result<bool, Misbehaved> {
        Ok(!self.queue.spin(goes_on)? && self.queue.may_wait()?)
    }
}

/// Stores two words at the start of a piece.
#[inline]
fn put(piece: &mut impl SharedMut, [first, second]: [u64; 2]) -> Result<(), Outside> {
    piece.put_words(0, [first.to_le(), second.to_le()].into_iter())
}
