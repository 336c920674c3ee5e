//! The life of processes and threads: making them, ending them, and taking them apart.

use nexus_abi::{
    EndReason, Error, Handle, NO_DEADLINE, ProcessInfo, ProcessState, Rights, Sender, regs,
};

use crate::Result;
use crate::call::{Args, Outcome};
use crate::kernel::space::Paging;
use crate::kernel::{Kernel, MAX_SERVICE_ID, Step, Stop, Work, goes_on};
use crate::object::capability::{CapState, Capability, CapabilityKind, OBJECT_RIGHTS};
use crate::object::process::{HEAVY, MAX_THREADS, Process, REAP_PRIORITY};
use crate::object::thread::{State, Team, Thread};
use crate::platform::{Asid, Platform};
use crate::store::addr::{PageRange, index};
use crate::store::list::List;
use crate::store::pool::Id;

impl<P: Platform> Kernel<'_, P> {
    /// Makes an object of `owner`: its anchor, its first capability, which `holder` gets, and last
    /// the object itself by `make`. Nothing is left of it on an error.
    pub(crate) fn new_object<T>(
        &mut self,
        [owner, holder]: [Id<Process>; 2],
        rights: Rights,
        kind: impl FnOnce(Id<T>) -> CapabilityKind,
        make: impl FnOnce(&mut Self, Id<Capability>) -> Result<Id<T>>,
    ) -> Result<(Id<Capability>, Id<T>)> {
        // Anchor and capability are told what they name once it exists.
        let unknown = CapabilityKind::Spawn;
        let mut anchor = Capability::new(unknown, Rights::empty(), owner);
        anchor.state = CapState::Anchor;
        let anchor = self.insert(owner, anchor)?;
        let made = self
            .add_child(anchor, holder, unknown, rights)
            .and_then(|cap| Ok((cap, make(self, anchor)?)));
        match made {
            Ok((cap, object)) => {
                let kind = kind(object);
                self.caps.get_mut(anchor)?.kind = kind;
                self.caps.get_mut(cap)?.kind = kind;
                Ok((cap, object))
            }
            Err(error) => {
                goes_on(self.end_anchor(anchor, &mut Work::step()))?;
                Err(error)
            }
        }
    }

    /// `process_create`.
    pub(crate) fn process_create(&mut self, caller: Id<Process>, args: Args) -> Result<Handle> {
        let [spawn, service_id, budget, notification, bits, _] = args;
        let (_, cap) = self.lookup(caller, Handle(spawn))?;
        if cap.kind != CapabilityKind::Spawn {
            return Err(Error::WrongKind);
        }
        let notify = match Handle(notification) {
            Handle::NONE => None,
            handle => {
                let (id, ..) = self.held(caller, handle, Rights::SEND)?;
                Some((self.notifications.handle(id), bits))
            }
        };
        let id = u32::try_from(service_id)
            .ok()
            .filter(|id| (1..=MAX_SERVICE_ID).contains(id))
            .ok_or(Error::BadArgument)?;
        // The two halves of a budget are the halves of a sender word.
        let Sender { service_id: frames, incarnation: objects } = Sender::from_word(budget);
        if frames == 0 {
            return Err(Error::BadArgument);
        }
        let cost = objects.checked_add(HEAVY).ok_or(Error::NoMemory)?;
        // One more for the capability that the caller gets.
        let total = cost.checked_add(1).ok_or(Error::NoMemory)?;
        let account = self.processes.get(caller)?;
        let covered = account.frames.has(frames) && account.objects.has(total);
        if !covered {
            return Err(Error::NoMemory);
        }
        let kind = CapabilityKind::Process;
        let (cap, _) = self.new_object([caller; 2], OBJECT_RIGHTS, kind, |kernel, anchor| {
            let process = kernel.new_process(id, frames, objects, Some(caller))?;
            let made = kernel.processes.get_mut(process)?;
            (made.anchor, made.notify) = (Some(anchor), notify);
            Ok(process)
        })?;
        let parent = self.processes.get_mut(caller)?;
        parent.frames.charge(frames)?;
        // The anchor has paid 1 of the cost of the process itself.
        parent.objects.charge(cost.saturating_sub(1))?;
        parent.child_processes = parent.child_processes.wrapping_add(1);
        Ok(self.caps.handle(cap))
    }

    /// A process with an empty address space. The caller cuts its budget from the parent's.
    pub(crate) fn new_process(
        &mut self,
        service_id: u32,
        frames: u32,
        objects: u32,
        parent: Option<Id<Process>>,
    ) -> Result<Id<Process>> {
        let life = self.lives.get_mut(index(service_id)).ok_or(Error::BadArgument)?;
        let incarnation = life.checked_add(1).ok_or(Error::BadArgument)?;
        let id = Sender { service_id, incarnation };
        let process = self.processes.alloc(Process::new(id, frames, objects, parent))?;
        let made = self.processes.get_mut(process)?;
        let paging = Paging::new(&mut self.frames, &mut self.platform);
        let asid = u16::try_from(process.slot()).map_err(|_| Error::NoMemory);
        let space = asid.and_then(|asid| paging.new_space(&mut made.frames, Asid(asid)));
        let space = space.inspect_err(|_| self.processes.release(process))?;
        self.processes.get_mut(process)?.space = Some(space);
        *life = incarnation;
        Ok(process)
    }

    /// `thread_create`.
    pub(crate) fn thread_create(&mut self, me: Id<Thread>, args: Args) -> Result<Handle> {
        let [process, entry, stack, arg, priority, _] = args;
        let thread = self.threads.get(me)?;
        let (caller, ceiling) = (thread.process, thread.priority);
        let target = self.target(caller, Handle(process))?;
        if PageRange::new(entry & !0xfff, 1).is_err() || entry & 1 != 0 {
            return Err(Error::BadAddress);
        }
        let priority = u8::try_from(priority)
            .ok()
            .filter(|priority| *priority <= ceiling)
            .ok_or(Error::BadArgument)?;
        self.check_live(target)?;
        self.start_thread(caller, target, [entry, stack, arg], priority)
    }

    /// Makes a thread that is ready to run; its capability goes to `holder`.
    pub(crate) fn start_thread(
        &mut self,
        holder: Id<Process>,
        target: Id<Process>,
        [entry, stack, arg]: [u64; 3],
        priority: u8,
    ) -> Result<Handle> {
        if self.count_threads(target)? >= index(MAX_THREADS) {
            return Err(Error::NoMemory);
        }
        // The anchor pays the last 1 of the cost.
        let cost = HEAVY.saturating_sub(1);
        self.processes.get_mut(target)?.objects.charge(cost)?;
        let (payer, kind) = ([target, holder], CapabilityKind::Thread);
        let made = self.new_object(payer, OBJECT_RIGHTS, kind, |kernel, anchor| {
            kernel.new_thread(target, anchor, priority)
        });
        let (cap, thread) = made.inspect_err(|_| self.refund_objects(target, cost))?;
        let frame = &mut self.threads.get_mut(thread)?.frame;
        frame.set(0, entry);
        frame.set(2, stack);
        frame.set(regs::A0, arg);
        self.make_ready(thread)?;
        self.preempt()?;
        Ok(self.caps.handle(cap))
    }

    fn new_thread(
        &mut self,
        target: Id<Process>,
        anchor: Id<Capability>,
        priority: u8,
    ) -> Result<Id<Thread>> {
        let process = self.processes.get_mut(target)?;
        let space = process.space()?;
        let satp = self.platform.satp(space.root, space.asid);
        let thread = Thread::new(target, anchor, priority, satp, process.id);
        let thread = self.threads.alloc(thread)?;
        process.threads.push_back(&mut self.threads, thread)?;
        process.reap_priority = process.reap_priority.max(priority);
        Ok(thread)
    }

    fn count_threads(&self, process: Id<Process>) -> Result<usize> {
        Ok(self.processes.get(process)?.threads.iter(&self.threads).count())
    }

    /// `thread_exit`.
    pub(crate) fn thread_exit(&mut self, me: Id<Thread>) -> Result<Outcome> {
        let thread = self.threads.get(me)?;
        let (process, anchor) = (thread.process, thread.anchor);
        if self.count_threads(process)? == 1 {
            self.end_process(process, EndReason::Exit(0))?;
            return Ok(Outcome::Applied);
        }
        let more = goes_on(self.end_anchor(anchor, &mut Work::step()))?;
        Ok(if more { Outcome::Again } else { Outcome::Applied })
    }

    /// A trap of the current thread that is no system call and no interrupt: its process ends.
    pub fn fault(&mut self, cause: u64, address: u64) {
        let Some(me) = self.hart.current else { return };
        if let Ok(thread) = self.threads.get(me) {
            let (process, pc) = (thread.process, thread.frame.get(0));
            let _ = self.end_process(process, EndReason::Fault { cause, address, pc });
        }
    }

    /// Stops a process for good. What it held comes back step by step, in [`Kernel::reap`].
    pub(crate) fn end_process(&mut self, id: Id<Process>, reason: EndReason) -> Result {
        let process = self.processes.get_mut(id)?;
        if process.state != ProcessState::Live {
            return Ok(());
        }
        process.state = ProcessState::Ending;
        process.end = Some(reason);
        let priority = process.reap_priority;
        let mut next = process.threads.first();
        while let Some(thread) = next {
            self.stop_waiting(thread)?;
            self.alarms.drop(&mut self.threads, thread)?;
            let one = self.threads.get_mut(thread)?;
            (one.state, one.deadline) = (State::Ended, NO_DEADLINE);
            next = List::<Thread, Team>::next(&self.threads, thread);
        }
        self.ending.push_back(&mut self.processes, id)?;
        self.ready.count_ending(priority, 1);
        self.share(priority)?;
        self.preempt()
    }

    /// Takes ending processes apart, one step. They take turns whatever their priorities, because
    /// one may wait for another, which its budget was cut for.
    pub(crate) fn reap(&mut self) {
        let Some(id) = self.ending.pop_front(&mut self.processes) else { return };
        let priority = self.processes.get(id).map_or(REAP_PRIORITY, |one| one.reap_priority);
        if goes_on(self.take_apart(id, &mut Work::step())) == Ok(true) {
            let _ = self.ending.push_back(&mut self.processes, id);
        } else {
            self.ready.count_ending(priority, -1);
        }
    }

    /// First of all its interrupt lines are disabled. Then those that wait for its answers hear that
    /// none will come: its threads receive nothing any more, so that there will be no others.
    fn take_apart(&mut self, id: Id<Process>, work: &mut Work) -> Step {
        self.end_lines_of(id, work)?;
        self.fail_callers(id, work)?;
        self.end_mappings(work, |kernel| Ok(kernel.processes.get(id)?.first_mapping()))?;
        while let Some(cap) = self.processes.get(id)?.held.first() {
            self.drop_cap(cap, work)?;
            work.ask(1)?;
        }
        while let Some(owned) = self.processes.get(id)?.owned.first() {
            match self.caps.get(owned)?.state {
                CapState::Anchor => self.end_anchor(owned, work)?,
                CapState::New | CapState::Zombie | CapState::Held => self.drop_cap(owned, work)?,
            }
            work.ask(1)?;
        }
        if self.processes.get(id)?.child_processes != 0 {
            return Err(Stop::More);
        }
        Ok(self.finish(id)?)
    }

    /// Fails the calls that the process received and did not answer.
    fn fail_callers(&mut self, id: Id<Process>, work: &mut Work) -> Step {
        loop {
            let swept = self.processes.get(id)?.swept;
            if swept >= self.threads.capacity() {
                return Ok(());
            }
            work.ask(1)?;
            self.processes.get_mut(id)?.swept = swept.wrapping_add(1);
            let thread = Id::from_slot(u64::from(swept))?;
            if let Ok(Thread { state: State::Awaiting { server, .. }, .. }) =
                self.threads.get(thread)
                && *server == id
            {
                self.wake_with(thread, Error::PeerGone)?;
            }
        }
    }

    /// Gives back what is left of a process once it holds nothing, and tells its supervisor.
    fn finish(&mut self, id: Id<Process>) -> Result {
        let process = self.processes.get_mut(id)?;
        let (parent, notify) = (process.parent, process.notify.take());
        let (frames, objects) = (process.frames.limit, process.objects.limit);
        process.state = ProcessState::Ended;
        if let Some(space) = process.space.take() {
            let paging = Paging::new(&mut self.frames, &mut self.platform);
            paging.end_space(&mut process.frames, &space);
        }
        if let Some(parent) = parent {
            let giver = self.processes.get_mut(parent)?;
            giver.frames.refund(frames);
            giver.objects.refund(objects);
            giver.child_processes = giver.child_processes.wrapping_sub(1);
        }
        if let Some((handle, bits)) = notify
            && let Ok((notification, _)) = self.notifications.by_handle(handle)
        {
            self.signal_object(notification, bits)?;
        }
        self.release_process(id)
    }

    /// Frees the slot of a process that has ended and that no capability names. Init's stays.
    pub(crate) fn release_process(&mut self, id: Id<Process>) -> Result {
        let process = self.processes.get(id)?;
        let parent = process.parent;
        if process.state == ProcessState::Ended && process.anchor.is_none() && self.init != Some(id)
        {
            self.processes.release(id);
            // Its slot was paid for until now; the anchor paid 1 of it.
            if let Some(parent) = parent {
                self.refund_objects(parent, HEAVY.saturating_sub(1));
            }
        }
        Ok(())
    }

    /// `process_end`.
    pub(crate) fn process_end(
        &mut self,
        caller: Id<Process>,
        handle: Handle,
        code: u64,
    ) -> Result<Outcome> {
        let target = self.target(caller, handle)?;
        self.check_live(target)?;
        let own = target == caller;
        let reason = if own { EndReason::Exit(code) } else { EndReason::Killed(code) };
        self.end_process(target, reason)?;
        Ok(if own { Outcome::Applied } else { Outcome::Value(0) })
    }

    /// `process_stat`.
    pub(crate) fn process_stat(&self, caller: Id<Process>, handle: Handle) -> Result<ProcessInfo> {
        let target = self.target(caller, handle)?;
        let process = self.processes.get(target)?;
        // Nobody has a capability to init, which may see everything else of itself.
        let root = match &process.space {
            Some(space) if handle != Handle::NONE || self.init == Some(target) => {
                space.root.address()
            }
            _ => 0,
        };
        Ok(ProcessInfo {
            id: process.id,
            state: process.state,
            end: process.end,
            frames: (process.frames.used, process.frames.limit),
            objects: (process.objects.used, process.objects.limit),
            root,
        })
    }

    /// `time_stat`.
    pub(crate) fn time_stat(&self, caller: Id<Process>, args: Args) -> Result<u64> {
        let [spawn, priority, ..] = args;
        let (_, cap) = self.lookup(caller, Handle(spawn))?;
        if cap.kind != CapabilityKind::Spawn {
            return Err(Error::WrongKind);
        }
        let priority = usize::try_from(priority).map_err(|_| Error::OutOfRange)?;
        self.times.get(priority).copied().ok_or(Error::OutOfRange)
    }
}
