//! The loop of a server.

use core::marker::PhantomData;

use nexus_abi::{Error, Handle, Message, Received, Sender};
use nexus_proto::{Operation, Protocol, Request, ServiceError, encode_error};

use crate::watch::Watch;
use crate::{Deadline, Line, sys};

/// A server of one protocol.
pub trait Service {
    /// What it speaks.
    type Protocol: Protocol;

    /// Answers a request: `reply.answer(&op, result)` now, or [`Answer::later`] with `reply` kept
    /// somewhere. A `reply` that is thrown away fails the call.
    fn handle(
        &mut self,
        sender: Sender,
        request: <Self::Protocol as Protocol>::Request,
        reply: ReplyTo,
    ) -> Answer;

    /// When to call [`Service::tick`] next. Asked before each wait.
    fn deadline(&self) -> Deadline {
        Deadline::NEVER
    }

    /// The deadline has passed. Must move it, or requests are answered between ticks only.
    fn tick(&mut self) {}

    /// A notification bound to the endpoint has these bits set.
    fn notified(&mut self, _bits: u64) {}

    /// The line of [`drive`] was delivered: look at the device until it has nothing more to say, or as
    /// far as there is room for it. The device may have nothing to say at all. The line is acknowledged,
    /// without a value, on the way into a later wait ([`Service::listens`]).
    fn interrupt(&mut self) {}

    /// Whether the line may be delivered again; asked before each wait after it was. False holds it
    /// back, and the device with it, until there is room for what it has to say.
    fn listens(&self) -> bool {
        true
    }

    /// What was received within a request, while it waited for somebody else ([`crate::Inbox`]): it is served
    /// before anything else is received.
    #[inline]
    fn kept(&mut self) -> Option<Received> {
        None
    }

    /// A message of `sender` could not be decoded, and is being refused.
    fn refused(&mut self, _sender: Sender) {}

    /// A message of `sender` that carries capabilities, which are this process's from here on. They are
    /// given up, and the message refused, by a service whose protocol has no request that carries any.
    fn carried(&mut self, sender: Sender, message: &Message, reply: ReplyTo) -> Answer {
        drop_caps(message);
        self.refused(sender);
        reply.message(encode_error(ServiceError::Malformed))
    }
}

/// The right to answer one call, once. Dropping it fails the call with `PeerGone`.
#[derive(Debug)]
#[must_use = "dropping it fails the caller's call"]
pub struct ReplyTo(Handle);

/// What the server loop sends before it waits.
#[derive(Debug)]
#[must_use]
pub struct Answer {
    reply: Handle,
    message: Message,
}

impl ReplyTo {
    /// For a test: a right that answers nothing.
    #[cfg(not(target_os = "none"))]
    pub fn nobody() -> ReplyTo {
        ReplyTo(Handle::NONE)
    }

    /// For a test: the right that this handle is; [`crate::host::deliver`] keeps what is answered by it.
    #[cfg(not(target_os = "none"))]
    pub const fn by(reply: Handle) -> ReplyTo {
        ReplyTo(reply)
    }

    /// The right to answer this call.
    pub(crate) const fn of(call: &Received) -> ReplyTo {
        ReplyTo(call.reply)
    }

    /// The answer to `op`.
    #[inline]
    pub fn answer<O: Operation>(self, op: &O, result: Result<O::Reply, ServiceError>) -> Answer {
        self.message(op.answer(result))
    }

    /// An answer that is already a message.
    #[inline]
    pub fn message(self, message: Message) -> Answer {
        Answer { reply: self.take(), message }
    }

    /// Answers now, outside the server loop.
    ///
    /// # Errors
    /// The caller is gone, or has stopped waiting; or it has no room for the capabilities in the
    /// message, and its call fails with `PeerGone`.
    pub fn send(self, message: &Message) -> Result<(), Error> {
        let reply = self.take();
        sys::reply(reply, message).inspect_err(|_| drop(ReplyTo(reply)))
    }

    #[inline]
    fn take(self) -> Handle {
        let reply = self.0;
        core::mem::forget(self);
        reply
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        // Nothing to do when it fails: then the caller is gone.
        let _ = sys::cap_drop(self.0);
    }
}

impl Answer {
    const NOTHING: Answer =
        Answer { reply: Handle::NONE, message: Message { tag: nexus_abi::Tag(0), words: [0; 8] } };

    /// No answer now: the [`ReplyTo`] has been kept.
    #[inline]
    pub const fn later() -> Answer {
        Answer::NOTHING
    }

    /// Sends it now, if there is one.
    fn send(&self) {
        if self.reply != Handle::NONE {
            // Nobody to tell when the caller is gone.
            let _ = ReplyTo(self.reply).send(&self.message);
        }
    }

    /// For a test: sends it, as the loop of a server does.
    #[cfg(not(target_os = "none"))]
    pub fn deliver(self) {
        self.send();
    }

    /// For a test: the message that would be sent.
    #[cfg(not(target_os = "none"))]
    #[must_use]
    pub fn into_message(self) -> Message {
        self.message
    }
}

/// Serves `endpoint` until that fails, and returns why: the endpoint is gone, or is not one that
/// this process may receive from.
pub fn run<S: Service>(endpoint: Handle, service: &mut S) -> Error {
    drive(endpoint, None, service)
}

/// Serves `endpoint` as [`run`] does, and the interrupts of `line`, which is bound to it: requests,
/// interrupts and deadlines in one place, each when it comes.
pub fn drive<S: Service>(endpoint: Handle, mut line: Option<Line>, service: &mut S) -> Error {
    let watch = Watch::of(endpoint);
    let mut next = Answer::NOTHING;
    loop {
        let mut deadline = service.deadline();
        if deadline != Deadline::NEVER && deadline.has_passed() {
            service.tick();
            deadline = service.deadline();
        }
        let sent = next.reply;
        let received = match service.kept() {
            Some(kept) => {
                next.send();
                Ok(kept)
            }
            None => receive(endpoint, &next, deadline, line.as_mut(), service),
        };
        next = match received {
            Ok(received) => dispatch(service, line.as_mut(), watch, received),
            Err(Error::TimedOut) => {
                service.tick();
                Answer::NOTHING
            }
            // The answer did not get through: its caller is gone, or has no room for what it
            // carries. The call fails now, and not at its deadline.
            Err(_) if sent != Handle::NONE => {
                drop(ReplyTo(sent));
                Answer::NOTHING
            }
            Err(error) => return error,
        };
    }
}

/// Answers, acknowledges the line if it was delivered and may come again, and waits.
#[inline]
fn receive<S: Service>(
    endpoint: Handle,
    next: &Answer,
    deadline: Deadline,
    line: Option<&mut Line>,
    service: &S,
) -> Result<Received, Error> {
    let Answer { reply, message } = next;
    let due = line.filter(|line| line.due() != Handle::NONE && service.listens());
    let Some(line) = due else {
        return sys::reply_recv(endpoint, *reply, message, deadline.ticks());
    };
    let received = sys::reply_recv_ack(endpoint, *reply, message, deadline.ticks(), line.due());
    // A call that is refused has acknowledged nothing; its line is due the next time too.
    if matches!(received, Ok(_) | Err(Error::TimedOut)) {
        line.acknowledged();
    }
    received
}

#[inline]
fn dispatch<S: Service>(
    service: &mut S,
    line: Option<&mut Line>,
    watch: Watch,
    received: Received,
) -> Answer {
    let Received { message, sender, reply } = received;
    if message.tag.is_notification() {
        let [bits, ..] = message.words;
        notified(service, line, watch.answer(bits));
        return Answer::NOTHING;
    }
    match <S::Protocol as Protocol>::Request::decode(&message) {
        Ok(request) => service.handle(sender, request, ReplyTo(reply)),
        Err(_) if message.tag.caps() > 0 => service.carried(sender, &message, ReplyTo(reply)),
        Err(_) => {
            service.refused(sender);
            ReplyTo(reply).message(encode_error(ServiceError::Malformed))
        }
    }
}

/// Bits of a notification; none when the kernel has only sent back messages that failed.
#[inline]
fn notified<S: Service>(service: &mut S, line: Option<&mut Line>, bits: u64) {
    let (rest, interrupt) = match line {
        Some(line) => {
            let rest = line.take(bits);
            (rest, rest != bits)
        }
        None => (bits, false),
    };
    if interrupt {
        service.interrupt();
    }
    if rest != 0 {
        service.notified(rest);
    }
}

/// Gives up capabilities that came where none belongs, so that no peer can fill this process's
/// table.
#[inline]
pub(crate) fn drop_caps(message: &Message) {
    let [.., w4, w5, w6, w7] = message.words;
    if message.tag.caps() > 0 {
        drop_last(message.tag.caps(), w4, w5, w6, w7);
    }
}

/// Drops the last `count` of four capabilities. They come in registers, so that the message stays
/// in registers where there are none.
#[cold]
#[inline(never)]
fn drop_last(count: u64, w4: u64, w5: u64, w6: u64, w7: u64) {
    for cap in [w7, w6, w5, w4].into_iter().zip(0..count).map(|(cap, _)| Handle(cap)) {
        // Nothing to do when it fails: then it is gone already.
        let _ = sys::cap_drop(cap);
    }
}

struct Plain<P, H>(H, PhantomData<fn() -> P>);

impl<P: Protocol, H: FnMut(Sender, P::Request) -> Message> Service for Plain<P, H> {
    type Protocol = P;
    fn handle(&mut self, sender: Sender, request: P::Request, reply: ReplyTo) -> Answer {
        let message = (self.0)(sender, request);
        reply.message(message)
    }
}

/// Serves `endpoint` with a function that answers each request at once; returns as [`run`] does.
pub fn serve<P: Protocol>(
    endpoint: Handle,
    handler: impl FnMut(Sender, P::Request) -> Message,
) -> Error {
    run(endpoint, &mut Plain::<P, _>(handler, PhantomData))
}
