//! A kernel on a simulated machine, and the ways into it.

use std::format;
use std::string::String;
use std::vec::Vec;

use nexus_abi::{
    Error, Handle, Message, NO_DEADLINE, Received, SYSCALLS, Sender, Syscall, Tag, regs,
};

use super::machine::{Machine, RAM_BASE};
use crate::addr::Frame;
use crate::boot::Sizes;
use crate::capability::CapabilityKind;
use crate::check::{Event, FrameMark, Ledger, ProcessSum, Scratch};
use crate::frames::FrameInfo;
use crate::kernel::{Kernel, Tables};
use crate::pool::{Id, Slot};
use crate::thread::{State, Thread, TrapFrame};
use crate::window::{Forbidden, Range, Window};

/// What machine and tables to have.
#[derive(Clone, Debug)]
pub struct Config {
    /// Kernel objects in all.
    pub objects: u32,
    /// Frames of RAM, of which the first 16 are reserved.
    pub frames: u32,
    /// Root windows: base and length.
    pub windows: Vec<(u64, u64)>,
}

/// Frames of RAM that are not given out: kernel, and the boot archive in the last four of them.
pub const RESERVED: u32 = 16;

impl Default for Config {
    fn default() -> Config {
        Config {
            objects: if cfg!(miri) { 640 } else { 1024 },
            frames: if cfg!(miri) { 400 } else { 1536 },
            windows: std::vec![
                (0x1000_0000, 0x1_0000),
                (0x10_1000, 0x1000),
                (0x4000_0000, 0x1000_0000),
            ],
        }
    }
}

/// One thread of a user program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User(pub(super) Handle);

/// A process with a thread, and init's capabilities to both.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    pub process: Handle,
    pub thread: Handle,
    pub user: User,
}

/// What became of a system call at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It returned; the registers tell what.
    Done,
    /// Its thread waits.
    Blocked,
    /// Its thread makes the call again.
    Again,
    /// Its thread has ended.
    Gone,
}

pub struct World<'a> {
    pub kernel: Kernel<'a, Ledger<'a, Machine>>,
    scratch: Scratch<'a>,
    /// Init's first thread.
    pub init: User,
    /// Init's root windows, in the order of [`Config::windows`].
    pub roots: Vec<Handle>,
    pub spawn: Handle,
    pub console: Handle,
    /// Init's capability to the boot archive: four sealed pages.
    pub archive: Handle,
    /// Whether the checker looks after each entry into the kernel.
    pub checking: bool,
    /// Whether the short ways of `call` and `reply_recv` are tried first, as the kernel does.
    pub fast: bool,
    /// Entries into the kernel so far.
    pub entries: u64,
    forced: bool,
    /// Entries were made that the checker did not see.
    unseen: bool,
}

/// Runs `body` in a world of the default configuration.
pub fn run<R>(body: impl FnOnce(&mut World<'_>) -> R) -> R {
    run_with(&Config::default(), body)
}

/// Runs `body` in a world.
pub fn run_with<R>(config: &Config, body: impl FnOnce(&mut World<'_>) -> R) -> R {
    fn slots<T>(count: u32) -> Vec<Slot<T>> {
        (0..count).map(|_| Slot::EMPTY).collect()
    }
    let sizes = Sizes { objects: config.objects };
    let (light, heavy) = (sizes.light(), sizes.heavy());
    let frames = usize::try_from(config.frames).unwrap();
    let mut events = std::vec![Event::Zero(Frame::at(0).unwrap()); 1 << 14];
    let mut marks = std::vec![FrameMark::default(); frames];
    let mut sums = std::vec![ProcessSum::default(); usize::try_from(heavy).unwrap()];
    let (mut caps, mut endpoints) = (slots(sizes.caps()), slots(light));
    let (mut notifications, mut vmos, mut mappings) = (slots(light), slots(light), slots(light));
    let (mut processes, mut threads) = (slots(heavy), slots(heavy));
    let mut infos = std::vec![FrameInfo::RESERVED; frames];
    let tables = Tables {
        caps: &mut caps,
        endpoints: &mut endpoints,
        notifications: &mut notifications,
        vmos: &mut vmos,
        mappings: &mut mappings,
        processes: &mut processes,
        threads: &mut threads,
        frames: &mut infos,
    };
    let base = Frame::at(RAM_BASE).unwrap();
    let platform = Ledger::new(Machine::new(config.frames), &mut events);
    let kernel = Kernel::new(platform, tables, base);
    let scratch = Scratch::new(base, &mut marks, &mut sums);
    body(&mut World::boot(config, kernel, scratch))
}

impl<'a> World<'a> {
    fn boot(
        config: &Config,
        mut kernel: Kernel<'a, Ledger<'a, Machine>>,
        scratch: Scratch<'a>,
    ) -> World<'a> {
        let at = |number: u32| Frame::at(RAM_BASE + u64::from(number) * 4096).unwrap();
        kernel.frames_mut().add(at(RESERVED), config.frames - RESERVED);
        kernel.create_init(config.objects).unwrap();
        let forbidden = World::forbidden(config);
        let roots = config.windows.iter().map(|&(base, len)| {
            let window = Window::new(base, len, Forbidden(&forbidden)).unwrap();
            kernel.boot_window(window).unwrap()
        });
        let roots = roots.collect();
        let spawn = kernel.boot_authority(CapabilityKind::Spawn).unwrap();
        let console = kernel.boot_authority(CapabilityKind::Console).unwrap();
        let archive = kernel.boot_memory(at(RESERVED - 4), 4).unwrap();
        kernel.start_init(0x10_0000, 0x3000_0000, 0x3001_0000).unwrap();
        assert!(kernel.schedule());
        let init = kernel.hart.current.unwrap();
        let init = User(kernel.threads.handle(init));
        let mut world = World {
            kernel,
            scratch,
            init,
            roots,
            spawn,
            console,
            archive,
            checking: true,
            fast: false,
            entries: 0,
            forced: false,
            unseen: true,
        };
        world.check();
        world
    }

    /// RAM, and the devices that the kernel keeps: what no window may touch.
    #[must_use]
    pub fn forbidden(config: &Config) -> Vec<Range> {
        std::vec![
            Range { base: RAM_BASE, end: RAM_BASE + u64::from(config.frames) * 4096 },
            Range { base: 0x0c00_0000, end: 0x0c60_0000 },
            Range { base: 0x0200_0000, end: 0x0201_0000 },
        ]
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.kernel.platform.machine
    }

    /// Has the checker look at everything.
    ///
    /// # Panics
    /// When it finds a broken rule.
    pub fn check(&mut self) {
        // Miri takes a second for each look.
        let skipped = cfg!(miri) && !self.entries.is_multiple_of(64);
        if !self.checking || skipped {
            self.kernel.platform.clear();
            self.unseen = true;
            return;
        }
        let mut found = self.kernel.check(&mut self.scratch);
        if self.unseen {
            // What the checker remembers of the time before is more than one entry old.
            self.kernel.platform.clear();
            self.unseen = false;
        } else {
            found = found.and_then(|()| self.kernel.check_fences(&mut self.scratch));
        }
        let current = if self.forced { Ok(()) } else { self.kernel.check_current() };
        if let Err(violation) = found.and(current) {
            let whole = std::env::var_os("NEURON_DESCRIBE").map(|_| self.describe(None));
            panic!("{violation}\n{}", whole.unwrap_or_default());
        }
    }

    /// Runs the checker and tells what it found.
    pub fn find(&mut self) -> Result<(), crate::check::Violation> {
        self.kernel.check(&mut self.scratch)?;
        self.kernel.check_fences(&mut self.scratch)
    }

    pub(crate) fn id(&self, user: User) -> Option<Id<Thread>> {
        self.kernel.threads.by_handle(user.0).ok().map(|(id, _)| id)
    }

    pub(super) fn thread(&self, user: User) -> Option<&Thread> {
        self.kernel.threads.by_handle(user.0).ok().map(|(_, thread)| thread)
    }

    /// The registers of a thread.
    ///
    /// # Panics
    /// When it is gone.
    pub fn frame(&mut self, user: User) -> &mut TrapFrame {
        let id = self.id(user).expect("the thread is gone");
        &mut self.kernel.threads.get_mut(id).unwrap().frame
    }

    /// Makes `user` the thread that runs, whatever the scheduler thinks.
    ///
    /// # Panics
    /// When it is not ready.
    pub fn enter(&mut self, user: User) {
        let id = self.id(user).expect("the thread is gone");
        assert_eq!(self.state(user), Some(State::Ready), "the thread is not ready");
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
        let done = fast
            && match Syscall::decode(number) {
                Some(Syscall::Null) => self.kernel.fast_null().is_some(),
                Some(Syscall::Call) => self.kernel.fast_call().is_some(),
                Some(Syscall::ReplyRecv) => self.kernel.fast_reply_recv().is_some(),
                Some(Syscall::Signal) => self.kernel.fast_signal().is_some(),
                _ => false,
            };
        if !done {
            self.kernel.syscall();
        }
        self.entries += 1;
        self.check();
        let status = self.status(user, before.get(0));
        if status == Status::Done {
            self.check_registers(user, &before);
        }
        status
    }

    fn status(&self, user: User, pc: u64) -> Status {
        match self.thread(user) {
            None => Status::Gone,
            Some(thread) => match thread.state {
                State::Ended => Status::Gone,
                State::Ready if thread.frame.get(0) == pc => Status::Again,
                State::Ready => Status::Done,
                _ => Status::Blocked,
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
        for n in 1..32 {
            let message = regs::WORDS.contains(&n) || n == regs::T3 || n == regs::T4;
            let may = n == regs::A0 || !failed && (n == regs::A1 || message);
            assert!(may || before.get(n) == after.get(n), "x{n} changed");
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

    /// Makes a call with plain arguments, once.
    pub fn start(&mut self, user: User, call: Syscall, args: &[u64]) -> Status {
        self.raw(user, call.number(), |frame| {
            for (n, arg) in args.iter().enumerate() {
                frame.set(regs::A0 + n, *arg);
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

    /// Time passes; the timer interrupt comes when it is due.
    pub fn advance(&mut self, ticks: u64) {
        let machine = self.machine();
        machine.now = machine.now.saturating_add(ticks);
        if machine.now >= machine.timer {
            self.kernel.timer();
            self.entries += 1;
            self.check();
        }
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
