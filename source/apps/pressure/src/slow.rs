//! A server whose requests take as long as they say.

use core::hint::black_box;

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_rt::sys;

/// Instructions of one turn of the loop, about.
const TURN: u64 = 3;

/// Spends about so many instructions.
pub fn spend(instructions: u64) {
    for turn in 0..instructions / TURN {
        black_box(turn);
    }
}

/// Serves `endpoint` for ever: word 0 of a request says how many instructions it takes.
///
/// # Errors
/// Why it cannot go on.
pub fn serve(endpoint: Handle) -> Result<(), Error> {
    let mut reply = Handle::NONE;
    loop {
        let received = sys::reply_recv(endpoint, reply, &Message::default(), NO_DEADLINE)?;
        let [instructions, ..] = received.message.words;
        spend(instructions);
        reply = received.reply;
    }
}
