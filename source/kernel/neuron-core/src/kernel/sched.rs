//! Which thread runs: fixed priorities, round robin among equals. Taking ended processes apart is
//! scheduled too, as if it were a thread, at the highest of their priorities. Among equals it goes
//! first, when the time slice of who runs is over: how long it takes is bounded by their budgets.

use nexus_abi::{Error, NO_DEADLINE, regs};

use crate::kernel::{Hart, Kernel};
use crate::object::thread::{Queue, State, Thread};
use crate::platform::Platform;
use crate::store::addr::index;
use crate::store::list::List;
use crate::store::pool::Id;

/// Priorities are 0 to 31.
pub const PRIORITIES: u8 = 32;

/// Ticks that a thread runs before others of its priority do: 10 ms at 10 MHz.
pub const SLICE: u64 = 100_000;

/// Ticks that a thread has whose time slice ended while something more important ran: 0.1 ms.
const MOMENT: u64 = SLICE / 100;

/// The threads that could run.
#[derive(Debug)]
pub struct ReadyQueues {
    pub(crate) queues: [List<Thread, Queue>; 32],
    /// One bit for each queue that is not empty.
    pub(crate) mask: u32,
    /// One bit for each priority at which processes wait to be taken apart.
    pub(crate) ending_mask: u32,
    /// How many do, for each priority.
    pub(crate) ending: [u32; 32],
}

impl ReadyQueues {
    /// Nothing is ready.
    pub const EMPTY: ReadyQueues =
        ReadyQueues { queues: [List::EMPTY; 32], mask: 0, ending_mask: 0, ending: [0; 32] };

    /// True when nothing ready has a priority above this one.
    #[inline(always)]
    pub(crate) fn none_above(&self, priority: u8) -> bool {
        (self.mask | self.ending_mask).wrapping_shr(u32::from(priority)) <= 1
    }

    /// True when a thread of this priority can run at once without more ado: nothing ready is as
    /// important, or equals have their time slice already.
    #[inline(always)]
    pub(crate) fn yields_to(&self, priority: u8, hart: &Hart) -> bool {
        let from = (self.mask | self.ending_mask).wrapping_shr(u32::from(priority));
        from == 0 || from == 1 && hart.slice_end != NO_DEADLINE
    }

    fn has_equal(&self, priority: u8) -> bool {
        (self.mask | self.ending_mask).wrapping_shr(u32::from(priority)) & 1 != 0
    }

    /// Counts one more process, or one less (-1), that waits to be taken apart at a priority.
    pub(crate) fn count_ending(&mut self, priority: u8, by: i32) {
        let Some(count) = self.ending.get_mut(index(u32::from(priority))) else { return };
        *count = count.wrapping_add_signed(by);
        match *count {
            0 => self.ending_mask &= !bit(priority),
            _ => self.ending_mask |= bit(priority),
        }
    }
}

/// The bit of a priority.
pub(crate) fn bit(priority: u8) -> u32 {
    1u32.wrapping_shl(u32::from(priority))
}

impl<P: Platform> Kernel<'_, P> {
    /// Puts a thread that waits for nothing any more among those that could run.
    pub(crate) fn make_ready(&mut self, id: Id<Thread>) -> Result<(), Error> {
        let priority = self.threads.get(id)?.priority;
        self.enqueue(id, priority, false)?;
        self.share(priority)
    }

    /// Something of this priority is ready: the current thread, if it is an equal, has no more
    /// than a time slice.
    #[inline]
    pub(crate) fn share(&mut self, priority: u8) -> Result<(), Error> {
        if let Some(current) = self.hart.current
            && self.threads.get(current)?.priority == priority
        {
            self.start_slice(priority);
        }
        Ok(())
    }

    /// Ends a thread's wait with an error, and lets it run.
    pub(crate) fn wake_with(&mut self, id: Id<Thread>, error: Error) -> Result<(), Error> {
        self.wheel.remove(&mut self.threads, id)?;
        self.threads.get_mut(id)?.frame.set(regs::A0, error.code());
        self.make_ready(id)
    }

    /// Lets a ready thread run whatever the priorities; true when that is against them.
    #[cfg(feature = "testing")]
    pub(crate) fn force_current(&mut self, id: Id<Thread>) -> Result<bool, Error> {
        if self.hart.current == Some(id) {
            return Ok(false);
        }
        self.unready(id)?;
        if let Some(current) = self.hart.current.take() {
            let priority = self.threads.get(current)?.priority;
            self.enqueue(current, priority, true)?;
        }
        self.hart.current = Some(id);
        let priority = self.threads.get(id)?.priority;
        if self.ready.has_equal(priority) {
            self.start_slice(priority);
        }
        Ok(!self.ready.none_above(priority))
    }

    pub(crate) fn enqueue(
        &mut self,
        id: Id<Thread>,
        priority: u8,
        front: bool,
    ) -> Result<(), Error> {
        self.threads.get_mut(id)?.state = State::Ready;
        let queue =
            self.ready.queues.get_mut(index(u32::from(priority))).ok_or(Error::BadArgument)?;
        if front {
            queue.push_front(&mut self.threads, id)?;
        } else {
            queue.push_back(&mut self.threads, id)?;
        }
        self.ready.mask |= bit(priority);
        Ok(())
    }

    /// Takes a ready thread out of its queue.
    pub(crate) fn unready(&mut self, id: Id<Thread>) -> Result<(), Error> {
        let priority = self.threads.get(id)?.priority;
        let Some(queue) = self.ready.queues.get_mut(index(u32::from(priority))) else {
            return Ok(());
        };
        queue.remove(&mut self.threads, id)?;
        if queue.is_empty() {
            self.ready.mask &= !bit(priority);
        }
        Ok(())
    }

    /// Runs `to` at once in place of the current thread, which has begun to wait, unless something
    /// of higher priority is ready.
    #[inline(always)]
    pub(crate) fn hand_over(&mut self, to: Id<Thread>) -> Result<(), Error> {
        let thread = self.threads.get_mut(to)?;
        thread.state = State::Ready;
        let priority = thread.priority;
        if self.ready.none_above(priority) {
            self.hart.current = Some(to);
            if self.ready.has_equal(priority) && !cfg!(broken = "slice") {
                self.start_slice(priority);
            }
            return Ok(());
        }
        self.hart.current = None;
        self.enqueue(to, priority, true)
    }

    /// Lets something of higher priority than the current thread run, if it is ready.
    pub(crate) fn preempt(&mut self) -> Result<(), Error> {
        let Some(current) = self.hart.current else { return Ok(()) };
        let priority = self.threads.get(current)?.priority;
        if self.ready.none_above(priority) {
            return Ok(());
        }
        self.hart.current = None;
        self.enqueue(current, priority, true)
    }

    /// Lets others of the current thread's priority run first.
    pub(crate) fn rotate(&mut self) -> Result<(), Error> {
        let Some(current) = self.hart.current else { return Ok(()) };
        let priority = self.threads.get(current)?.priority;
        self.end_slice(priority);
        if !self.ready.has_equal(priority) {
            return Ok(());
        }
        self.hart.current = None;
        self.enqueue(current, priority, false)
    }

    /// The current thread, of this priority, begins to wait and hands the hart to nobody.
    #[inline(always)]
    pub(crate) fn leave(&mut self, priority: u8) {
        self.hart.current = None;
        self.end_slice(priority);
    }

    /// Ends the time slice of a thread that gives the hart up: with the rest of it to each of its
    /// equals, it would have nearly all the time. The slice of less important threads goes on:
    /// what interrupts them does not lengthen it.
    #[inline(always)]
    fn end_slice(&mut self, priority: u8) {
        if priority <= self.hart.slice_priority && !cfg!(broken = "slice-rest") {
            self.hart.slice_end = NO_DEADLINE;
        }
    }

    /// Finds something to run when nothing does. False when there is nothing, or when an interrupt
    /// waits to be taken first.
    pub fn schedule(&mut self) -> bool {
        while self.hart.current.is_none() {
            let ready = self.ready.mask | self.ready.ending_mask;
            let Some(highest) = ready.checked_ilog2() else { return false };
            if 1u32.wrapping_shl(highest) & self.ready.ending_mask != 0 {
                self.reap();
                if self.platform.interrupt_pending() {
                    return false;
                }
                continue;
            }
            let Some(queue) = self.ready.queues.get_mut(index(highest)) else { return false };
            let next = queue.pop_front(&mut self.threads);
            if queue.is_empty() {
                self.ready.mask &= !1u32.wrapping_shl(highest);
            } else {
                self.start_slice(u8::try_from(highest).unwrap_or(0));
            }
            self.hart.current = next;
        }
        true
    }

    /// Begins a time slice for threads of this priority. One that runs goes on for them too.
    fn start_slice(&mut self, priority: u8) {
        if self.hart.slice_end == NO_DEADLINE {
            self.hart.slice_end = self.platform.now().saturating_add(SLICE);
            self.hart.slice_priority = priority;
            self.program(self.hart.slice_end);
        }
        self.hart.slice_priority = self.hart.slice_priority.min(priority);
    }

    /// Makes sure that the timer fires at `tick` or before.
    #[inline]
    pub(crate) fn program(&mut self, tick: u64) {
        if tick < self.hart.programmed {
            self.hart.programmed = tick;
            self.platform.set_timer(tick);
        }
    }

    /// Gives a thread that begins to wait its deadline.
    #[inline(always)]
    pub(crate) fn arm(&mut self, id: Id<Thread>, deadline: u64) -> Result<(), Error> {
        if deadline == NO_DEADLINE || cfg!(broken = "deadline") {
            return Ok(());
        }
        self.wheel.insert(&mut self.threads, id, deadline)?;
        self.program(deadline);
        Ok(())
    }

    /// The timer interrupt: ends the waits whose deadline has passed, and the time slice.
    pub fn timer(&mut self) {
        let now = self.platform.now();
        self.hart.programmed = NO_DEADLINE;
        while let Some(id) = self.wheel.expire(&mut self.threads, now) {
            // An error here would mean a thread in the wheel that does not exist.
            let _ = self.time_out(id);
        }
        if self.hart.slice_end <= now {
            self.slice_is_over(now);
        }
        let _ = self.preempt();
        let next = self.wheel.next_event(&self.threads, now).min(self.hart.slice_end);
        if self.hart.programmed > next {
            self.hart.programmed = next;
        }
        self.platform.set_timer(self.hart.programmed);
    }

    /// Lets the equals of the current thread run. When that is more important than those that the
    /// slice is for, it has interrupted one of them: whoever goes on after it has a moment, and no
    /// slice of its own.
    fn slice_is_over(&mut self, now: u64) {
        let current = self.hart.current.and_then(|id| self.threads.get(id).ok());
        let interrupts = current.is_some_and(|one| one.priority > self.hart.slice_priority);
        self.hart.slice_end = match interrupts && !cfg!(broken = "slice-rest") {
            true => now.saturating_add(MOMENT),
            false => NO_DEADLINE,
        };
        let _ = self.rotate();
    }

    fn time_out(&mut self, id: Id<Thread>) -> Result<(), Error> {
        self.stop_waiting(id)?;
        self.threads.get_mut(id)?.frame.set(regs::A0, Error::TimedOut.code());
        self.make_ready(id)
    }

    /// Takes a thread out of whatever it waits in, a scheduler queue included. Its deadline is
    /// cleared by the caller.
    pub(crate) fn stop_waiting(&mut self, id: Id<Thread>) -> Result<(), Error> {
        match self.threads.get(id)?.state {
            State::Ready if self.hart.current == Some(id) => {
                let priority = self.threads.get(id)?.priority;
                self.leave(priority);
                Ok(())
            }
            State::Ready => self.unready(id),
            State::Sending(endpoint) | State::Receiving(endpoint) => {
                self.endpoints.get_mut(endpoint)?.queue.remove(&mut self.threads, id)
            }
            State::Waiting(notification) => {
                self.notifications.get_mut(notification)?.waiter = None;
                Ok(())
            }
            State::Awaiting { .. } | State::Ended => Ok(()),
        }
    }
}
