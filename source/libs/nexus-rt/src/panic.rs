//! A panic is told to logd, if that is possible, and ends the process.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::entry::{end, exit};

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    // A panic while telling of a panic is not told.
    if !PANICKED.swap(true, Ordering::Relaxed) {
        crate::error!("{info}");
    }
    end(exit::PANIC)
}
