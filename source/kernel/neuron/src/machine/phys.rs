//! Physical memory through the direct map, and the machine as the kernel logic sees it.

use neuron::layout::{DIRECT, PAGE};
use neuron::range::{Full, Range, RangeSet};
use neuron::tree::Board;
use neuron_core::platform::Asid;
use neuron_core::store::addr::{Frame, Page};
use neuron_core::store::banks::Banks;
use neuron_core::{PhysMem, Platform};

use super::console::Console;
use super::paging::{KernelHalf, enter_space};
use super::plic::Plic;
use super::{boot, csr};

/// Bytes of memory while the boot map is in use; `None` when it does not reach them.
pub(super) fn boot_bytes(range: Range) -> Option<&'static [u8]> {
    if !boot::REACH.contains(range) {
        return None;
    }
    // SAFETY: (1) the boot map has all of REACH in the direct map. (2) The caller reads what the
    // boot loader put there, and `FreeRam` gives none of it out while it does.
    Some(unsafe { bytes_at(range) })
}

/// # Safety
/// `range` must be in the direct map, and not be written while the slice is used.
unsafe fn bytes_at(range: Range) -> &'static [u8] {
    let first = (range.start + DIRECT) as *const u8;
    // SAFETY: the caller's promise; any bytes are valid `u8`.
    unsafe { core::slice::from_raw_parts(first, range.len() as usize) }
}

/// RAM that nobody uses yet.
pub(super) struct FreeRam {
    free: RangeSet,
    /// What was free at first, and is an array now.
    kept: RangeSet,
}

impl FreeRam {
    /// All of `ram` but the kernel image, and, in RAM, copies of what the boot loader left: that may
    /// lie in memory that is reserved, or not to be used. `None` when there is no room for them.
    pub(super) fn new<const N: usize>(
        ram: &RangeSet,
        left: [Range; N],
    ) -> Option<(FreeRam, [Range; N])> {
        let mut all = ram.clone();
        all.cut(boot::Part::Image.phys());
        let mut free = FreeRam { free: all.clone(), kept: RangeSet::default() };
        left.iter().for_each(|range| free.free.cut(range.pages_outward()));
        let mut copies = [Range::default(); N];
        for (copy, range) in copies.iter_mut().zip(left) {
            *copy = free.copy(range)?;
        }
        // The originals are RAM like any other now, where they are RAM.
        free.free = all;
        copies.iter().for_each(|copy| free.free.cut(copy.pages_outward()));
        Some((free, copies))
    }

    /// The same bytes in RAM, from the start of a page, with zeros up to the end of the last.
    fn copy(&mut self, range: Range) -> Option<Range> {
        let from = boot_bytes(range)?;
        let len = u32::try_from(range.len().checked_next_multiple_of(PAGE)?).ok()?;
        let (to, taken) = self.take(self.free.at_end(u64::from(len))?, || 0_u8);
        to.split_at_mut_checked(from.len())?.0.copy_from_slice(from);
        Range::from_len(taken.start, range.len())
    }

    /// An array for the life of the system, on pages of its own. `None` when no range has room.
    pub(super) fn array<T>(
        &mut self,
        count: u32,
        empty: impl Fn() -> T,
    ) -> Option<&'static mut [T]> {
        let len =
            (size_of::<T>().checked_mul(count as usize)? as u64).checked_next_multiple_of(PAGE)?;
        let range = self.free.iter().find(|range| range.len() >= len)?;
        let (array, taken) = self.take(Range { end: range.start + len, ..range }, empty);
        self.kept.cover(taken);
        array.get_mut(..count as usize)
    }

    /// An entry for each frame of each bank, likewise.
    pub(super) fn frames<T>(
        &mut self,
        banks: &RangeSet,
        empty: impl Fn() -> T,
    ) -> Option<Banks<'static, T>> {
        let mut table = Banks::default();
        for bank in banks.iter() {
            let entries = self.array(u32::try_from(bank.len() / PAGE).ok()?, &empty)?;
            table.add(Frame::at(bank.start)?, entries)?;
        }
        Some(table)
    }

    /// Fills free pages with as many values as there is room for.
    fn take<T>(&mut self, pages: Range, empty: impl Fn() -> T) -> (&'static mut [T], Range) {
        assert!(self.free.contains(pages), "memory is taken that is not free");
        self.free.cut(pages);
        let count = pages.len() as usize / size_of::<T>();
        let first = (pages.start + DIRECT) as *mut T;
        const { assert!(align_of::<T>() <= 4096 && size_of::<T>() > 0) };
        for index in 0..count {
            // SAFETY: (1) `pages` were free RAM and are free no more, so that nothing else refers
            // to them. (2) They are in the direct map, and have room for `count` values.
            unsafe { first.wrapping_add(index).write(empty()) };
        }
        // SAFETY: (1) and (2) as above; every value is written.
        (unsafe { core::slice::from_raw_parts_mut(first, count) }, pages)
    }

    /// Takes so many frames that lie one after the other, which the machine has as memory already.
    pub(super) fn aside(&mut self, frames: u64) -> Option<Range> {
        let range = self.free.at_end(frames.checked_mul(PAGE)?)?;
        self.free.cut(range);
        Some(range)
    }

    /// Memory of the arrays, which is the kernel's for good.
    pub(super) fn kept(&self) -> &RangeSet {
        &self.kept
    }

    /// What is left, for the kernel logic to hand out.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.free.iter()
    }
}

/// The machine. It reaches only `memory`, whatever it is asked for.
pub(super) struct Machine {
    half: KernelHalf,
    /// RAM that the kernel logic hands out: free RAM, and what the boot loader loaded.
    memory: RangeSet,
    /// The largest range of `memory`.
    largest: Range,
    sstc: bool,
    plic: Option<Plic>,
    /// All ones, or 0 when the hart has too few address space numbers: then all have number 0.
    asid_mask: u16,
}

impl Machine {
    /// Over the kernel half, with the RAM that is free now and copies of what the boot loader left,
    /// for address spaces numbered from 1 to `spaces`. Takes the interrupt controller over.
    pub(super) fn new(
        half: KernelHalf,
        free: &FreeRam,
        copies: &[Range],
        board: &Board,
        spaces: u32,
    ) -> Result<Machine, Full> {
        let mut memory = free.free.clone();
        copies.iter().try_for_each(|copy| memory.insert(copy.pages_outward()))?;
        let largest = memory.iter().max_by_key(|range| range.len()).unwrap_or_default();
        let enough = 1u32 << csr::asid_bits() > spaces;
        let asid_mask = if enough { u16::MAX } else { 0 };
        let (sstc, plic) = (board.sstc, board.plic.map(Plic::take));
        Ok(Machine { half, memory, largest, sstc, plic, asid_mask })
    }

    /// The bytes of a range of memory, as long as nothing is written.
    pub(super) fn bytes(&self, range: Range) -> Option<&[u8]> {
        if !self.memory.contains(range) {
            return None;
        }
        // SAFETY: (1) `memory` is in the direct map. (2) Nothing but this type and user processes
        // refers to it, this type writes only with `&mut self`, and the memory is in no process
        // while the kernel boots, which is when this is called.
        Some(unsafe { bytes_at(range) })
    }

    /// Copies a range of memory, at most a page, to the start of `frame`. False, and nothing done,
    /// when the range is not memory, or has a byte of the frame.
    pub(super) fn copy(&mut self, from: Range, frame: Frame) -> bool {
        let to = Range { start: frame.address(), end: frame.address() + PAGE };
        let apart = from.end <= to.start || to.end <= from.start;
        let first = self.at(frame, 0);
        if !self.memory.contains(from) || !apart || from.len() > PAGE {
            return false;
        }
        let source = (from.start + DIRECT) as *const u8;
        // SAFETY: (1) both are in the direct map, where no Rust reference covers `memory` during
        // a call with `&mut self`. (2) Checked: the range is at most a page, and not in the frame.
        unsafe { source.copy_to_nonoverlapping(first.cast::<u8>(), from.len() as usize) };
        true
    }

    /// True when address spaces have no numbers that the TLB can tell apart.
    pub(super) fn must_flush(&self) -> bool {
        self.asid_mask == 0
    }

    /// The address of word `index` of `frame` in the direct map. A panic when that is no memory that
    /// the kernel logic hands out: it has gone wrong, and what it goes by is not so.
    #[inline(always)]
    fn at(&self, frame: Frame, index: usize) -> *mut u64 {
        let start = frame.address();
        let page = Range { start, end: start + PAGE };
        let known = self.largest.contains(page) || self.memory.contains(page);
        assert!(known && index < 512, "word {index} at {start:#x} is no memory of the kernel's");
        ((start + DIRECT) as *mut u64).wrapping_add(index)
    }
}

impl PhysMem for Machine {
    #[inline(always)]
    fn read(&self, frame: Frame, index: usize) -> u64 {
        let word = self.at(frame, index);
        // SAFETY: (1) `at` gives a word of the direct map that no Rust reference covers. (2) Volatile,
        // because hardware reads page tables.
        unsafe { word.read_volatile() }
    }

    #[inline(always)]
    fn write(&mut self, frame: Frame, index: usize, value: u64) {
        let word = self.at(frame, index);
        // SAFETY: (1) and (2) as in `read`; the page is mapped writable.
        unsafe { word.write_volatile(value) };
    }

    fn zero(&mut self, frame: Frame) {
        // Volatile, and eight words in a row: else the compiler calls a function that takes three
        // instructions a word.
        let first = self.at(frame, 0);
        for row in (0..512).step_by(8) {
            for word in 0..8 {
                // SAFETY: (1) as in `read`. (2) The page has 512 words.
                unsafe { first.wrapping_add(row + word).write_volatile(0) };
            }
        }
    }
}

impl Platform for Machine {
    fn now(&self) -> u64 {
        csr::time()
    }

    fn set_timer(&mut self, tick: u64) {
        if self.sstc {
            csr::set_stimecmp(tick);
        } else {
            sbi_rt::set_timer(tick);
        }
    }

    fn interrupt_pending(&self) -> bool {
        csr::timer_pending() || csr::external_pending()
    }

    fn fence_page(&mut self, asid: Asid, page: Page) {
        csr::fence_page(asid.0 & self.asid_mask, page.address());
    }

    fn fence_space(&mut self, asid: Asid) {
        csr::fence_space(asid.0 & self.asid_mask);
    }

    fn set_device(&mut self, index: u32, entry: u64) {
        self.half.set_device(index, entry);
    }

    #[cfg(feature = "checker")]
    fn device_entry(&self, index: u32) -> u64 {
        self.half.device(index)
    }

    fn fence_kernel(&mut self) {
        csr::fence_all();
    }

    fn write_device(&mut self, index: u32, offset: u64, value: u32) {
        self.half.write_device(index, offset, value);
    }

    fn read_device(&self, index: u32, offset: u64) -> u32 {
        self.half.read_device(index, offset)
    }

    fn fence_code(&mut self) {
        csr::fence_code();
    }

    fn retire_root(&mut self, root: Frame) {
        if csr::current_satp() & csr::ROOT == root.number() {
            enter_space(self.half.satp, false);
        }
    }

    fn satp(&self, root: Frame, asid: Asid) -> u64 {
        csr::satp(root.number(), asid.0 & self.asid_mask)
    }

    fn kernel_entry(&self, index: usize) -> u64 {
        self.half.entry(index)
    }

    fn claim(&mut self) -> u32 {
        self.plic.as_mut().map_or(0, Plic::claim)
    }

    fn rearm(&mut self, line: u32) {
        self.plic.iter_mut().for_each(|plic| plic.complete(line));
    }

    fn open(&mut self, line: u32) {
        self.plic.iter_mut().for_each(|plic| plic.open(line));
    }

    fn close(&mut self, line: u32, claimed: bool) {
        self.plic.iter_mut().for_each(|plic| plic.close(line, claimed));
    }

    #[cfg(feature = "checker")]
    fn is_open(&self, line: u32) -> bool {
        self.plic.as_ref().is_some_and(|plic| plic.is_open(line))
    }

    fn console_write(&mut self, bytes: &[u8]) {
        Console.write(bytes);
    }
}
