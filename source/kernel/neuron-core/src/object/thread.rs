//! Threads and the registers they left in.

use nexus_abi::{Handle, NO_DEADLINE, Sender, regs};

use crate::object::capability::Capability;
use crate::object::endpoint::{Endpoint, Notification};
use crate::object::process::Process;
use crate::store::list::{Links, linked};
use crate::store::pool::Id;

/// The user registers of a thread: the program counter, then `x1` to `x31`.
///
/// Trap entry stores them and trap exit loads them; `repr(C)` because assembly does.
#[derive(Clone, Debug, Hash)]
#[repr(C)]
pub struct TrapFrame {
    /// `regs[0]` is the program counter, `regs[n]` is `xn`.
    pub regs: [u64; 32],
}

impl TrapFrame {
    /// Register `xn`; zero for `n` out of range.
    #[inline(always)]
    pub fn get(&self, n: usize) -> u64 {
        self.regs.get(n).copied().unwrap_or(0)
    }

    /// Sets register `xn`.
    #[inline(always)]
    pub fn set(&mut self, n: usize, value: u64) {
        if let Some(register) = self.regs.get_mut(n) {
            *register = value;
        }
    }

    /// The message words.
    #[inline(always)]
    pub fn words(&self) -> [u64; 8] {
        regs::WORDS.map(|n| self.get(n))
    }

    /// Sets the message words.
    #[inline(always)]
    pub fn set_words(&mut self, words: &[u64; 8]) {
        for (n, word) in regs::WORDS.into_iter().zip(words) {
            self.set(n, *word);
        }
    }
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Running on a hart, or in a queue of the scheduler.
    Ready,
    /// In the queue of an endpoint, with a message to deliver.
    Sending(Id<Endpoint>),
    /// In the queue of an endpoint, waiting for a message.
    Receiving(Id<Endpoint>),
    /// Waiting for the answer to call number `call`, which only this process can give.
    Awaiting {
        /// Who received the call.
        server: Id<Process>,
        /// Number of the call.
        call: u64,
    },
    /// Waiting for bits of a notification.
    Waiting(Id<Notification>),
    /// Its process is being taken apart.
    Ended,
}

impl State {
    /// True while it waits by the right of the capability that its first argument names. A call
    /// that was received is beyond that: the answer comes by the right of the reply.
    pub(crate) fn rests_on_capability(self) -> bool {
        matches!(self, State::Sending(_) | State::Receiving(_) | State::Waiting(_))
    }
}

/// List of the threads in a scheduler queue or an endpoint queue; never both.
#[derive(Debug)]
pub struct Queue;
/// List of the threads whose deadline is in one slot of the timer wheel.
#[derive(Debug)]
pub struct Timed;
/// List of the threads of one process.
#[derive(Debug)]
pub struct Team;

/// One thread.
#[derive(Debug)]
#[repr(C)]
pub struct Thread {
    /// Its registers while it does not run.
    pub frame: TrapFrame,
    /// What it is doing.
    pub state: State,
    /// What `satp` holds while it runs.
    pub satp: u64,
    /// Its identity, as one register word.
    pub sender: u64,
    /// When its wait ends at the latest; [`NO_DEADLINE`] when it has no entry in the timer wheel.
    pub deadline: u64,
    /// The slot of the timer wheel that holds its deadline.
    pub wheel_slot: u64,
    /// Its process.
    pub process: Id<Process>,
    /// 0 to 31, 31 first.
    pub priority: u8,
    /// Root of its capabilities.
    pub anchor: Id<Capability>,
    /// The capability of a call in steps that it has begun and not ended; else `NONE`.
    pub unfinished: Handle,
    queue: Links<Thread>,
    timed: Links<Thread>,
    team: Links<Thread>,
}

linked!(Thread, Queue, queue);
linked!(Thread, Timed, timed);
linked!(Thread, Team, team);

impl Thread {
    /// A thread that has not run, in no list yet.
    pub(crate) fn new(
        process: Id<Process>,
        anchor: Id<Capability>,
        priority: u8,
        satp: u64,
        id: Sender,
    ) -> Thread {
        Thread {
            frame: TrapFrame { regs: [0; 32] },
            state: State::Ready,
            satp,
            sender: id.to_word(),
            deadline: NO_DEADLINE,
            wheel_slot: 0,
            process,
            priority,
            anchor,
            unfinished: Handle::NONE,
            queue: Links::NONE,
            timed: Links::NONE,
            team: Links::NONE,
        }
    }

    /// Its links in every list, for the checker.
    #[cfg(feature = "checker")]
    pub(crate) fn links(&self) -> [&Links<Thread>; 3] {
        [&self.queue, &self.timed, &self.team]
    }

    /// The single-word answer of a call: `a0` is the error code, `a1` the value.
    #[inline(always)]
    pub(crate) fn answer(&mut self, code: u64, value: u64) {
        self.frame.set(regs::A0, code);
        self.frame.set(regs::A1, value);
    }

    /// Sets who sent the message that is delivered and how to answer it.
    #[inline(always)]
    pub(crate) fn answer_from(&mut self, sender: u64, reply: Handle) {
        self.frame.set(regs::T3, sender);
        self.frame.set(regs::T4, reply.0);
    }
}
