//! Messages and signals between two processes.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE, Tag, WORDS};
use nexus_rt::Deadline;

use crate::count::{between, call, instret, null, signal};
use crate::partner::{ARM, DROP, ECHO, TAKE, WOKEN};
use crate::samples::Samples;

/// Enters the kernel and leaves it.
pub(crate) fn null_call() -> Result<Samples, Error> {
    Samples::take(|| {
        let start = instret();
        let result = null();
        let end = instret();
        result.map(|()| between(start, end))
    })
}

/// A call and its answer, with so many words each way. The message of each is that of the answer
/// before it, so that its words stay in their registers.
#[inline(never)]
pub(crate) fn echo(partner: Handle, words: u8) -> Result<Samples, Error> {
    let mut message = Message { tag: Tag::new(ECHO, words, 0), words: [0; WORDS] };
    Samples::take(|| {
        let start = instret();
        let answer = call(partner, &message, NO_DEADLINE);
        let end = instret();
        message = answer?.message;
        Ok(between(start, end))
    })
}

/// The same by a deadline, a second away as those of services are. When it is read from the clock
/// is not measured, because each program does that in its own way.
#[inline(never)]
pub(crate) fn echo_by(partner: Handle, words: u8) -> Result<Samples, Error> {
    let mut message = Message { tag: Tag::new(ECHO, words, 0), words: [0; WORDS] };
    Samples::take(|| {
        let deadline = Deadline::after_ms(1000).ticks();
        let start = instret();
        let answer = call(partner, &message, deadline);
        let end = instret();
        message = answer?.message;
        Ok(between(start, end))
    })
}

/// A call that carries a capability, and its empty answer.
pub(crate) fn gift(partner: Handle, cap: Handle) -> Result<Samples, Error> {
    Samples::take(|| {
        let message = Message::with_cap(TAKE, &[], cap);
        let start = instret();
        let answer = call(partner, &message, NO_DEADLINE);
        let end = instret();
        answer?;
        call(partner, &Message::new(DROP, &[]), NO_DEADLINE)?;
        Ok(between(start, end))
    })
}

/// From before a signal to the waiter running in the other process.
pub(crate) fn wake(partner: Handle, notification: Handle) -> Result<Samples, Error> {
    call(partner, &Message::with_cap(TAKE, &[], notification), NO_DEADLINE)?;
    let samples = Samples::take(|| {
        call(partner, &Message::new(ARM, &[]), NO_DEADLINE)?;
        let start = instret();
        let signalled = signal(notification, 1);
        signalled?;
        let answer = call(partner, &Message::new(WOKEN, &[]), NO_DEADLINE)?;
        let [woken, ..] = answer.message.words;
        Ok(between(start, woken))
    });
    call(partner, &Message::new(DROP, &[]), NO_DEADLINE)?;
    samples
}
