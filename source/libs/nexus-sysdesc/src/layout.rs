//! Where the parts of sealed queues lie in the memory of their device (RFC-0004): one computation, for
//! whoever writes the addresses, for the driver, for the audit, and for whoever looks from outside.
//!
//! A device has three pieces of memory. Offsets are in bytes from the start of each.
//!
//! | memory | who may map it | what is in it |
//! |---|---|---|
//! | tables | nobody | per queue: one descriptor an entry of the ring, then an indirect table for each head |
//! | pool | the driver | per queue the available ring; from the next page on the slots of all heads |
//! | used rings | the driver, to read | per queue the used ring |
//!
//! Each head is one indirect descriptor. Its table has one descriptor for each piece, those that the
//! device reads first (virtio 1.2, 2.7.4.2). The pieces of a head lie side by side in its slot, each at a
//! multiple of [`ALIGN`].

use alloc::vec::Vec;

use nexus_abi::DEVICE_GUARD_PAGES;
#[cfg(feature = "hash")]
use sha2::{Digest as _, Sha256};

use crate::bounds::{MAX_MEMORY, PAGE};
use crate::{Queue, Shape, are_queues};

/// Pieces of slots, and slots, begin at a multiple of this many bytes, so that they are copied in words.
pub const ALIGN: u64 = 8;
/// Bytes of a descriptor. Tables and rings begin at a multiple of it (virtio 1.2, 2.7).
pub const DESCRIPTOR: u64 = 16;

/// Flags of a descriptor (virtio 1.2, 2.7.5): another follows.
pub const NEXT: u16 = 1;
/// The device writes it.
pub const WRITE: u16 = 2;
/// It names a table of descriptors.
pub const INDIRECT: u16 = 4;

/// What the memory of a device comes to, in bytes: whole pages, 0 without queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Of the tables.
    pub tables: u64,
    /// Of the pool.
    pub pool: u64,
    /// Of the used rings.
    pub used: u64,
}

impl Sizes {
    /// The sizes of these queues, which are those of their [`Layout`]; but nothing is laid out, which costs a piece
    /// of heap for each head.
    #[must_use]
    pub fn of(queues: &[Queue]) -> Option<Sizes> {
        let mut cursor = Cursor::of(queues)?;
        for queue in queues {
            cursor.rings(queue)?;
        }
        cursor.pool = whole_pages(cursor.pool)?;
        for shape in queues.iter().flat_map(|queue| &queue.shapes) {
            cursor.alike(shape)?;
        }
        cursor.sizes()
    }

    /// Bytes of all of it.
    fn bytes(self) -> Option<u64> {
        self.tables.checked_add(self.pool)?.checked_add(self.used)
    }

    /// Pages of all of it.
    #[must_use]
    pub fn pages(self) -> u16 {
        let bytes = self.bytes().unwrap_or(u64::MAX);
        u16::try_from(bytes.checked_div(PAGE).unwrap_or(0)).unwrap_or(u16::MAX)
    }

    /// Frames that the machine sets aside for all of it, with what stays free behind each piece.
    #[must_use]
    pub fn frames(self) -> u64 {
        let pieces = [self.tables, self.pool, self.used].into_iter().filter(|bytes| *bytes > 0);
        let frames = pieces.map(|bytes| bytes.checked_div(PAGE).unwrap_or(0));
        frames.fold(0, |sum, frames| sum.saturating_add(frames).saturating_add(DEVICE_GUARD_PAGES))
    }
}

/// The queues of a device, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The queues, by number.
    pub queues: Vec<QueueLayout>,
    /// Bytes of the memory with the tables: whole pages; 0 without queues.
    pub tables: u64,
    /// Bytes of the pool: whole pages; 0 without queues.
    pub pool: u64,
    /// Bytes of the memory with the used rings: whole pages; 0 without queues.
    pub used: u64,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueLayout {
    /// Entries of its rings: the least power of two that is not less than its heads.
    pub size: u16,
    /// Where its descriptors begin, in the tables.
    pub table: u64,
    /// Where its available ring begins, in the pool.
    pub avail: u64,
    /// Where its used ring begins, in the used rings.
    pub used: u64,
    /// Its heads, by number.
    pub heads: Vec<Head>,
}

/// One head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where its indirect table begins, in the tables.
    pub table: u64,
    /// The pieces of its slot, in the order of their descriptors.
    pub segments: Vec<Segment>,
}

/// A piece of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// Where it begins, in the pool.
    pub offset: u64,
    /// Bytes, at least 1.
    pub len: u32,
    /// The device writes it; else it reads it.
    pub writes: bool,
}

/// A descriptor, as the kernel is asked to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its place in the tables, in descriptors from their start.
    pub index: u64,
    /// It names a part of the tables; else of the pool.
    pub of_tables: bool,
    /// Where that part begins.
    pub offset: u64,
    /// Its bytes.
    pub len: u32,
    /// [`NEXT`], [`WRITE`], [`INDIRECT`].
    pub flags: u16,
    /// The number of the next one in its table; 0 without [`NEXT`].
    pub next: u16,
}

impl Layout {
    /// Where everything is. `None` for queues that no device can have, or that need more memory than a
    /// device can be given.
    #[must_use]
    pub fn of(queues: &[Queue]) -> Option<Layout> {
        let mut cursor = Cursor::of(queues)?;
        let rings = queues.iter().map(|queue| cursor.rings(queue));
        let mut laid = rings.collect::<Option<Vec<QueueLayout>>>()?;
        cursor.pool = whole_pages(cursor.pool)?;
        for (one, queue) in laid.iter_mut().zip(queues) {
            one.heads = cursor.heads(queue)?;
        }
        let Sizes { tables, pool, used } = cursor.sizes()?;
        Some(Layout { queues: laid, tables, pool, used })
    }

    /// What its memory comes to.
    #[must_use]
    pub const fn sizes(&self) -> Sizes {
        let Layout { tables, pool, used, .. } = *self;
        Sizes { tables, pool, used }
    }

    /// The digest of everything that is placed, when it is as laid out here.
    #[cfg(feature = "hash")]
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut seal = Seal::default();
        for descriptor in self.descriptors() {
            seal.descriptor(&descriptor);
        }
        for queue in &self.queues {
            seal.queue(queue.size, [queue.table, queue.avail, queue.used]);
        }
        seal.finish()
    }

    /// Every piece that the device can be made to read or write, by queue and head.
    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        let heads = self.queues.iter().flat_map(|queue| &queue.heads);
        heads.flat_map(|head| head.segments.iter().copied())
    }

    /// Bytes of the slots that the device can be made to read or write.
    #[must_use]
    pub fn reach(&self) -> u64 {
        self.segments().fold(0, |sum, segment| sum.saturating_add(u64::from(segment.len)))
    }

    /// Every descriptor, in the order in which the kernel is asked for them. The rest of the tables is
    /// zero.
    pub fn descriptors(&self) -> impl Iterator<Item = Descriptor> {
        self.queues.iter().flat_map(|queue| {
            let first = index(queue.table);
            (0u64..).zip(&queue.heads).flat_map(move |(at, head)| {
                let whole = head.descriptor(first.saturating_add(at));
                head.pieces().chain([whole])
            })
        })
    }
}

impl Head {
    /// The descriptor at `index` that names its table.
    fn descriptor(&self, index: u64) -> Descriptor {
        let pieces = u32::try_from(self.segments.len()).unwrap_or(u32::MAX);
        Descriptor {
            index,
            of_tables: true,
            offset: self.table,
            len: pieces.saturating_mul(16),
            flags: INDIRECT,
            next: 0,
        }
    }

    /// The descriptors of its table.
    fn pieces(&self) -> impl Iterator<Item = Descriptor> {
        let (table, last) = (index(self.table), self.segments.len());
        let piece = move |(segment, after): (&Segment, u16)| {
            let follows = usize::from(after) < last;
            let next = if follows { NEXT } else { 0 };
            Descriptor {
                index: table.saturating_add(u64::from(after).saturating_sub(1)),
                of_tables: false,
                offset: segment.offset,
                len: segment.len,
                flags: next | if segment.writes { WRITE } else { 0 },
                next: if follows { after } else { 0 },
            }
        };
        self.segments.iter().zip(1..).map(piece)
    }
}

/// What was placed, hashed in this order: every descriptor, then size and place of every queue. In it are
/// offsets, never addresses.
#[cfg(feature = "hash")]
#[derive(Clone, Debug, Default)]
pub struct Seal(Sha256);

#[cfg(feature = "hash")]
impl Seal {
    /// A descriptor was written.
    pub fn descriptor(&mut self, one: &Descriptor) {
        let [a, b, c, d, e, f, g, h] = one.index.to_le_bytes();
        let [i, j, k, l, m, n, o, p] = one.offset.to_le_bytes();
        let ([q, r, s, t], [u, v], [w, x]) =
            (one.len.to_le_bytes(), one.flags.to_le_bytes(), one.next.to_le_bytes());
        // One piece: a descriptor is soon hashed, and there are many.
        self.0.update([
            1,
            u8::from(one.of_tables),
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
            i,
            j,
            k,
            l,
            m,
            n,
            o,
            p,
            q,
            r,
            s,
            t,
            u,
            v,
            w,
            x,
        ]);
    }

    /// The next queue has rings of `size` entries, and its table, available ring and used ring at these
    /// offsets.
    pub fn queue(&mut self, size: u16, places: [u64; 3]) {
        self.0.update([2]);
        self.0.update(size.to_le_bytes());
        for place in places {
            self.0.update(place.to_le_bytes());
        }
    }

    /// The first eight bytes of the hash, as a little-endian number.
    #[must_use]
    pub fn finish(self) -> u64 {
        let hash = self.0.finalize();
        hash.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
}

/// How far each memory is taken.
#[derive(Default)]
struct Cursor {
    tables: u64,
    pool: u64,
    used: u64,
}

impl Cursor {
    /// Before the first of these queues, which a device can have.
    fn of(queues: &[Queue]) -> Option<Cursor> {
        are_queues(queues).then(Cursor::default)
    }

    /// Behind the last: what was taken, which is no more than a device can be given.
    fn sizes(&self) -> Option<Sizes> {
        let sizes = Sizes {
            tables: whole_pages(self.tables)?,
            pool: whole_pages(self.pool)?,
            used: whole_pages(self.used)?,
        };
        (sizes.bytes()? <= MAX_MEMORY).then_some(sizes)
    }

    /// The rings of a queue, and its descriptors; no heads yet.
    fn rings(&mut self, queue: &Queue) -> Option<QueueLayout> {
        let size = u16::try_from(queue.heads().checked_next_power_of_two()?).ok()?;
        let entries = u64::from(size);
        Some(QueueLayout {
            size,
            table: take(&mut self.tables, entries.checked_mul(DESCRIPTOR)?, DESCRIPTOR)?,
            avail: take(&mut self.pool, entries.checked_mul(2)?.checked_add(6)?, DESCRIPTOR)?,
            used: take(&mut self.used, entries.checked_mul(8)?.checked_add(6)?, DESCRIPTOR)?,
            heads: Vec::new(),
        })
    }

    fn heads(&mut self, queue: &Queue) -> Option<Vec<Head>> {
        let mut heads = Vec::with_capacity(usize::try_from(queue.heads()).ok()?);
        for shape in &queue.shapes {
            for _ in 0..shape.heads {
                let mut segments = Vec::with_capacity(shape.pieces());
                let table = self.head(shape, |segment| segments.push(segment))?;
                heads.push(Head { table, segments });
            }
        }
        Some(heads)
    }

    /// All heads of a shape, of which each takes as much as the first.
    fn alike(&mut self, shape: &Shape) -> Option<()> {
        let before = self.pool.checked_next_multiple_of(ALIGN)?;
        let table = self.head(shape, |_| ())?;
        let others = u64::from(shape.heads).checked_sub(1)?;
        let slot = self.pool.checked_next_multiple_of(ALIGN)?.checked_sub(before)?;
        self.pool = self.pool.checked_add(slot.checked_mul(others)?)?;
        let tables = self.tables.checked_sub(table)?.checked_mul(others)?;
        self.tables = self.tables.checked_add(tables)?;
        Some(())
    }

    /// One head: where its table begins, and each of its pieces.
    fn head(&mut self, shape: &Shape, mut piece: impl FnMut(Segment)) -> Option<u64> {
        for (len, writes) in shape.segments() {
            let offset = take(&mut self.pool, u64::from(len), ALIGN)?;
            piece(Segment { offset, len, writes });
        }
        let pieces = u64::try_from(shape.pieces()).ok()?;
        take(&mut self.tables, pieces.checked_mul(DESCRIPTOR)?, DESCRIPTOR)
    }
}

/// Takes `len` bytes at the next multiple of `align`.
fn take(cursor: &mut u64, len: u64, align: u64) -> Option<u64> {
    let start = cursor.checked_next_multiple_of(align)?;
    *cursor = start.checked_add(len)?;
    Some(start)
}

fn whole_pages(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(PAGE)
}

/// Which descriptor begins at this byte of the tables.
fn index(offset: u64) -> u64 {
    offset.checked_div(DESCRIPTOR).unwrap_or(0)
}
