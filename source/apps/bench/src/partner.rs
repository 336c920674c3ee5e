//! The other process: answers at once, takes capabilities, and waits for signals.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};

use crate::count::{cap_drop, instret, reply, reply_recv, wait};

/// Answers with the same message.
pub const ECHO: u32 = 0;
/// Takes the capability in the message. Answers with nothing.
pub const TAKE: u32 = 1;
/// Drops the capability that was taken last.
pub const DROP: u32 = 2;
/// Waits, after it has answered, for the notification that was taken last.
pub const ARM: u32 = 3;
/// Tells at which instruction the last wait ended.
pub const WOKEN: u32 = 4;

/// Serves `endpoint` for ever.
///
/// # Errors
/// Why it cannot go on.
pub fn serve(endpoint: Handle) -> Result<(), Error> {
    let mut taken = Handle::NONE;
    let mut woken = 0;
    let mut answer = Handle::NONE;
    let mut message = Message::default();
    loop {
        let received = reply_recv(endpoint, answer, &message, NO_DEADLINE)?;
        answer = received.reply;
        message = received.message;
        let label = message.tag.label();
        if label == ECHO {
            continue;
        }
        if label == TAKE {
            taken = message.caps().next().unwrap_or(Handle::NONE);
        } else if label == DROP {
            cap_drop(taken)?;
        } else if label == ARM {
            reply(answer, &Message::default())?;
            wait(taken, NO_DEADLINE)?;
            woken = instret();
            answer = Handle::NONE;
        }
        message = if label == WOKEN { Message::new(0, &[woken]) } else { Message::default() };
    }
}
