//! The model of threads: messages, notifications, and waits with their deadlines.

use std::collections::VecDeque;

use nexus_abi::{Error, Handle, NO_DEADLINE, Rights, Sender, Tag};

use crate::calls::{Call, Named, refuse_if};
use crate::lines::Receiver;
use crate::model::{Cap, Cid, Kind, Model, Oid, Pid, What};
use crate::steps::Begun;

/// A message as a thread has it in its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    pub tag: Tag,
    pub words: [u64; 8],
}

#[derive(Clone, Copy, Debug)]
pub enum Doing {
    Ready,
    Sending { endpoint: Oid, by: Cid, message: Message },
    Receiving { endpoint: Oid, by: Cid },
    Awaiting { server: Pid, call: u64 },
    Waiting { notification: Oid, by: Cid },
}

impl Doing {
    /// The call that waits by a capability, and that capability; a call that was received does not.
    fn rests_on(self) -> Option<(&'static str, Cid)> {
        match self {
            Doing::Sending { by, .. } => Some(("call", by)),
            Doing::Receiving { by, .. } => Some(("reply_recv", by)),
            Doing::Waiting { by, .. } => Some(("wait", by)),
            Doing::Ready | Doing::Awaiting { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Thread {
    pub process: Pid,
    pub priority: u8,
    pub doing: Doing,
    pub deadline: u64,
    /// Where the kernel put it.
    pub slot: u16,
    /// The call that it is in, between two steps of it.
    pub begun: Option<Begun>,
}

#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    pub queue: VecDeque<Oid>,
    /// Whether those in the queue send.
    pub sending: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Notification {
    pub bits: u64,
    pub waiter: Option<Oid>,
}

/// A notification whose bits come to whoever receives at an endpoint, and the capabilities by which
/// that was arranged.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub endpoint: Oid,
    pub notification: Oid,
    pub by: [Cid; 2],
}

/// What a thread finds in its registers at the end of a wait.
#[derive(Clone, Debug)]
pub enum Got {
    Error(Error),
    /// Bits that it waited for.
    Bits(u64),
    /// Bits that came instead of a message.
    Event(u64),
    Message {
        message: Message,
        /// The capabilities that came with it.
        made: Vec<Cid>,
        sender: Sender,
        reply: Handle,
    },
}

#[derive(Clone, Debug)]
pub struct Arrival {
    pub to: Oid,
    pub got: Got,
}

impl Model {
    fn object(&self, process: Pid, handle: Handle, kind: Kind, rights: Rights) -> Call<(Oid, Cid)> {
        let (by, cap) = self.cap(self.named(process, handle))?;
        let What::Object(id) = cap.what else { return Err(Error::WrongKind) };
        refuse_if(self.objects[&id].kind != kind, Error::WrongKind)?;
        refuse_if(!cap.rights.contains(rights), Error::Denied)?;
        Ok((id, by))
    }

    pub fn notification(&self, process: Pid, handle: Handle, rights: Rights) -> Call<(Oid, Cid)> {
        self.object(process, handle, Kind::Notification, rights)
    }

    pub fn endpoint(&self, process: Pid, handle: Handle, rights: Rights) -> Call<(Oid, Cid)> {
        self.object(process, handle, Kind::Endpoint, rights)
    }

    fn wait_in(&mut self, me: Oid, doing: Doing, deadline: u64) {
        let thread = self.threads.get_mut(&me).unwrap();
        (thread.doing, thread.deadline) = (doing, deadline);
    }

    pub fn wake(&mut self, to: Oid, got: Got) {
        self.wait_in(to, Doing::Ready, NO_DEADLINE);
        self.arrivals.push(Arrival { to, got });
    }

    pub fn send(&mut self, me: Oid, handle: Handle, message: Message, deadline: u64) -> Call<()> {
        let process = self.threads[&me].process;
        refuse_if(!message.tag.is_valid(), Error::BadMessage)?;
        let (id, by) = self.endpoint(process, handle, Rights::SEND)?;
        let endpoint = &self.endpoints[&id];
        if let Some(server) = endpoint.queue.front().copied().filter(|_| !endpoint.sending) {
            self.deliver(me, server, message)?;
            self.endpoints.get_mut(&id).unwrap().queue.pop_front();
            self.threads.get_mut(&me).unwrap().deadline = deadline;
        } else {
            let endpoint = self.endpoints.get_mut(&id).unwrap();
            endpoint.sending = true;
            endpoint.queue.push_back(me);
            self.wait_in(me, Doing::Sending { endpoint: id, by, message }, deadline);
        }
        Ok(())
    }

    /// A call reaches a server, which can answer it from here on.
    pub fn deliver(&mut self, from: Oid, to: Oid, message: Message) -> Call<()> {
        let made = self.carry(from, to, message)?;
        self.calls += 1;
        let (server, call) = (self.threads[&to].process, self.calls);
        let deadline = self.threads[&from].deadline;
        self.wait_in(from, Doing::Awaiting { server, call }, deadline);
        let sender = self.processes[&self.threads[&from].process].id();
        let reply = Handle::reply(self.threads[&from].slot, call);
        self.wake(to, Got::Message { message, made, sender, reply });
        Ok(())
    }

    /// The capabilities in a message.
    fn carry(&mut self, from: Oid, to: Oid, message: Message) -> Call<Vec<Cid>> {
        let (giver, taker) = (self.threads[&from].process, self.threads[&to].process);
        let first = 8 - message.tag.caps() as usize;
        let carried: Vec<Named> =
            message.words[first..].iter().map(|word| self.named(giver, Handle(*word))).collect();
        self.pass(taker, &carried)
    }

    /// The thread that waits for this answer.
    pub fn caller(&self, server: Pid, reply: Handle) -> Call<Oid> {
        let waits = |(id, thread): (&Oid, &super::messages::Thread)| match thread.doing {
            Doing::Awaiting { server: expected, call } => {
                (expected == server && Handle::reply(thread.slot, call) == reply).then_some(*id)
            }
            _ => None,
        };
        self.threads.iter().find_map(waits).ok_or(Error::BadHandle)
    }

    pub fn answer(&mut self, me: Oid, caller: Oid, message: Message) -> Call<()> {
        let made = self.carry(me, caller, message)?;
        for (id, handle) in made.iter().zip(self.next_caps.clone()) {
            self.caps.get_mut(id).unwrap().handle = handle;
            self.names.insert(handle, *id);
        }
        let sender = self.processes[&self.threads[&me].process].id();
        self.wake(caller, Got::Message { message, made, sender, reply: Handle::NONE });
        Ok(())
    }

    pub fn reply(&mut self, me: Oid, reply: Handle, message: Message) -> Call<()> {
        refuse_if(!message.tag.is_valid(), Error::BadMessage)?;
        let caller = self.caller(self.threads[&me].process, reply)?;
        self.answer(me, caller, message)
    }

    pub fn drop_reply(&mut self, process: Pid, reply: Handle) -> Call<()> {
        let caller = self.caller(process, reply)?;
        self.wake(caller, Got::Error(Error::PeerGone));
        Ok(())
    }

    pub fn receive(
        &mut self,
        me: Oid,
        handle: Handle,
        reply: Handle,
        mut message: Message,
        (deadline, irq): (u64, u64),
    ) -> Call<()> {
        let process = self.threads[&me].process;
        let acknowledges = message.tag.0 & Tag::ACK != 0;
        message.tag.0 &= !Tag::ACK;
        refuse_if(reply != Handle::NONE && !message.tag.is_valid(), Error::BadMessage)?;
        let (id, by) = self.endpoint(process, handle, Rights::RECV)?;
        let mut caller = None;
        if reply != Handle::NONE {
            caller = Some(self.caller(process, reply)?);
        }
        let mut line = None;
        if acknowledges {
            line = self.to_acknowledge(self.named(process, Handle(irq)))?;
        }
        if let Some(caller) = caller {
            self.answer(me, caller, message)?;
        }
        self.acknowledge(line);
        if let Some(bound) = self.bindings.iter().find(|one| one.endpoint == id)
            && let Some(notification) = self.notifications.get_mut(&bound.notification)
            && notification.bits != 0
        {
            let bits = std::mem::take(&mut notification.bits);
            self.wake(me, Got::Event(bits));
            return Ok(());
        }
        while self.endpoints[&id].sending
            && let Some(from) = self.endpoints.get_mut(&id).unwrap().queue.pop_front()
        {
            let Doing::Sending { message, .. } = self.threads[&from].doing else {
                panic!("not a sender");
            };
            match self.deliver(from, me, message) {
                Ok(()) => return Ok(()),
                Err(error) => self.wake(from, Got::Error(error)),
            }
        }
        let endpoint = self.endpoints.get_mut(&id).unwrap();
        endpoint.sending = false;
        endpoint.queue.push_back(me);
        self.wait_in(me, Doing::Receiving { endpoint: id, by }, deadline);
        Ok(())
    }

    pub fn signal(&mut self, process: Pid, handle: Handle, bits: u64) -> Call<()> {
        let (id, _) = self.notification(process, handle, Rights::SEND)?;
        self.signal_object(id, bits);
        Ok(())
    }

    pub fn signal_object(&mut self, id: Oid, bits: u64) {
        let Some(notification) = self.notifications.get_mut(&id) else { return };
        notification.bits |= bits;
        let bits = notification.bits;
        if bits == 0 {
            return;
        }
        if let Some(waiter) = notification.waiter.take() {
            notification.bits = 0;
            self.wake(waiter, Got::Bits(bits));
        } else if let Some(bound) = self.bindings.iter().find(|one| one.notification == id)
            && let Some(endpoint) = self.endpoints.get_mut(&bound.endpoint)
            && !endpoint.sending
            && let Some(receiver) = endpoint.queue.pop_front()
        {
            self.notifications.get_mut(&id).unwrap().bits = 0;
            self.wake(receiver, Got::Event(bits));
        }
    }

    pub fn wait(&mut self, me: Oid, handle: Handle, deadline: u64, irq: u64) -> Call<()> {
        let process = self.threads[&me].process;
        let (id, by) = self.notification(process, handle, Rights::RECV)?;
        let mut line = None;
        if irq != 0 {
            line = self.to_acknowledge(self.named(process, Handle(irq)))?;
        }
        refuse_if(self.notifications[&id].waiter.is_some(), Error::Busy)?;
        self.acknowledge(line);
        let notification = self.notifications.get_mut(&id).unwrap();
        let bits = std::mem::take(&mut notification.bits);
        if bits != 0 {
            self.wake(me, Got::Bits(bits));
            return Ok(());
        }
        notification.waiter = Some(me);
        self.wait_in(me, Doing::Waiting { notification: id, by }, deadline);
        Ok(())
    }

    pub fn bind(&mut self, process: Pid, endpoint: Handle, notification: Handle) -> Call<()> {
        let (to, to_by) = self.endpoint(process, endpoint, Rights::RECV)?;
        let (from, from_by) = self.notification(process, notification, Rights::RECV)?;
        let bound = self.bindings.iter().any(|one| one.endpoint == to || one.notification == from);
        refuse_if(bound || self.notifications[&from].waiter.is_some(), Error::Busy)?;
        self.bindings.push(Binding { endpoint: to, notification: from, by: [to_by, from_by] });
        self.signal_object(from, 0);
        Ok(())
    }

    /// A capability is gone: so is the right of those that wait by it, and what it bound; when its
    /// object ends, they are told so.
    pub fn withdraw(&mut self, gone: Cid, ends: bool) {
        let all = self.bindings.len();
        self.bindings.retain(|one| !one.by.contains(&gone));
        self.withdrawn.extend((self.bindings.len()..all).map(|_| "endpoint_bind"));
        let written = |one: &Receiver| one.register.is_some_and(|(window, _)| window == gone);
        let windows = self.end_lines(written);
        self.withdrawn.extend((0..windows).map(|_| "irq_bind, by its window"));
        let lines = self.end_lines(|one| one.rests_on(gone));
        self.withdrawn.extend((0..lines).map(|_| "irq_bind"));
        let waits = self.threads.iter().filter_map(|(id, one)| Some((*id, one.doing.rests_on()?)));
        let losers: Vec<_> = waits.filter(|(_, (_, by))| *by == gone).collect();
        let error = if ends { Error::PeerGone } else { Error::BadHandle };
        for (thread, (call, _)) in losers {
            self.withdrawn.push(call);
            self.stop_waiting(thread);
            self.wake(thread, Got::Error(error));
        }
    }

    /// Whether a message could go by a capability at once: somebody waits for it, or could be
    /// answered; or a thread waits for bits.
    pub fn has_partner(&self, cap: &Cap) -> bool {
        let What::Object(id) = cap.what else { return false };
        if let Some(endpoint) = self.endpoints.get(&id) {
            let answered = |one: &Thread| matches!(one.doing, Doing::Awaiting { .. });
            let receives = !endpoint.sending && !endpoint.queue.is_empty();
            return receives || endpoint.queue.is_empty() && self.threads.values().any(answered);
        }
        self.notifications.get(&id).is_some_and(|one| one.waiter.is_some())
    }

    /// Whether messages wait at the endpoint that a capability is to.
    pub fn is_sent_to(&self, cap: &Cap) -> bool {
        let What::Object(id) = cap.what else { return false };
        self.endpoints.get(&id).is_some_and(|one| one.sending && !one.queue.is_empty())
    }

    /// Whether a wait or a binding rests on a capability, or on one that was derived from it.
    pub fn is_in_use(&self, handle: Handle) -> bool {
        let waits = self.threads.values().filter_map(|one| one.doing.rests_on());
        let bound = self.bindings.iter().flat_map(|one| one.by);
        let lines = self.lines.values().filter_map(|one| one.receiver);
        let bound = bound.chain(lines.flat_map(Receiver::capabilities));
        waits.map(|(_, by)| by).chain(bound).any(|by| self.descends(by, handle))
    }

    fn descends(&self, from: Cid, top: Handle) -> bool {
        let cap = self.caps[&from];
        cap.handle == top || cap.parent.is_some_and(|parent| self.descends(parent, top))
    }

    pub fn end_endpoint(&mut self, id: Oid) {
        let endpoint = self.endpoints.remove(&id).unwrap();
        for thread in endpoint.queue {
            self.wake(thread, Got::Error(Error::PeerGone));
        }
    }

    pub fn end_notification(&mut self, id: Oid) {
        let notification = self.notifications.remove(&id).unwrap();
        if let Some(waiter) = notification.waiter {
            self.wake(waiter, Got::Error(Error::PeerGone));
        }
    }

    /// The threads that wait for answers of a process, with where the kernel put them.
    pub fn callers(&self, of: Pid) -> Vec<(Oid, u32)> {
        let waits = |thread: &Thread| matches!(thread.doing, Doing::Awaiting { server, .. } if server == of);
        let callers = self.threads.iter().filter(|(_, one)| waits(one));
        callers.map(|(id, one)| (*id, u32::from(one.slot))).collect()
    }

    /// Takes a thread out of the queue that it waits in.
    pub fn stop_waiting(&mut self, id: Oid) {
        match self.threads.get(&id).map(|thread| thread.doing) {
            Some(Doing::Sending { endpoint, .. } | Doing::Receiving { endpoint, .. }) => {
                let endpoint = self.endpoints.get_mut(&endpoint).unwrap();
                endpoint.queue.retain(|other| *other != id);
            }
            Some(Doing::Waiting { notification, .. }) => {
                self.notifications.get_mut(&notification).unwrap().waiter = None;
            }
            Some(Doing::Ready | Doing::Awaiting { .. }) | None => {}
        }
    }

    /// Time passes.
    pub fn advance(&mut self, ticks: u64) {
        self.now += ticks;
        self.let_lines_go();
        let late: Vec<Oid> = self
            .threads
            .iter()
            .filter(|(_, one)| one.deadline != NO_DEADLINE && one.deadline <= self.now)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            self.stop_waiting(id);
            self.wake(id, Got::Error(Error::TimedOut));
        }
    }
}
