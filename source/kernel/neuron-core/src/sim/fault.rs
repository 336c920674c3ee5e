//! Failing allocations: the n-th one from now, of frames, of slots in a pool, or of budget.
//!
//! One counter for each host thread, so that tests run side by side.

use std::cell::Cell;

std::thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    static PASSED: Cell<u32> = const { Cell::new(0) };
}

/// Makes allocation number `n` from here fail (0 is the next one), once; `None` for none.
pub fn fail_at(n: Option<u32>) {
    LEFT.set(n);
    PASSED.set(0);
}

/// Allocations since [`fail_at`].
#[must_use]
pub fn passed() -> u32 {
    PASSED.get()
}

/// True when this allocation is the one that fails.
pub(crate) fn hit() -> bool {
    PASSED.set(PASSED.get().wrapping_add(1));
    match LEFT.get() {
        Some(0) => {
            LEFT.set(None);
            true
        }
        left => {
            LEFT.set(left.map(|left| left.wrapping_sub(1)));
            false
        }
    }
}
