//! Loops of servers that do not serve.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE, Received};
use nexus_rt::sys;

/// Answers each message with what `answer` makes of it.
pub fn answer_each(endpoint: Handle, mut answer: impl FnMut(&Received) -> Message) -> Error {
    let mut reply = Handle::NONE;
    let mut message = Message::default();
    loop {
        match sys::reply_recv(endpoint, reply, &message, NO_DEADLINE) {
            Ok(received) => {
                message = answer(&received);
                reply = received.reply;
            }
            // The caller is gone, and only its answer is lost.
            Err(_) if reply != Handle::NONE => reply = Handle::NONE,
            Err(error) => return error,
        }
    }
}

/// Takes each message and answers none.
pub fn ignore_all(endpoint: Handle) -> Error {
    loop {
        if let Err(error) =
            sys::reply_recv(endpoint, Handle::NONE, &Message::default(), NO_DEADLINE)
        {
            return error;
        }
    }
}
