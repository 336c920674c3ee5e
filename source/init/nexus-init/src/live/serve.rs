//! From booting to serving.

use nexus_abi::Handle;
use nexus_rt::{Service, entry, run, sys, thread};

/// Pages of the stack of the thread that serves.
const STACK_PAGES: u64 = 16;
/// Exit code when init can no longer serve.
const NOT_SERVING: u64 = 20;

/// Serves `endpoint` in a thread of its own, of this priority, and ends the thread that booted.
pub fn serve(endpoint: Handle, priority: u8, mut service: impl Service + Send + 'static) -> ! {
    let served = thread::spawn(priority, STACK_PAGES, move || {
        run(endpoint, &mut service);
        entry::end(NOT_SERVING);
    });
    // Nobody needs to name the thread.
    if served.and_then(sys::cap_drop).is_err() {
        entry::end(NOT_SERVING);
    }
    loop {
        // The last act of this thread; it returns only if the kernel refuses, which it has no
        // reason to.
        let _ = sys::thread_exit();
    }
}
