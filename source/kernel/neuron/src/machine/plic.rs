//! The interrupt controller: reading and writing its registers.

use neuron::layout::{DIRECT, PAGE};
use neuron::plic::Controller;

use super::csr;

/// The controller, in the one context that is the kernel's. Its pages are in the direct map.
pub(super) struct Plic {
    at: Controller,
    claim: Register,
}

/// The address of a word in its pages.
#[derive(Clone, Copy)]
struct Register(u64);

impl Register {
    /// A register of a controller. A panic when it is none of the kernel's: the logic has gone wrong.
    fn of(controller: &Controller, at: u64) -> Register {
        let known = controller.pages().contains(&(at & !(PAGE - 1))) && at.is_multiple_of(4);
        assert!(known, "{at:#x} is no register of the kernel's interrupt controller");
        Register(at + DIRECT)
    }

    fn read(self) -> u32 {
        // SAFETY: (1) `of` gives a word of the pages that `KernelHalf` maps for this, which are no
        // memory: no Rust reference covers them. (2) Volatile, because it is a register.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    fn write(self, value: u32) {
        // SAFETY: (1) and (2) as in `read`; the page is mapped writable.
        unsafe { (self.0 as *mut u32).write_volatile(value) };
    }
}

impl Plic {
    /// Takes it over, whatever firmware has left: every line is disabled, with priority 0, and none is
    /// claimed; nothing is below the threshold.
    pub(super) fn take(at: Controller) -> Plic {
        let mut plic = Plic { at, claim: Register::of(&at, at.claim()) };
        plic.register(at.threshold()).write(0);
        for line in 1..=at.lines {
            plic.open(line);
        }
        // Each line once: one that is claimed delivers nothing more.
        let _ = (0..=at.lines).find(|_| plic.claim() == 0);
        for line in 1..=at.lines {
            plic.close(line, true);
            plic.register(at.priority(line)).write(0);
        }
        csr::enable_external();
        plic
    }

    /// Takes the first interrupt that waits; 0 for none.
    pub(super) fn claim(&mut self) -> u32 {
        self.claim.read()
    }

    /// Ends the interrupt of a line that was claimed, and is enabled.
    pub(super) fn complete(&mut self, line: u32) {
        self.claim.write(line);
    }

    /// Enables a line.
    pub(super) fn open(&mut self, line: u32) {
        self.register(self.at.priority(line)).write(1);
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
        self.register(self.at.enables(line)).read() & 1 << (line % 32) != 0
    }

    fn set_enable(&mut self, line: u32, enable: bool) {
        let (word, bit) = (self.register(self.at.enables(line)), 1 << (line % 32));
        let enabled = word.read();
        word.write(if enable { enabled | bit } else { enabled & !bit });
    }

    fn register(&self, at: u64) -> Register {
        Register::of(&self.at, at)
    }
}
