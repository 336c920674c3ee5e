//! Threads and the registers they left in.

use nexus_abi::{Handle, NO_DEADLINE, Sender, regs};

use crate::kernel::alarm::{Ring, Rings};
use crate::object::capability::Capability;
use crate::object::endpoint::{Endpoint, Notification};
use crate::object::process::Process;
use crate::store::list::{Links, linked};
use crate::store::pool::{Id, Slot};

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
    pub fn get(&self, n: usize) -> u64 {
        self.regs.get(n).copied().unwrap_or(0)
    }

    /// Sets register `xn`.
    pub fn set(&mut self, n: usize, value: u64) {
        if let Some(register) = self.regs.get_mut(n) {
            *register = value;
        }
    }

    /// The arguments of a call.
    pub(crate) fn arguments(&self) -> [u64; 6] {
        core::array::from_fn(|n| self.get(n.wrapping_add(regs::A0)))
    }

    /// The message words.
    pub fn words(&self) -> [u64; 8] {
        regs::WORDS.map(|n| self.get(n))
    }

    /// Sets the message words.
    pub fn set_words(&mut self, words: &[u64; 8]) {
        for (n, word) in regs::WORDS.into_iter().zip(words) {
            self.set(n, *word);
        }
    }
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// On a hart.
    Running,
    /// In a queue of the scheduler.
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
    /// True when it waits for nothing.
    pub fn can_run(self) -> bool {
        matches!(self, State::Running | State::Ready)
    }

    /// True while it waits by the right of the capability that its first argument names. A call
    /// that was received is beyond that: the answer comes by the right of the reply.
    pub(crate) fn rests_on_capability(self) -> bool {
        matches!(self, State::Sending(_) | State::Receiving(_) | State::Waiting(_))
    }
}

/// What a thread that something more important runs before has of its turn.
#[derive(Clone, Copy, Debug)]
pub enum Rest {
    /// So many ticks: an interrupt stopped the clock.
    Left(u64),
    /// Until this tick: the thread itself has woken what runs now, and the clock does not stop.
    Until(u64),
}

/// List of the threads in a scheduler queue or an endpoint queue; never both.
#[derive(Debug)]
pub struct Queue;
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
    /// When its wait ends at the latest; [`NO_DEADLINE`] when it waits for ever, or not at all.
    pub deadline: u64,
    /// Its alarm, which rings at its deadline or before.
    pub alarm: Ring,
    /// Number of the turn in which it called, or was interrupted; 0 when it has none to go on with.
    pub turn: u64,
    /// What it has of that turn when it goes on.
    pub rest: Rest,
    /// Its process.
    pub process: Id<Process>,
    /// 0 to 31, 31 first.
    pub priority: u8,
    /// Root of its capabilities.
    pub anchor: Id<Capability>,
    /// The capability of a call in steps that it has begun and not ended; else `NONE`.
    pub unfinished: Handle,
    queue: Links<Thread>,
    team: Links<Thread>,
    room: [u64; ROOM],
}

/// Words that make a slot of the pool 512 bytes: its place is the number shifted, which every short
/// way looks up more than once.
const ROOM: usize = 12;
const _: () = assert!(size_of::<Slot<Thread>>() == 512, "the room of a thread does not fit");

linked!(Thread, Queue, queue);
linked!(Thread, Team, team);

impl Rings for Thread {
    fn alarm(&mut self) -> &mut Ring {
        &mut self.alarm
    }
}

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
            alarm: Ring::NONE,
            turn: 0,
            rest: Rest::Left(0),
            process,
            priority,
            anchor,
            unfinished: Handle::NONE,
            queue: Links::NONE,
            team: Links::NONE,
            room: [0; ROOM],
        }
    }

    /// Its links in every list, for the checker.
    #[cfg(feature = "checker")]
    pub(crate) fn links(&self) -> [&Links<Thread>; 2] {
        [&self.queue, &self.team]
    }

    /// The single-word answer of a call: `a0` is the error code, `a1` the value.
    pub(crate) fn answer(&mut self, code: u64, value: u64) {
        self.frame.set(regs::A0, code);
        self.frame.set(regs::A1, value);
    }

    /// Sets who sent the message that is delivered and how to answer it.
    pub(crate) fn answer_from(&mut self, sender: u64, reply: Handle) {
        self.frame.set(regs::T3, sender);
        self.frame.set(regs::T4, reply.0);
    }
}
