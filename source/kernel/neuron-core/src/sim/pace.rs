//! How much long work does before it lets others in: small steps show what may come between them,
//! and what is counted shows that a step has an end.
//!
//! One setting for each host thread, so that tests run side by side.

use std::cell::Cell;

std::thread_local! {
    static STEP: Cell<Option<u32>> = const { Cell::new(None) };
    static FRAMES: Cell<u32> = const { Cell::new(0) };
}

/// Makes each step of long work this long, in units of work; `None` as in the kernel.
pub fn set_step(units: Option<u32>) {
    STEP.set(units);
}

/// The length of a step, where the kernel's own is `usual`.
pub(crate) fn step(usual: u32) -> u32 {
    STEP.get().unwrap_or(usual)
}

/// A frame is taken or given back.
pub(crate) fn count_frame() {
    FRAMES.set(FRAMES.get().wrapping_add(1));
}

/// Frames taken or given back since this was asked before.
pub(crate) fn frames() -> u32 {
    FRAMES.take()
}
