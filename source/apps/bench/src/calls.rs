//! Messages and signals between two processes.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE, Tag, WORDS};
use nexus_rt::{Deadline, sys, thread};

use crate::count::{between, call, instret, null, signal, wait};
use crate::partner::{ARM, ARM_BOUND, BIND, DROP, ECHO, LATE, TAKE, WOKEN};
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
#[inline(never)]
pub(crate) fn wake(partner: Handle, notification: Handle) -> Result<Samples, Error> {
    call(partner, &Message::with_cap(TAKE, &[], notification), NO_DEADLINE)?;
    let samples = woken(partner, notification, ARM);
    call(partner, &Message::new(DROP, &[]), NO_DEADLINE)?;
    samples
}

/// The same when the notification is bound to the endpoint where the other process receives.
#[inline(never)]
pub(crate) fn wake_bound(partner: Handle) -> Result<Samples, Error> {
    let notification = sys::notification_create()?;
    call(partner, &Message::with_cap(TAKE, &[], notification), NO_DEADLINE)?;
    call(partner, &Message::new(BIND, &[]), NO_DEADLINE)?;
    let samples = woken(partner, notification, ARM_BOUND);
    call(partner, &Message::new(DROP, &[]), NO_DEADLINE)?;
    sys::cap_drop(notification)?;
    samples
}

#[inline(always)]
fn woken(partner: Handle, notification: Handle, arm: u32) -> Result<Samples, Error> {
    Samples::take(|| {
        call(partner, &Message::new(arm, &[]), NO_DEADLINE)?;
        let start = instret();
        let signalled = signal(notification, 1);
        signalled?;
        let answer = call(partner, &Message::new(WOKEN, &[]), NO_DEADLINE)?;
        let [woken, ..] = answer.message.words;
        Ok(between(start, woken))
    })
}

/// What the partner takes to answer one caller, another thread of this process, and to have the
/// call of the next, which waits. `priority` is that of this process.
#[inline(never)]
pub(crate) fn next(partner: Handle, priority: u8) -> Result<Samples, Error> {
    let turn = sys::notification_create()?;
    thread::spawn(priority, 1, move || {
        while wait(turn, NO_DEADLINE, Handle::NONE) == Ok(1) {
            let _ = call(partner, &Message::new(ECHO, &[]), NO_DEADLINE);
        }
    })?;
    let samples = Samples::take(|| {
        call(partner, &Message::new(LATE, &[]), NO_DEADLINE)?;
        signal(turn, 1)?;
        // So that the other calls first.
        sys::yield_now()?;
        let answer = call(partner, &Message::new(ECHO, &[]), NO_DEADLINE)?;
        let [taken, ..] = answer.message.words;
        Ok(taken)
    });
    signal(turn, 2)?;
    // So that the other has ended.
    sys::yield_now()?;
    sys::cap_drop(turn)?;
    samples
}
