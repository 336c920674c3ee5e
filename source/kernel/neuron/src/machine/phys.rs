//! Physical memory through the direct map, and the machine as the kernel logic sees it.

use neuron::layout::{DIRECT, PAGE};
use neuron::range::{Full, Range, RangeSet};
use neuron_core::platform::Asid;
use neuron_core::store::addr::{Frame, Page};
use neuron_core::{PhysMem, Platform};

use super::console::Console;
use super::paging::{KernelHalf, enter_space};
use super::{boot, csr};

/// Bytes of RAM while the boot map is in use; `None` when it does not reach them.
pub(super) fn boot_bytes(range: Range) -> Option<&'static [u8]> {
    if !boot::REACH.contains(range) {
        return None;
    }
    // SAFETY: (1) the boot map has all of REACH in the direct map. (2) The caller reads what the
    // boot loader put there; nothing has written to RAM outside the kernel image yet.
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
    /// RAM in the direct map, without the kernel image and without what the boot loader put there.
    pub(super) fn new(half: &KernelHalf, taken: &[Range]) -> Result<FreeRam, Full> {
        let mut free = half.direct.clone();
        free.remove(boot::Part::Image.phys())?;
        for range in taken {
            free.remove(range.pages_outward())?;
        }
        Ok(FreeRam { free, kept: RangeSet::default() })
    }

    /// An array for the life of the system, on pages of its own. `None` when no range has room.
    pub(super) fn array<T>(
        &mut self,
        count: u32,
        empty: impl Fn() -> T,
    ) -> Option<&'static mut [T]> {
        let count = count as usize;
        let len = (size_of::<T>().checked_mul(count)? as u64).checked_next_multiple_of(PAGE)?;
        let range = self.free.iter().find(|range| range.len() >= len)?;
        let taken = Range { start: range.start, end: range.start + len };
        self.free.remove(taken).ok()?;
        self.kept.insert(taken).ok()?;
        let first = (taken.start + DIRECT) as *mut T;
        const { assert!(align_of::<T>() <= 4096) };
        for index in 0..count {
            // SAFETY: (1) `taken` was free RAM and is free no more, so that nothing else refers
            // to it. (2) It is in the direct map, page aligned, and has room for `count` values.
            unsafe { first.wrapping_add(index).write(empty()) };
        }
        // SAFETY: (1) and (2) as above; every value is written.
        Some(unsafe { core::slice::from_raw_parts_mut(first, count) })
    }

    /// Memory of the arrays, which is the kernel's for good.
    pub(super) fn kept(&self) -> &RangeSet {
        &self.kept
    }

    /// Has a page of the arrays handed out as well: a defect to be noticed. In test builds it is one
    /// that is seldom written, so that the system goes on.
    pub(super) fn give_page(&mut self) -> Result<(), Full> {
        let end = self.kept.iter().next().unwrap_or_default().end;
        self.free.insert(Range { start: end.saturating_sub(PAGE), end })
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
    /// All ones, or 0 when the hart has too few address space numbers: then all have number 0.
    asid_mask: u16,
}

impl Machine {
    /// Over the kernel half, with the RAM that is free now and what the boot loader loaded, for
    /// address spaces numbered from 1 to `spaces`.
    pub(super) fn new(
        half: KernelHalf,
        free: &FreeRam,
        loaded: &[Range],
        sstc: bool,
        spaces: u32,
    ) -> Result<Machine, Full> {
        let mut memory = free.free.clone();
        for range in loaded {
            if half.direct.contains(range.pages_outward()) {
                memory.insert(range.pages_outward())?;
            }
        }
        let largest = memory.iter().max_by_key(|range| range.len()).unwrap_or_default();
        let enough = 1u32 << csr::asid_bits() > spaces;
        let asid_mask = if enough { u16::MAX } else { 0 };
        Ok(Machine { half, memory, largest, sstc, asid_mask })
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
    /// when one of them is not memory, or the range has a byte of the frame.
    pub(super) fn copy(&mut self, from: Range, frame: Frame) -> bool {
        let to = Range { start: frame.address(), end: frame.address() + PAGE };
        let apart = from.end <= to.start || to.end <= from.start;
        let Some(first) = self.at(frame) else { return false };
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
    #[inline(always)]
    pub(super) fn must_flush(&self) -> bool {
        self.asid_mask == 0
    }

    /// The address of `frame` in the direct map, if it is memory.
    #[inline(always)]
    fn at(&self, frame: Frame) -> Option<*mut u64> {
        let start = frame.address();
        let page = Range { start, end: start + PAGE };
        (self.largest.contains(page) || self.memory.contains(page))
            .then_some((start + DIRECT) as *mut u64)
    }
}

impl PhysMem for Machine {
    #[inline(always)]
    fn read(&self, frame: Frame, index: usize) -> u64 {
        match self.at(frame) {
            // SAFETY: (1) `at` gives a page of the direct map that no Rust reference covers.
            // (2) The index is in the page. (3) Volatile, because hardware reads page tables.
            Some(first) if index < 512 => unsafe { first.wrapping_add(index).read_volatile() },
            _ => 0,
        }
    }

    #[inline(always)]
    fn write(&mut self, frame: Frame, index: usize, value: u64) {
        match self.at(frame) {
            // SAFETY: (1) to (3) as in `read`; the page is mapped writable.
            Some(first) if index < 512 => unsafe {
                first.wrapping_add(index).write_volatile(value);
            },
            _ => {}
        }
    }

    fn zero(&mut self, frame: Frame) {
        if let Some(first) = self.at(frame) {
            // SAFETY: (1) as in `read`. (2) The page has 512 words.
            unsafe { first.write_bytes(0, 512) };
        }
    }
}

impl Platform for Machine {
    #[inline(always)]
    fn now(&self) -> u64 {
        csr::time()
    }

    #[inline(always)]
    fn set_timer(&mut self, tick: u64) {
        if self.sstc {
            csr::set_stimecmp(tick);
        } else {
            sbi_rt::set_timer(tick);
        }
    }

    #[inline(always)]
    fn interrupt_pending(&self) -> bool {
        csr::timer_pending()
    }

    #[inline(always)]
    fn fence_page(&mut self, asid: Asid, page: Page) {
        csr::fence_page(asid.0 & self.asid_mask, page.address());
    }

    #[inline(always)]
    fn fence_space(&mut self, asid: Asid) {
        csr::fence_space(asid.0 & self.asid_mask);
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

    fn console_write(&mut self, bytes: &[u8]) {
        Console.write(bytes);
    }
}
