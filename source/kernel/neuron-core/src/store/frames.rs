//! Physical frames: a buddy allocator over one table entry per frame of RAM.
//!
//! A free block is found in time in the logarithm of the size of RAM, whatever is in use. Allocation
//! and release mark each frame, so that they take time in the size of the block; a call takes at most
//! 512 frames.

use nexus_abi::Error;

use crate::store::addr::{Frame, index};

/// Largest block is 2^18 frames (1 GiB).
const ORDERS: u32 = 19;

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
}

/// The table entry of one frame.
#[derive(Clone, Copy, Debug)]
pub struct FrameInfo {
    usage: FrameUse,
    /// Set on the first frame of a free block: the block has 2^order frames.
    order: Option<u8>,
    /// For a page table: its valid entries.
    live: u16,
    next: Option<u32>,
    prev: Option<u32>,
}

impl FrameInfo {
    /// A frame that is not to be given out.
    pub const RESERVED: FrameInfo =
        FrameInfo { usage: FrameUse::Reserved, order: None, live: 0, next: None, prev: None };
}

/// The frames of RAM.
#[derive(Debug)]
pub struct Frames<'a> {
    base: Frame,
    table: &'a mut [FrameInfo],
    free: [Option<u32>; 19],
    free_count: u32,
}

impl<'a> Frames<'a> {
    /// All frames from `base`, one for each entry, reserved until [`Frames::add`] gives some out.
    pub fn new(base: Frame, table: &'a mut [FrameInfo]) -> Frames<'a> {
        table.fill(FrameInfo::RESERVED);
        Frames { base, table, free: [None; 19], free_count: 0 }
    }

    /// Free frames.
    #[must_use]
    pub fn free_count(&self) -> u32 {
        self.free_count
    }

    /// First frame of RAM, and how many there are.
    #[must_use]
    pub fn extent(&self) -> (Frame, u32) {
        (self.base, u32::try_from(self.table.len()).unwrap_or(u32::MAX))
    }

    /// What a frame is used for; `None` outside RAM.
    #[must_use]
    pub fn usage(&self, frame: Frame) -> Option<FrameUse> {
        self.table.get(index(self.number(frame)?)).map(|info| info.usage)
    }

    /// Makes reserved frames free. Frames outside RAM, or not reserved, are left alone.
    pub fn add(&mut self, first: Frame, count: u32) {
        let mut start = first;
        for step in 0..count {
            let frame = first.plus(u64::from(step));
            if self.usage(frame) != Some(FrameUse::Reserved) {
                self.release(start, pages_between(start, frame));
                start = frame.plus(1);
            }
        }
        self.release(start, pages_between(start, first.plus(u64::from(count))));
    }

    /// Turns reserved frames into memory of an object. False, and nothing done, if one is not
    /// reserved RAM.
    pub fn claim_reserved(&mut self, first: Frame, count: u32) -> bool {
        let frames = || (0..count).map(|step| first.plus(u64::from(step)));
        if !frames().all(|frame| self.usage(frame) == Some(FrameUse::Reserved)) {
            return false;
        }
        frames().for_each(|frame| self.set_usage(frame, FrameUse::Memory));
        true
    }

    /// Takes `count` contiguous frames.
    ///
    /// # Errors
    /// `NoMemory` when no free block is large enough.
    pub fn alloc(&mut self, count: u32, usage: FrameUse) -> Result<Frame, Error> {
        #[cfg(feature = "testing")]
        if crate::sim::fault::hit() {
            return Err(Error::NoMemory);
        }
        let order = count.checked_next_power_of_two().ok_or(Error::NoMemory)?.trailing_zeros();
        let (found, first) = (order..ORDERS)
            .find_map(|order| Some((order, (*self.free.get(index(order))?)?)))
            .ok_or(Error::NoMemory)?;
        self.unlink(first, found);
        let whole = block(found);
        self.free_count = self.free_count.wrapping_sub(whole);
        let frame = self.frame(first);
        for step in 0..count {
            self.set_usage(frame.plus(u64::from(step)), usage);
        }
        self.release(frame.plus(u64::from(count)), whole.wrapping_sub(count));
        Ok(frame)
    }

    /// Gives `count` frames back.
    pub fn release(&mut self, first: Frame, count: u32) {
        let Some(mut number) = self.number(first) else { return };
        let end = number.wrapping_add(count);
        while number < end {
            // The largest aligned block that starts here and ends in the range.
            let fit = end.wrapping_sub(number).ilog2();
            let order = number.trailing_zeros().min(fit).min(ORDERS.wrapping_sub(1));
            self.release_block(number, order);
            number = number.wrapping_add(block(order));
        }
    }

    /// Adds `by` to the valid entries of a page table, and returns the sum.
    pub(crate) fn count_entries(&mut self, table: Frame, by: i16) -> u16 {
        let Some(info) = self.info_mut(table) else { return 0 };
        info.live = info.live.wrapping_add_signed(by);
        info.live
    }

    /// Valid entries counted for a page table.
    #[cfg(feature = "checker")]
    pub(crate) fn entries(&self, frame: Frame) -> Option<u16> {
        self.table.get(index(self.number(frame)?)).map(|info| info.live)
    }

    /// Tells every free block, its frames, and whether its links and place are as they should be.
    #[cfg(feature = "checker")]
    pub(crate) fn each_free_block<E>(
        &self,
        mut tell: impl FnMut(Frame, u32, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        for (order, head) in (0u32..).zip(self.free) {
            let (mut next, mut last) = (head, None);
            while let Some(number) = next {
                let info = self.table.get(index(number));
                let linked = info.is_some_and(|info| {
                    info.prev == last && info.order.map(u32::from) == Some(order)
                });
                let sound = linked && number.trailing_zeros() >= order;
                tell(self.frame(number), block(order), sound)?;
                (last, next) = (next, info.and_then(|info| info.next));
            }
        }
        Ok(())
    }

    fn release_block(&mut self, number: u32, order: u32) {
        for step in 0..block(order) {
            self.set_usage(self.frame(number.wrapping_add(step)), FrameUse::Free);
        }
        self.free_count = self.free_count.wrapping_add(block(order));
        let (mut number, mut order) = (number, order);
        while order < ORDERS.wrapping_sub(1) {
            let buddy = number ^ block(order);
            let free = self.table.get(index(buddy)).and_then(|info| info.order);
            if free.map(u32::from) != Some(order) {
                break;
            }
            self.unlink(buddy, order);
            number = number.min(buddy);
            order = order.wrapping_add(1);
        }
        self.link(number, order);
    }

    fn link(&mut self, number: u32, order: u32) {
        let Some(head) = self.free.get_mut(index(order)) else { return };
        let next = head.replace(number);
        if let Some(info) = self.table.get_mut(index(number)) {
            info.order = u8::try_from(order).ok();
            info.next = next;
            info.prev = None;
        }
        if let Some(info) = next.and_then(|next| self.table.get_mut(index(next))) {
            info.prev = Some(number);
        }
    }

    fn unlink(&mut self, number: u32, order: u32) {
        let Some(info) = self.table.get_mut(index(number)) else { return };
        info.order = None;
        let (next, prev) = (info.next.take(), info.prev.take());
        match prev.and_then(|prev| self.table.get_mut(index(prev))) {
            Some(info) => info.next = next,
            None => {
                if let Some(head) = self.free.get_mut(index(order)) {
                    *head = next;
                }
            }
        }
        if let Some(info) = next.and_then(|next| self.table.get_mut(index(next))) {
            info.prev = prev;
        }
    }

    fn set_usage(&mut self, frame: Frame, usage: FrameUse) {
        if let Some(info) = self.info_mut(frame) {
            info.usage = usage;
            info.live = 0;
        }
    }

    fn info_mut(&mut self, frame: Frame) -> Option<&mut FrameInfo> {
        let number = self.number(frame)?;
        self.table.get_mut(index(number))
    }

    fn number(&self, frame: Frame) -> Option<u32> {
        let number = frame.number().checked_sub(self.base.number())?;
        u32::try_from(number).ok().filter(|number| index(*number) < self.table.len())
    }

    fn frame(&self, number: u32) -> Frame {
        self.base.plus(u64::from(number))
    }
}

/// Frames from one to the other; zero when there are none.
fn pages_between(first: Frame, end: Frame) -> u32 {
    u32::try_from(end.number().saturating_sub(first.number())).unwrap_or(0)
}

/// Frames in a block of this order.
const fn block(order: u32) -> u32 {
    1u32.wrapping_shl(order)
}
