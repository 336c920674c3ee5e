//! Physical frames: one table entry for each frame of RAM, and a list of the free ones.
//!
//! Whatever needs frames takes single ones, and any free frame is as good as any other: what others
//! have taken, and where, makes no difference to anybody (RFC-0001, B2). Taking one and giving it
//! back takes constant time.
//!
//! The frames of a memory object are a binary tree through their table entries: page n is node
//! n + 1, and the bits of that number below its highest say left or right. So a page is found in
//! logarithmic time, and an object of any size costs no frame besides its pages.

use nexus_abi::Error;

use crate::store::addr::Frame;
use crate::store::banks::Banks;

/// What a frame is used for. Every frame of RAM is exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameUse {
    /// Firmware, kernel, or kernel tables.
    Reserved,
    /// Nobody's.
    Free,
    /// A page table, or the record of one.
    Table,
    /// Part of a memory object.
    Memory,
    /// Set aside for memory that devices reach.
    Device,
}

/// The number of no frame of RAM ([`Banks::add`]).
const NONE: u32 = u32::MAX;

/// The table entry of one frame.
#[derive(Clone, Copy, Debug)]
pub struct FrameInfo {
    usage: FrameUse,
    /// Of a page table: its valid entries.
    live: u16,
    /// The number of a frame: of a free one, the next free one; of a last-level table, its record;
    /// of memory, the node below on the left.
    left: u32,
    /// Of memory, the number of the node below on the right.
    right: u32,
}

impl FrameInfo {
    /// A frame that is not to be given out.
    pub const RESERVED: FrameInfo = FrameInfo::new(FrameUse::Reserved);

    const fn new(usage: FrameUse) -> FrameInfo {
        FrameInfo { usage, live: 0, left: NONE, right: NONE }
    }
}

/// The frames of a memory object, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pages {
    /// That of page 0; any frame while there is none.
    first: Frame,
    count: u32,
    /// Whether the others lie behind it.
    contiguous: bool,
}

impl Pages {
    /// No page yet.
    pub(crate) const EMPTY: Pages =
        Pages { first: Frame::from_number(0), count: 0, contiguous: false };

    /// Frames that lie one after the other.
    pub(crate) const fn contiguous(first: Frame, count: u32) -> Pages {
        Pages { first, count, contiguous: true }
    }

    /// How many.
    #[inline(always)]
    pub const fn count(self) -> u32 {
        self.count
    }
}

/// The frames of RAM.
#[derive(Debug)]
pub struct Frames<'a> {
    table: Banks<'a, FrameInfo>,
    /// The number of the first free frame.
    free: u32,
    free_count: u32,
}

impl<'a> Frames<'a> {
    /// The frames of these banks, each reserved until [`Frames::add`] gives it out.
    pub fn new(mut table: Banks<'a, FrameInfo>) -> Frames<'a> {
        table.iter_mut().for_each(|infos| infos.fill(FrameInfo::RESERVED));
        Frames { table, free: NONE, free_count: 0 }
    }

    /// Free frames.
    pub fn free_count(&self) -> u32 {
        self.free_count
    }

    /// The first frame of each bank, and how many it has.
    #[cfg(feature = "checker")]
    pub(crate) fn banks(&self) -> impl Iterator<Item = (Frame, u64)> {
        self.table.iter().map(|(first, infos)| (first, u64::try_from(infos.len()).unwrap_or(0)))
    }

    /// What a frame is used for; `None` outside RAM.
    pub(crate) fn usage(&self, frame: Frame) -> Option<FrameUse> {
        self.table.get(frame).map(|info| info.usage)
    }

    /// Makes reserved frames free, the lowest to be taken first. Frames outside RAM, or not
    /// reserved, are left alone.
    pub fn add(&mut self, first: Frame, count: u32) {
        for step in (0..count).rev() {
            let frame = first.plus(u64::from(step));
            if self.usage(frame) == Some(FrameUse::Reserved) {
                self.release(frame);
            }
        }
    }

    /// Gives reserved frames, one after the other, this use. `None`, and nothing done, if one is not reserved
    /// RAM.
    pub fn claim(&mut self, first: Frame, count: u32, usage: FrameUse) -> Option<Pages> {
        let frames = || (0..count).map(|step| first.plus(u64::from(step)));
        if !frames().all(|frame| self.usage(frame) == Some(FrameUse::Reserved)) {
            return None;
        }
        for frame in frames() {
            *self.table.get_mut(frame)? = FrameInfo::new(usage);
        }
        Some(Pages::contiguous(first, count))
    }

    /// Takes a frame.
    ///
    /// # Errors
    /// `NoMemory` when none is free.
    pub fn alloc(&mut self, usage: FrameUse) -> Result<Frame, Error> {
        #[cfg(feature = "testing")]
        if crate::sim::fault::hit() {
            return Err(Error::NoMemory);
        }
        self.take(usage).ok_or(Error::NoMemory)
    }

    /// Takes the first free frame; `None` when there is none.
    #[inline(always)]
    fn take(&mut self, usage: FrameUse) -> Option<Frame> {
        #[cfg(feature = "testing")]
        crate::sim::pace::count_frame();
        let frame = numbered(self.free);
        let info = self.table.get_mut(frame)?;
        self.free = info.left;
        *info = FrameInfo::new(usage);
        self.free_count = self.free_count.wrapping_sub(1);
        Some(frame)
    }

    /// Gives a frame back.
    pub fn release(&mut self, frame: Frame) {
        let Some(info) = self.table.get_mut(frame) else { return };
        if info.usage == FrameUse::Free {
            return;
        }
        #[cfg(feature = "testing")]
        crate::sim::pace::count_frame();
        *info = FrameInfo { left: self.free, ..FrameInfo::new(FrameUse::Free) };
        self.free = number(frame);
        self.free_count = self.free_count.wrapping_add(1);
    }

    /// Takes the frames of an object of `count` pages.
    ///
    /// # Errors
    /// `NoMemory` when fewer are free, and none is taken.
    pub fn alloc_pages(&mut self, count: u32) -> Result<Pages, Error> {
        #[cfg(feature = "testing")]
        if (0..count).any(|_| crate::sim::fault::hit()) {
            return Err(Error::NoMemory);
        }
        if self.free_count < count {
            return Err(Error::NoMemory);
        }
        let mut pages = Pages::EMPTY;
        for _ in 0..count {
            let frame = self.take(FrameUse::Memory).ok_or(Error::NoMemory)?;
            self.append(&mut pages, frame);
        }
        Ok(pages)
    }

    /// Gives the last page of an object back; false when there is none.
    pub fn release_last(&mut self, pages: &mut Pages) -> bool {
        let Some(last) = pages.count.checked_sub(1) else { return false };
        if let Some(frame) = self.page(*pages, last) {
            self.release(frame);
        }
        pages.count = last;
        true
    }

    /// The frame of page `n` of an object; `None` past its end.
    pub(crate) fn page(&self, pages: Pages, n: u32) -> Option<Frame> {
        if n >= pages.count {
            return None;
        }
        if pages.contiguous {
            return Some(pages.first.plus(u64::from(n)));
        }
        let node = n.wrapping_add(1);
        let mut frame = pages.first;
        for level in (0..node.ilog2()).rev() {
            let info = self.table.get(frame)?;
            let right = node.wrapping_shr(level) & 1 != 0;
            frame = numbered(if right { info.right } else { info.left });
        }
        Some(frame)
    }

    /// Puts a frame at the end of an object.
    fn append(&mut self, pages: &mut Pages, frame: Frame) {
        let node = pages.count.wrapping_add(1);
        let above = self.page(*pages, (node >> 1).wrapping_sub(1));
        match above.and_then(|above| self.table.get_mut(above)) {
            Some(above) if node & 1 != 0 => above.right = number(frame),
            Some(above) => above.left = number(frame),
            None => pages.first = frame,
        }
        pages.count = node;
    }

    /// Adds `by` to the valid entries of a page table, and returns the sum.
    pub(crate) fn count_entries(&mut self, table: Frame, by: i16) -> u16 {
        self.enter(table, by).map_or(0, |(live, _)| live)
    }

    /// Makes a frame the record of a last-level table.
    pub(crate) fn set_record(&mut self, table: Frame, record: Frame) {
        if let Some(info) = self.table.get_mut(table) {
            info.left = number(record);
        }
    }

    /// The record of a last-level table.
    #[inline(always)]
    pub(crate) fn record(&self, table: Frame) -> Option<Frame> {
        Some(numbered(self.table.get(table)?.left))
    }

    /// Adds `by` to the valid entries of a last-level table; tells the sum, and its record.
    #[inline(always)]
    pub(crate) fn enter(&mut self, table: Frame, by: i16) -> Option<(u16, Frame)> {
        let info = self.table.get_mut(table)?;
        info.live = info.live.wrapping_add_signed(by);
        Some((info.live, numbered(info.left)))
    }

    /// Valid entries counted for a page table.
    #[cfg(feature = "checker")]
    pub(crate) fn entries(&self, frame: Frame) -> Option<u16> {
        self.table.get(frame).map(|info| info.live)
    }

    /// Tells every free frame.
    #[cfg(feature = "checker")]
    pub(crate) fn each_free<E>(
        &self,
        mut tell: impl FnMut(Frame) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut next = numbered(self.free);
        while let Some(info) = self.table.get(next) {
            tell(next)?;
            next = numbered(info.left);
        }
        Ok(())
    }
}

/// The number that an entry has for a frame.
#[inline(always)]
fn number(frame: Frame) -> u32 {
    u32::try_from(frame.number()).unwrap_or(NONE)
}

/// The frame with a number that an entry has.
#[inline(always)]
fn numbered(number: u32) -> Frame {
    Frame::from_number(u64::from(number))
}
