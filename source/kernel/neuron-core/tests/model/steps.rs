//! The model of calls that go in steps (RFC-0001, section 8): what holds between two steps of one.
//!
//! How far a step comes is the kernel's own affair. The model is shown what there is after it
//! ([`Seen`]), and takes away as much: but only of what this call may take away, and with all that
//! follows from it. Whatever else the kernel has changed, or left, differs from the model then.

use neuron_core::object::capability::CapState;
use neuron_core::sim::{CapView, Doing as Found, View};
use nexus_abi::{Error, Handle, KindCode, ProcessState, Rights, Syscall, Tag, regs};

use crate::calls::{Call, Named};
use crate::messages::{Doing, Got, Message};
use crate::model::{Cap, Cid, Kind, Mapping, Model, Object, Oid, Pid, What};
use crate::pick::Regs;

/// A call between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    Drop(Cid),
    Revoke(Cid),
    /// Of memory, which is not cleared.
    Create(Cid),
    Exit,
    Receive,
    /// Of the device of a window.
    Quiet,
}

/// What there is in the kernel.
pub struct Seen<'v>(pub &'v View);

impl Seen<'_> {
    fn cap(&self, handle: Handle) -> Option<&CapView> {
        let caps = &self.0.caps;
        let at = caps.binary_search_by_key(&handle.slot(), |(one, _)| Handle(*one).slot()).ok()?;
        (caps[at].0 == handle.0).then_some(&caps[at].1)
    }

    fn is_mapped(&self, process: u32, va: u64) -> bool {
        self.0.pages.binary_search_by_key(&(process, va), |(at, _)| *at).is_ok()
    }

    fn doing(&self, thread: u32) -> Option<Found> {
        let at = self.0.threads.binary_search_by_key(&thread, |(slot, _)| *slot).ok()?;
        Some(self.0.threads[at].1.doing)
    }

    fn is_there(&self, process: u32) -> bool {
        let at = self.0.processes.binary_search_by_key(&process, |(slot, _)| *slot);
        at.is_ok_and(|at| self.0.processes[at].1.state != ProcessState::Ended)
    }
}

impl Model {
    /// The capability that a drop or a revoke is about. When another has brought the call to its end,
    /// there is none any more, and nothing is left to do (S3).
    pub fn goes_on(&mut self, me: Oid, named: Named) -> Call<Option<Cid>> {
        match self.threads[&me].begun {
            Some(Begun::Drop(id) | Begun::Revoke(id)) => {
                let left = self.caps.contains_key(&id).then_some(id);
                if left.is_none() {
                    self.between.push("brought to its end by another");
                }
                Ok(left)
            }
            _ => self.cap(named).map(|(id, _)| Some(id)),
        }
    }

    /// `vmo_create`. When it has gone in steps, its maker gets the capability at the last of them.
    pub fn make_memory(&mut self, me: Oid, pages: u64) -> Call<Cid> {
        let rights = Rights::all().difference(Rights::SEND | Rights::RECV | Rights::PLACE);
        let Some(Begun::Create(id)) = self.threads[&me].begun else {
            let kind = Kind::Memory { pages, sealed: false };
            return self.create(self.threads[&me].process, kind, rights);
        };
        let mut cap = self.caps.remove(&id).unwrap();
        (cap.state, cap.rights) = (CapState::Held, rights);
        Ok(self.new_cap(cap))
    }

    /// Whether a call of `me` can have anything to do that goes in steps.
    pub fn may_be_cut(&self, me: Oid, x: &Regs) -> bool {
        let Some(thread) = self.threads.get(&me) else { return false };
        let named = |handle: u64| self.named(thread.process, Handle(handle));
        let below = |id: Cid| self.caps.values().any(|cap| cap.parent == Some(id));
        thread.begun.is_some()
            || match Syscall::decode(x[regs::NUMBER]) {
                Some(Syscall::CapDrop) => named(x[regs::A0]).is_some_and(|id| {
                    let memory =
                        matches!(self.kind(self.caps[&id].what), Some(Kind::Memory { .. }));
                    memory || below(id) || self.mapped_through(id) != 0
                }),
                Some(Syscall::CapRevoke) => named(x[regs::A0]).is_some_and(below),
                Some(Syscall::DmaQuiet) => named(x[regs::A0]).is_some(),
                Some(Syscall::VmoCreate) => (1..=512).contains(&x[regs::A0]),
                Some(Syscall::ThreadExit) => {
                    self.caps.values().any(|cap| cap.what == What::Object(me))
                }
                Some(Syscall::ReplyRecv) => self
                    .endpoint(thread.process, Handle(x[regs::A0]), Rights::RECV)
                    .is_ok_and(|(id, _)| self.endpoints[&id].sending),
                _ => false,
            }
    }

    /// A step of the call that is in the registers of `me` has not brought it to its end. Tells what
    /// of it is left.
    pub fn cut(&mut self, me: Oid, x: &Regs, seen: &Seen<'_>) -> &'static str {
        let thread = &self.threads[&me];
        let named = self.named(thread.process, Handle(x[regs::A0]));
        let call = Syscall::decode(x[regs::NUMBER]).unwrap();
        let begun = match (thread.begun, call) {
            (Some(begun), _) => begun,
            (None, Syscall::CapDrop) => Begun::Drop(named.unwrap()),
            (None, Syscall::CapRevoke) => Begun::Revoke(named.unwrap()),
            (None, Syscall::VmoCreate) => Begun::Create(self.begin_memory(me, x[regs::A0], seen)),
            (None, Syscall::ThreadExit) => Begun::Exit,
            (None, Syscall::ReplyRecv) => Begun::Receive,
            (None, Syscall::DmaQuiet) => Begun::Quiet,
            (None, call) => panic!("{call:?} does not go in steps"),
        };
        self.threads.get_mut(&me).unwrap().begun = Some(begun);
        match begun {
            Begun::Drop(id) => {
                let with = self.gone_with(id);
                self.take(&with, seen);
                let left = self.caps.get(&id).map(|cap| cap.state);
                assert!(left != Some(CapState::Held), "what is half dropped is held");
                self.left_of(id)
            }
            Begun::Revoke(id) => {
                self.caps.get_mut(&id).unwrap().revoking = true;
                let below = self.below(id);
                self.take(&below, seen);
                if self.children(id).is_empty() { "nothing" } else { "children" }
            }
            Begun::Create(_) => "pages to clear",
            Begun::Exit => {
                self.objects.get_mut(&me).unwrap().ending = true;
                let all = self.caps_to(me);
                self.take(&all, seen);
                "capabilities"
            }
            Begun::Quiet => {
                let process = self.threads[&me].process;
                let device = self.device_named(process, Handle(x[regs::A0])).unwrap();
                let cleared: Vec<Oid> = self.cleared_in(seen);
                self.clear(device, |object| cleared.contains(&object));
                "memory of a device"
            }
            Begun::Receive => {
                let line = self.line_of(me, x);
                self.acknowledge(line);
                self.send_back(me, x, seen);
                "messages"
            }
        }
    }

    /// Objects that somebody names and that are cleared.
    fn cleared_in(&self, seen: &Seen<'_>) -> Vec<Oid> {
        let named = self.caps.values().filter_map(|cap| match cap.what {
            What::Object(object) => Some((object, seen.cap(cap.handle)?)),
            _ => None,
        });
        named.filter(|(_, found)| found.cleared).map(|(object, _)| object).collect()
    }

    /// Whether a capability is about what a call is between two steps of taking away: what is above it;
    /// or also the one itself, or what is below.
    pub fn is_near_a_step(&self, cap: &Cap, above_only: bool) -> bool {
        let id = self.names.get(&cap.handle);
        let parents = [cap.parent, cap.parent.and_then(|parent| self.caps[&parent].parent)];
        self.threads.values().any(|thread| match thread.begun {
            Some(Begun::Drop(at) | Begun::Revoke(at)) => {
                let above = self.caps.get(&at).and_then(|cap| cap.parent);
                let is_above = id.is_some() && id == above.as_ref();
                is_above || !above_only && (id == Some(&at) || parents.contains(&Some(at)))
            }
            _ => false,
        })
    }

    /// Whether the first argument is a capability of a call's that is half dropped.
    pub fn names_zombie(&self, x: &Regs) -> bool {
        let zombie = |cap: &Cap| cap.state == CapState::Zombie && cap.handle.0 == x[regs::A0];
        self.caps.values().any(zombie)
    }

    fn left_of(&self, dropped: Cid) -> &'static str {
        match self.caps.get(&dropped) {
            None => "nothing",
            Some(_) if self.mapped_through(dropped) != 0 => "mappings",
            Some(_) if !self.children(dropped).is_empty() => "children",
            Some(_) => "pages to give back",
        }
    }

    /// Memory is taken and paid for in the first step (S4), and nobody can name it (S1).
    fn begin_memory(&mut self, me: Oid, pages: u64, seen: &Seen<'_>) -> Cid {
        let id = self.make_memory(me, pages).unwrap();
        let known = |one: &u64| self.caps.values().any(|cap| cap.handle.0 == *one);
        let new = seen.0.caps.iter().filter(|(_, one)| one.state == CapState::New);
        let new = new.map(|(handle, _)| *handle).find(|handle| !known(handle));
        let handle = Handle(new.unwrap());
        let cap = self.caps.get_mut(&id).unwrap();
        (cap.state, cap.rights, cap.handle) = (CapState::New, Rights::empty(), handle);
        id
    }

    /// Messages that cannot arrive are sent back, those that have waited longest first.
    fn send_back(&mut self, me: Oid, x: &Regs, seen: &Seen<'_>) {
        let process = self.threads[&me].process;
        let (id, _) = self.endpoint(process, Handle(x[regs::A0]), Rights::RECV).unwrap();
        let mut failed = 0;
        while let Some(&from) = self.endpoints[&id].queue.front()
            && let Doing::Sending { message, .. } = self.threads[&from].doing
            && !matches!(seen.doing(u32::from(self.threads[&from].slot)), Some(Found::Sending(_)))
        {
            self.endpoints.get_mut(&id).unwrap().queue.pop_front();
            let Err(error) = self.deliver(from, me, message) else {
                panic!("a message that could arrive was sent back");
            };
            self.wake(from, Got::Error(error));
            failed += 1;
        }
        assert!(failed != 0, "no message was sent back");
    }

    /// The line that a `reply_recv` acknowledges, which has looked at it.
    fn line_of(&self, me: Oid, x: &Regs) -> Option<(u64, u64)> {
        let named = self.named(self.threads[&me].process, Handle(x[regs::T5]));
        match x[regs::A1] & Tag::ACK {
            0 => None,
            _ => self.to_acknowledge(named).unwrap(),
        }
    }

    /// `reply_recv` has answered, and does not go on (S4).
    pub fn answer_alone(&mut self, me: Oid, x: &Regs, seen: &Seen<'_>) {
        let process = self.threads[&me].process;
        let tag = Tag(x[regs::A1] & !Tag::ACK);
        let message = Message { tag, words: regs::WORDS.map(|n| x[n]) };
        let line = self.line_of(me, x);
        let caller = self.caller(process, Handle(x[regs::T4])).unwrap();
        self.answer(me, caller, message).unwrap();
        self.acknowledge(line);
        self.send_back(me, x, seen);
        self.wake(me, Got::Event(0));
    }

    /// All that was derived from a capability.
    fn below(&self, top: Cid) -> Vec<Cid> {
        let mut all = self.children(top);
        let mut at = 0;
        while at < all.len() {
            all.extend(self.children(all[at]));
            at += 1;
        }
        all
    }

    /// A capability that is dropped, and what it takes along when it is being revoked (S3).
    fn gone_with(&self, dropped: Cid) -> Vec<Cid> {
        let mut all = match self.caps.get(&dropped) {
            Some(cap) if cap.revoking => self.below(dropped),
            _ => Vec::new(),
        };
        all.push(dropped);
        all
    }

    fn caps_to(&self, object: Oid) -> Vec<Cid> {
        let to = self.caps.iter().filter(|(_, cap)| cap.what == What::Object(object));
        to.map(|(id, _)| *id).collect()
    }

    /// Of these capabilities goes what the kernel has taken away, the lowest first.
    fn take(&mut self, which: &[Cid], seen: &Seen<'_>) {
        self.take_gone(which, seen);
        for id in which {
            self.take_part(*id, seen);
        }
    }

    fn take_gone(&mut self, which: &[Cid], seen: &Seen<'_>) {
        let gone = |id: &&Cid| self.caps.get(id).is_some_and(|cap| seen.cap(cap.handle).is_none());
        let mut gone: Vec<Cid> = which.iter().filter(gone).copied().collect();
        gone.sort_by_key(|id| std::cmp::Reverse(self.depth(*id)));
        for id in gone {
            self.drop_cap(id);
        }
    }

    /// What is left of a capability that is half dropped: its place in the tree, as long as anything
    /// is mapped through it or hangs below it, or its memory is not given back (S1).
    fn take_part(&mut self, id: Cid, seen: &Seen<'_>) {
        let Some(cap) = self.caps.get(&id).copied() else { return };
        let Some(found) = seen.cap(cap.handle).filter(|one| one.state == CapState::Zombie) else {
            return;
        };
        if cap.state != CapState::Zombie {
            let one = self.caps.get_mut(&id).unwrap();
            (one.state, one.rights) = (CapState::Zombie, Rights::empty());
            self.names.remove(&cap.handle);
            self.withdraw(id, self.ends(cap.what));
        }
        let processes = &self.processes;
        let is_mapped = |one: &Mapping| seen.is_mapped(processes[&one.process].slot, one.va);
        self.mappings.retain(|one| one.cap != id || is_mapped(one));
        for child in self.children(id).into_iter().filter(|_| !cap.revoking) {
            let now = seen.cap(self.caps[&child].handle).map(|child| child.parent);
            if now.is_some_and(|parent| parent != Some(cap.handle.0)) {
                self.caps.get_mut(&child).unwrap().parent = self.heir(id);
            }
        }
        if let What::Object(object) = cap.what
            && let Kind::Memory { pages, sealed } = self.objects[&object].kind
            && found.len != pages * 4096
        {
            let last = self.caps_to(object) == [id] && self.mapped_through(id) == 0;
            assert!(last && found.len < pages * 4096, "memory goes that is named");
            let pages = found.len / 4096;
            self.objects.get_mut(&object).unwrap().kind = Kind::Memory { pages, sealed };
            self.frames.get_mut(&object).unwrap().truncate(pages as usize);
        }
    }

    /// One step of taking apart the process whose turn it is. Tells what of it is left.
    pub fn reap(&mut self, seen: &Seen<'_>) -> &'static str {
        let id = self.ending.pop_front().unwrap();
        if self.end_lines_of(id, seen) {
            self.ending.push_back(id);
            return "lines";
        }
        if self.fail_callers(id, seen) {
            self.ending.push_back(id);
            return "callers";
        }
        let slot = self.processes[&id].slot;
        self.mappings.retain(|one| one.process != id || seen.is_mapped(slot, one.va));
        let held = self.caps.iter().filter(|(_, cap)| cap.owner == id);
        let held: Vec<Vec<Cid>> = held.map(|(id, _)| self.gone_with(*id)).collect();
        // In the order in which it got them: so end the processes that it alone could name.
        held.iter().for_each(|one| self.take_gone(one, seen));
        let held = held.concat();
        let made = self.end_made(id, seen);
        self.take(&made, seen);
        self.take(&held, seen);
        self.end_threads(id, seen);
        if seen.is_there(slot) {
            self.ending.push_back(id);
            return self.left_of_process(id);
        }
        assert_eq!(self.left_of_process(id), "nothing");
        self.processes.get_mut(&id).unwrap().state = ProcessState::Ended;
        if let Some((notification, bits)) = self.processes[&id].notify {
            self.signal_object(notification, bits);
        }
        "nothing"
    }

    /// First of all those that wait for its answers hear that none will come. True when some have not
    /// yet.
    fn fail_callers(&mut self, gone: Pid, seen: &Seen<'_>) -> bool {
        let mut left = false;
        for (thread, slot) in self.callers(gone) {
            if matches!(seen.doing(slot), Some(Found::Awaiting { .. })) {
                left = true;
            } else {
                self.wake(thread, Got::Error(Error::PeerGone));
            }
        }
        left
    }

    /// Marks the objects that a process made and that are being ended, and those that have; their
    /// capabilities.
    fn end_made(&mut self, maker: Pid, seen: &Seen<'_>) -> Vec<Cid> {
        let made = self.objects.iter().filter(|(_, one)| one.maker == maker);
        let made: Vec<Oid> = made.map(|(id, _)| *id).collect();
        let mut caps = Vec::new();
        for object in made {
            let all = self.caps_to(object);
            let code = all.first().map_or(KindCode::Thread, |id| self.kind_code(&self.caps[id]));
            let slot = self.objects[&object].slot;
            let gone = |id: &Cid| seen.cap(self.caps[id].handle).is_none();
            if seen.0.ending.contains(&(code, slot)) || all.iter().any(gone) {
                self.objects.get_mut(&object).unwrap().ending = true;
                caps.extend(all);
            }
        }
        caps
    }

    /// The threads of an ended process go with their objects.
    fn end_threads(&mut self, process: Pid, seen: &Seen<'_>) {
        let gone = |object: &Object| {
            object.maker == process
                && object.kind == Kind::Thread
                && seen.doing(object.slot).is_none()
        };
        let gone = self.objects.iter().filter(|(_, one)| gone(one)).map(|(id, _)| *id);
        for thread in gone.collect::<Vec<Oid>>() {
            assert!(self.caps_to(thread).is_empty(), "a thread is gone, and named");
            self.objects.remove(&thread);
        }
    }

    fn left_of_process(&self, id: Pid) -> &'static str {
        if self.mappings.iter().any(|one| one.process == id) {
            "mappings"
        } else if self.caps.values().any(|cap| cap.owner == id) {
            "capabilities"
        } else if self.objects.values().any(|object| object.maker == id) {
            "objects"
        } else if self.processes.values().any(|one| one.parent == Some(id) && one.is_there()) {
            "processes"
        } else {
            "nothing"
        }
    }

    /// Units that a step of taking apart has at least: enough to go all the way down the tree, and do
    /// something there.
    pub fn least_step_apart(&self) -> u32 {
        self.caps.keys().map(|id| self.depth(*id)).max().unwrap_or(0) + 2
    }

    /// As [`Model::least_step_apart`], of a call.
    pub fn least_step(&self, me: Oid, x: &Regs) -> u32 {
        let thread = &self.threads[&me];
        let id = match thread.begun {
            Some(Begun::Drop(id) | Begun::Revoke(id)) => Some(id),
            _ => self.named(thread.process, Handle(x[regs::A0])),
        };
        let top = id.and_then(|id| Some((id, self.caps.get(&id)?.revoking)));
        match (Syscall::decode(x[regs::NUMBER]), top) {
            (Some(Syscall::CapRevoke), Some((id, _)))
            | (Some(Syscall::CapDrop), Some((id, true))) => {
                let deepest = self.below(id).into_iter().map(|one| self.depth(one)).max();
                deepest.map_or(0, |deepest| deepest - self.depth(id)) + 1
            }
            (Some(Syscall::ThreadExit), _) => self.least_step_apart(),
            _ => 1,
        }
    }
}
