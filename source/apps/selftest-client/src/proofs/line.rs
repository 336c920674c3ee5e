//! Interrupt lines: the one that this service owns, of a slot with nothing in it, and those of others
//! (RFC-0003).

use nexus_abi::{Error, Handle, Message, PAGE_SIZE, Prot, Rights};
use nexus_rt::{Deadline, startup, sys};
use nexus_test::{SAFETY_MS, bare};

use super::window::{FREE, unchanged};
use crate::check::{Check, Failure, refused};
use crate::context::Context;

/// The value of `irq_ack` that writes no register.
const NO_VALUE: u64 = u64::MAX;

fn line() -> Result<Handle, Failure> {
    let line = startup().line().ok_or_else(|| Failure::new("this service has no line"))?;
    Ok(Handle(line.handle))
}

fn bind(line: Handle, notification: Handle, bits: u64) -> Result<(), Error> {
    sys::irq_bind(line, notification, bits, Handle::NONE, 0)
}

/// Bound once at a time, for as long as the notification is there; never acknowledged before it was
/// delivered.
pub(crate) fn own(_: &Context) -> Check {
    let line = line()?;
    let (first, second) = (sys::notification_create()?, sys::notification_create()?);
    refused("acknowledge before it is bound", sys::irq_ack(line, NO_VALUE), Error::BadState)?;
    refused("bind to no bits", bind(line, first, 0), Error::BadArgument)?;
    bind(line, first, 1)?;
    refused("bind again", bind(line, first, 1), Error::Busy)?;
    refused("bind elsewhere", bind(line, second, 1), Error::Busy)?;
    refused("acknowledge before it comes", sys::irq_ack(line, NO_VALUE), Error::BadState)?;
    // On the way into a wait that is no error, and no interrupt either.
    let soon = Deadline::after_ms(1).ticks();
    refused("wait", sys::wait(first, soon, line), Error::TimedOut)?;
    sys::cap_drop(first)?;
    refused("acknowledge what is not bound", sys::irq_ack(line, NO_VALUE), Error::BadState)?;
    bind(line, second, 2)?;
    refused("acknowledge what is bound anew", sys::irq_ack(line, NO_VALUE), Error::BadState)?;
    sys::cap_drop(second)?;
    refused("acknowledge what is free", sys::irq_ack(line, NO_VALUE), Error::BadState)
}

/// Nothing else is a line, and the owner of one has no more of it than its interrupts.
pub(crate) fn refusals(context: &Context) -> Check {
    let (line, bits) = (line()?, sys::notification_create()?);
    let checked = unchanged(context, || {
        for (what, other, error) in [
            ("nothing", Handle::NONE, Error::BadHandle),
            ("the line of another life", Handle(line.0 ^ 1 << 32), Error::BadHandle),
            ("a window", context.window(), Error::WrongKind),
            ("a notification", bits, Error::WrongKind),
            ("an endpoint", context.init.endpoint(), Error::WrongKind),
        ] {
            refused(what, bind(other, bits, 1), error)?;
            refused(what, sys::irq_ack(other, NO_VALUE), error)?;
            refused(what, sys::irq_stat(other), error)?;
        }
        waits(context, bits)?;
        refused("bind to a line", bind(line, line, 1), Error::WrongKind)?;
        refused("inspect", sys::irq_stat(line), Error::Denied)?;
        refused("limit", sys::cap_limit(line, 1), Error::Denied)?;
        refused("revoke", sys::cap_revoke(line), Error::Denied)?;
        refused("derive", sys::cap_derive(line, Rights::RECV, 0, 1), Error::Denied)?;
        refused("install", sys::cap_install(Handle::NONE, line, Rights::RECV), Error::Denied)?;
        let gift = Message::with_cap(0, &[], line);
        let sent = sys::call(context.logd.endpoint(), &gift, Deadline::after_ms(SAFETY_MS).ticks());
        refused("pass on by message", sent, Error::Denied)?;
        let mapped = bare::mmio_map(line, 0, PAGE_SIZE, FREE, Prot::READ);
        refused("as a window", mapped, Error::WrongKind)?;
        refused("write a register", sys::mmio_write(line, 0, 0), Error::WrongKind)?;
        refused("signal", sys::signal(line, 1), Error::WrongKind)
    });
    sys::cap_drop(bits)?;
    checked
}

/// A wait or a receive that names a line which is none is refused at once.
fn waits(context: &Context, bits: Handle) -> Check {
    let (soon, empty) = (Deadline::after_ms(1).ticks(), Message::default());
    refused("wait with a window", sys::wait(bits, soon, context.window()), Error::WrongKind)?;
    let guess = Handle::new(1, 1);
    refused("wait with a guess", sys::wait(bits, soon, guess), Error::BadHandle)?;
    let endpoint = sys::endpoint_create()?;
    let with = |line| sys::reply_recv_ack(endpoint, Handle::NONE, &empty, soon, line);
    let window = refused("receive with a window", with(context.window()), Error::WrongKind);
    let guess = refused("receive with a guess", with(guess), Error::BadHandle);
    sys::cap_drop(endpoint)?;
    window.and(guess)
}
