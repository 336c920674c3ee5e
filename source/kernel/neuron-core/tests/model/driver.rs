//! Runs a program on the kernel and on the model, and compares.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};

use neuron_core::sim::{Status, User, View, World, fault, pace};
use nexus_abi::{EndReason, Error, Handle, KindCode, MAX_CAPS, Rights, Sender, Syscall, Tag, regs};

use crate::entry::Expect;
use crate::lines::Line;
use crate::messages::{Arrival, Doing, Got};
use crate::model::{Cap, Cid, INIT, Kind, Model, Oid, What};
use crate::pick::{Regs, plain};
use crate::program::{self, Call, Meanwhile, Step};
use crate::steps::{Begun, Seen};

pub struct Driver<'w, 'a> {
    pub world: &'w mut World<'a>,
    pub model: Model,
    /// The threads of the model in the kernel.
    users: BTreeMap<Oid, User>,
    /// Handles and reply handles that were good once.
    pub dead: Vec<Handle>,
    pub replies: Vec<Handle>,
    named: HashSet<Handle>,
    /// Units of work in a step; `None` as in the kernel.
    pace: Option<u32>,
    /// The calls that go on, with how many steps were made of each.
    begun: BTreeMap<Oid, (Regs, u32)>,
}

/// How often each call returned what, by the name of the call.
pub type Tally = BTreeMap<(&'static str, String), u64>;

std::thread_local! {
    static TALLY: RefCell<Tally> = const { RefCell::new(BTreeMap::new()) };
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// What was counted so far.
pub fn tally() -> Tally {
    TALLY.take()
}

/// Steps of programs so far, without what each begins with.
pub fn steps() -> u64 {
    STEPS.get()
}

fn name(x: &Regs) -> &'static str {
    let row = nexus_abi::SYSCALLS.iter().find(|row| row.number == x[regs::NUMBER]);
    row.map_or("unknown", |row| row.name)
}

fn count(name: &'static str, found: String) {
    TALLY.with_borrow_mut(|tally| *tally.entry((name, found)).or_default() += 1);
}

/// The first word of the record of a window with a mask.
const MASKED_WINDOW: u64 = 1 << 8 | KindCode::DeviceMmio.code();

/// In the tally, what a thread found at the end of a wait.
pub const END_OF_WAIT: &str = "(end of a wait)";

/// In the tally, what was left of a call after a step that was not its last.
pub const CUT: &str = "(cut)";

/// In the tally, what else was found between two steps of a call.
pub const BETWEEN: &str = "(between steps)";

/// In the tally, calls whose wait or binding ended with a capability.
pub const WITHDRAWN: &str = "(right withdrawn)";

/// In the tally, where lines are.
pub const LINE: &str = "(lines)";

/// In the tally, calls on whose way a line was acknowledged.
pub const ACKNOWLEDGED: &str = "(acknowledged)";

/// In the tally, what alone was wrong with handles where a partner was ready.
pub const PARTNER: &str = "(with a partner)";

/// Where the pages of a memory object are.
fn frames_of(world: &World<'_>, memory: Handle) -> Vec<u64> {
    world.frames_of(memory).into_iter().map(|frame| frame.address()).collect()
}

/// Frames set aside for devices: for what the programs begin with, and one object more.
pub const ASIDE: u32 = 520;

/// The root window of these devices.
pub const DEVICES: (u64, u64) = (0x5000_0000, 0x3000);

/// All registers but those that hold addresses.
const SETUP: u64 = !(0x333 << 32 | 1 << 16);

/// Steps that no call in steps takes.
const ENDLESS: u32 = 10_000;

impl<'w, 'a> Driver<'w, 'a> {
    /// With init as the kernel starts it, and two processes that can talk to it and each other.
    pub fn new(world: &'w mut World<'a>) -> Driver<'w, 'a> {
        let view = world.view();
        let (slot, init) = view.processes[0];
        let mut model = Model::new(u64::from(init.frames.1), u64::from(init.objects.1));
        model.processes.get_mut(&INIT).unwrap().slot = slot;
        model.now = world.now();
        model.reserve = if world.roots.len() > 3 { u64::from(ASIDE) } else { 0 };
        let (&thread, first) = model.threads.iter_mut().next().unwrap();
        first.slot = world.slot(world.init);
        for (handle, cap) in &view.caps {
            let what = match cap.kind {
                KindCode::DeviceMmio => What::Window { base: cap.base, len: cap.len },
                KindCode::Irq => {
                    let (first, count, interval) = (cap.base, cap.len, cap.interval);
                    model.lines.extend((first..first + count).map(|at| (at, Line::default())));
                    What::Lines { first, count, interval }
                }
                KindCode::Spawn => What::Spawn,
                KindCode::Console => What::Console,
                KindCode::Vmo => {
                    let kind = Kind::Memory { pages: cap.len / 4096, sealed: true };
                    let object = model.new_object(INIT, kind);
                    model.objects.get_mut(&object).unwrap().slot = cap.object;
                    model.frames.insert(object, frames_of(world, Handle(*handle)));
                    What::Object(object)
                }
                other => panic!("init has a {other:?}"),
            };
            let handle = Handle(*handle);
            let id = model.new_cap(Cap { handle, ..Cap::new(INIT, what, cap.rights, None) });
            model.names.insert(handle, id);
        }
        let mut driver = Driver {
            users: BTreeMap::from([(thread, world.init)]),
            world,
            model,
            dead: Vec::new(),
            replies: Vec::new(),
            named: HashSet::new(),
            pace: None,
            begun: BTreeMap::new(),
        };
        driver.compare(view);
        driver.begin(thread);
        driver
    }

    /// What every program begins with: two processes, an endpoint, a notification and memory among
    /// all, a line for each that is bound, and a window for each from one above, and one with a mask;
    /// those of one may be passed on.
    fn begin(&mut self, init: Oid) {
        let (spawn, root) = (self.world.spawn.0, self.world.roots[0].0);
        let rights = |rights: Rights| u64::from(rights.bits());
        let part = rights(Rights::MAP | Rights::READ | Rights::WRITE | crate::calls::OBJECT);
        let talk = rights(Rights::SEND | Rights::RECV);
        let endpoint = self.makes(init, Syscall::EndpointCreate, &[]);
        let notification = self.makes(init, Syscall::NotificationCreate, &[]);
        let memory = self.makes(init, Syscall::VmoCreate, &[3]);
        let all = rights(Rights::all().difference(Rights::SEND | Rights::RECV | Rights::PLACE));
        let thread = |process: u64| [process, 0x10_0000, 0x3000_0000, 5, 31];
        self.makes(init, Syscall::ThreadCreate, &thread(0));
        self.makes(init, Syscall::ThreadCreate, &thread(0));
        let above = self.makes(init, Syscall::CapDerive, &[root, part, 0x8000, 0x8000]);
        for (service, use_it) in [(2, 0x7), (3, 0x87)] {
            let budget = (70 << 32) | 40;
            let args = [spawn, service, budget, notification, service];
            let process = self.makes(init, Syscall::ProcessCreate, &args);
            self.makes(init, Syscall::ThreadCreate, &thread(process));
            self.makes(init, Syscall::ThreadCreate, &thread(process));
            self.makes(init, Syscall::CapInstall, &[process, endpoint, talk]);
            self.makes(init, Syscall::CapInstall, &[process, notification, talk]);
            let args = [above, part, (service - 2) * 0x4000, 0x4000];
            let window = self.makes(init, Syscall::CapDerive, &args);
            self.makes(init, Syscall::CapInstall, &[process, window, use_it]);
            let args = [root, part, (service + 2) * 0x1000, 0x1000];
            let masked = self.makes(init, Syscall::CapDerive, &args);
            self.makes(init, Syscall::CapLimit, &[masked, 15]);
            let masked = self.makes(init, Syscall::CapInstall, &[process, masked, use_it]);
            self.makes(init, Syscall::CapInstall, &[process, memory, all]);
            let keep = rights(Rights::RECV | crate::calls::OBJECT);
            let args = [self.world.lines.0, keep, service - 2, 1];
            let line = self.makes(init, Syscall::CapDerive, &args);
            let receive = rights(Rights::RECV | Rights::MANAGE | Rights::GRANT);
            self.makes(init, Syscall::CapLimit, &[line, 2000]);
            // Two more, which can be received or managed, and not bound.
            let args = [self.world.lines.0, keep, 2 * service, 2];
            let two = self.makes(init, Syscall::CapDerive, &args);
            let weak = [Rights::RECV, Rights::MANAGE][service as usize % 2];
            self.makes(init, Syscall::CapInstall, &[process, two, rights(weak)]);
            let line = self.makes(init, Syscall::CapInstall, &[process, line, receive]);
            // One of them names a register, the other none.
            let register = if service == 2 { [masked, 8] } else { [Handle::NONE.0, 0] };
            self.begin_line(line, register);
            if service == 2 {
                self.makes(init, Syscall::CapInstall, &[process, spawn, 0x3c0]);
            }
            self.begin_device(init, process, service - 2);
        }
        if let Some(devices) = self.world.roots.get(3).copied() {
            self.makes(init, Syscall::CapDrop, &[devices.0]);
        }
    }

    /// A process gets a device to set up, where there are any, and the first makes memory for it. Nobody
    /// else has the device.
    fn begin_device(&mut self, init: Oid, process: u64, page: u64) {
        let Some(devices) = self.world.roots.get(3).copied() else { return };
        let rights = |rights: Rights| u64::from(rights.bits());
        let use_it = Rights::MAP | Rights::READ | Rights::WRITE | Rights::PLACE;
        let keep = rights(use_it | crate::calls::OBJECT);
        let args = [devices.0, keep, page * 0x1000, 0x1000];
        let kept = self.makes(init, Syscall::CapDerive, &args);
        self.makes(init, Syscall::CapLimit, &[kept, SETUP]);
        let bus = rights(use_it | Rights::DERIVE | Rights::GRANT | Rights::REVOKE);
        let window = self.makes(init, Syscall::CapInstall, &[process, kept, bus]);
        self.makes(init, Syscall::CapDrop, &[kept]);
        let owner = *self.model.processes.keys().last().unwrap();
        let mut threads = self.model.threads.iter();
        let (&thread, _) = threads.find(|(_, one)| one.process == owner).unwrap();
        self.makes(thread, Syscall::DmaCreate, &[window, 1, 0]);
        if page == 0 {
            self.makes(thread, Syscall::DmaCreate, &[window, 2, 1]);
        } else {
            // Somebody has a part of it, and a part of that.
            let part = self.makes(thread, Syscall::CapDerive, &[window, bus, 0, 0x1000]);
            self.makes(thread, Syscall::CapDerive, &[part, bus, 0, 0x1000]);
        }
    }

    /// The process that was made last binds its line.
    fn begin_line(&mut self, line: u64, [window, offset]: [u64; 2]) {
        let process = *self.model.processes.keys().last().unwrap();
        let mut threads = self.model.threads.iter();
        let (&thread, _) = threads.find(|(_, one)| one.process == process).unwrap();
        let event = self.makes(thread, Syscall::NotificationCreate, &[]);
        self.makes(thread, Syscall::IrqBind, &[line, event, 1 << 5, window, offset]);
    }

    fn makes(&mut self, thread: Oid, call: Syscall, args: &[u64]) -> u64 {
        self.make(thread, &plain(call, args), None);
        let result = self.world.result(self.users[&thread]);
        assert!(result.is_ok(), "{call:?} {args:x?}: {result:?}");
        result.unwrap()
    }

    /// Runs a program, with steps of so many units of work; then what it has begun, to its end.
    pub fn run(mut self, program: &[Step], pace: Option<u32>) {
        self.pace = pace;
        for step in program {
            STEPS.set(STEPS.get() + 1);
            self.step(step);
        }
        let mut steps = 0;
        while self.go_on(0) {
            steps += 1;
            assert!(steps < ENDLESS, "something does not end");
        }
        let halves = self.model.caps.values().filter(|cap| !cap.is_held()).count();
        assert_eq!(halves, 0, "a capability is half dropped, and nobody goes on with it");
    }

    /// One step of something that goes in steps: a call, or taking processes apart. False when there
    /// is nothing.
    fn go_on(&mut self, which: u8) -> bool {
        let reaping = usize::from(!self.model.ending.is_empty());
        let all = reaping + self.begun.len();
        if all == 0 {
            return false;
        }
        let which = usize::from(which) % all;
        if which < reaping {
            self.reap();
            return true;
        }
        let (&thread, &(x, _)) = self.begun.iter().nth(which - reaping).unwrap();
        self.make(thread, &x, None);
        true
    }

    fn step(&mut self, step: &Step) {
        match step.meanwhile {
            Meanwhile::GoOn(which) if self.go_on(which) => return,
            Meanwhile::Meddle(number) if !self.begun.is_empty() => return self.meddle(number),
            _ => {}
        }
        let ready: Vec<Oid> = self
            .model
            .threads
            .iter()
            .filter(|(_, one)| matches!(one.doing, Doing::Ready))
            .map(|(id, _)| *id)
            .collect();
        match step.call {
            Call::Advance { ticks } => return self.advance(ticks),
            Call::Level { line, level } => return self.set_level(line, level),
            Call::Status { value } => {
                self.model.status = value;
                self.world.machine().status = value;
                return;
            }
            _ => {}
        }
        let ready = match step.call.uses_devices() {
            Some(memory) => self.with_devices(ready, memory),
            None => ready,
        };
        let Some(&thread) = ready.get(usize::from(step.actor) % ready.len().max(1)) else {
            self.advance(1 << 26);
            return;
        };
        let actor = self.model.threads[&thread].process;
        if let Call::Fault = step.call {
            if actor != INIT {
                self.fault(thread);
            }
            return;
        }
        let begun = self.begun.get(&thread).map(|(x, _)| *x);
        let x = begun.unwrap_or_else(|| self.registers(actor, &step.call));
        if self.ends_init(thread, &x) {
            return;
        }
        self.make(thread, &x, step.fail.filter(|_| begun.is_none()).map(u32::from));
    }

    /// Those of them whose process sets a device up, or has memory of one, if there are any.
    fn with_devices(&self, threads: Vec<Oid>, memory: bool) -> Vec<Oid> {
        let sets_up = |thread: &Oid| {
            let process = self.model.threads[thread].process;
            self.model.caps.values().filter(|cap| cap.owner == process).any(|cap| match cap.what {
                What::Object(object) if memory => self.model.memory_at(object).is_some(),
                _ => !memory && cap.mask.is_some() && cap.rights.contains(Rights::PLACE),
            })
        };
        let some: Vec<Oid> = threads.iter().copied().filter(sets_up).collect();
        if some.is_empty() { threads } else { some }
    }

    /// A thread of a process that is in a call in steps makes another call about the same.
    fn meddle(&mut self, number: u64) {
        let threads = &self.model.threads;
        let mut inside: Vec<_> = self.begun.keys().map(|id| threads[id].process).collect();
        inside.dedup();
        let process = inside[number as usize % inside.len()];
        let others = threads.iter().filter(|(id, one)| {
            let free = matches!(one.doing, Doing::Ready) && !self.begun.contains_key(id);
            free && one.process == process
        });
        let others: Vec<Oid> = others.map(|(id, _)| *id).collect();
        if let Some(thread) = others.first() {
            let x = self.registers(process, &program::meddle(number));
            self.make(*thread, &x, None);
        }
    }

    /// Nothing goes on when init is gone.
    fn ends_init(&self, thread: Oid, x: &Regs) -> bool {
        let init = self.model.threads[&thread].process == INIT;
        match Syscall::decode(x[regs::NUMBER]) {
            Some(Syscall::ProcessEnd) => init && x[regs::A0] == 0,
            Some(Syscall::ThreadExit) => {
                init && self.model.threads.values().filter(|one| one.process == INIT).count() == 1
            }
            _ => false,
        }
    }

    fn advance(&mut self, ticks: u64) {
        self.model.advance(ticks);
        self.world.advance(ticks);
        self.agree(self.world.view());
    }

    fn set_level(&mut self, line: u64, level: bool) {
        self.model.set_level(line, level);
        self.world.set_level(line as u32, level);
        self.world.interrupts();
        let states = self.model.lines.values().map(|line| format!("{:?}", line.state()));
        states.for_each(|state| count(LINE, state));
        self.agree(self.world.view());
    }

    fn fault(&mut self, thread: Oid) {
        let user = self.users[&thread];
        let pc = self.world.frame(user).get(0);
        let reason = EndReason::Fault { cause: 13, address: 0xbad, pc };
        self.model.end_process(self.model.threads[&thread].process, reason);
        self.world.fault(user, 13, 0xbad);
        self.agree(self.world.view());
    }

    /// One step of taking processes apart, in both.
    fn reap(&mut self) {
        self.set_step(self.model.least_step_apart());
        assert!(self.world.step_reaper());
        let view = self.world.view();
        let left = self.model.reap(&Seen(&view));
        if left != "nothing" {
            count(CUT, format!("taking apart: {left}"));
        }
        self.agree(view);
    }

    fn set_step(&self, least: u32) {
        pace::set_step(self.pace.map(|pace| pace.max(least)));
    }

    /// Makes a call in both, or one step of it, and compares what came of it.
    fn make(&mut self, thread: Oid, x: &Regs, fail: Option<u32>) {
        let user = self.users[&thread];
        let call = Syscall::decode(x[regs::NUMBER]);
        // Messages allocate nothing but capabilities: the model knows which of them fails.
        let exact = matches!(call, Some(Syscall::Call | Syscall::Reply | Syscall::ReplyRecv));
        self.model.fails = fail.filter(|_| exact);
        self.model.next_caps = self.world.next_caps().take(MAX_CAPS as usize).collect();
        let in_steps = self.model.may_be_cut(thread, x);
        let may_fail = fail.is_some() && !exact;
        let before = (in_steps || may_fail).then(|| self.model.clone());
        let delivered = self.model.delivered();
        let stores = self.model.stores.len();
        // Between two steps it can be refused, and that it has begun is forgotten.
        let quiets = self.model.threads[&thread].begun == Some(Begun::Quiet);
        let mut expected = self.model.syscall(thread, x);
        if self.model.delivered() < delivered
            && matches!(call, Some(Syscall::Wait | Syscall::ReplyRecv))
        {
            count(ACKNOWLEDGED, name(x).to_owned());
        }
        if call == Some(Syscall::IrqAck) && self.model.stores.len() > stores {
            count(ACKNOWLEDGED, "with a value".to_owned());
        }
        self.count_wrong(thread, x);
        self.world.enter(user);
        let digest = (may_fail || matches!(expected, Expect::Fails(_)))
            .then(|| self.world.digest(Some(user)));
        let least = before.as_ref().filter(|_| in_steps).map(|one| one.least_step(thread, x));
        self.set_step(least.unwrap_or(1));
        fault::fail_at(fail);
        let status = self.world.raw(user, x[regs::NUMBER], |frame| {
            frame.regs[1..].copy_from_slice(&x[1..]);
        });
        let struck = may_fail && fail.is_some_and(|n| fault::passed() > n);
        fault::fail_at(None);
        let view = self.world.view();
        match before {
            Some(before) if struck => {
                self.model = before;
                expected = Expect::Fails(Error::NoMemory);
            }
            Some(before) if in_steps && Self::is_cut(call, status) => {
                assert!(!matches!(expected, Expect::Fails(_)), "{call:?} {x:x?} must fail");
                self.model = before;
                return self.cut(thread, x, status, view);
            }
            Some(before) if in_steps && self.is_answer_alone(user, call, status) => {
                self.model = before;
                self.model.answer_alone(thread, x, &Seen(&view));
                count(CUT, format!("{}: after the answer", name(x)));
                expected = Expect::Arrives;
            }
            _ => {}
        }
        self.model.fails = None;
        self.begun.remove(&thread);
        self.compare_result(user, x, status, &expected);
        if expected.is(Error::BadHandle) && self.model.names_zombie(x) {
            count(BETWEEN, "named what is being dropped".to_owned());
        }
        if matches!(expected, Expect::Fails(_)) && !quiets {
            let after = self.world.digest(Some(user));
            assert_eq!(digest, Some(after), "{call:?} {x:x?} failed and changed something");
        }
        self.agree(view);
    }

    /// A step of a call did not bring it to its end: the model does as much of it.
    fn cut(&mut self, thread: Oid, x: &Regs, status: Status, view: View) {
        let left = self.model.cut(thread, x, &Seen(&view));
        self.model.fails = None;
        count(CUT, format!("{}: {left}", name(x)));
        let steps = self.begun.remove(&thread).map_or(1, |(_, steps)| steps + 1);
        let Some(one) = self.model.threads.get(&thread) else {
            assert_eq!(status, Status::Gone, "{x:x?}");
            return self.agree(view);
        };
        assert_eq!(status, Status::Again, "{x:x?}");
        assert!(steps < ENDLESS, "{x:x?} does not end");
        let mut x = *x;
        if x[regs::NUMBER] == Syscall::ReplyRecv.number() {
            // It acknowledges once.
            x[regs::A1] &= !Tag::ACK;
            assert_eq!(self.world.frame(self.users[&thread]).get(regs::A1), x[regs::A1]);
        }
        self.begun.insert(thread, (x, steps));
        if let Some(Begun::Create(id)) = one.begun {
            self.place(id, self.model.caps[&id].handle);
        }
        self.agree(view);
    }

    /// Whether a call goes on. When a capability that it took away was the last to its own process,
    /// taking that apart goes on in its place.
    fn is_cut(call: Option<Syscall>, status: Status) -> bool {
        match status {
            Status::Again => true,
            Status::Gone => matches!(call, Some(Syscall::CapDrop | Syscall::CapRevoke)),
            _ => false,
        }
    }

    /// Whether the answer of a `reply_recv` went, and the call went no further (S4).
    fn is_answer_alone(&mut self, user: User, call: Option<Syscall>, status: Status) -> bool {
        call == Some(Syscall::ReplyRecv)
            && status == Status::Done
            && self.world.received(user).is_ok_and(|got| {
                got.message.tag == Tag(Tag::NOTIFICATION) && got.message.words[0] == 0
            })
    }

    /// Counts what is wrong with a handle of which all else would do for a short way.
    fn count_wrong(&self, thread: Oid, x: &Regs) {
        let right = match Syscall::decode(x[regs::NUMBER]) {
            Some(Syscall::Call | Syscall::Signal) => Rights::SEND,
            Some(Syscall::ReplyRecv) => Rights::RECV,
            _ => return,
        };
        let (actor, handle) = (self.model.threads[&thread].process, Handle(x[regs::A0]));
        let mut held = self.model.caps.values().filter(|cap| cap.is_held());
        let in_slot = held.find(|cap| cap.handle.slot() == handle.slot());
        let Some(cap) = in_slot.filter(|cap| self.model.has_partner(cap)) else { return };
        let wrong = [
            ("stale", cap.handle != handle),
            ("of another", cap.owner != actor),
            ("too weak", !cap.rights.contains(right)),
        ];
        let mut wrong = wrong.iter().filter(|(_, wrong)| *wrong);
        if let (Some((what, _)), None) = (wrong.next(), wrong.next()) {
            count(PARTNER, (*what).to_owned());
        }
    }

    fn compare_result(&mut self, user: User, x: &Regs, status: Status, expected: &Expect) {
        let found = match status {
            Status::Done => self.world.result(user).map_err(|error| format!("{error:?}")),
            _ => Err(format!("{status:?}")),
        };
        count(name(x), found.clone().map_or_else(|text| text, |_| "Ok".to_owned()));
        let at = || format!("call {} {x:x?}", x[regs::NUMBER]);
        match expected {
            Expect::Fails(error) => assert_eq!(found, Err(format!("{error:?}")), "{}", at()),
            Expect::Makes(id) => {
                let handle = Handle(found.unwrap_or_else(|found| panic!("{found} {}", at())));
                let told = self.model.caps[id].handle;
                assert!(told == Handle::NONE || told == handle, "{}", at());
                self.bind(*id, handle);
            }
            Expect::Value(value) => {
                assert_eq!(found, Ok(*value), "{}", at());
                self.compare_descriptor(x);
            }
            Expect::Ticks => {
                let passed = self.world.now();
                assert!(found.as_ref().is_ok_and(|ticks| *ticks <= passed), "{found:?} {}", at());
            }
            Expect::Record(value, sender, words) => {
                assert_eq!(found, Ok(*value), "{}", at());
                let mut got = self.world.frame(user).words();
                if x[regs::NUMBER] == Syscall::ProcessStat.number() {
                    self.compare_root(x[regs::A0], got[6], *sender);
                    got[6] = 0;
                }
                if words[0] == MASKED_WINDOW {
                    // Where the kernel half has it is told with its address, and is not the model's.
                    assert_eq!(got[4] != 0, words[2] != 0, "{}", at());
                    got[4] = 0;
                }
                assert_eq!(got, *words, "{}", at());
                let frame = self.world.frame(user);
                assert_eq!(Sender::from_word(frame.get(regs::T3)), *sender);
                assert_eq!(frame.get(regs::T4), 0);
            }
            Expect::Arrives => assert_eq!(status, Status::Done, "{}", at()),
            Expect::Waits => assert_eq!(status, Status::Blocked, "{}", at()),
            Expect::Ends => assert_eq!(status, Status::Gone, "{}", at()),
        }
    }

    /// What was placed in a table is there.
    fn compare_descriptor(&mut self, x: &Regs) {
        let Some(placed) = self.model.descriptor.take() else { return };
        let table = self.world.memory_of(Handle(x[regs::A0]));
        let at = 2 * placed.index as usize;
        assert_eq!(table[at..at + 2], placed.words, "{x:x?}");
    }

    /// The root table is told to who may manage the process, and to init of itself.
    fn compare_root(&self, asked: u64, root: u64, of: Sender) {
        let process = self.model.processes.values().find(|one| one.id() == of).unwrap();
        let told = process.is_there() && (asked != 0 || of.service_id == 1);
        assert_eq!(root != 0, told);
        assert!(root == 0 || self.world.root_of(process.slot) == Some(root));
    }

    /// Compares everything.
    fn agree(&mut self, view: View) {
        self.model.forget();
        self.begun.retain(|thread, _| self.model.threads.contains_key(thread));
        for call in std::mem::take(&mut self.model.withdrawn) {
            count(WITHDRAWN, call.to_owned());
        }
        for found in std::mem::take(&mut self.model.between) {
            count(BETWEEN, found.to_owned());
        }
        for arrival in std::mem::take(&mut self.model.arrivals) {
            if self.model.threads.contains_key(&arrival.to) {
                self.compare_arrival(&arrival);
            }
        }
        self.forget();
        self.compare(view);
    }

    fn compare_arrival(&mut self, arrival: &Arrival) {
        let user = self.users[&arrival.to];
        let result = self.world.result(user);
        count(END_OF_WAIT, result.map_or_else(|error| format!("{error:?}"), |_| "Ok".to_owned()));
        match &arrival.got {
            Got::Error(error) => assert_eq!(result, Err(*error), "{arrival:?}"),
            Got::Bits(bits) => assert_eq!(result, Ok(*bits), "{arrival:?}"),
            Got::Event(bits) => {
                let got = self.world.received(user).unwrap();
                assert_eq!(got.message.tag, Tag(Tag::NOTIFICATION));
                assert_eq!((got.message.words[0], got.sender), (*bits, Sender::default()));
                assert_eq!(got.reply, Handle::NONE);
            }
            Got::Message { message, made, sender, reply } => {
                let got = self.world.received(user).unwrap_or_else(|e| panic!("{e:?} {arrival:?}"));
                assert_eq!((got.message.tag, got.sender), (message.tag, *sender), "{arrival:?}");
                assert_eq!(got.reply, *reply, "{arrival:?}");
                let plain = (8 - made.len()).min(message.tag.words() as usize);
                assert_eq!(got.message.words[..plain], message.words[..plain], "{arrival:?}");
                let handles: Vec<Handle> = got.message.caps().collect();
                assert_eq!(handles.len(), made.len());
                for (id, handle) in made.iter().zip(handles) {
                    self.bind(*id, handle);
                }
                if *reply != Handle::NONE {
                    self.replies.push(*reply);
                }
            }
        }
    }

    /// Learns what the kernel calls a new capability, and where it put what that is to.
    fn bind(&mut self, id: Cid, handle: Handle) {
        assert!(self.named.insert(handle), "{handle:?} was used before");
        self.model.names.insert(handle, id);
        self.place(id, handle);
    }

    /// As [`Driver::bind`], of a capability that nobody can name.
    fn place(&mut self, id: Cid, handle: Handle) {
        let cap = self.model.caps.get_mut(&id).unwrap();
        cap.handle = handle;
        let What::Object(object) = cap.what else { return };
        let found = self.world.cap(handle).unwrap();
        let object = (object, self.model.objects.get_mut(&object).unwrap());
        object.1.slot = found.object;
        match object.1.kind {
            Kind::Memory { .. } => {
                self.model.frames.insert(object.0, frames_of(self.world, handle));
            }
            Kind::Process(process) => {
                self.model.processes.get_mut(&process).unwrap().slot = found.object;
            }
            Kind::Thread => {
                let Some(thread) = self.model.threads.get_mut(&object.0) else { return };
                let user = self.world.user_of(handle);
                thread.slot = self.world.slot(user);
                self.users.insert(object.0, user);
            }
            _ => {}
        }
    }

    /// Lets go of what has ended in the model.
    fn forget(&mut self) {
        let names = &self.model.names;
        if self.named.len() > names.len() + self.dead.len() {
            let dead: HashSet<Handle> = self.dead.iter().copied().collect();
            let gone = |handle: &&Handle| !names.contains_key(handle) && !dead.contains(handle);
            let mut gone: Vec<Handle> = self.named.iter().filter(gone).copied().collect();
            gone.sort_unstable();
            self.dead.extend(gone);
        }
        self.users.retain(|id, _| self.model.threads.contains_key(id));
    }
}
