//! The other process: answers at once, takes capabilities, and waits for signals.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_rt::{Deadline, sys};

use crate::count::{between, cap_drop, instret, reply, reply_recv, wait};

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

/// Binds the notification that was taken last to the endpoint.
pub const BIND: u32 = 5;
/// Receives, after it has answered, what is signalled to the bound notification.
pub const ARM_BOUND: u32 = 6;
/// Receives nothing for a millisecond after it has answered. Then it takes two calls that came
/// meanwhile, and answers the second with the instructions that it took to answer the first and to
/// have the second.
pub const LATE: u32 = 7;
/// As [`ARM_BOUND`], by a deadline.
pub const ARM_DRIVER: u32 = 8;

/// Milliseconds in which both callers have called.
const LATE_MS: u64 = 1;
/// Milliseconds until the deadline of a receive.
const SERVE_MS: u64 = 1000;

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
            woken = armed(taken, answer)?;
            answer = Handle::NONE;
        } else if label == BIND {
            sys::endpoint_bind(endpoint, taken)?;
        } else if label == ARM_BOUND {
            woken = bound(endpoint, answer, NO_DEADLINE)?;
            answer = Handle::NONE;
        } else if label == ARM_DRIVER {
            woken = bound(endpoint, answer, Deadline::after_ms(SERVE_MS).ticks())?;
            answer = Handle::NONE;
        } else if label == LATE {
            (answer, woken) = late(endpoint, answer)?;
        }
        message = if label == WOKEN || label == LATE {
            Message::new(0, &[woken])
        } else {
            Message::default()
        };
    }
}

/// Waits for a signal, after an answer. Returns the instruction at which it came.
#[inline(never)]
fn armed(taken: Handle, answer: Handle) -> Result<u64, Error> {
    reply(answer, &Message::default())?;
    let bits = wait(taken, NO_DEADLINE, Handle::NONE);
    let woken = instret();
    bits.map(|_| woken)
}

/// Receives a signal, after an answer. Returns the instruction at which it came.
#[inline(never)]
fn bound(endpoint: Handle, answer: Handle, deadline: u64) -> Result<u64, Error> {
    reply(answer, &Message::default())?;
    let received = reply_recv(endpoint, Handle::NONE, &Message::default(), deadline);
    let woken = instret();
    received.map(|_| woken)
}

/// Answers one call and takes the next, which wait both. Returns the handle of the answer to the
/// second, and the instructions.
#[inline(never)]
fn late(endpoint: Handle, answer: Handle) -> Result<(Handle, u64), Error> {
    reply(answer, &Message::default())?;
    let never = sys::notification_create()?;
    let waited = wait(never, Deadline::after_ms(LATE_MS).ticks(), Handle::NONE);
    cap_drop(never)?;
    let first = reply_recv(endpoint, Handle::NONE, &Message::default(), NO_DEADLINE)?;
    let start = instret();
    let second = reply_recv(endpoint, first.reply, &first.message, NO_DEADLINE);
    let end = instret();
    match waited {
        Err(Error::TimedOut) => Ok((second?.reply, between(start, end))),
        _ => Err(Error::BadState),
    }
}
