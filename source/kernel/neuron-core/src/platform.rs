//! What the kernel logic needs of the machine.

use crate::store::addr::{Frame, Page};

/// Access to physical memory, one aligned 64-bit word at a time.
///
/// Implementations may assume that `frame` is RAM that the kernel owns (a page table, or memory
/// it is about to hand out) and `index` is below 512; they must do nothing, or read zero, when
/// that is not so.
pub trait PhysMem {
    /// Word `index` (0 to 511) of a frame.
    fn read(&self, frame: Frame, index: usize) -> u64;
    /// Stores word `index` (0 to 511) of a frame.
    fn write(&mut self, frame: Frame, index: usize, value: u64);
    /// The first word of a frame that is not zero, from `index` on, for the checker.
    #[cfg(feature = "checker")]
    fn next_word(&self, frame: Frame, index: usize) -> Option<(usize, u64)> {
        (index..512).find_map(|index| match self.read(frame, index) {
            0 => None,
            word => Some((index, word)),
        })
    }
    /// Fills a frame with zeros.
    fn zero(&mut self, frame: Frame) {
        for index in 0..512 {
            self.write(frame, index, 0);
        }
    }
}

/// Number of an address space for the TLB, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asid(pub u16);

/// The machine, as the kernel logic sees it.
pub trait Platform: PhysMem {
    /// Ticks of the `time` CSR.
    fn now(&self) -> u64;
    /// Asks for a timer interrupt at this tick; `u64::MAX` for none.
    fn set_timer(&mut self, tick: u64);
    /// True when an interrupt waits to be taken: long work stops at its next step.
    fn interrupt_pending(&self) -> bool;
    /// Orders earlier page-table writes before later accesses through `page` of this space, on
    /// every hart.
    fn fence_page(&mut self, asid: Asid, page: Page);
    /// Orders earlier page-table writes before all later accesses through this space, on every
    /// hart.
    fn fence_space(&mut self, asid: Asid);
    /// Entry `index` (1 to 511) of the table of device pages in the kernel half, which is the same in
    /// every address space.
    fn set_device(&mut self, index: u32, entry: u64);
    /// What such an entry is, for the checker.
    #[cfg(feature = "checker")]
    fn device_entry(&self, index: u32) -> u64;
    /// Orders earlier writes to these entries before all later accesses, through every space, on every
    /// hart.
    fn fence_kernel(&mut self);
    /// Stores 32 bits at `offset` (a multiple of 4, below 4096) of the page of entry `index`, which
    /// maps one.
    fn write_device(&mut self, index: u32, offset: u64, value: u32);
    /// Loads 32 bits from there.
    fn read_device(&self, index: u32, offset: u64) -> u32;
    /// Orders earlier writes to memory before its execution as code, on every hart.
    fn fence_code(&mut self);
    /// Makes sure that no hart has this root table selected: it is about to be freed.
    fn retire_root(&mut self, root: Frame);
    /// The value for `satp` that selects this root table and address space.
    fn satp(&self, root: Frame, asid: Asid) -> u64;
    /// Entry `index` (256 to 511) of every root table: the kernel half.
    fn kernel_entry(&self, index: usize) -> u64;
    /// Takes the interrupt that the controller puts first, and gives the number of its line, or 0 for
    /// none. The line delivers no other until [`Platform::rearm`].
    fn claim(&mut self) -> u32;
    /// Lets a line that was claimed, and is open, deliver its next interrupt.
    fn rearm(&mut self, line: u32);
    /// Enables a line.
    fn open(&mut self, line: u32);
    /// Disables a line; before that, one that was claimed is made ready for its next interrupt.
    fn close(&mut self, line: u32, claimed: bool);
    /// True when a line is enabled, for the checker.
    #[cfg(feature = "checker")]
    fn is_open(&self, line: u32) -> bool;
    /// Writes to the kernel's console.
    fn console_write(&mut self, bytes: &[u8]);
}
