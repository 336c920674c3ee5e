//! The heads of the queue of a disk: what each is for, and which of them the device does not have.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use nexus_mmio::{Exact, Shared};

use super::{Config, Op, SECTOR, Shape, Use};
use crate::{Head, Slots};

/// Most shapes that there are.
const SHAPES: usize = 16;
/// Sectors of the longest heads that are used.
const LONGEST: usize = 256;

/// The description has not the heads that a disk needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoUse {
    /// The pieces of this head are of no request to a disk.
    Head(u16),
    /// None reads one sector, or none writes one.
    NoSector(Use),
    /// They have more than 16 shapes.
    Shapes,
}

impl fmt::Display for NoUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoUse::Head(head) => write!(f, "the pieces of head {head} are of no request to a disk"),
            NoUse::NoSector(used_for) => {
                write!(f, "no head is to {used_for:?} a sector of 512 bytes")
            }
            NoUse::Shapes => write!(f, "the heads have more than {SHAPES} shapes"),
        }
    }
}

/// Bytes of the word whose first byte is the status.
const STATUS: usize = 8;
/// Bytes of the header.
const HEADER: usize = super::HEADER as usize;

/// A head: the pieces of its slot, and what it is used for now. A slot is read and written only while the device
/// does not have its head: between [`Heads::take`] and posting it, and between [`Heads::done`] and
/// [`Class::put`]. As long as a power of two, so that it is found
/// with a shift.
#[derive(Debug)]
#[repr(align(64))]
pub struct Entry<P: Exact> {
    /// The type of the request, four bytes of 0, and the first sector.
    pub header: P::Exactly<HEADER>,
    /// Of no bytes where there is no data.
    pub data: P,
    /// A word of which the first byte is the status and the others are nobody's.
    pub status: P::Exactly<STATUS>,
    /// What its user tells it by.
    pub tag: u64,
    /// The next that is free, of the same shape.
    next: u16,
    class: u8,
    /// What was asked.
    pub op: Op,
}

/// Heads of one shape.
#[derive(Debug)]
pub struct Class {
    /// Their shape.
    pub shape: Shape,
    /// Sectors of data.
    pub sectors: u32,
    /// Bytes that the device says it wrote, when it did all.
    pub written: u32,
    /// The first that is free; none when there is no such head.
    free: u16,
    /// How often one was given to the device.
    pub given: u64,
}

/// No head.
const NONE: u16 = u16::MAX;

impl Class {
    const EMPTY: Class = Class::of(Shape { used_for: Use::Serial, len: 0 });

    const fn of(shape: Shape) -> Class {
        let sectors = match shape.used_for {
            Use::Read | Use::Write => shape.len / SECTOR,
            Use::Flush | Use::Range | Use::Serial => 0,
        };
        let written = match shape.used_for {
            Use::Read | Use::Serial => shape.len.saturating_add(1),
            Use::Write | Use::Flush | Use::Range => 1,
        };
        Class { shape, sectors, written, free: NONE, given: 0 }
    }

    /// The head of this index is free.
    #[inline]
    pub const fn put<P: Exact>(&mut self, entry: &mut Entry<P>, index: u16) {
        entry.next = self.free;
        self.free = index;
    }
}

/// All heads of a queue.
#[derive(Debug)]
pub struct Heads<P: Exact, const HEADS: usize> {
    /// Never on the stack, which has no room for them.
    entries: Box<[Entry<P>; HEADS]>,
    /// By use, the longest first. Those that there are not have no head.
    classes: [Class; SHAPES],
    /// For reads and for writes: which class is the longest of so many sectors at most.
    reads: [u8; LONGEST + 1],
    writes: [u8; LONGEST + 1],
}

impl<P: Exact, const HEADS: usize> Heads<P, HEADS> {
    /// All of them free, but for those that are longer than the device takes, or than 128 KiB.
    ///
    /// # Errors
    /// [`NoUse`].
    pub fn new(config: &Config, heads: [Head; HEADS], slots: Slots<P>) -> Result<Self, NoUse> {
        let most = config.most.min(LONGEST as u32 * SECTOR);
        let its = heads.iter().map(|head| shape(head, &slots)).collect::<Result<Vec<_>, _>>()?;
        let mut shapes = its.clone();
        shapes.sort_by_key(|shape| (shape.used_for, u32::MAX - shape.len));
        shapes.dedup();
        shapes.retain(|shape| Class::of(*shape).sectors == 0 || shape.len <= most);
        let mut classes = [const { Class::EMPTY }; SHAPES];
        for (number, shape) in shapes.iter().enumerate() {
            *classes.get_mut(number).ok_or(NoUse::Shapes)? = Class::of(*shape);
        }
        let pieces = slots.into_pieces().map_err(|_| NoUse::Head(0))?;
        let mut entries = Vec::with_capacity(HEADS);
        for ((head, pieces), its) in heads.into_iter().zip(pieces).zip(its) {
            let mut entry = Entry::of(pieces).ok_or(NoUse::Head(head.index()))?;
            let found = (0..).zip(&mut classes).zip(&shapes).find(|(_, shape)| **shape == its);
            if let Some(((number, class), _)) = found {
                entry.class = number;
                class.put(&mut entry, head.index());
            }
            entries.push(entry);
        }
        let entries = entries.into_boxed_slice().try_into().map_err(|_| NoUse::Head(0))?;
        let reads = fits(&shapes, Use::Read).ok_or(NoUse::NoSector(Use::Read))?;
        let writes = match fits(&shapes, Use::Write) {
            None if config.writes => return Err(NoUse::NoSector(Use::Write)),
            writes => writes.unwrap_or([0; LONGEST + 1]),
        };
        Ok(Heads { entries, classes, reads, writes })
    }

    /// How often heads for one use, with so many sectors, were given to the device.
    pub fn given(&self) -> impl Iterator<Item = (Use, u64, u32)> {
        self.classes.iter().map(|class| (class.shape.used_for, class.given, class.sectors))
    }

    /// A head for the operation: of those that are free the longest that is no longer than the request, unless it
    /// would be a small piece of it while longer ones are in use. Its index, with which it is [put](Class::put)
    /// back. `None` when there is none now.
    #[inline]
    pub fn take(&mut self, op: Op, sectors: u32) -> Option<(u16, &mut Entry<P>, &mut Class)> {
        let longest = (sectors as usize).min(LONGEST);
        let (number, is_data) = match op {
            Op::Read => (*self.reads.get(longest)?, true),
            Op::Write => (*self.writes.get(longest)?, true),
            _ => (0, false),
        };
        let mut number = usize::from(number);
        if !is_data || usize::from(self.classes.get(number)?.free) >= HEADS {
            number = self.other(op, number)?;
        }
        let class = self.classes.get_mut(number)?;
        let index = class.free;
        let entry = self.entries.get_mut(usize::from(index))?;
        class.free = entry.next;
        Some((index, entry, class))
    }

    /// The class, when that of the longest heads will not do. Data goes in no pieces shorter than half of those
    /// that it could have: it waits for a head.
    #[cold]
    fn other(&self, op: Op, first: usize) -> Option<usize> {
        let used_for = Use::of(op);
        let longest = self.classes.get(first).filter(|class| class.shape.used_for == used_for);
        let least = longest.map_or(0, |class| class.sectors / 2);
        let free = |class: &Class| {
            class.shape.used_for == used_for && class.free != NONE && class.sectors >= least
        };
        let mut from = self.classes.iter().enumerate().skip(first);
        from.find(|(_, class)| free(class)).map(|(number, _)| number)
    }

    /// A head that the device is done with. `None` when there is no such head.
    #[inline]
    pub fn done(&mut self, index: u16) -> Option<(&mut Entry<P>, &mut Class)> {
        let entry = self.entries.get_mut(usize::from(index))?;
        let class = self.classes.get_mut(usize::from(entry.class))?;
        Some((entry, class))
    }
}

impl<P: Exact> Entry<P> {
    /// Of these pieces, which are those of a shape.
    fn of(pieces: Vec<P>) -> Option<Entry<P>> {
        let mut pieces = pieces.into_iter();
        let header = pieces.next()?.exactly().ok()?;
        let (data, status) = match (pieces.next()?, pieces.next()) {
            (data, Some(status)) => (data, status),
            (status, None) => status.split(0).ok()?,
        };
        let (status, tag, next, class) = (status.exactly().ok()?, 0, NONE, 0);
        Some(Entry { header, data, status, tag, next, class, op: Op::Read })
    }
}

fn shape<P: Shared>(head: &Head, slots: &Slots<P>) -> Result<Shape, NoUse> {
    let pieces: Vec<_> = slots.pieces(head).collect();
    Shape::of(&pieces).ok_or(NoUse::Head(head.index()))
}

/// Which of the shapes is the longest of at most 0, 1, 2 and so on sectors. `None` where none is of one
/// sector.
fn fits(shapes: &[Shape], used_for: Use) -> Option<[u8; LONGEST + 1]> {
    let longest = |sectors: usize| {
        let its =
            |shape: &Shape| shape.used_for == used_for && (shape.len / SECTOR) as usize <= sectors;
        (0..).zip(shapes).find(|(_, shape)| its(shape)).map(|(number, _)| number)
    };
    longest(1)?;
    Some(core::array::from_fn(|sectors| longest(sectors).unwrap_or(u8::MAX)))
}
