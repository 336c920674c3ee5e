//! Messages: call, reply, receive; and notifications.
//!
//! The common case — a call to an endpoint where a server waits, and the answer — copies the words
//! from one register frame to the other and hands the hart over, without a queue. The one-use
//! reply capability is the caller's own state: it is `Awaiting` an answer to call number n from
//! one process, and a reply handle names (thread, n). Using it ends that state, so it cannot be
//! used twice; another process cannot use it at all.

use nexus_abi::{Error, Handle, Rights, Tag, WORDS, regs};

use crate::Result;
use crate::call::fast::copy_words;
use crate::call::{Args, Outcome};
use crate::kernel::{Kernel, Work, cost, goes_on, need};
use crate::object::capability::{CapabilityKind, OBJECT_RIGHTS};
use crate::object::endpoint::{Binding, Endpoint, Notification, Waiting};
use crate::object::process::Process;
use crate::object::thread::{State, Thread};
use crate::platform::Platform;
use crate::store::list::List;
use crate::store::pool::Id;

/// What was there for a receive.
#[derive(PartialEq, Eq)]
enum Found {
    /// A message; the receiver has it.
    Message,
    /// Nothing.
    Nothing,
    /// So many messages that failed that others must have their turn first.
    Failures,
}

impl<P: Platform> Kernel<'_, P> {
    /// `call`: the current thread `me` sends and waits for the answer.
    #[inline(never)]
    pub(crate) fn call(&mut self, me: Id<Thread>) -> Result<Outcome> {
        let thread = self.threads.get(me)?;
        let tag = Tag(thread.frame.get(regs::A1));
        let (handle, deadline) = (Handle(thread.frame.get(regs::A0)), thread.frame.get(regs::T3));
        let process = thread.process;
        if !tag.is_valid() {
            return Err(Error::BadMessage);
        }
        let (id, ..) = self.held(process, handle, Rights::SEND)?;
        let endpoint = self.endpoints.get_mut(id)?;
        match endpoint.first(Waiting::Receivers) {
            Some(server) => {
                self.deliver_call(me, server, tag)?;
                self.endpoints.get_mut(id)?.queue.remove(&mut self.threads, server)?;
                self.arm(me, deadline)?;
                self.threads.get_mut(me)?.turn = self.hart.turn;
                self.hand_over(server, true)?;
            }
            None => {
                endpoint.waiting = Waiting::Senders;
                endpoint.queue.push_back(&mut self.threads, me)?;
                self.threads.get_mut(me)?.state = State::Sending(id);
                self.arm(me, deadline)?;
                self.leave();
            }
        }
        Ok(Outcome::Applied)
    }

    /// Gives the message of `from` to `to`, who can answer it from here on.
    #[inline(always)]
    pub(crate) fn deliver_call(&mut self, from: Id<Thread>, to: Id<Thread>, tag: Tag) -> Result {
        self.transfer(from, to, tag)?;
        let call = self.calls.wrapping_add(1) & Handle::CALL_MASK;
        self.calls = call;
        let (caller, server) = self.threads.pair_mut(from, to)?;
        caller.state = State::Awaiting { server: server.process, call };
        server.answer_from(caller.sender, reply_handle(from, call));
        Ok(())
    }

    /// Copies a message, and what it carries, from one thread's registers to another's.
    #[inline(always)]
    fn transfer(&mut self, from: Id<Thread>, to: Id<Thread>, tag: Tag) -> Result {
        if tag.caps() != 0 {
            return self.transfer_with_caps(from, to, tag);
        }
        let (source, target) = self.threads.pair_mut(from, to)?;
        copy_words(&source.frame, &mut target.frame, tag);
        target.answer(0, tag.0);
        Ok(())
    }

    /// As `transfer`, with capabilities: all of them arrive, or none and an error.
    #[inline(never)]
    fn transfer_with_caps(&mut self, from: Id<Thread>, to: Id<Thread>, tag: Tag) -> Result {
        let source = self.threads.get(from)?;
        let (giver, mut words) = (source.process, source.frame.words());
        let taker = self.threads.get(to)?.process;
        let count = usize::try_from(tag.caps()).map_err(|_| Error::BadMessage)?;
        let first = WORDS.saturating_sub(count);
        for at in first..WORDS {
            let (before, word) = words.split_at_mut_checked(at).ok_or(Error::BadMessage)?;
            let (made, word) =
                before.get(first..).zip(word.first_mut()).ok_or(Error::BadMessage)?;
            // What this message makes its sender did not hold when it sent it.
            let given = match made.contains(word) {
                true => Err(Error::BadHandle),
                false => self.give(giver, taker, Handle(*word)),
            };
            if given.is_err() {
                for made in made {
                    let (cap, _) = self.lookup(taker, Handle(*made))?;
                    // A capability made just now has no mapping and no child: one step drops it.
                    goes_on(self.drop_cap(cap, &mut Work::step()))?;
                }
            }
            *word = given?.0;
        }
        let target = self.threads.get_mut(to)?;
        target.frame.set_words(&words);
        target.answer(0, tag.0);
        Ok(())
    }

    /// Makes a child of a capability of `giver` (GRANT) in the table of `taker`.
    fn give(&mut self, giver: Id<Process>, taker: Id<Process>, handle: Handle) -> Result<Handle> {
        let (cap, capability) = self.lookup(giver, handle)?;
        let (kind, rights) = (capability.kind, capability.rights);
        need(capability, Rights::GRANT)?;
        let child = self.add_child(cap, taker, kind, rights)?;
        Ok(self.caps.handle(child))
    }

    /// The thread that waits for the answer that a reply handle of `server` stands for.
    #[inline(always)]
    fn caller_of(&self, server: Id<Process>, reply: Handle) -> Result<Id<Thread>> {
        let id = Id::from_slot(reply.reply_slot())?;
        let State::Awaiting { server: expected, call } = self.threads.get(id)?.state else {
            return Err(Error::BadHandle);
        };
        let mine = reply.is_reply() && expected == server && call == reply.reply_call();
        if mine { Ok(id) } else { Err(Error::BadHandle) }
    }

    /// Answers a call; the caller is out of its wait, and not yet ready.
    #[inline(always)]
    fn answer(&mut self, me: Id<Thread>, caller: Id<Thread>, tag: Tag) -> Result {
        self.transfer(me, caller, tag)?;
        let (server, thread) = self.threads.pair_mut(me, caller)?;
        thread.answer_from(server.sender, Handle::NONE);
        Ok(())
    }

    /// `reply`: answers a call and goes on.
    pub(crate) fn reply(&mut self, me: Id<Thread>) -> Result<Outcome> {
        let thread = self.threads.get(me)?;
        let tag = Tag(thread.frame.get(regs::A1));
        let (reply, process) = (Handle(thread.frame.get(regs::A0)), thread.process);
        if !tag.is_valid() {
            return Err(Error::BadMessage);
        }
        let caller = self.caller_of(process, reply)?;
        self.answer(me, caller, tag)?;
        self.make_ready(caller)?;
        self.threads.get_mut(me)?.answer(0, 0);
        self.preempt()?;
        Ok(Outcome::Applied)
    }

    /// Drops a reply capability: the call fails.
    pub(crate) fn drop_reply(&mut self, process: Id<Process>, reply: Handle) -> Result {
        let caller = self.caller_of(process, reply)?;
        self.wake_with(caller, Error::PeerGone)
    }

    /// `reply_recv`: answers, if there is something to answer, and waits for the next message.
    #[inline(never)]
    pub(crate) fn reply_recv(&mut self, me: Id<Thread>) -> Result<Outcome> {
        let thread = self.threads.get(me)?;
        let (handle, tag) = (Handle(thread.frame.get(regs::A0)), Tag(thread.frame.get(regs::A1)));
        let (deadline, reply) = (thread.frame.get(regs::T3), Handle(thread.frame.get(regs::T4)));
        let (process, irq) = (thread.process, Handle(thread.frame.get(regs::T5)));
        let (acknowledges, tag) = (tag.0 & Tag::ACK != 0, Tag(tag.0 & !Tag::ACK));
        if reply != Handle::NONE && !tag.is_valid() {
            return Err(Error::BadMessage);
        }
        let (id, ..) = self.held(process, handle, Rights::RECV)?;
        let caller = match reply {
            Handle::NONE => None,
            reply => Some(self.caller_of(process, reply)?),
        };
        let line = if acknowledges { self.to_acknowledge(process, irq)? } else { None };
        // This may be refused; nobody runs with the answer before the line is acknowledged.
        if let Some(caller) = caller {
            self.answer(me, caller, tag)?;
        }
        if let Some((line, interval)) = line {
            self.acknowledge(line, interval)?;
        }
        let found = self.receive_now(me, id)?;
        if found != Found::Nothing {
            let outcome = match (found, caller) {
                (Found::Failures, None) => {
                    // The call that is made again acknowledges nothing more.
                    self.threads.get_mut(me)?.frame.set(regs::A1, tag.0);
                    Outcome::Again
                }
                (Found::Failures, Some(_)) => {
                    // The answer went: nothing that comes later may make an error of this call.
                    deliver_bits(self.threads.get_mut(me)?, 0);
                    Outcome::Applied
                }
                _ => Outcome::Applied,
            };
            if let Some(caller) = caller {
                self.make_ready(caller)?;
            }
            // Callers that were sent back with an error are ready too.
            self.preempt()?;
            return Ok(outcome);
        }
        let endpoint = self.endpoints.get_mut(id)?;
        endpoint.waiting = Waiting::Receivers;
        endpoint.queue.push_back(&mut self.threads, me)?;
        let thread = self.threads.get_mut(me)?;
        thread.state = State::Receiving(id);
        let priority = thread.priority;
        self.arm(me, deadline)?;
        match caller {
            Some(caller) => {
                let thread = self.threads.get(caller)?;
                let along = self.hart.is_turn_of(thread, priority);
                self.hand_over(caller, along)?;
            }
            None => self.leave(),
        }
        Ok(Outcome::Applied)
    }

    /// Takes what already waits at an endpoint, if anything does.
    #[inline(always)]
    fn receive_now(&mut self, me: Id<Thread>, id: Id<Endpoint>) -> Result<Found> {
        if let Some(Binding { to, .. }) = self.endpoints.get(id)?.bound
            && self.take_bound(me, to)?
        {
            return Ok(Found::Message);
        }
        let mut work = Work::step();
        while let Some(from) = self.endpoints.get(id)?.first(Waiting::Senders) {
            self.endpoints.get_mut(id)?.queue.remove(&mut self.threads, from)?;
            // It still has the right to send: `end_uses` has woken those that lost it.
            let tag = Tag(self.threads.get(from)?.frame.get(regs::A1));
            match self.deliver_call(from, me, tag) {
                Ok(()) => return Ok(Found::Message),
                Err(error) => self.wake_with(from, error)?,
            }
            if work.ask(cost::FAILURE).is_err() {
                return Ok(Found::Failures);
            }
        }
        Ok(Found::Nothing)
    }

    /// Takes the bits of a notification that is bound to the endpoint.
    fn take_bound(&mut self, me: Id<Thread>, id: Id<Notification>) -> Result<bool> {
        let bits = core::mem::take(&mut self.notifications.get_mut(id)?.bits);
        if bits != 0 {
            deliver_bits(self.threads.get_mut(me)?, bits);
        }
        Ok(bits != 0)
    }

    /// `signal`: sets bits and wakes whoever waits for them.
    #[inline(always)]
    pub(crate) fn signal(&mut self, process: Id<Process>, handle: Handle, bits: u64) -> Result {
        let (id, ..) = self.held(process, handle, Rights::SEND)?;
        self.signal_object(id, bits)
    }

    /// Sets bits of a notification. Whoever takes them runs at once, if it is more important than the
    /// current thread.
    pub(crate) fn signal_object(&mut self, id: Id<Notification>, bits: u64) -> Result {
        if self.set_bits(id, bits)? { self.preempt() } else { Ok(()) }
    }

    /// Sets bits of a notification; true when a thread has taken them, which is ready then.
    #[inline(always)]
    pub(crate) fn set_bits(&mut self, id: Id<Notification>, bits: u64) -> Result<bool> {
        let notification = self.notifications.get_mut(id)?;
        notification.bits |= bits;
        if notification.bits == 0 {
            return Ok(false);
        }
        if let Some(waiter) = notification.waiter.take() {
            let bits = core::mem::take(&mut notification.bits);
            self.threads.get_mut(waiter)?.answer(0, bits);
            self.make_ready(waiter)?;
            return Ok(true);
        }
        match notification.bound {
            Some(Binding { to, .. }) => self.give_bits(id, to),
            None => Ok(false),
        }
    }

    /// Delivers the bits of a bound notification to a thread that receives on the endpoint, if one
    /// does, which is ready then.
    fn give_bits(&mut self, id: Id<Notification>, endpoint: Id<Endpoint>) -> Result<bool> {
        let endpoint = self.endpoints.get_mut(endpoint)?;
        let Some(receiver) = endpoint.first(Waiting::Receivers) else { return Ok(false) };
        endpoint.queue.remove(&mut self.threads, receiver)?;
        let bits = core::mem::take(&mut self.notifications.get_mut(id)?.bits);
        deliver_bits(self.threads.get_mut(receiver)?, bits);
        self.make_ready(receiver)?;
        Ok(true)
    }

    /// `wait`: acknowledges a line, if one is named, and takes the bits of a notification, or waits
    /// for some.
    pub(crate) fn wait(&mut self, me: Id<Thread>, args: Args) -> Result<Outcome> {
        let [signals, deadline, irq, ..] = args;
        let process = self.threads.get(me)?.process;
        let (id, ..) = self.held(process, Handle(signals), Rights::RECV)?;
        let line = match Handle(irq) {
            Handle::NONE => None,
            irq => self.to_acknowledge(process, irq)?,
        };
        if self.notifications.get(id)?.waiter.is_some() {
            return Err(Error::Busy);
        }
        if let Some((line, interval)) = line {
            self.acknowledge(line, interval)?;
        }
        let notification = self.notifications.get_mut(id)?;
        let bits = core::mem::take(&mut notification.bits);
        if bits != 0 {
            return Ok(Outcome::Value(bits));
        }
        notification.waiter = Some(me);
        self.threads.get_mut(me)?.state = State::Waiting(id);
        self.arm(me, deadline)?;
        self.leave();
        Ok(Outcome::Applied)
    }

    /// `endpoint_bind`.
    pub(crate) fn endpoint_bind(&mut self, process: Id<Process>, args: Args) -> Result {
        let [receives, waits, ..] = args;
        let (endpoint, with_endpoint, _) = self.held(process, Handle(receives), Rights::RECV)?;
        let (notification, with_notification, _) =
            self.held(process, Handle(waits), Rights::RECV)?;
        let (to, from) =
            (self.endpoints.get_mut(endpoint)?, self.notifications.get_mut(notification)?);
        if to.bound.is_some() || from.bound.is_some() || from.waiter.is_some() {
            return Err(Error::Busy);
        }
        to.bound = Some(Binding { to: notification, by: with_endpoint });
        from.bound = Some(Binding { to: endpoint, by: with_notification });
        // Bits that were there before go to whoever receives already.
        self.signal_object(notification, 0)
    }

    /// `endpoint_create`.
    pub(crate) fn endpoint_create(&mut self, owner: Id<Process>) -> Result<Handle> {
        let rights = Rights::SEND | Rights::RECV | OBJECT_RIGHTS;
        let kind = CapabilityKind::Endpoint;
        let (cap, _) = self.new_object([owner; 2], rights, kind, |kernel, anchor| {
            let (queue, waiting) = (List::EMPTY, Waiting::Receivers);
            kernel.endpoints.alloc(Endpoint { queue, waiting, bound: None, anchor })
        })?;
        Ok(self.caps.handle(cap))
    }

    /// `notification_create`.
    pub(crate) fn notification_create(&mut self, owner: Id<Process>) -> Result<Handle> {
        let rights = Rights::SEND | Rights::RECV | OBJECT_RIGHTS;
        let kind = CapabilityKind::Notification;
        let (cap, _) = self.new_object([owner; 2], rights, kind, |kernel, anchor| {
            let (lines, bound) = (List::EMPTY, None);
            kernel.notifications.alloc(Notification { bits: 0, waiter: None, bound, lines, anchor })
        })?;
        Ok(self.caps.handle(cap))
    }
}

/// The handle of the answer to a call: there are no more threads than its slot can name.
#[inline(always)]
pub(crate) fn reply_handle(caller: Id<Thread>, call: u64) -> Handle {
    Handle::reply(u16::try_from(caller.slot() & u32::from(u16::MAX)).unwrap_or(0), call)
}

/// Delivers notification bits as a message from the kernel.
#[inline(always)]
pub(crate) fn deliver_bits(thread: &mut Thread, bits: u64) {
    thread.answer(0, Tag::NOTIFICATION);
    let [first, ..] = regs::WORDS;
    thread.frame.set(first, bits);
    thread.answer_from(0, Handle::NONE);
}
