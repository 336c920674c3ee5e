//! How long others ran: a thread below everybody looks at the clock without a pause, and adds up what is missing.
//!
//! Under an instruction counter a nanosecond is an instruction, and a machine that waits lets time pass that is of the
//! host. With this thread it never waits, and what the thread did not see are instructions of others: all of them.

use core::sync::atomic::{AtomicU64, Ordering};

use nexus_rt::abi::Error;
use nexus_rt::{ns_of_ticks, thread, ticks};

/// Below every service.
const PRIORITY: u8 = 0;
/// Pages of its stack.
const STACK: u64 = 4;
/// Most ticks between two looks when nobody ran in between: a look takes less than one.
const LOOK: u64 = 1;

/// Ticks in which others ran.
static MISSED: AtomicU64 = AtomicU64::new(0);

/// From now on they are counted. There is one such thread.
///
/// # Errors
/// As [`thread::spawn`].
pub(crate) fn watch() -> Result<(), Error> {
    thread::spawn(PRIORITY, STACK, || {
        let mut last = ticks();
        loop {
            let now = ticks();
            if now - last > LOOK {
                MISSED.store(MISSED.load(Ordering::Relaxed) + (now - last), Ordering::Relaxed);
            }
            last = now;
        }
    })
    .map(drop)
}

/// Nanoseconds in which others ran, as far as the thread has come.
pub(crate) fn missed() -> u64 {
    ns_of_ticks(MISSED.load(Ordering::Relaxed))
}
