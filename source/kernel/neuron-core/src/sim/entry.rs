//! The ways into the kernel that a user program has: registers, and what comes back in them.

use std::format;
use std::string::String;
use std::vec::Vec;

use nexus_abi::{
    Error, Handle, Message, NO_DEADLINE, Received, SYSCALLS, Sender, Syscall, Tag, regs,
};

use super::world::{Status, User, World};
use crate::call::fast::{Run, Way};
use crate::kernel::Kernel;
use crate::object::thread::{Rest, State, Thread, TrapFrame};
use crate::platform::Platform;
use crate::store::pool::Id;

impl<P: Platform> Kernel<'_, P> {
    /// Lets a ready thread run whatever the priorities; true when that is against them.
    fn force_current(&mut self, id: Id<Thread>) -> Result<bool, Error> {
        if self.hart.current == Some(id) {
            return Ok(false);
        }
        self.unready(id)?;
        self.set_aside(Rest::Until(self.hart.slice_end))?;
        self.run(id)?;
        // When its turn was over, a new one begins.
        if self.hart.current.is_none() {
            self.unready(id)?;
            self.run(id)?;
        }
        let priority = self.threads.get(id)?.priority;
        Ok(!self.ready.none_above(priority))
    }
}

impl<'a> World<'a> {
    /// Makes `user` the thread that runs, whatever the scheduler thinks.
    ///
    /// # Panics
    /// When it is not ready.
    pub fn enter(&mut self, user: User) {
        let id = self.id(user).expect("the thread is gone");
        assert!(self.is_ready(user), "the thread is not ready");
        self.forced |= self.kernel.force_current(id).unwrap();
    }

    /// Makes a system call as `user`, with what `set` puts in its registers.
    pub fn raw(&mut self, user: User, number: u64, set: impl FnOnce(&mut TrapFrame)) -> Status {
        self.enter(user);
        let fast = self.fast;
        let frame = self.frame(user);
        set(frame);
        frame.set(regs::NUMBER, number);
        let before = frame.clone();
        frame.set(0, before.get(0).wrapping_add(4));
        let short = if fast { self.fast_way(number) } else { None };
        self.short += u64::from(short.is_some());
        let run = short.or_else(|| self.kernel.syscall());
        self.entries += 1;
        self.check_run(run);
        self.check();
        let status = self.status(user, before.get(0));
        if status == Status::Done {
            self.check_registers(user, &before);
        }
        status
    }

    /// The short way of a call, as far as it goes.
    fn fast_way(&mut self, number: u64) -> Option<Run> {
        let kernel = &mut self.kernel;
        match Syscall::decode(number)? {
            Syscall::Null => kernel.fast_null(),
            Syscall::Call => kernel.fast_call(),
            Syscall::ReplyRecv => match kernel.fast_reply_recv()? {
                Way::Done(run) => Some(run),
                Way::On(rest) => kernel.fast_next(rest),
            },
            Syscall::Signal => match kernel.fast_signal()? {
                Way::Done(run) => Some(run),
                Way::On(rest) => kernel.fast_bound(rest),
            },
            Syscall::IrqAck => kernel.fast_irq_ack(),
            Syscall::MmioWrite => kernel.fast_mmio_write(),
            _ => None,
        }
    }

    /// The short way of an interrupt, as far as it goes.
    pub(super) fn fast_line(&mut self, number: u32) -> Option<Run> {
        match self.kernel.fast_line(number)? {
            Way::Done(run) => Some(run),
            Way::On(rest) => self.kernel.fast_bound_line(rest),
        }
    }

    /// What an entry says goes on is the thread that runs.
    pub(super) fn check_run(&mut self, run: Option<Run>) {
        let Some(Run { frame, satp }) = run else { return };
        let (current, space) = self.kernel.current().expect("no thread runs");
        assert_eq!((frame, satp), (&raw mut *current, space));
    }

    fn status(&self, user: User, pc: u64) -> Status {
        match self.thread(user) {
            None => Status::Gone,
            Some(thread) => match thread.state {
                State::Ended => Status::Gone,
                state if !state.can_run() => Status::Blocked,
                _ if thread.frame.get(0) == pc => Status::Again,
                _ => Status::Done,
            },
        }
    }

    /// A call returns in registers that the interface names; and an error in `a0` alone, one that
    /// the table has in the row of the call.
    fn check_registers(&mut self, user: User, before: &TrapFrame) {
        let after = self.frame(user).clone();
        let failed = after.get(regs::A0) != 0;
        if let Some(error) = Error::from_code(after.get(regs::A0)) {
            let number = before.get(regs::NUMBER);
            let row = SYSCALLS.iter().find(|row| row.number == number);
            let named = row.map_or(error == Error::BadSyscall, |row| row.errors.contains(&error));
            assert!(named, "{error:?} is not in the table for call {number}");
        }
        for n in (1..32).filter(|n| before.get(*n) != after.get(*n)) {
            let message = regs::WORDS.contains(&n) || n == regs::T3 || n == regs::T4;
            let may = n == regs::A0 || !failed && (n == regs::A1 || message);
            assert!(may, "x{n} changed");
        }
    }

    /// Makes a call with plain arguments, again for as long as it asks to be made again.
    ///
    /// # Errors
    /// What the call returns.
    ///
    /// # Panics
    /// When the thread waits or ends.
    pub fn call(&mut self, user: User, call: Syscall, args: &[u64]) -> Result<u64, Error> {
        for _ in 0..100_000 {
            match self.start(user, call, args) {
                Status::Done => return self.result(user),
                Status::Again => {}
                other => panic!("{call:?} {args:x?}: {other:?}"),
            }
        }
        panic!("{call:?} {args:x?} does not end");
    }

    /// Makes a call with plain arguments, once. Those that are not given are 0.
    pub fn start(&mut self, user: User, call: Syscall, args: &[u64]) -> Status {
        self.raw(user, call.number(), |frame| {
            for n in 0..6 {
                frame.set(regs::A0 + n, args.get(n).copied().unwrap_or(0));
            }
        })
    }

    /// What the last call of a thread returned, as a single value.
    ///
    /// # Errors
    /// What the call returned.
    pub fn result(&mut self, user: User) -> Result<u64, Error> {
        let frame = self.frame(user);
        match frame.get(regs::A0) {
            0 => Ok(frame.get(regs::A1)),
            code => Err(Error::from_code(code).expect("no such error")),
        }
    }

    /// What the last call of a thread returned, as a message.
    ///
    /// # Errors
    /// What the call returned.
    pub fn received(&mut self, user: User) -> Result<Received, Error> {
        self.result(user)?;
        let frame = self.frame(user);
        Ok(Received {
            message: Message { tag: Tag(frame.get(regs::A1)), words: frame.words() },
            sender: Sender::from_word(frame.get(regs::T3)),
            reply: Handle(frame.get(regs::T4)),
        })
    }

    /// Makes a call that must be refused with `error`, and finds that nothing changed.
    ///
    /// # Panics
    /// When the call is not refused so, or something changed.
    pub fn refuses(&mut self, user: User, error: Error, call: Syscall, args: &[u64]) {
        self.refused(user, error, |world| world.start(user, call, args));
    }

    /// As [`World::refuses`], for any call made by `user`.
    ///
    /// # Panics
    /// When the call is not refused so, or something changed.
    pub fn refused(
        &mut self,
        user: User,
        error: Error,
        attempt: impl FnOnce(&mut World<'a>) -> Status,
    ) {
        self.enter(user);
        let before = self.describe(Some(user));
        let status = attempt(self);
        let result = if status == Status::Done { self.result(user) } else { Ok(0) };
        assert_eq!((status, result), (Status::Done, Err(error)));
        let after = self.describe(Some(user));
        assert!(before == after, "a refused call changed\n{}", difference(&before, &after));
    }

    /// Sends `message`, which may make the thread wait.
    pub fn send(&mut self, user: User, to: Handle, message: &Message, deadline: u64) -> Status {
        self.message(user, Syscall::Call, to, Handle::NONE, message, deadline)
    }

    /// Receives from `endpoint`, which may make the thread wait.
    pub fn receive(&mut self, user: User, endpoint: Handle) -> Status {
        let nothing = Message::default();
        self.message(user, Syscall::ReplyRecv, endpoint, Handle::NONE, &nothing, NO_DEADLINE)
    }

    /// Any of the calls that carry a message.
    pub fn message(
        &mut self,
        user: User,
        call: Syscall,
        to: Handle,
        reply: Handle,
        message: &Message,
        deadline: u64,
    ) -> Status {
        self.raw(user, call.number(), |frame| {
            frame.set(regs::A0, to.0);
            frame.set(regs::A1, message.tag.0);
            frame.set_words(&message.words);
            frame.set(regs::T3, deadline);
            frame.set(regs::T4, reply.0);
        })
    }
}

/// Lines that are in one text and not in the other.
fn difference(before: &str, after: &str) -> String {
    let missing = |from: &str, to: &str, sign: char| -> String {
        let there: Vec<&str> = to.lines().collect();
        let lines = from.lines().filter(|line| !there.contains(line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    missing(before, after, '-') + &missing(after, before, '+')
}
