//! The interrupt controller: reading and writing its registers.

use neuron::layout::{DIRECT, PAGE};
use neuron::plic::Controller;

use super::csr;

/// The controller, in the one context that is the kernel's. Its pages are in the direct map.
pub(super) struct Plic(Controller);

impl Plic {
    /// Takes it over, whatever firmware has left: every line is disabled, with priority 0, and none is
    /// claimed; nothing is below the threshold.
    pub(super) fn take(at: Controller) -> Plic {
        let mut plic = Plic(at);
        plic.write(at.threshold(), 0);
        for line in 1..=at.lines {
            plic.write(at.priority(line), 1);
            plic.set_enable(line, true);
        }
        // Each line once: one that is claimed delivers nothing more.
        let _ = (0..=at.lines).find(|_| plic.claim() == 0);
        for line in 1..=at.lines {
            plic.close(line, true);
            plic.write(at.priority(line), 0);
        }
        csr::enable_external();
        plic
    }

    /// Takes the first interrupt that waits; 0 for none.
    pub(super) fn claim(&mut self) -> u32 {
        self.read(self.0.claim())
    }

    /// Ends the interrupt of a line that was claimed, and is enabled.
    pub(super) fn complete(&mut self, line: u32) {
        self.write(self.0.claim(), line);
    }

    /// Enables a line.
    pub(super) fn open(&mut self, line: u32) {
        self.write(self.0.priority(line), 1);
        self.set_enable(line, true);
    }

    /// Disables a line. A completion has no effect after that.
    pub(super) fn close(&mut self, line: u32, claimed: bool) {
        if claimed {
            self.complete(line);
        }
        self.set_enable(line, false);
    }

    /// True when a line is enabled.
    #[cfg(feature = "checker")]
    pub(super) fn is_open(&self, line: u32) -> bool {
        self.read(self.0.enables(line)) & 1 << (line % 32) != 0
    }

    fn set_enable(&mut self, line: u32, enable: bool) {
        let (at, bit) = (self.0.enables(line), 1 << (line % 32));
        let word = self.read(at);
        self.write(at, if enable { word | bit } else { word & !bit });
    }

    /// Where a register is mapped. A panic when it is none of the kernel's: the logic has gone wrong.
    fn register(&self, at: u64) -> *mut u32 {
        let known = self.0.pages().contains(&(at & !(PAGE - 1))) && at.is_multiple_of(4);
        assert!(known, "{at:#x} is no register of the kernel's interrupt controller");
        (at + DIRECT) as *mut u32
    }

    fn read(&self, at: u64) -> u32 {
        let register = self.register(at);
        // SAFETY: (1) `register` gives a word of the pages that `KernelHalf` maps for this, which are
        // no memory: no Rust reference covers them. (2) Volatile, because it is a register.
        unsafe { register.read_volatile() }
    }

    fn write(&mut self, at: u64, value: u32) {
        let register = self.register(at);
        // SAFETY: (1) and (2) as in `read`; the page is mapped writable.
        unsafe { register.write_volatile(value) };
    }
}
