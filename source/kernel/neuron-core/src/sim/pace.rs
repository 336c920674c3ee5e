//! How much long work does before it lets others in: small steps show what may come between them.
//!
//! One setting for each host thread, so that tests run side by side.

use std::cell::Cell;

std::thread_local! {
    static STEP: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Makes each step of long work this long, in units of work; `None` as in the kernel.
pub fn set_step(units: Option<u32>) {
    STEP.set(units);
}

/// The length of a step, where the kernel's own is `usual`.
pub(crate) fn step(usual: u32) -> u32 {
    STEP.get().unwrap_or(usual)
}
