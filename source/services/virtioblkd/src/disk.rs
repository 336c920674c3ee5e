//! The device: requests to it, one head each, and what came of them.

use alloc::vec::Vec;
use core::fmt;
use core::iter::once;

use nexus_mmio::{Outside, Shared, SharedMut};
use nexus_proto::disk::DiskStats;
use nexus_virtio::{Doorbell, Head, Misbehaved, Queue, Slots};

use crate::config::Config;
use crate::count::Counters;
use crate::shape::{SECTOR, Shape, Use};

/// What a device is asked for (virtio 1.2, 5.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Data of sectors.
    Read,
    /// Data to sectors.
    Write,
    /// What was written lasts.
    Flush,
    /// The data of sectors is not needed any more.
    Discard,
    /// Sectors are zero.
    Zeroes,
    /// The serial number.
    Serial,
}

impl Op {
    /// True when sectors are read or written.
    const fn is_data(self) -> bool {
        matches!(self, Op::Read | Op::Write)
    }

    /// The type of the request.
    const fn code(self) -> u64 {
        match self {
            Op::Read => 0,
            Op::Write => 1,
            Op::Flush => 4,
            Op::Serial => 8,
            Op::Discard => 11,
            Op::Zeroes => 13,
        }
    }
}

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

/// Heads of one shape.
#[derive(Debug)]
struct Class {
    shape: Shape,
    /// Of data.
    sectors: u32,
    /// How often one was given to the device.
    given: u64,
    /// Bytes that the device says it wrote, when it did all.
    written: u32,
    /// Those that the device does not have.
    free: Vec<Head>,
}

/// A head: where the pieces of its slot are, and what it is used for now. A slot is read and written only
/// while its head is free, or in the hand of one of the functions below.
#[derive(Clone, Copy, Debug)]
struct Entry {
    header: usize,
    data: usize,
    /// A word of eight bytes, of which the first is the status and the others are nobody's.
    status: usize,
    class: u8,
    op: Op,
    tag: u64,
}

/// The description has not the heads that a disk needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoUse {
    /// The pieces of this head are of no request to a disk.
    Head(u16),
    /// None reads one sector, or none writes one.
    NoSector(Use),
}

impl fmt::Display for NoUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoUse::Head(head) => write!(f, "the pieces of head {head} are of no request to a disk"),
            NoUse::NoSector(used_for) => {
                write!(f, "no head is to {used_for:?} a sector of 512 bytes")
            }
        }
    }
}

/// The disk, with one queue of `HEADS` heads. `A` holds the available ring, `U` the used ring, `P` the slots.
#[derive(Debug)]
pub struct Disk<A, U, P, const HEADS: usize> {
    queue: Queue<A, U, HEADS>,
    slots: P,
    config: Config,
    /// By use, the longest first.
    classes: Vec<Class>,
    /// For reads and for writes: which class is the longest of so many sectors at most.
    fits: [[u8; LONGEST + 1]; 2],
    entries: [Entry; HEADS],
    counters: Counters,
    /// Something was given to the device since it was last told.
    given: bool,
    /// The device misbehaved.
    gone: bool,
}

/// Sectors of the longest heads that are used.
const LONGEST: usize = 256;
/// What stands for a status that the device has not written.
const NO_STATUS: u64 = u64::MAX;
const OK: u8 = 0;
const UNSUPPORTED: u8 = 2;

impl<A: SharedMut, U: Shared, P: SharedMut, const HEADS: usize> Disk<A, U, P, HEADS> {
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
        let none = Entry { header: 0, data: 0, status: 0, class: 0, op: Op::Read, tag: 0 };
        let mut entries = [none; HEADS];
        let mut classes = Vec::new();
        for (head, entry) in heads.into_iter().zip(&mut entries) {
            let places: Vec<usize> = slots.places(&head).collect();
            let pieces: Vec<_> = slots.pieces(&head).collect();
            let shape = Shape::of(&pieces).ok_or(NoUse::Head(head.index()))?;
            if let [header, data, .., status] | [header, data @ status] = places[..] {
                (entry.header, entry.data, entry.status) = (header, data, status);
            }
            sort_in(&mut classes, shape, head);
        }
        let most = config.most.min(LONGEST as u32 * SECTOR);
        classes.retain(|class| class.sectors == 0 || class.shape.len <= most);
        classes.sort_by_key(|class| (class.shape.used_for, u32::MAX - class.sectors));
        let [reads, writes] = [Use::Read, Use::Write].map(|used_for| fits(&classes, used_for));
        let reads = reads.ok_or(NoUse::NoSector(Use::Read))?;
        let writes = match writes {
            None if config.writes => return Err(NoUse::NoSector(Use::Write)),
            writes => writes.unwrap_or([0; LONGEST + 1]),
        };
        for (class, number) in classes.iter().zip(0..) {
            for head in &class.free {
                if let Some(entry) = entries.get_mut(usize::from(head.index())) {
                    entry.class = number;
                }
            }
        }
        let (slots, fits, counters) = (slots.into_memory(), [reads, writes], Counters::default());
        let (given, gone) = (false, false);
        Ok(Disk { queue, slots, config, classes, fits, entries, counters, given, gone })
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
        let given =
            self.classes.iter().map(|class| (class.shape.used_for, class.given, class.sectors));
        self.counters.stats(given, self.queue.in_flight())
    }

    /// Requests that the device has.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.queue.in_flight()
    }

    /// Gives the device a request, or as many of its first sectors as there is a head for; tells how many.
    /// `fill` copies the data of a write to the memory and place that it is given, so many bytes. The device
    /// need not look before [`ring`](Self::ring).
    ///
    /// # Errors
    /// [`Refused`].
    #[inline]
    pub fn submit(
        &mut self,
        request: Request,
        fill: impl FnOnce(&mut P, usize, usize) -> Result<(), Outside>,
    ) -> Result<u32, Refused> {
        let Request { op, sector, sectors, tag } = request;
        self.check(op, sector, sectors)?;
        let number = self.class_for(op, sectors).ok_or(Refused::Later)?;
        let class = self.classes.get_mut(usize::from(number)).ok_or(Refused::Later)?;
        let head = class.free.pop().ok_or(Refused::Later)?;
        let Some(entry) = self.entries.get_mut(usize::from(head.index())) else {
            return Err(Refused::Gone);
        };
        let taken = if class.sectors > 0 { class.sectors } else { self.config.part(op, sectors) };
        let written = match op {
            Op::Read => prepare(&mut self.slots, entry, op.code(), sector),
            Op::Write => prepare(&mut self.slots, entry, op.code(), sector)
                .and_then(|()| fill(&mut self.slots, entry.data, class.shape.len as usize)),
            Op::Flush | Op::Serial => prepare(&mut self.slots, entry, op.code(), 0),
            Op::Discard | Op::Zeroes => prepare(&mut self.slots, entry, op.code(), 0)
                // The flags behind the count are 0: what is zeroed stays allocated.
                .and_then(|()| put(&mut self.slots, entry.data, [sector, taken.into()])),
        };
        if written.is_err() {
            class.free.push(head);
            return Err(Refused::NoData);
        }
        (entry.op, entry.tag) = (op, tag);
        if let Err(head) = self.queue.post(head) {
            class.free.push(head);
            return Err(Refused::Gone);
        }
        class.given = class.given.wrapping_add(1);
        self.given = true;
        Ok(taken)
    }

    /// That the disk offers it, and has all of these sectors.
    ///
    /// # Errors
    /// `Gone`, `Unsupported`, `OutOfRange`.
    #[inline]
    pub const fn check(&self, op: Op, sector: u64, sectors: u32) -> Result<(), Refused> {
        if self.gone {
            return Err(Refused::Gone);
        }
        if !self.config.offers(op) {
            return Err(Refused::Unsupported);
        }
        match op {
            Op::Flush | Op::Serial => Ok(()),
            _ if self.config.has(sector, sectors) => Ok(()),
            _ => Err(Refused::OutOfRange),
        }
    }

    /// The class with the longest heads that are no longer than the request, and of which one is free.
    #[inline]
    fn class_for(&self, op: Op, sectors: u32) -> Option<u8> {
        let longest = (sectors as usize).min(LONGEST);
        let [reads, writes] = &self.fits;
        let first = match op {
            Op::Read => *reads.get(longest)?,
            Op::Write => *writes.get(longest)?,
            _ => 0,
        };
        match self.classes.get(usize::from(first)) {
            Some(class) if op.is_data() && !class.free.is_empty() => Some(first),
            _ => self.shorter(op, first),
        }
    }

    /// The same, when its first choice will not do.
    #[cold]
    fn shorter(&self, op: Op, first: u8) -> Option<u8> {
        let used_for = Use::of(op);
        let free = |class: &Class| class.shape.used_for == used_for && !class.free.is_empty();
        let from = self.classes.get(usize::from(first)..)?;
        (first..).zip(from).find(|(_, class)| free(class)).map(|(number, _)| number)
    }

    /// After a batch of requests: tells the device once, if it wants to know.
    ///
    /// # Errors
    /// Of the doorbell; it is rung at the next call.
    #[inline]
    pub fn ring<D: Doorbell>(&mut self, doorbell: &mut D) -> Result<(), D::Error> {
        let rang = self.queue.ring(doorbell)?;
        if core::mem::take(&mut self.given) {
            self.counters.batch(self.queue.in_flight(), rang);
        }
        Ok(())
    }

    /// The next request that the device is done with; `None` when there is none now. Where it has read
    /// data, `take` gets it first: the memory, the place, and the bytes.
    ///
    /// # Errors
    /// What the device did. It does nothing any more: what it had is never completed.
    #[inline]
    pub fn complete(
        &mut self,
        take: impl FnOnce(&Done, &P, usize, usize),
    ) -> Result<Option<Done>, Misbehaved> {
        let completed = match self.queue.pop() {
            Ok(Some(completed)) => completed,
            Ok(None) => return Ok(None),
            Err(what) => {
                self.gone = true;
                return Err(what);
            }
        };
        let len = completed.len();
        let head = completed.into_head();
        let Some(entry) = self.entries.get(usize::from(head.index())) else { return Ok(None) };
        let Some(class) = self.classes.get_mut(usize::from(entry.class)) else { return Ok(None) };
        let result = match self.slots.read32(entry.status) as u8 {
            OK if len >= class.written => Ok(()),
            UNSUPPORTED => Err(Failure::Unsupported),
            _ => Err(Failure::Device),
        };
        let done = Done { tag: entry.tag, op: entry.op, sectors: class.sectors, result };
        match (result, entry.op) {
            (Ok(()), Op::Read | Op::Serial) => {
                take(&done, &self.slots, entry.data, class.shape.len as usize);
            }
            (Ok(()), _) => {}
            (Err(_), _) => self.counters.errors = self.counters.errors.wrapping_add(1),
        }
        class.free.push(head);
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
        let waits = match self.queue.spin(goes_on) {
            Ok(false) if self.queue.in_flight() > 0 => self.queue.may_wait(),
            found => found.map(|found| !found),
        };
        self.gone |= waits.is_err();
        waits
    }
}

fn sort_in(classes: &mut Vec<Class>, shape: Shape, head: Head) {
    match classes.iter_mut().find(|class| class.shape == shape) {
        Some(class) => class.free.push(head),
        None => {
            let data = matches!(shape.used_for, Use::Read | Use::Write);
            let sectors = if data { shape.len / SECTOR } else { 0 };
            let reads = matches!(shape.used_for, Use::Read | Use::Serial);
            let written = if reads { shape.len.saturating_add(1) } else { 1 };
            classes.push(Class { shape, sectors, given: 0, written, free: [head].into() });
        }
    }
}

/// Which class is the longest of at most 0, 1, 2 and so on sectors. `None` where none is of one sector.
fn fits(classes: &[Class], used_for: Use) -> Option<[u8; LONGEST + 1]> {
    let longest = |sectors: usize| {
        let its =
            |class: &Class| class.shape.used_for == used_for && class.sectors as usize <= sectors;
        (0..).zip(classes).find(|(_, class)| its(class)).map(|(number, _)| number)
    };
    longest(1)?;
    Some(core::array::from_fn(|sectors| longest(sectors).unwrap_or(u8::MAX)))
}

/// Writes the header of a slot, and a status that the device does not write.
#[inline]
fn prepare<P: SharedMut>(
    slots: &mut P,
    entry: &Entry,
    code: u64,
    sector: u64,
) -> Result<(), Outside> {
    put(slots, entry.header, [code, sector])?;
    slots.put_words(entry.status, once(NO_STATUS))
}

#[inline]
fn put<P: SharedMut>(
    slots: &mut P,
    place: usize,
    [first, second]: [u64; 2],
) -> Result<(), Outside> {
    slots.put_words(place, [first.to_le(), second.to_le()].into_iter())
}
