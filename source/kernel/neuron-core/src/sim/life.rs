//! What happens to a world besides calls: time, scheduling, faults, and processes that init makes.

use nexus_abi::{Error, Handle, Syscall};

use super::world::{Child, User, World};
use crate::Platform;

impl<'a> World<'a> {
    /// Lets the scheduler choose; true when something runs.
    pub fn schedule(&mut self) -> bool {
        self.forced = false;
        let runs = self.kernel.schedule();
        self.check();
        runs
    }

    /// Takes processes that have ended apart, until nothing is left of them; tells how many steps
    /// that took.
    ///
    /// # Panics
    /// When it does not end.
    pub fn settle(&mut self) -> u32 {
        self.settle_with(|_| ())
    }

    /// As [`World::settle`], with a look after each step.
    ///
    /// # Panics
    /// When it does not end.
    pub fn settle_with(&mut self, mut look: impl FnMut(&mut World<'a>)) -> u32 {
        let mut steps = 0;
        while self.step_reaper() {
            look(self);
            steps += 1;
            assert!(steps < 1_000_000, "taking apart does not end");
        }
        steps
    }

    /// True when processes wait to be taken apart.
    #[must_use]
    pub fn is_reaping(&self) -> bool {
        !self.kernel.ending.is_empty()
    }

    /// One step of taking ended processes apart; false when there is nothing to do.
    pub fn step_reaper(&mut self) -> bool {
        if self.kernel.ending.is_empty() {
            return false;
        }
        self.kernel.reap();
        self.entries += 1;
        self.check();
        true
    }

    /// The current thread has done what hardware does not allow.
    pub fn fault(&mut self, user: User, cause: u64, address: u64) {
        self.enter(user);
        self.kernel.fault(cause, address);
        self.entries += 1;
        self.check();
    }

    /// Time passes; the timer interrupt comes when it is due, and again while it is.
    pub fn advance(&mut self, ticks: u64) {
        let machine = self.machine();
        machine.now = machine.now.saturating_add(ticks);
        while self.machine().now >= self.machine().timer {
            self.kernel.timer();
            self.entries += 1;
            self.check();
        }
    }

    /// The device of a line raises or lowers its level. What follows comes with the next interrupt.
    pub fn set_level(&mut self, line: u32, level: bool) {
        self.machine().plic.set_level(line, level);
    }

    /// An external interrupt, whether or not the controller has something to claim.
    pub fn external(&mut self) {
        let mut short = None;
        if self.fast {
            let number = self.kernel.platform.claim();
            short = self.fast_line(number);
            if short.is_none() {
                self.kernel.claimed(number);
            }
        } else {
            self.kernel.external();
        }
        self.short += u64::from(short.is_some());
        self.entries += 1;
        self.check_run(short);
        self.check();
    }

    /// External interrupts, for as long as one waits.
    ///
    /// # Panics
    /// When that does not end.
    pub fn interrupts(&mut self) {
        for _ in 0..10_000 {
            if !self.machine().plic.waits() {
                return;
            }
            self.external();
        }
        panic!("interrupts do not end");
    }

    /// The tick that is now.
    pub fn now(&mut self) -> u64 {
        self.machine().now
    }

    /// A process of its own, with a thread of init's priority.
    ///
    /// # Panics
    /// When init cannot make it.
    pub fn child(&mut self, service_id: u64, frames: u64, objects: u64) -> Child {
        let process = self.process_create(service_id, frames, objects, Handle::NONE, 0).unwrap();
        let (thread, user) = self.thread_in(process, 31);
        Child { process, thread, user }
    }

    /// A further thread in a process that init holds.
    ///
    /// # Panics
    /// When init cannot make it.
    pub fn thread_in(&mut self, process: Handle, priority: u64) -> (Handle, User) {
        let init = self.init;
        self.thread_by(init, process, priority).unwrap()
    }

    /// A thread that `user` makes in a process that it holds, or in its own (NONE).
    ///
    /// # Errors
    /// As `thread_create`.
    pub fn thread_by(
        &mut self,
        user: User,
        process: Handle,
        priority: u64,
    ) -> Result<(Handle, User), Error> {
        let args = [process.0, 0x10_0000, 0x3000_0000, 0x3001_0000, priority];
        let handle = Handle(self.call(user, Syscall::ThreadCreate, &args)?);
        Ok((handle, self.user_of(handle)))
    }

    /// What init told the kernel to make a process from.
    ///
    /// # Errors
    /// As `process_create`.
    pub fn process_create(
        &mut self,
        service_id: u64,
        frames: u64,
        objects: u64,
        notification: Handle,
        bits: u64,
    ) -> Result<Handle, Error> {
        let budget = (objects << 32) | frames;
        let args = [self.spawn.0, service_id, budget, notification.0, bits];
        self.call(self.init, Syscall::ProcessCreate, &args).map(Handle)
    }
}
