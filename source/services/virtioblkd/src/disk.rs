//! The device: requests to it, one head each, and what came of them.

use alloc::vec::Vec;
use core::fmt;

use nexus_mmio::{Outside, Shared, SharedMut};
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
    /// Those that the device does not have.
    free: Vec<Head>,
}

/// What a head is used for now.
#[derive(Clone, Copy, Debug)]
struct Entry {
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
    slots: Slots<P>,
    config: Config,
    /// By use, the longest first.
    classes: Vec<Class>,
    entries: [Entry; HEADS],
    counters: Counters,
    /// Something was given to the device since it was last told.
    given: bool,
    /// The device misbehaved.
    gone: bool,
}

/// The number of the header in a slot; the data, where there is some, is the next, and the status the last.
const HEADER: usize = 0;
const DATA: usize = 1;
/// What stands for a status that the device has not written.
const NO_STATUS: u8 = 0xff;
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
        let mut entries = [Entry { class: 0, op: Op::Read, tag: 0 }; HEADS];
        let mut classes = Vec::new();
        for head in heads {
            let pieces: Vec<_> = slots.pieces(&head).collect();
            let shape = Shape::of(&pieces).ok_or(NoUse::Head(head.index()))?;
            put(&mut classes, shape, head);
        }
        classes.retain(|class| class.sectors == 0 || class.shape.len <= config.most);
        classes.sort_by_key(|class| (class.shape.used_for, u32::MAX - class.sectors));
        let sector =
            |used_for| classes.iter().any(|class| class.shape == Shape { used_for, len: SECTOR });
        for used_for in [Use::Read, Use::Write] {
            if !sector(used_for) && (used_for == Use::Read || config.writes) {
                return Err(NoUse::NoSector(used_for));
            }
        }
        for (class, number) in classes.iter().zip(0..) {
            for head in &class.free {
                if let Some(entry) = entries.get_mut(usize::from(head.index())) {
                    entry.class = number;
                }
            }
        }
        let counters = Counters::default();
        Ok(Disk { queue, slots, config, classes, entries, counters, given: false, gone: false })
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
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Requests that the device has.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.queue.in_flight()
    }

    /// Gives the device a request, or as many of its first sectors as there is a head for; tells how many.
    /// `fill` copies the data of a write to the memory and place that it is given, so many bytes. The device need not look before [`ring`](Self::ring).
    ///
    /// # Errors
    /// [`Refused`].
    pub fn submit(
        &mut self,
        request: Request,
        fill: impl FnOnce(&mut P, usize, usize) -> Result<(), Outside>,
    ) -> Result<u32, Refused> {
        let Request { op, sector, sectors, tag } = request;
        self.check(op, sector, sectors)?;
        let (number, class) = pick(&mut self.classes, op, sectors).ok_or(Refused::Later)?;
        let taken = if class.sectors > 0 { class.sectors } else { self.config.part(op, sectors) };
        let head = class.free.pop().ok_or(Refused::Later)?;
        let header = [op.code(), sector, taken.into()];
        let written = prepare(&mut self.slots, &head, class.shape, header, fill);
        let entry = self.entries.get_mut(usize::from(head.index()));
        let (Ok(()), Some(entry)) = (written, entry) else {
            class.free.push(head);
            return Err(Refused::NoData);
        };
        *entry = Entry { class: number, op, tag };
        if let Err(head) = self.queue.post(head) {
            class.free.push(head);
            return Err(Refused::Gone);
        }
        self.given = true;
        self.counters.asked(op, class.sectors);
        Ok(taken)
    }

    /// That the disk offers it, and has all of these sectors.
    ///
    /// # Errors
    /// `Gone`, `Unsupported`, `OutOfRange`.
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

    /// After a batch of requests: tells the device once, if it wants to know.
    ///
    /// # Errors
    /// Of the doorbell; it is rung at the next call.
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
    pub fn complete(
        &mut self,
        take: impl FnOnce(&Done, &P, usize, usize),
    ) -> Result<Option<Done>, Misbehaved> {
        let popped = self.queue.pop();
        self.gone |= popped.is_err();
        let Some(completed) = popped? else { return Ok(None) };
        let len = completed.len();
        let head = completed.into_head();
        let entry = self.entries.get(usize::from(head.index()));
        let Some(Entry { class, op, tag }) = entry.copied() else { return Ok(None) };
        let Some(class) = self.classes.get_mut(usize::from(class)) else { return Ok(None) };
        let result = outcome(&self.slots, &head, class.shape, len);
        self.counters.errors = self.counters.errors.wrapping_add(result.is_err().into());
        let done = Done { tag, op, sectors: class.sectors, result };
        if result.is_ok() && matches!(op, Op::Read | Op::Serial) {
            let len = class.shape.len as usize;
            if let Ok((memory, place)) = self.slots.part(&head, DATA, 0, len) {
                take(&done, memory, place, len);
            }
        }
        class.free.push(head);
        Ok(Some(done))
    }

    /// Asks for an interrupt; true when it will come. See [`Queue::may_wait`].
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub fn may_wait(&mut self) -> Result<bool, Misbehaved> {
        let waits = self.queue.may_wait();
        self.gone |= waits.is_err();
        waits
    }
}

fn put(classes: &mut Vec<Class>, shape: Shape, head: Head) {
    match classes.iter_mut().find(|class| class.shape == shape) {
        Some(class) => class.free.push(head),
        None => {
            let data = matches!(shape.used_for, Use::Read | Use::Write);
            let sectors = if data { shape.len / SECTOR } else { 0 };
            classes.push(Class { shape, sectors, free: [head].into() });
        }
    }
}

/// The longest heads that are no longer than the request, and of which one is free.
fn pick(classes: &mut [Class], op: Op, sectors: u32) -> Option<(u8, &mut Class)> {
    let used_for = Use::of(op);
    let fits = |class: &Class| {
        class.shape.used_for == used_for && class.sectors <= sectors && !class.free.is_empty()
    };
    (0..).zip(classes).find(|(_, class)| fits(class))
}

/// Writes what the device reads of a slot, and a status that it does not write. Of a range the flags are
/// 0: what is zeroed stays allocated.
fn prepare<P: SharedMut>(
    slots: &mut Slots<P>,
    head: &Head,
    shape: Shape,
    [code, sector, sectors]: [u64; 3],
    fill: impl FnOnce(&mut P, usize, usize) -> Result<(), Outside>,
) -> Result<(), Outside> {
    let range = shape.used_for == Use::Range;
    let first = if matches!(shape.used_for, Use::Read | Use::Write) { sector } else { 0 };
    put_words(slots, head, HEADER, [code, first])?;
    let status = if shape.len == 0 { DATA } else { DATA + 1 };
    slots.write(head, status, 0, &[NO_STATUS])?;
    if range {
        put_words(slots, head, DATA, [sector, sectors])?;
    }
    if shape.used_for == Use::Write {
        let len = shape.len as usize;
        let (memory, place) = slots.part_mut(head, DATA, 0, len)?;
        fill(memory, place, len)?;
    }
    Ok(())
}

fn put_words<P: SharedMut>(
    slots: &mut Slots<P>,
    head: &Head,
    piece: usize,
    words: [u64; 2],
) -> Result<(), Outside> {
    let (memory, place) = slots.part_mut(head, piece, 0, size_of_val(&words))?;
    memory.put_words(place, words.into_iter().map(u64::to_le))
}

/// What came of a request, for which the device says that it wrote `len` bytes.
fn outcome<P: Shared>(
    slots: &Slots<P>,
    head: &Head,
    shape: Shape,
    len: u32,
) -> Result<(), Failure> {
    let status = if shape.len == 0 { DATA } else { DATA + 1 };
    let mut byte = [NO_STATUS];
    let read = slots.read(head, status, 0, &mut byte);
    let written = if matches!(shape.used_for, Use::Read | Use::Serial) { shape.len + 1 } else { 1 };
    match byte {
        [OK] if read.is_ok() && len >= written => Ok(()),
        [UNSUPPORTED] => Err(Failure::Unsupported),
        _ => Err(Failure::Device),
    }
}
