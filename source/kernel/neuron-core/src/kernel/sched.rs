//! Which thread runs: fixed priorities, round robin among equals. Taking ended processes apart is
//! scheduled too, as if it were a thread, at the highest of their priorities. Among equals it goes
//! first, when the time slice of who runs is over: how long it takes is bounded by their budgets.
//!
//! Among equals a thread has a turn of one time slice. What it calls or wakes, and the answers, are
//! part of its turn: the clock runs on. When an interrupt lets something more important run, the
//! clock stops, and it goes on later with the ticks that are left. When it begins to wait, yields, or
//! has used its ticks up, it comes after its equals, with a new turn: an answer that finds its turn
//! over does not put it before them.

use nexus_abi::{Error, NO_DEADLINE, regs};

use crate::Result;
use crate::kernel::{Hart, Kernel, Work};
use crate::object::thread::{Queue, Rest, State, Thread};
use crate::platform::Platform;
use crate::store::addr::index;
use crate::store::list::List;
use crate::store::pool::Id;

/// Ticks that a thread runs before others of its priority do: 10 ms at 10 MHz.
pub const SLICE: u64 = 100_000;

/// Ticks between two looks at what runs: 31 ms at 10 MHz, and no multiple of a time slice.
pub const LOOK: u64 = 310_007;

/// In place of a priority: nothing runs.
const IDLE: u32 = 32;

/// What an alarm that rings takes out of a step of work: some moves in the heap.
const RING: u32 = 8;

/// The threads that could run. Priorities are 0 to 31: init's is the highest, and no thread is above
/// its maker.
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
    pub(crate) fn none_above(&self, priority: u8) -> bool {
        (self.mask | self.ending_mask).wrapping_shr(u32::from(priority)) <= 1
    }

    /// True when a thread of this priority can run at once without more ado: nothing ready is as
    /// important, or equals have their time slice already.
    #[inline(always)]
    pub(crate) fn yields_to(&self, priority: u8, hart: &Hart) -> bool {
        let from = (self.mask | self.ending_mask).wrapping_shr(u32::from(priority));
        from <= u32::from(hart.turn != 0)
    }

    /// True when a caller can go on at once with its answer, which comes from this priority: as
    /// [`ReadyQueues::yields_to`], and with equals ready it is still the turn that it called in.
    #[inline(always)]
    pub(crate) fn goes_on(&self, caller: &Thread, server: u8, hart: &Hart) -> bool {
        let from = (self.mask | self.ending_mask).wrapping_shr(u32::from(caller.priority));
        from == 0 || from == 1 && hart.turn != 0 && hart.is_turn_of(caller, server)
    }

    /// True when a thread of this priority that becomes ready runs at once in place of the current
    /// one: it is more important, and nothing ready is above it.
    pub(crate) fn preempts(&self, priority: u8, current: u8) -> bool {
        priority > current && self.none_above(priority)
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

impl Hart {
    /// The turn is over, or interrupted.
    pub(crate) fn end_turn(&mut self) {
        (self.turn, self.slice_end) = (0, NO_DEADLINE);
    }

    /// What an interrupt at tick `now` leaves of the turn.
    pub(crate) fn rest_at(&self, now: u64) -> Rest {
        Rest::Left(self.slice_end.saturating_sub(now))
    }

    /// True when the turn goes on with the answer from this priority to a caller. Between equals
    /// it always does.
    pub(crate) fn is_turn_of(&self, caller: &Thread, server: u8) -> bool {
        caller.turn == self.turn || caller.priority == server
    }
}

/// The bit of a priority.
pub(crate) fn bit(priority: u8) -> u32 {
    1u32.wrapping_shl(u32::from(priority))
}

impl<P: Platform> Kernel<'_, P> {
    /// Puts a thread that waits for nothing any more among those that could run, after its equals.
    pub(crate) fn make_ready(&mut self, id: Id<Thread>) -> Result {
        let thread = self.threads.get_mut(id)?;
        (thread.deadline, thread.turn) = (NO_DEADLINE, 0);
        let priority = thread.priority;
        self.enqueue(id, false)?;
        self.share(priority)
    }

    /// Something of this priority is ready: the current thread, if it is an equal, has no more
    /// than a time slice.
    pub(crate) fn share(&mut self, priority: u8) -> Result {
        if let Some(current) = self.hart.current
            && self.threads.get(current)?.priority == priority
        {
            self.start_turn(0, SLICE);
        }
        Ok(())
    }

    /// Ends a thread's wait with an error, and lets it run.
    pub(crate) fn wake_with(&mut self, id: Id<Thread>, error: Error) -> Result {
        self.threads.get_mut(id)?.frame.set(regs::A0, error.code());
        self.make_ready(id)
    }

    pub(crate) fn enqueue(&mut self, id: Id<Thread>, front: bool) -> Result {
        let thread = self.threads.get_mut(id)?;
        thread.state = State::Ready;
        let priority = thread.priority;
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
    pub(crate) fn unready(&mut self, id: Id<Thread>) -> Result {
        let priority = self.threads.get(id)?.priority;
        let queue =
            self.ready.queues.get_mut(index(u32::from(priority))).ok_or(Error::BadArgument)?;
        queue.remove(&mut self.threads, id)?;
        if queue.is_empty() {
            self.ready.mask &= !bit(priority);
        }
        Ok(())
    }

    /// Runs `to` at once in place of the current thread, which has begun to wait, unless something
    /// of higher priority is ready. It goes on in the same turn; where that is not its turn
    /// (`along`), it comes after its equals.
    #[inline(always)]
    pub(crate) fn hand_over(&mut self, to: Id<Thread>, along: bool) -> Result {
        let thread = self.threads.get_mut(to)?;
        let priority = thread.priority;
        if !along && self.ready.has_equal(priority) {
            self.leave();
            return self.make_ready(to);
        }
        (thread.state, thread.deadline) = (State::Running, NO_DEADLINE);
        self.hart.current = Some(to);
        if !self.ready.none_above(priority) {
            return self.set_aside(Rest::Until(self.hart.slice_end));
        }
        if self.ready.has_equal(priority) {
            self.start_turn(0, SLICE);
        }
        Ok(())
    }

    /// Lets something of higher priority run that the current thread has woken, if it is ready.
    pub(crate) fn preempt(&mut self) -> Result {
        self.preempt_with(Rest::Until(self.hart.slice_end))
    }

    pub(crate) fn preempt_with(&mut self, rest: Rest) -> Result {
        let Some(current) = self.hart.current else { return Ok(()) };
        let priority = self.threads.get(current)?.priority;
        if self.ready.none_above(priority) {
            return Ok(());
        }
        self.set_aside(rest)
    }

    /// Puts the current thread before its equals, to go on with the rest of its turn.
    #[inline(never)]
    pub(crate) fn set_aside(&mut self, rest: Rest) -> Result {
        let Some(current) = self.hart.current.take() else { return Ok(()) };
        let thread = self.threads.get_mut(current)?;
        (thread.turn, thread.rest) = (self.hart.turn, rest);
        self.hart.end_turn();
        self.enqueue(current, true)
    }

    /// Lets others of the current thread's priority run first.
    pub(crate) fn rotate(&mut self) -> Result {
        let Some(current) = self.hart.current else { return Ok(()) };
        let priority = self.threads.get(current)?.priority;
        self.hart.end_turn();
        if !self.ready.has_equal(priority) {
            return Ok(());
        }
        self.hart.current = None;
        self.make_ready(current)
    }

    /// The current thread begins to wait and hands the hart to nobody: its turn is over. With the
    /// rest of it to each of its equals, it would have nearly all the time.
    #[inline(always)]
    pub(crate) fn leave(&mut self) {
        self.hart.current = None;
        self.hart.end_turn();
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
            let Some(next) = queue.pop_front(&mut self.threads) else { return false };
            if queue.is_empty() {
                self.ready.mask &= !1u32.wrapping_shl(highest);
            }
            // A thread in a queue exists.
            let _ = self.run(next);
        }
        true
    }

    /// Runs a thread that is in no queue, in the turn that it was interrupted in or in a new one; not
    /// yet when its turn is over, and it has equals.
    pub(crate) fn run(&mut self, id: Id<Thread>) -> Result {
        let now = self.platform.now();
        let thread = self.threads.get_mut(id)?;
        let (turn, priority) = (thread.turn, thread.priority);
        let ticks = match thread.rest {
            _ if turn == 0 => SLICE,
            Rest::Left(ticks) => ticks,
            Rest::Until(end) => end.saturating_sub(now),
        };
        let equals = self.ready.has_equal(priority);
        if ticks == 0 && equals {
            return self.make_ready(id);
        }
        thread.state = State::Running;
        self.hart.current = Some(id);
        if equals || turn != 0 {
            self.start_turn(turn, ticks);
        }
        Ok(())
    }

    /// Starts the clock of a turn, a new one for number 0, unless it runs.
    fn start_turn(&mut self, number: u64, ticks: u64) {
        if self.hart.turn != 0 {
            return;
        }
        self.hart.turn = number;
        if number == 0 {
            self.turns = self.turns.wrapping_add(1);
            self.hart.turn = self.turns;
        }
        self.hart.slice_end = self.platform.now().saturating_add(ticks);
        self.program(self.hart.slice_end);
    }

    /// Makes sure that the timer fires at `tick` or before.
    pub(crate) fn program(&mut self, tick: u64) {
        if tick < self.hart.programmed {
            self.hart.programmed = tick;
            self.platform.set_timer(tick);
        }
    }

    /// Gives a thread that begins to wait its deadline.
    pub(crate) fn arm(&mut self, id: Id<Thread>, deadline: u64) -> Result {
        let thread = self.threads.get_mut(id)?;
        thread.deadline = deadline;
        if deadline < thread.alarm.at {
            self.alarms.advance(&mut self.threads, id, deadline)?;
            self.program(deadline);
        }
        Ok(())
    }

    /// The timer interrupt: one step of ringing the alarms whose time has come, and the end of a
    /// time slice. With alarms left, the next interrupt comes at once.
    pub fn timer(&mut self) {
        let now = self.platform.now();
        self.look(now);
        let mut work = Work::step();
        while self.next_alarm() <= now && work.ask(RING).is_ok() {
            // An error here would mean an alarm of something that does not exist.
            let _ = self.ring_next(now);
        }
        if self.hart.slice_end <= now {
            let _ = self.rotate();
        }
        let _ = self.preempt_with(self.hart.rest_at(now));
        let look = self.looked.saturating_add(LOOK);
        self.hart.programmed = self.next_alarm().min(self.hart.slice_end).min(look);
        self.platform.set_timer(self.hart.programmed);
    }

    /// Gives the time since the last look, once it is long enough, to the priority that is found running.
    fn look(&mut self, now: u64) {
        let passed = now.saturating_sub(self.looked);
        if passed < LOOK {
            return;
        }
        let thread = self.hart.current.and_then(|id| self.threads.get(id).ok());
        let ending = self.ready.ending_mask.checked_ilog2();
        let priority = thread.map_or(ending.unwrap_or(IDLE), |thread| thread.priority.into());
        if let Some(ticks) = self.times.get_mut(index(priority)) {
            *ticks = ticks.wrapping_add(passed);
        }
        self.looked = now;
    }

    /// When the earliest alarm rings.
    fn next_alarm(&self) -> u64 {
        let thread = self.alarms.first().map_or(NO_DEADLINE, |(at, _)| at);
        self.held.first().map_or(thread, |(at, _)| at.min(thread))
    }

    /// The earliest alarm rings, of a thread or of a line.
    fn ring_next(&mut self, now: u64) -> Result {
        match (self.alarms.first(), self.held.first()) {
            (Some((at, _)), Some((earlier, line))) if earlier < at => self.ring_line(line),
            (Some((_, thread)), _) => self.ring(thread, now),
            (None, Some((_, line))) => self.ring_line(line),
            (None, None) => Ok(()),
        }
    }

    /// The first alarm of a thread rings, which is this one.
    fn ring(&mut self, id: Id<Thread>, now: u64) -> Result {
        let deadline = self.threads.get(id)?.deadline;
        if deadline > now && deadline != NO_DEADLINE {
            return self.alarms.postpone(&mut self.threads, id, deadline);
        }
        self.alarms.drop(&mut self.threads, id)?;
        if deadline == NO_DEADLINE {
            return Ok(());
        }
        self.stop_waiting(id)?;
        self.wake_with(id, Error::TimedOut)
    }

    /// Takes a thread out of whatever it waits in, a scheduler queue included. Its deadline is
    /// cleared by the caller.
    pub(crate) fn stop_waiting(&mut self, id: Id<Thread>) -> Result {
        match self.threads.get(id)?.state {
            State::Running => {
                self.leave();
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
