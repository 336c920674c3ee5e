//! The common case of `call`, `reply_recv` and `signal`: a short way through the same rules.
//!
//! A client calls an endpoint where one server waits; the server answers and waits again. Nobody
//! carries a capability, or is less important than something that could run, and who has a deadline
//! has an alarm that rings before it. Then the message goes from one register frame to the other,
//! and the hart with it. These functions check everything before they change anything, and do
//! nothing when the case is another one: [`Kernel::syscall`] then makes the call by the long way,
//! which also finds the error, if any.
//!
//! They are written without calls to other functions, so that the compiler saves no registers,
//! and every object is looked up once.

use nexus_abi::{Handle, NO_DEADLINE, Rights, Tag, regs};

use crate::call::message::{reply_handle, sender_of};
use crate::kernel::Kernel;
use crate::object::capability::CapabilityKind;
use crate::object::endpoint::{Endpoint, Waiting};
use crate::object::thread::{Rest, State, Thread, TrapFrame};
use crate::platform::Platform;
use crate::store::list::List;
use crate::store::pool::Id;

/// A thread to run, for trap exit.
#[derive(Debug)]
pub struct Run {
    /// Its registers.
    pub frame: *mut TrapFrame,
    /// `satp` for its address space.
    pub satp: u64,
}

impl Run {
    #[inline(always)]
    pub(crate) fn of(thread: &mut Thread) -> Run {
        Run { frame: &raw mut thread.frame, satp: thread.satp }
    }
}

impl<P: Platform> Kernel<'_, P> {
    /// `null`.
    #[inline(always)]
    pub fn fast_null(&mut self) -> Option<Run> {
        let thread = self.threads.get_mut(self.hart.current?).ok()?;
        thread.answer(0, 0);
        Some(Run::of(thread))
    }

    /// `call`, when a server waits. `None` when that is not all there is to it.
    #[inline(always)]
    pub fn fast_call(&mut self) -> Option<Run> {
        let me = self.hart.current?;
        let thread = self.threads.get(me).ok()?;
        let tag = plain_tag(&thread.frame)?;
        if !rings_by_deadline(thread) {
            return None;
        }
        let id = self.fast_endpoint(thread, Rights::SEND)?;
        let endpoint = self.endpoints.get_mut(id).ok()?;
        if endpoint.waiting != Waiting::Receivers {
            return None;
        }
        let to = endpoint.queue.sole()?;
        let (caller, server) = self.threads.pair_mut(me, to).ok()?;
        if !self.ready.yields_to(server.priority, &self.hart) {
            return None;
        }
        endpoint.queue = List::EMPTY;
        let call = self.calls.wrapping_add(1) & Handle::CALL_MASK;
        self.calls = call;
        caller.state = State::Awaiting { server: server.process, call };
        (caller.deadline, caller.turn) = (caller.frame.get(regs::T3), self.hart.turn);
        (server.state, server.deadline) = (State::Running, NO_DEADLINE);
        copy_words(&caller.frame, &mut server.frame, tag);
        server.answer(0, tag.0);
        server.answer_from(sender_of(caller), reply_handle(me, call));
        self.hart.current = Some(to);
        Some(Run::of(server))
    }

    /// `reply_recv` with an answer, when no other call waits. `None` when that is not all there
    /// is to it.
    #[inline(always)]
    pub fn fast_reply_recv(&mut self) -> Option<Run> {
        let me = self.hart.current?;
        let thread = self.threads.get(me).ok()?;
        let tag = plain_tag(&thread.frame)?;
        if !rings_by_deadline(thread) {
            return None;
        }
        let reply = Handle(thread.frame.get(regs::T4));
        let id = self.fast_endpoint(thread, Rights::RECV)?;
        let endpoint = self.endpoints.get_mut(id).ok()?;
        if !endpoint.queue.is_empty() || !reply.is_reply() {
            return None;
        }
        if let Some(bound) = endpoint.bound
            && self.notifications.get(bound.to).ok()?.bits != 0
        {
            return None;
        }
        let to = Id::from_slot(reply.reply_slot()).ok()?;
        let (server, caller) = self.threads.pair_mut(me, to).ok()?;
        let State::Awaiting { server: expected, call } = caller.state else { return None };
        let mine = expected == server.process && call == reply.reply_call();
        if !mine || !self.ready.goes_on(caller, server.priority, &self.hart) {
            return None;
        }
        endpoint.waiting = Waiting::Receivers;
        endpoint.queue = List::of(me);
        (server.state, server.deadline) = (State::Receiving(id), server.frame.get(regs::T3));
        (caller.state, caller.deadline) = (State::Running, NO_DEADLINE);
        copy_words(&server.frame, &mut caller.frame, tag);
        caller.answer(0, tag.0);
        caller.answer_from(server.sender, Handle::NONE);
        self.hart.current = Some(to);
        Some(Run::of(caller))
    }

    /// `signal`, when a thread waits that is more important than the current one. `None` when
    /// that is not all there is to it.
    #[inline(always)]
    pub fn fast_signal(&mut self) -> Option<Run> {
        let me = self.hart.current?;
        let thread = self.threads.get(me).ok()?;
        let kind = self.fast_kind(thread, Rights::SEND)?;
        let CapabilityKind::Notification(id) = kind else { return None };
        let notification = self.notifications.get_mut(id).ok()?;
        let to = notification.waiter?;
        // Where a thread waits there are none yet.
        let bits = thread.frame.get(regs::A1);
        let (thread, waiter) = self.threads.pair_mut(me, to).ok()?;
        let first = waiter.priority > thread.priority && self.ready.none_above(waiter.priority);
        if bits == 0 || !first {
            return None;
        }
        let priority = thread.priority;
        thread.turn = self.hart.turn;
        if thread.turn != 0 {
            thread.rest = Rest::Until(self.hart.slice_end);
            self.hart.end_turn();
        }
        thread.answer(0, 0);
        notification.waiter = None;
        (waiter.state, waiter.deadline) = (State::Running, NO_DEADLINE);
        waiter.answer(0, bits);
        let run = Run::of(waiter);
        // The current thread and its queue exist, so that this cannot fail.
        self.enqueue(me, priority, true).ok()?;
        self.hart.current = Some(to);
        Some(run)
    }

    /// The endpoint that the first argument of a thread names, if it holds it with `rights`.
    #[inline(always)]
    fn fast_endpoint(&self, thread: &Thread, rights: Rights) -> Option<Id<Endpoint>> {
        match self.fast_kind(thread, rights)? {
            CapabilityKind::Endpoint(id) => Some(id),
            _ => None,
        }
    }

    /// What the first argument of a thread names, if it holds it with `rights`. An anchor has no
    /// rights, so that it needs no check of its own.
    #[inline(always)]
    fn fast_kind(&self, thread: &Thread, rights: Rights) -> Option<CapabilityKind> {
        let handle = Handle(thread.frame.get(regs::A0));
        let (cap, generation) = self.caps.at(handle)?;
        let held = generation == handle.generation()
            && cap.owner == thread.process
            && cap.rights.contains(rights);
        held.then_some(cap.kind)
    }
}

/// The tag of a message that is valid and carries no capability.
#[inline(always)]
fn plain_tag(frame: &TrapFrame) -> Option<Tag> {
    let tag = Tag(frame.get(regs::A1));
    // The low half has the number of words and nothing else.
    (tag.0 & LOW_HALF <= WORDS).then_some(tag)
}

/// True when the alarm of a thread rings by the deadline that it asks for; no alarm is needed for
/// [`NO_DEADLINE`].
#[inline(always)]
fn rings_by_deadline(thread: &Thread) -> bool {
    thread.alarm <= thread.frame.get(regs::T3)
}

const LOW_HALF: u64 = 0xffff_ffff;
const WORDS: u64 = 8;

/// Copies the words that a message uses: none, four, or eight.
#[inline(always)]
pub(crate) fn copy_words(from: &TrapFrame, to: &mut TrapFrame, tag: Tag) {
    let [first, second, third, fourth, ..] = regs::WORDS;
    match tag.words() {
        0 => {}
        1..=4 => {
            for n in [first, second, third, fourth] {
                to.set(n, from.get(n));
            }
        }
        _ => to.set_words(&from.words()),
    }
}
