//! Deadlines that are pending while others are measured: a thread waits by each.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_rt::{Deadline, sys, thread};

/// Threads of one process that can wait, beside the one that serves.
pub const MOST: u64 = 63;
/// Priority of the process, in its description.
const PRIORITY: u8 = 9;
/// Milliseconds until the deadlines: longer than anything is measured.
const FAR_MS: u64 = 3_600_000;

/// Serves `endpoint` for ever: word 0 of a request says how many threads are to wait by a deadline.
///
/// # Errors
/// Why it cannot go on.
pub fn serve(endpoint: Handle) -> Result<(), Error> {
    let nothing = sys::endpoint_create()?;
    let (mut waiting, mut reply) = (0, Handle::NONE);
    loop {
        let received = sys::reply_recv(endpoint, reply, &Message::default(), NO_DEADLINE)?;
        let [wanted, ..] = received.message.words;
        while waiting < wanted.min(MOST) {
            waiting += 1;
            thread::spawn(PRIORITY, 1, move || {
                let far = Deadline::after_ms(FAR_MS).ticks();
                let _ = sys::reply_recv(nothing, Handle::NONE, &Message::default(), far);
            })?;
        }
        // So that all of them wait.
        sys::yield_now()?;
        reply = received.reply;
    }
}
