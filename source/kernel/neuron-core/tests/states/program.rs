//! What the threads of a scenario do, one call after the other.

use neuron_core::object::thread::State;
use neuron_core::sim::{Status, User, World};
use nexus_abi::{Error, Handle, Message, Rights, Syscall, Tag};

/// A place that a handle is kept in, for all threads of a scenario: a thief may use it too.
pub type Var = usize;

/// How many there are.
pub const VARS: usize = 12;

/// An argument of a call.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    Number(u64),
    Var(Var),
}

/// One call.
#[derive(Clone, Debug)]
pub enum Op {
    /// A call with plain arguments; where its result goes.
    Plain(Syscall, Vec<Arg>, Option<Var>),
    /// A message to an endpoint, with a capability, and how long it waits for the answer.
    Send {
        to: Var,
        cap: Option<Var>,
        ticks: u64,
    },
    /// A message from an endpoint: where its reply handle and its capability go.
    Receive {
        from: Var,
        reply: Var,
        cap: Option<Var>,
    },
    Reply(Var),
}

impl Op {
    pub fn plain(call: Syscall, args: &[Arg]) -> Op {
        Op::Plain(call, args.to_vec(), None)
    }

    pub fn into(call: Syscall, args: &[Arg], to: Var) -> Op {
        Op::Plain(call, args.to_vec(), Some(to))
    }
}

pub fn rights(rights: Rights) -> Arg {
    Arg::Number(u64::from(rights.bits()))
}

/// One thread of a scenario.
#[derive(Clone, Debug)]
pub struct Actor {
    /// `None` until it is made: by another, which keeps the handle of the thread in this place.
    pub user: Option<User>,
    made: Var,
    pub ops: Vec<Op>,
    /// Calls made, the one that it is in included.
    pub at: usize,
    /// It has not seen yet what came of the last one.
    pub waits: bool,
    pub gone: bool,
    /// What came of each; of a message that was received, who sent it.
    pub results: Vec<Result<u64, Error>>,
}

impl Actor {
    pub fn new(user: User, ops: Vec<Op>) -> Actor {
        Actor { user: Some(user), ..Actor::later(0, ops) }
    }

    /// A thread that another actor makes.
    pub fn later(made: Var, ops: Vec<Op>) -> Actor {
        Actor { user: None, made, ops, at: 0, waits: false, gone: false, results: Vec::new() }
    }

    /// Stores to registers of devices, by calls that did not fail.
    pub fn stores(&self) -> usize {
        let writes = |op: &Op| match op {
            Op::Plain(Syscall::MmioWrite, ..) => 1,
            Op::Plain(Syscall::MmioWriteDma, ..) => 2,
            Op::Plain(Syscall::IrqAck, args, _) => {
                usize::from(!matches!(args.get(1), Some(Arg::Number(u64::MAX))))
            }
            _ => 0,
        };
        let done = self.ops.iter().zip(&self.results).filter(|(_, result)| result.is_ok());
        done.map(|(op, _)| writes(op)).sum()
    }

    pub fn can_act(&self, world: &World<'_>) -> bool {
        let ready = self.user.is_some_and(|user| world.is_ready(user));
        !self.gone && !self.waits && self.at < self.ops.len() && ready
    }

    /// Makes the next call, or the next step of it.
    pub fn act(&mut self, world: &mut World<'_>, vars: &[u64; VARS]) {
        let user = self.user.unwrap();
        let word = |arg: &Arg| match arg {
            Arg::Number(number) => *number,
            Arg::Var(var) => vars[*var],
        };
        let status = match &self.ops[self.at] {
            Op::Plain(call, args, _) => {
                let args: Vec<u64> = args.iter().map(word).collect();
                world.start(user, *call, &args)
            }
            Op::Send { to, cap, ticks } => {
                let mut message = Message::new(1, &[7]);
                if let Some(cap) = cap {
                    message = Message::with_cap(1, &[7], Handle(vars[*cap]));
                }
                let deadline = world.now().saturating_add(*ticks);
                world.send(user, Handle(vars[*to]), &message, deadline)
            }
            Op::Receive { from, .. } => world.receive(user, Handle(vars[*from])),
            Op::Reply(reply) => {
                let message = Message { tag: Tag::new(0, 1, 0), words: [9; 8] };
                let (reply, none) = (Handle(vars[*reply]), Handle::NONE);
                world.message(user, Syscall::Reply, reply, none, &message, 0)
            }
        };
        match status {
            Status::Again => {}
            Status::Gone => self.gone = true,
            Status::Done | Status::Blocked => {
                self.at += 1;
                self.waits = true;
            }
        }
    }

    /// Looks at what came of the last call, if that is known by now.
    pub fn look(&mut self, world: &mut World<'_>, vars: &mut [u64; VARS]) {
        if self.user.is_none() && world.cap(Handle(vars[self.made])).is_some() {
            self.user = Some(world.user_of(Handle(vars[self.made])));
        }
        let Some(user) = self.user else { return };
        self.gone |= world.state(user).is_none_or(|state| state == State::Ended);
        if self.gone || !self.waits || !world.is_ready(user) {
            return;
        }
        self.waits = false;
        let mut result = world.result(user);
        if let (Op::Receive { .. }, Ok(sender)) = (&self.ops[self.at - 1], &mut result) {
            *sender = world.received(user).unwrap().sender.to_word();
        }
        self.results.push(result);
        let Ok(value) = result else { return };
        match &self.ops[self.at - 1] {
            Op::Plain(_, _, Some(to)) => vars[*to] = value,
            Op::Receive { reply, cap, .. } => {
                let got = world.received(user).unwrap();
                vars[*reply] = got.reply.0;
                if let (Some(to), Some(handle)) = (cap, got.message.caps().next()) {
                    vars[*to] = handle.0;
                }
            }
            _ => {}
        }
    }
}
