//! The fence ledger: a [`Platform`] that remembers which page-table words were written and what
//! was fenced, in order, until [`Kernel::check_fences`](crate::Kernel::check_fences) looks.

use crate::platform::{Asid, PhysMem, Platform};
use crate::store::addr::{Frame, Page};

/// One thing that happened to page tables or the TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A word of physical memory changed.
    Write {
        /// Where.
        frame: Frame,
        /// Which word.
        index: u16,
        /// Its value before.
        old: u64,
    },
    /// A frame was cleared.
    Zero(Frame),
    /// One page of an address space was fenced.
    FencePage(Asid, Page),
    /// An address space was fenced.
    FenceSpace(Asid),
    /// An entry for a device page in the kernel half changed.
    Device(u32),
    /// All of these entries were fenced.
    FenceKernel,
}

/// A platform with a ledger. It is itself a platform.
#[derive(Debug)]
pub struct Ledger<'a, P> {
    /// The machine below.
    pub machine: P,
    events: &'a mut [Event],
    used: usize,
    lost: bool,
}

impl<'a, P> Ledger<'a, P> {
    /// Over this machine, with room for as many events as there are in `events`.
    pub fn new(machine: P, events: &'a mut [Event]) -> Ledger<'a, P> {
        Ledger { machine, events, used: 0, lost: false }
    }

    /// What happened, oldest first.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        self.events.get(..self.used).unwrap_or(&[])
    }

    /// True when there was no room for an event.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.lost
    }

    /// True when nothing has happened.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.used == 0 && !self.lost
    }

    /// Begins again.
    pub fn clear(&mut self) {
        self.used = 0;
        self.lost = false;
    }

    fn note(&mut self, event: Event) {
        match self.events.get_mut(self.used) {
            Some(slot) => {
                *slot = event;
                self.used = self.used.wrapping_add(1);
            }
            None => self.lost = true,
        }
    }
}

impl<P: PhysMem> PhysMem for Ledger<'_, P> {
    #[inline]
    fn read(&self, frame: Frame, index: usize) -> u64 {
        self.machine.read(frame, index)
    }

    fn next_word(&self, frame: Frame, index: usize) -> Option<(usize, u64)> {
        self.machine.next_word(frame, index)
    }

    fn write(&mut self, frame: Frame, index: usize, value: u64) {
        let old = self.machine.read(frame, index);
        if old != value {
            self.machine.write(frame, index, value);
            self.note(Event::Write { frame, index: u16::try_from(index).unwrap_or(0), old });
        }
    }

    fn zero(&mut self, frame: Frame) {
        self.machine.zero(frame);
        self.note(Event::Zero(frame));
    }
}

impl<P: Platform> Platform for Ledger<'_, P> {
    fn now(&self) -> u64 {
        self.machine.now()
    }

    fn set_timer(&mut self, tick: u64) {
        self.machine.set_timer(tick);
    }

    fn interrupt_pending(&self) -> bool {
        self.machine.interrupt_pending()
    }

    fn fence_page(&mut self, asid: Asid, page: Page) {
        self.machine.fence_page(asid, page);
        self.note(Event::FencePage(asid, page));
    }

    fn fence_space(&mut self, asid: Asid) {
        self.machine.fence_space(asid);
        self.note(Event::FenceSpace(asid));
    }

    fn set_device(&mut self, index: u32, entry: u64) {
        self.machine.set_device(index, entry);
        self.note(Event::Device(index));
    }

    fn device_entry(&self, index: u32) -> u64 {
        self.machine.device_entry(index)
    }

    fn fence_kernel(&mut self) {
        self.machine.fence_kernel();
        self.note(Event::FenceKernel);
    }

    fn write_device(&mut self, index: u32, offset: u64, value: u32) {
        self.machine.write_device(index, offset, value);
    }

    fn read_device(&self, index: u32, offset: u64) -> u32 {
        self.machine.read_device(index, offset)
    }

    fn fence_code(&mut self) {
        self.machine.fence_code();
    }

    fn retire_root(&mut self, root: Frame) {
        self.machine.retire_root(root);
    }

    fn satp(&self, root: Frame, asid: Asid) -> u64 {
        self.machine.satp(root, asid)
    }

    fn kernel_entry(&self, index: usize) -> u64 {
        self.machine.kernel_entry(index)
    }

    fn claim(&mut self) -> u32 {
        self.machine.claim()
    }

    fn rearm(&mut self, line: u32) {
        self.machine.rearm(line);
    }

    fn open(&mut self, line: u32) {
        self.machine.open(line);
    }

    fn close(&mut self, line: u32, claimed: bool) {
        self.machine.close(line, claimed);
    }

    fn is_open(&self, line: u32) -> bool {
        self.machine.is_open(line)
    }

    fn console_write(&mut self, bytes: &[u8]) {
        self.machine.console_write(bytes);
    }
}
