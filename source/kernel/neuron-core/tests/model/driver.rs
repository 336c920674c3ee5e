//! Runs a program on the kernel and on the model, and compares.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};

use neuron_core::sim::{Status, User, World, fault};
use nexus_abi::{EndReason, Error, Handle, KindCode, MAX_CAPS, Rights, Sender, Syscall, Tag, regs};

use crate::entry::Expect;
use crate::messages::{Arrival, Doing, Got};
use crate::model::{Cap, Cid, INIT, Kind, Model, Oid, What};
use crate::pick::{Regs, plain};
use crate::program::{Call, Step};

pub struct Driver<'w, 'a> {
    pub world: &'w mut World<'a>,
    pub model: Model,
    /// The threads of the model in the kernel.
    users: BTreeMap<Oid, User>,
    /// Handles and reply handles that were good once.
    pub dead: Vec<Handle>,
    pub replies: Vec<Handle>,
    named: HashSet<Handle>,
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

/// In the tally, what a thread found at the end of a wait.
pub const END_OF_WAIT: &str = "(end of a wait)";

/// In the tally, calls whose wait or binding ended with a capability.
pub const WITHDRAWN: &str = "(right withdrawn)";

/// In the tally, what alone was wrong with handles where a partner was ready.
pub const PARTNER: &str = "(with a partner)";

/// Where the pages of a memory object are.
fn frames_of(world: &World<'_>, memory: Handle) -> Vec<u64> {
    world.frames_of(memory).into_iter().map(|frame| frame.address()).collect()
}

/// True when a program cannot go on.
type Over = bool;

impl<'w, 'a> Driver<'w, 'a> {
    /// With init as the kernel starts it, and two processes that can talk to it and each other.
    pub fn new(world: &'w mut World<'a>) -> Driver<'w, 'a> {
        let view = world.view();
        let (slot, init) = view.processes[0];
        let mut model = Model::new(u64::from(init.frames.1), u64::from(init.objects.1));
        model.processes.get_mut(&INIT).unwrap().slot = slot;
        model.now = world.now();
        let (&thread, first) = model.threads.iter_mut().next().unwrap();
        first.slot = world.slot(world.init);
        for (handle, cap) in &view.caps {
            let what = match cap.kind {
                KindCode::DeviceMmio => What::Window { base: cap.base, len: cap.len },
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
            let id =
                model.new_cap(Cap { owner: INIT, what, rights: cap.rights, parent: None, handle });
            model.names.insert(handle, id);
        }
        let mut driver = Driver {
            users: BTreeMap::from([(thread, world.init)]),
            world,
            model,
            dead: Vec::new(),
            replies: Vec::new(),
            named: HashSet::new(),
        };
        driver.compare();
        driver.begin(thread);
        driver
    }

    /// What every program begins with: two processes, an endpoint, a notification and memory among
    /// all, and a window for each, one of which may be passed on.
    fn begin(&mut self, init: Oid) {
        let (spawn, root) = (self.world.spawn.0, self.world.roots[0].0);
        let rights = |rights: Rights| u64::from(rights.bits());
        let part = rights(Rights::MAP | Rights::READ | Rights::WRITE | crate::calls::OBJECT);
        let talk = rights(Rights::SEND | Rights::RECV);
        let endpoint = self.makes(init, Syscall::EndpointCreate, &[]);
        let notification = self.makes(init, Syscall::NotificationCreate, &[]);
        let memory = self.makes(init, Syscall::VmoCreate, &[3]);
        let all = rights(Rights::all().difference(Rights::SEND | Rights::RECV));
        let thread = |process: u64| [process, 0x10_0000, 0x3000_0000, 5, 31];
        self.makes(init, Syscall::ThreadCreate, &thread(0));
        self.makes(init, Syscall::ThreadCreate, &thread(0));
        for (service, use_it) in [(2, 0x7), (3, 0x87)] {
            let budget = (70 << 32) | 40;
            let args = [spawn, service, budget, notification, service];
            let process = self.makes(init, Syscall::ProcessCreate, &args);
            self.makes(init, Syscall::ThreadCreate, &thread(process));
            self.makes(init, Syscall::ThreadCreate, &thread(process));
            self.makes(init, Syscall::CapInstall, &[process, endpoint, talk]);
            self.makes(init, Syscall::CapInstall, &[process, notification, talk]);
            let args = [root, part, service * 0x4000, 0x4000];
            let window = self.makes(init, Syscall::CapDerive, &args);
            self.makes(init, Syscall::CapInstall, &[process, window, use_it]);
            self.makes(init, Syscall::CapInstall, &[process, memory, all]);
            if service == 2 {
                self.makes(init, Syscall::CapInstall, &[process, spawn, 0x3c0]);
            }
        }
    }

    fn makes(&mut self, thread: Oid, call: Syscall, args: &[u64]) -> u64 {
        let over = self.make(thread, &plain(call, args), None);
        let result = self.world.result(self.users[&thread]);
        assert!(!over && result.is_ok(), "{call:?} {args:x?}: {result:?}");
        result.unwrap()
    }

    pub fn run(mut self, program: &[Step]) {
        for step in program {
            STEPS.set(STEPS.get() + 1);
            if self.step(step) {
                return;
            }
        }
    }

    fn step(&mut self, step: &Step) -> Over {
        let ready: Vec<Oid> = self
            .model
            .threads
            .iter()
            .filter(|(_, one)| matches!(one.doing, Doing::Ready))
            .map(|(id, _)| *id)
            .collect();
        if let Call::Advance { ticks } = step.call {
            self.advance(ticks);
            return false;
        }
        let Some(&thread) = ready.get(usize::from(step.actor) % ready.len().max(1)) else {
            self.advance(1 << 26);
            return self.model.threads.values().all(|one| !matches!(one.doing, Doing::Ready));
        };
        let actor = self.model.threads[&thread].process;
        if let Call::Fault = step.call {
            if actor != INIT {
                self.fault(thread);
            }
            return false;
        }
        let x = self.registers(actor, &step.call);
        if self.ends_init(thread, &x) {
            return false;
        }
        self.make(thread, &x, step.fail.map(u32::from))
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
        self.agree();
    }

    fn fault(&mut self, thread: Oid) {
        let user = self.users[&thread];
        let pc = self.world.frame(user).get(0);
        let reason = EndReason::Fault { cause: 13, address: 0xbad, pc };
        self.model.end_process(self.model.threads[&thread].process, reason);
        self.world.fault(user, 13, 0xbad);
        self.agree();
    }

    /// Makes a call in both, and compares what came of it.
    fn make(&mut self, thread: Oid, x: &Regs, fail: Option<u32>) -> Over {
        let user = self.users[&thread];
        let call = Syscall::decode(x[regs::NUMBER]);
        // Messages allocate nothing but capabilities: the model knows which of them fails.
        let exact = matches!(call, Some(Syscall::Call | Syscall::Reply | Syscall::ReplyRecv));
        let before = fail.filter(|_| !exact).map(|_| self.model.clone());
        self.model.fails = fail.filter(|_| exact);
        self.model.next_caps = self.world.next_caps().take(MAX_CAPS as usize).collect();
        let mut expected = self.model.syscall(thread, x);
        self.model.fails = None;
        self.count_wrong(thread, x);
        self.world.enter(user);
        let digest = (before.is_some() || matches!(expected, Expect::Fails(_)))
            .then(|| self.world.digest(Some(user)));
        fault::fail_at(fail);
        let (status, again) = self.execute(user, x);
        let struck = fail.is_some_and(|n| fault::passed() > n);
        fault::fail_at(None);
        if again && status == Status::Gone {
            // It ended its own process before it was through.
            return true;
        }
        if let Some(before) = before.filter(|_| struck) {
            self.model = before;
            expected = Expect::Fails(Error::NoMemory);
        }
        self.compare_result(user, x, status, &expected);
        if matches!(expected, Expect::Fails(_)) {
            let after = self.world.digest(Some(user));
            assert_eq!(digest, Some(after), "{call:?} {x:x?} failed and changed something");
        }
        self.agree();
        false
    }

    /// Counts what is wrong with a handle of which all else would do for a short way.
    fn count_wrong(&self, thread: Oid, x: &Regs) {
        let right = match Syscall::decode(x[regs::NUMBER]) {
            Some(Syscall::Call | Syscall::Signal) => Rights::SEND,
            Some(Syscall::ReplyRecv) => Rights::RECV,
            _ => return,
        };
        let (actor, handle) = (self.model.threads[&thread].process, Handle(x[regs::A0]));
        let in_slot = self.model.caps.values().find(|cap| cap.handle.slot() == handle.slot());
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

    /// Makes the call until it is done. True when that took more than once.
    fn execute(&mut self, user: User, x: &Regs) -> (Status, bool) {
        let mut again = false;
        loop {
            let status = self.world.raw(user, x[regs::NUMBER], |frame| {
                frame.regs[1..].copy_from_slice(&x[1..]);
            });
            if status != Status::Again {
                return (status, again);
            }
            again = true;
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
                self.bind(*id, handle);
            }
            Expect::Value(value) => assert_eq!(found, Ok(*value), "{}", at()),
            Expect::Record(value, sender, words) => {
                assert_eq!(found, Ok(*value), "{}", at());
                let mut got = self.world.frame(user).words();
                if x[regs::NUMBER] == Syscall::ProcessStat.number() {
                    self.compare_root(x[regs::A0], got[6], *sender);
                    got[6] = 0;
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

    /// The root table is told to who may manage the process, and to init of itself.
    fn compare_root(&self, asked: u64, root: u64, of: Sender) {
        let process = self.model.processes.values().find(|one| one.id() == of).unwrap();
        let told = process.alive && (asked != 0 || of.service_id == 1);
        assert_eq!(root != 0, told);
        assert!(root == 0 || self.world.root_of(process.slot) == Some(root));
    }

    /// Lets both take ended processes apart, and compares everything.
    fn agree(&mut self) {
        self.world.settle();
        self.model.settle();
        for call in std::mem::take(&mut self.model.withdrawn) {
            count(WITHDRAWN, call.to_owned());
        }
        for arrival in std::mem::take(&mut self.model.arrivals) {
            if self.model.threads.contains_key(&arrival.to) {
                self.compare_arrival(&arrival);
            }
        }
        self.forget();
        self.compare();
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
        let cap = self.model.caps.get_mut(&id).unwrap();
        cap.handle = handle;
        self.model.names.insert(handle, id);
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
            Kind::Thread if !self.users.contains_key(&object.0) => {
                let user = self.world.user_of(handle);
                self.users.insert(object.0, user);
                self.model.threads.get_mut(&object.0).unwrap().slot = self.world.slot(user);
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
