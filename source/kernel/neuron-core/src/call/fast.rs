//! The common case of `call`, `reply_recv`, `signal` and `mmio_write`: a short way through the same rules.
//!
//! A client calls an endpoint where one server waits; the server answers and waits again. Nobody
//! carries a capability, or is less important than something that could run, and who has a deadline
//! has an alarm that rings before it. Then the message goes from one register frame to the other,
//! and the hart with it. These functions check everything before they change anything, and do
//! nothing when the case is another one: [`Kernel::syscall`] then makes the call by the long way,
//! which also finds the error, if any.
//!
//! They are written without calls to other functions, so that the compiler saves no registers,
//! and every object is looked up once. When another caller waits for the server, or a notification
//! is bound to where a server waits, a second function goes on ([`Way::On`]), which is longer.

use nexus_abi::{Handle, NO_DEADLINE, Rights, Tag, regs};

use crate::call::message::{deliver_bits, reply_handle};
use crate::kernel::sched::ReadyQueues;
use crate::kernel::{Hart, Kernel};
use crate::object::capability::Named;
use crate::object::endpoint::{Endpoint, Waiting};
use crate::object::thread::{Rest, State, Thread, TrapFrame};
use crate::platform::Platform;
use crate::store::list::List;
use crate::store::pool::{Id, Pool};

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

/// How a call goes on for which there is a short way.
#[derive(Debug)]
pub enum Way<T> {
    /// It is done.
    Done(Run),
    /// By a second function, which needs registers of its own.
    On(T),
}

impl<P: Platform> Kernel<'_, P> {
    /// `null`.
    #[inline(always)]
    pub fn fast_null(&mut self) -> Option<Run> {
        let thread = self.threads.get_mut(self.hart.current?).ok()?;
        thread.answer(0, 0);
        Some(Run::of(thread))
    }

    /// `mmio_write`. `None` when it is refused.
    #[inline(always)]
    pub fn fast_mmio_write(&mut self) -> Option<Run> {
        let me = self.hart.current?;
        let thread = self.threads.get(me).ok()?;
        self.mmio_write(thread.process, thread.frame.arguments()).ok()?;
        let thread = self.threads.get_mut(me).ok()?;
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
        let id = self.fast_held(thread, Rights::SEND)?;
        let endpoint = self.endpoints.get_mut(id).ok()?;
        let to = endpoint.sole_receiver()?;
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
        server.answer_from(caller.sender, reply_handle(me, call));
        self.hart.current = Some(to);
        Some(Run::of(server))
    }

    /// `reply_recv` with an answer. When another call waits, [`Kernel::fast_next`] goes on. `None`
    /// when that is not all there is to it.
    #[inline(always)]
    pub fn fast_reply_recv(&mut self) -> Option<Way<(Id<Thread>, Id<Thread>)>> {
        let me = self.hart.current?;
        let thread = self.threads.get(me).ok()?;
        let tag = plain_tag(&thread.frame)?;
        if !rings_by_deadline(thread) {
            return None;
        }
        let reply = Handle(thread.frame.get(regs::T4));
        let id = self.fast_held(thread, Rights::RECV)?;
        let endpoint = self.endpoints.get_mut(id).ok()?;
        if !reply.is_reply() {
            return None;
        }
        if let Some(bound) = &endpoint.bound
            && self.notifications.get(bound.to).ok()?.bits != 0
        {
            return None;
        }
        let to = Id::from_slot(reply.reply_slot()).ok()?;
        let (server, caller) = self.threads.pair_mut(me, to).ok()?;
        let State::Awaiting { server: expected, call } = caller.state else { return None };
        let mine = expected == server.process && call == reply.reply_call();
        if !mine {
            return None;
        }
        if let Some(from) = endpoint.queue.first() {
            return Some(Way::On((to, from)));
        }
        if !self.ready.goes_on(caller, server.priority, &self.hart) {
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
        Some(Way::Done(Run::of(caller)))
    }

    /// The rest of `reply_recv` when a call waits: the answer goes to the thread `to`, and the
    /// current one takes the call of `from`, the first in the queue.
    pub fn fast_next(&mut self, (to, from): (Id<Thread>, Id<Thread>)) -> Option<Run> {
        let me = self.hart.current?;
        let sender = self.threads.get(from).ok()?;
        let State::Sending(id) = sender.state else { return None };
        let next = plain_tag(&sender.frame)?;
        let (server, caller) = self.threads.pair_mut(me, to).ok()?;
        if caller.priority > server.priority {
            return None;
        }
        let tag = Tag(server.frame.get(regs::A1));
        copy_words(&server.frame, &mut caller.frame, tag);
        caller.answer(0, tag.0);
        caller.answer_from(server.sender, Handle::NONE);
        self.endpoints.get_mut(id).ok()?.queue.remove(&mut self.threads, from).ok()?;
        self.deliver_call(from, me, next).ok()?;
        self.make_ready(to).ok()?;
        Some(Run::of(self.threads.get_mut(me).ok()?))
    }

    /// `signal`, when a thread waits that is more important than the current one. Where the
    /// notification is bound, [`Kernel::fast_bound`] goes on. `None` when that is not all there is
    /// to it.
    #[inline(always)]
    pub fn fast_signal(&mut self) -> Option<Way<Id<Endpoint>>> {
        let me = self.hart.current?;
        let thread = self.threads.get(me).ok()?;
        let id = self.fast_held(thread, Rights::SEND)?;
        let notification = self.notifications.get_mut(id).ok()?;
        let Some(to) = notification.waiter else {
            return Some(Way::On(notification.bound.as_ref()?.to));
        };
        // Where a thread waits there are none yet.
        let bits = thread.frame.get(regs::A1);
        let pair = preempted(&mut self.threads, &self.ready, me, to);
        let (thread, waiter) = pair.filter(|_| bits != 0)?;
        notification.waiter = None;
        waiter.answer(0, bits);
        thread.answer(0, 0);
        let rest = Rest::Until(self.hart.slice_end);
        let run = wake(&mut self.hart, thread, rest, (to, waiter));
        // The current thread and its queue exist, so that this cannot fail.
        self.enqueue(me, true).ok()?;
        Some(Way::Done(run))
    }

    /// The rest of `signal` when the notification is bound to this endpoint: a server that is more
    /// important than the current thread takes the bits.
    pub fn fast_bound(&mut self, endpoint: Id<Endpoint>) -> Option<Run> {
        let me = self.hart.current?;
        let endpoint = self.endpoints.get_mut(endpoint).ok()?;
        let to = endpoint.sole_receiver()?;
        let (thread, server) = preempted(&mut self.threads, &self.ready, me, to)?;
        // Where a server receives there are none yet.
        let bits = thread.frame.get(regs::A1);
        if bits == 0 {
            return None;
        }
        endpoint.queue = List::EMPTY;
        deliver_bits(server, bits);
        thread.answer(0, 0);
        let rest = Rest::Until(self.hart.slice_end);
        let run = wake(&mut self.hart, thread, rest, (to, server));
        self.enqueue(me, true).ok()?;
        Some(run)
    }

    /// What the first argument of a thread names, if it holds it with `rights`. An anchor has no
    /// rights, so that it needs no check of its own.
    #[inline(always)]
    fn fast_held<T: Named>(&self, thread: &Thread, rights: Rights) -> Option<T> {
        let handle = Handle(thread.frame.get(regs::A0));
        let (cap, generation) = self.caps.at(handle)?;
        let held = generation == handle.generation()
            && cap.owner == thread.process
            && cap.rights.contains(rights);
        if held { T::of(cap.kind).ok() } else { None }
    }
}

/// The current thread and one that waits, if that runs at once when it is ready: it is more important.
#[inline(always)]
pub(super) fn preempted<'t>(
    threads: &'t mut Pool<'_, Thread>,
    ready: &ReadyQueues,
    me: Id<Thread>,
    to: Id<Thread>,
) -> Option<(&'t mut Thread, &'t mut Thread)> {
    let (thread, waiter) = threads.pair_mut(me, to).ok()?;
    ready.preempts(waiter.priority, thread.priority).then_some((thread, waiter))
}

/// Ends the wait of `waiter`, which runs in place of the current thread; that goes on later with this
/// rest of its turn.
#[inline(always)]
pub(super) fn wake(
    hart: &mut Hart,
    current: &mut Thread,
    rest: Rest,
    (to, waiter): (Id<Thread>, &mut Thread),
) -> Run {
    current.turn = hart.turn;
    if current.turn != 0 {
        current.rest = rest;
        hart.end_turn();
    }
    (waiter.state, waiter.deadline) = (State::Running, NO_DEADLINE);
    hart.current = Some(to);
    Run::of(waiter)
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
    thread.alarm.at <= thread.frame.get(regs::T3)
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
