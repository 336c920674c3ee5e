//! Threads: state, queues, deadlines, and who runs.

use super::rule::{Rule, Violation, ensure, present};
use super::walk;
use crate::kernel::Kernel;
use crate::kernel::alarm::above;
use crate::kernel::sched::bit;
use crate::object::capability::CapabilityKind;
use crate::object::thread::{State, Thread};
use crate::platform::Platform;
use crate::store::addr::index;
use crate::store::pool::Id;
use nexus_abi::{Handle, NO_DEADLINE, ProcessState, Rights, regs};

impl<P: Platform> Kernel<'_, P> {
    pub(super) fn check_threads(&self) -> Result<(), Violation> {
        self.check_ready()?;
        self.check_waiting()?;
        self.check_alarms()?;
        for (id, thread) in self.threads.iter() {
            self.check_thread(id, thread)?;
        }
        Ok(())
    }

    fn check_ready(&self) -> Result<(), Violation> {
        let mut queued = 0u32;
        for (priority, queue) in (0u8..).zip(&self.ready.queues) {
            queued = queued.wrapping_add(walk(queue, &self.threads, |id, thread| {
                let right = thread.state == State::Ready && thread.priority == priority;
                ensure(right, Rule::ThreadState, id.slot())
            })?);
            let marked = self.ready.mask & bit(priority) != 0;
            ensure(marked != queue.is_empty(), Rule::ReadyMask, priority)?;
        }
        let ready = self.threads.iter().filter(|(_, thread)| thread.state == State::Ready).count();
        ensure(u32::try_from(ready) == Ok(queued), Rule::ListMember, queued)?;
        self.check_ending()
    }

    /// Processes that wait to be taken apart are counted at their priorities.
    fn check_ending(&self) -> Result<(), Violation> {
        let mut found = [0u32; 32];
        walk(&self.ending, &self.processes, |_, process| {
            if let Some(count) = found.get_mut(index(u32::from(process.reap_priority))) {
                *count = count.wrapping_add(1);
            }
            Ok(())
        })?;
        for (priority, (count, found)) in (0u8..).zip(self.ready.ending.iter().zip(found)) {
            let marked = self.ready.ending_mask & bit(priority) != 0;
            let right = *count == found && marked == (found != 0);
            ensure(right, Rule::ReadyMask, priority)?;
        }
        Ok(())
    }

    fn check_waiting(&self) -> Result<(), Violation> {
        let waits =
            |thread: &Thread| matches!(thread.state, State::Sending(_) | State::Receiving(_));
        let waiting = self.threads.iter().filter(|(_, thread)| waits(thread)).count();
        let mut queued = 0u32;
        for (_, endpoint) in self.endpoints.iter() {
            let count = walk(&endpoint.queue, &self.threads, |_, _| Ok(()))?;
            queued = queued.wrapping_add(count);
        }
        ensure(u32::try_from(waiting) == Ok(queued), Rule::ListMember, queued)
    }

    /// Each alarm is where its thread says, not before the one above it, and the timer is set.
    fn check_alarms(&self) -> Result<(), Violation> {
        let alarms = self.alarms.set();
        for (place, alarm) in alarms.iter().enumerate() {
            let id = present(alarm.of.ok_or(()), Rule::ThreadDeadline, alarm.at)?;
            let thread = present(self.threads.get(id), Rule::ThreadDeadline, id.slot())?;
            let there = thread.alarm.at == alarm.at && thread.alarm.place == place;
            let upper = above(place).and_then(|above| alarms.get(above));
            let order = upper.map_or(self.hart.programmed, |upper| upper.at) <= alarm.at;
            ensure(there && order, Rule::ThreadDeadline, id.slot())?;
        }
        let set = self.threads.iter().filter(|(_, thread)| thread.alarm.at != NO_DEADLINE).count();
        ensure(set == alarms.len(), Rule::ThreadDeadline, NO_DEADLINE)
    }

    fn check_thread(&self, id: Id<Thread>, thread: &Thread) -> Result<(), Violation> {
        let at = id.slot();
        let process = present(self.processes.get(thread.process), Rule::ThreadIdentity, at)?;
        let same = thread.sender == process.id.to_word();
        let satp = process.space.as_ref().map(|one| self.platform.satp(one.root, one.asid));
        ensure(same && satp == Some(thread.satp), Rule::ThreadIdentity, at)?;
        let armed = thread.deadline != NO_DEADLINE;
        ensure(thread.alarm.at <= thread.deadline, Rule::ThreadDeadline, at)?;
        self.check_right(id, thread)?;
        match thread.state {
            State::Running => {
                ensure(self.hart.current == Some(id), Rule::ThreadState, at)?;
                ensure(!armed, Rule::ThreadDeadline, at)
            }
            State::Ready | State::Ended => ensure(!armed, Rule::ThreadDeadline, at),
            State::Sending(endpoint) | State::Receiving(endpoint) => {
                present(self.endpoints.get(endpoint), Rule::ThreadState, at).map(|_| ())
            }
            State::Waiting(notification) => {
                let there = self.notifications.get(notification).map(|object| object.waiter);
                ensure(there == Ok(Some(id)), Rule::ThreadState, at)
            }
            State::Awaiting { server, call } => {
                let server = present(self.processes.get(server), Rule::ThreadState, at)?;
                let alive = server.state != ProcessState::Ended;
                ensure(alive && call <= self.calls, Rule::ThreadState, at)
            }
        }
    }

    fn check_right(&self, id: Id<Thread>, thread: &Thread) -> Result<(), Violation> {
        let (kind, rights) = match thread.state {
            State::Sending(id) => (CapabilityKind::Endpoint(id), Rights::SEND),
            State::Receiving(id) => (CapabilityKind::Endpoint(id), Rights::RECV),
            State::Waiting(id) => (CapabilityKind::Notification(id), Rights::RECV),
            State::Running | State::Ready | State::Awaiting { .. } | State::Ended => return Ok(()),
        };
        let named = self.lookup(thread.process, Handle(thread.frame.get(regs::A0)));
        let right = named.is_ok_and(|(_, cap)| cap.kind == kind && cap.rights.contains(rights));
        ensure(right, Rule::WaitRight, id.slot())
    }

    /// Whether the right thread runs. Apart, because a test may choose who runs.
    ///
    /// # Errors
    /// The rule broken.
    pub fn check_current(&self) -> Result<(), Violation> {
        let Some(current) = self.hart.current else { return Ok(()) };
        let at = current.slot();
        let thread = present(self.threads.get(current), Rule::Current, at)?;
        ensure(thread.state == State::Running, Rule::Current, at)?;
        let rivals = self.ready.mask | self.ready.ending_mask;
        let rivals = rivals.wrapping_shr(u32::from(thread.priority));
        ensure(rivals <= 1, Rule::Current, at)?;
        let alone = rivals == 0;
        let clock = self.hart.slice_end != NO_DEADLINE;
        let set = clock == (self.hart.turn != 0) && self.hart.programmed <= self.hart.slice_end;
        ensure(set && (alone || clock), Rule::Current, at)
    }
}
