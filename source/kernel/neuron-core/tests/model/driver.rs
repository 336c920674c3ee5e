//! Runs a program on the kernel and on the model, and compares.

use std::cell::RefCell;
use std::collections::BTreeMap;

use neuron_core::sim::{Status, User, World, fault};
use nexus_abi::{Error, Handle, KindCode, Message, NO_DEADLINE, Rights, Syscall, Tag};

use crate::calls::{Named, OBJECT, Place};
use crate::model::{Cap, Cid, INIT, Kind, Model, Oid, Pid, What};
use crate::program::{self, Call, Pick, Step};

pub struct Driver<'w, 'a> {
    pub world: &'w mut World<'a>,
    pub model: Model,
    /// Names of the model's things in the kernel.
    pub handles: BTreeMap<Cid, Handle>,
    pub slots: BTreeMap<Pid, u32>,
    pub objects: BTreeMap<Oid, (u32, u64)>,
    users: BTreeMap<Pid, User>,
    /// Handles that were good once.
    pub dead: Vec<Handle>,
}

type Outcome<T> = Result<T, Error>;

/// How often each call returned what, by the name of the call.
pub type Tally = BTreeMap<(String, String), u64>;

std::thread_local! {
    static TALLY: RefCell<Tally> = const { RefCell::new(BTreeMap::new()) };
}

/// What was counted so far.
pub fn tally() -> Tally {
    TALLY.take()
}

fn count(call: &Call, found: Outcome<()>) {
    let name = format!("{call:?}").chars().take_while(|c| c.is_alphanumeric()).collect();
    let result = found.map_or_else(|error| format!("{error:?}"), |()| "Ok".to_owned());
    TALLY.with_borrow_mut(|tally| *tally.entry((name, result)).or_default() += 1);
}

impl<'w, 'a> Driver<'w, 'a> {
    /// With init as the kernel starts it.
    pub fn new(world: &'w mut World<'a>) -> Driver<'w, 'a> {
        let view = world.view();
        let init = view.processes.values().next().unwrap();
        let mut driver = Driver {
            model: Model::new(u64::from(init.frames.1), u64::from(init.objects.1)),
            handles: BTreeMap::new(),
            slots: BTreeMap::from([(INIT, *view.processes.keys().next().unwrap())]),
            objects: BTreeMap::new(),
            users: BTreeMap::from([(INIT, world.init)]),
            dead: Vec::new(),
            world,
        };
        for (handle, cap) in &view.caps {
            let what = match cap.kind {
                KindCode::DeviceMmio => What::Window { base: cap.base, len: cap.len },
                KindCode::Spawn => What::Spawn,
                KindCode::Console => What::Console,
                KindCode::Vmo => {
                    let kind = Kind::Memory { pages: cap.len / 4096, sealed: true };
                    let object = driver.model.new_object(INIT, kind);
                    driver.objects.insert(object, (cap.object, cap.base));
                    What::Object(object)
                }
                other => panic!("init has a {other:?}"),
            };
            let one = Cap { owner: INIT, what, rights: cap.rights, parent: None };
            let id = driver.model.new_cap(one);
            driver.handles.insert(id, Handle(*handle));
        }
        driver.compare();
        for step in program::beginning() {
            let result = driver.call(INIT, &step);
            assert_eq!(result, Some((Ok(()), Ok(()))), "{step:?}");
            driver.compare();
        }
        driver
    }

    pub fn run(mut self, program: &[Step]) {
        for step in program {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        let actors: Vec<Pid> = self.users.keys().copied().collect();
        // Init acts often: it has most to lose.
        let actor = match step.actor % 3 {
            0 => INIT,
            _ => actors[usize::from(step.actor) % actors.len()],
        };
        self.world.enter(self.users[&actor]);
        let before = self.world.digest(Some(self.users[&actor]));
        let model = self.model.clone();
        fault::fail_at(step.fail.map(u32::from));
        let result = self.call(actor, &step.call);
        let struck = step.fail.is_some_and(|n| fault::passed() > u32::from(n));
        fault::fail_at(None);
        let Some((expected, found)) = result else { return };
        count(&step.call, found);
        if struck && !matches!(step.call, Call::Spawn { .. } | Call::Pass { .. }) {
            assert_eq!(found, Err(Error::NoMemory), "{step:?}");
            self.model = model;
        } else if !struck {
            assert_eq!(found, expected, "{step:?}");
        }
        let whole = !matches!(step.call, Call::Spawn { .. } | Call::Pass { .. });
        if found.is_err() && whole {
            let after = self.world.digest(Some(self.users[&actor]));
            assert_eq!(before, after, "{step:?} failed and changed something");
        }
        self.forget();
        self.compare();
    }

    /// Makes the call in both; the results, if it was made.
    fn call(&mut self, actor: Pid, call: &Call) -> Option<(Outcome<()>, Outcome<()>)> {
        let user = self.users[&actor];
        match call {
            Call::Endpoint => {
                let rights = OBJECT | Rights::SEND | Rights::RECV;
                let expected = self.model.create(actor, Kind::Endpoint, rights);
                self.makes(user, Syscall::EndpointCreate, &[], expected)
            }
            Call::Notification => {
                let rights = OBJECT | Rights::SEND | Rights::RECV;
                let expected = self.model.create(actor, Kind::Notification, rights);
                self.makes(user, Syscall::NotificationCreate, &[], expected)
            }
            Call::Memory { pages } => {
                let kind = Kind::Memory { pages: *pages, sealed: false };
                let rights = Rights::all().difference(Rights::SEND | Rights::RECV);
                let expected = self.model.create(actor, kind, rights);
                self.makes(user, Syscall::VmoCreate, &[*pages], expected)
            }
            Call::Derive { cap, rights, offset, len } => {
                let (handle, named) =
                    self.pick(actor, *cap, |_, cap| cap.rights.contains(Rights::DERIVE));
                let window = named
                    .is_some_and(|id| matches!(self.model.caps[&id].what, What::Window { .. }));
                // Other kinds have no parts; that is refused often enough.
                let plain = !window && rights % 4 != 0;
                let (offset, len) = if plain { (0, 0) } else { (*offset, *len) };
                let rights = self.rights_near(named, *rights);
                let expected = self.model.derive(actor, named, rights, offset, len);
                let args = [handle.0, rights, offset, len];
                self.makes(user, Syscall::CapDerive, &args, expected)
            }
            Call::Install { target, cap, rights } => {
                let (process, target) = self.pick_target(actor, *target);
                let (handle, named) =
                    self.pick(actor, *cap, |_, cap| cap.rights.contains(Rights::GRANT));
                let rights = self.rights_near(named, *rights);
                let expected = self.model.install(actor, target, named, rights);
                self.makes(user, Syscall::CapInstall, &[process.0, handle.0, rights], expected)
            }
            Call::Drop { cap } => {
                let (handle, named) = self.pick(actor, *cap, |_, _| true);
                if self.ends_init(named) {
                    return None;
                }
                let expected = self.model.drop_named(named);
                self.does(user, Syscall::CapDrop, &[handle.0], expected)
            }
            Call::Revoke { cap } => {
                let (handle, named) =
                    self.pick(actor, *cap, |_, cap| cap.rights.contains(Rights::REVOKE));
                let expected = self.model.revoke_named(named);
                self.does(user, Syscall::CapRevoke, &[handle.0], expected)
            }
            Call::Seal { cap } => {
                let (handle, named) = self.pick(actor, *cap, is_memory);
                let expected = self.model.seal(named);
                self.does(user, Syscall::VmoSeal, &[handle.0], expected)
            }
            Call::MapMemory { target, cap, place } => {
                let (process, target) = self.pick_target(actor, *target);
                let (handle, named) = self.pick(actor, *cap, is_memory);
                let expected = self.model.map_memory(actor, target, named, at(place));
                let [offset, len, va, prot] = *place;
                let args = [process.0, handle.0, offset, len, va, prot];
                self.does(user, Syscall::VmoMap, &args, expected)
            }
            Call::MapDevice { cap, place } => {
                let (handle, named) = self.pick(actor, *cap, |_, cap| {
                    matches!(cap.what, What::Window { .. }) && !cap.rights.contains(Rights::DERIVE)
                });
                let expected = self.model.map_device(actor, named, at(place));
                let [offset, len, va, prot] = *place;
                let args = [handle.0, offset, len, va, prot];
                self.does(user, Syscall::MmioMap, &args, expected)
            }
            Call::Unmap { va } => {
                let va = self.mapped_at(actor, *va);
                let expected = self.model.unmap(actor, va);
                self.does(user, Syscall::Unmap, &[va], expected)
            }
            Call::Protect { va, prot } => {
                let va = self.mapped_at(actor, *va);
                let expected = self.model.protect(actor, va, *prot);
                self.does(user, Syscall::Protect, &[va, *prot], expected)
            }
            Call::Spawn { cap, service, frames, objects } => {
                self.spawn(actor, *cap, *service, *frames, *objects)
            }
            Call::End { target } => {
                let (process, target) = self.pick_target(actor, *target);
                if self.model.target(actor, target) == Ok(INIT) {
                    return None;
                }
                let expected = self.model.end(actor, target).map(|_| ());
                let found = self.world.start(user, Syscall::ProcessEnd, &[process.0, 7]);
                let found = if found == Status::Done { self.world.result(user) } else { Ok(0) };
                Some((expected, found.map(|_| ())))
            }
            Call::Fault => {
                if actor == INIT {
                    return None;
                }
                self.model.end_process(actor);
                self.world.fault(user, 13, 0xbad);
                Some((Ok(()), Ok(())))
            }
            Call::Pass { to, caps, answer } => self.pass(actor, *to, caps, *answer),
        }
    }

    /// A call that makes a capability.
    fn makes(
        &mut self,
        user: User,
        call: Syscall,
        args: &[u64],
        expected: Outcome<Cid>,
    ) -> Option<(Outcome<()>, Outcome<()>)> {
        let found = self.world.call(user, call, args).map(Handle);
        if let (Ok(id), Ok(handle)) = (expected, found) {
            self.bind(id, handle);
        }
        Some((expected.map(|_| ()), found.map(|_| ())))
    }

    /// A call that makes none.
    fn does(
        &mut self,
        user: User,
        call: Syscall,
        args: &[u64],
        expected: Outcome<()>,
    ) -> Option<(Outcome<()>, Outcome<()>)> {
        let mut status = self.world.start(user, call, args);
        while status == Status::Again {
            status = self.world.start(user, call, args);
        }
        let found = if status == Status::Done { self.world.result(user) } else { Ok(0) };
        Some((expected, found.map(|_| ())))
    }

    /// A process with a thread: two calls.
    fn spawn(
        &mut self,
        actor: Pid,
        cap: Pick,
        service: u64,
        frames: u32,
        objects: u32,
    ) -> Option<(Outcome<()>, Outcome<()>)> {
        let user = self.users[&actor];
        let (handle, named) = self.pick(actor, cap, |_, cap| cap.what == What::Spawn);
        let before = (self.model.clone(), self.world.digest(Some(user)));
        let expected = self.model.spawn(actor, named, service, frames, objects);
        let budget = (u64::from(objects) << 32) | u64::from(frames);
        let args = [handle.0, service, budget, 0, 0];
        let found = self.world.call(user, Syscall::ProcessCreate, &args).map(Handle);
        let struck = found == Err(Error::NoMemory) && expected.is_ok();
        if found.is_err() {
            assert_eq!(before.1, self.world.digest(Some(user)));
        }
        if struck {
            self.model = before.0;
            return Some((found.map(|_| ()), found.map(|_| ())));
        }
        let (Ok((process, id)), Ok(handle)) = (expected, found) else {
            return Some((expected.map(|_| ()), found.map(|_| ())));
        };
        self.bind(id, handle);
        let slot = self.world.view().caps[&handle.0].object;
        self.slots.insert(process, slot);
        self.world.enter(user);
        let before = (self.model.clone(), self.world.digest(Some(user)));
        let expected = self.model.thread(actor, Some(id));
        let found = self.world.thread_by(user, handle, 31);
        match (expected, found) {
            (Ok(id), Ok((handle, user))) => {
                self.bind(id, handle);
                self.users.insert(process, user);
            }
            (_, Err(error)) => {
                assert_eq!(before.1, self.world.digest(Some(user)));
                self.model = before.0;
                if expected.is_ok() {
                    return Some((Err(error), Err(error)));
                }
            }
            (Err(_), Ok(_)) => {}
        }
        Some((expected.map(|_| ()), found.map(|_| ())))
    }

    /// A message with capabilities from one process to another, and the answer; or an answer with
    /// capabilities.
    fn pass(
        &mut self,
        actor: Pid,
        to: u8,
        caps: &[Pick],
        answer: bool,
    ) -> Option<(Outcome<()>, Outcome<()>)> {
        let (to, send, receive) = self.connection(actor, to)?;
        let picked: Vec<(Handle, Named)> = caps
            .iter()
            .map(|cap| self.pick(actor, *cap, |_, cap| cap.rights.contains(Rights::GRANT)))
            .collect();
        let mut message = Message::new(1, &[]);
        message.tag = Tag::new(1, 8, caps.len() as u8);
        for (word, (handle, _)) in message.words[8 - caps.len()..].iter_mut().zip(&picked) {
            *word = handle.0;
        }
        let named: Vec<Named> = picked.iter().map(|(_, named)| *named).collect();
        let before = self.model.clone();
        let plain = Message::new(0, &[]);
        let (from_user, to_user) = (self.users[&actor], self.users[&to]);
        if answer {
            // The other way round: the receiver of the capabilities asked for them.
            let (send, receive) = self.connection_between(to, actor)?;
            assert_eq!(self.world.receive(from_user, receive), Status::Blocked);
            assert_eq!(self.world.send(to_user, send, &plain, NO_DEADLINE), Status::Blocked);
            let reply = self.world.received(from_user).unwrap().reply;
            let expected = self.model.pass(to, &named);
            self.world.enter(from_user);
            let digest = self.world.digest(Some(from_user));
            let reply_with = |world: &mut World<'_>, message: &Message| {
                world.message(from_user, Syscall::Reply, reply, Handle::NONE, message, 0)
            };
            assert_eq!(reply_with(self.world, &message), Status::Done);
            let found = self.world.result(from_user).map(|_| ());
            if found.is_err() {
                assert_eq!(digest, self.world.digest(Some(from_user)));
                assert_eq!(reply_with(self.world, &plain), Status::Done);
            }
            return Some(self.arrived(to_user, before, expected, found));
        }
        let deadline = self.world.now() + 1;
        let none = Handle::NONE;
        let receive_by = Syscall::ReplyRecv;
        let status = self.world.message(to_user, receive_by, receive, none, &plain, deadline);
        assert_eq!(status, Status::Blocked);
        let expected = self.model.pass(to, &named);
        self.world.enter(from_user);
        let digest = self.world.digest(Some(from_user));
        let status = self.world.send(from_user, send, &message, NO_DEADLINE);
        if status == Status::Done {
            let found = self.world.result(from_user).map(|_| ());
            assert_eq!(digest, self.world.digest(Some(from_user)));
            self.world.advance(1);
            assert_eq!(self.world.result(to_user), Err(Error::TimedOut));
            return Some(self.arrived(to_user, before, expected, found));
        }
        let got = self.world.received(to_user).unwrap();
        assert_eq!(got.sender, self.world.identity(from_user));
        let outcome = self.arrived(to_user, before, expected, Ok(()));
        let status = self.world.message(to_user, Syscall::Reply, got.reply, none, &plain, 0);
        assert_eq!(status, Status::Done);
        Some(outcome)
    }

    /// Names what arrived; takes back what the model thinks did, if an allocation failed.
    fn arrived(
        &mut self,
        user: User,
        before: Model,
        expected: Outcome<Vec<Cid>>,
        found: Outcome<()>,
    ) -> (Outcome<()>, Outcome<()>) {
        match (&expected, found) {
            (Ok(made), Ok(())) => {
                let got = self.world.received(user).unwrap();
                let handles: Vec<Handle> = got.message.caps().collect();
                assert_eq!(handles.len(), made.len());
                for (id, handle) in made.iter().zip(handles) {
                    self.bind(*id, handle);
                }
            }
            (Ok(_), Err(Error::NoMemory)) if fault::passed() > 0 => {
                self.model = before;
                return (found, found);
            }
            _ => {}
        }
        (expected.map(|_| ()), found)
    }

    /// Somebody whom the actor can send to: the other, SEND of the actor, RECV of the other.
    fn connection(&self, actor: Pid, to: u8) -> Option<(Pid, Handle, Handle)> {
        let others: Vec<Pid> = self.users.keys().copied().filter(|pid| *pid != actor).collect();
        let found: Vec<(Pid, Handle, Handle)> = others
            .into_iter()
            .filter_map(|other| {
                let (send, receive) = self.connection_between(actor, other)?;
                Some((other, send, receive))
            })
            .collect();
        found.get(usize::from(to) % found.len().max(1)).copied()
    }

    fn connection_between(&self, from: Pid, to: Pid) -> Option<(Handle, Handle)> {
        let ends = |pid: Pid, right: Rights| {
            self.model.caps.iter().filter(move |(_, cap)| {
                cap.owner == pid
                    && cap.rights.contains(right)
                    && self.model.kind(cap.what) == Some(Kind::Endpoint)
            })
        };
        ends(from, Rights::SEND).find_map(|(send, one)| {
            let (receive, _) = ends(to, Rights::RECV).find(|(_, two)| two.what == one.what)?;
            Some((self.handles[send], self.handles[receive]))
        })
    }

    fn bind(&mut self, id: Cid, handle: Handle) {
        assert!(!self.handles.values().any(|other| *other == handle), "{handle:?} is taken");
        assert!(!self.dead.contains(&handle), "{handle:?} is used again");
        self.handles.insert(id, handle);
        if let What::Object(object) = self.model.caps[&id].what
            && let Some(cap) = self.world.view().caps.get(&handle.0)
        {
            self.objects.entry(object).or_insert((cap.object, cap.base));
        }
    }

    /// Lets go of what has ended in the model.
    fn forget(&mut self) {
        self.world.settle();
        let gone: Vec<Cid> =
            self.handles.keys().copied().filter(|id| !self.model.caps.contains_key(id)).collect();
        for id in gone {
            self.dead.extend(self.handles.remove(&id));
        }
        let alive = |pid: &Pid| self.model.processes.get(pid).is_some_and(|one| one.alive);
        self.users.retain(|pid, _| alive(pid));
        self.slots.retain(|pid, _| self.model.processes.contains_key(pid));
        self.objects.retain(|id, _| self.model.objects.contains_key(id));
    }

    /// Often, no more than there is.
    fn rights_near(&self, named: Named, rights: u64) -> u64 {
        match named {
            Some(id) if rights & 1 == 1 => u64::from(self.model.caps[&id].rights.bits()) & rights,
            _ => rights,
        }
    }

    /// Where a mapping of the actor begins, if there is one near.
    fn mapped_at(&self, actor: Pid, va: u64) -> u64 {
        let own: Vec<u64> = self
            .model
            .mappings
            .iter()
            .filter(|one| one.process == actor)
            .map(|one| one.va)
            .collect();
        match va >> 12 & 3 {
            0..3 if !own.is_empty() => own[(va >> 12) as usize % own.len()],
            _ => va,
        }
    }

    /// Dropping this would end init: the last capability to something that init is.
    fn ends_init(&self, named: Named) -> bool {
        named.is_some_and(|id| {
            self.model.kind(self.model.caps[&id].what) == Some(Kind::Process(INIT))
        })
    }
}

fn at(place: &[u64; 4]) -> Place {
    let [offset, len, va, prot] = *place;
    Place { offset, len, va, prot }
}

fn is_memory(model: &Model, cap: &Cap) -> bool {
    matches!(model.kind(cap.what), Some(Kind::Memory { .. }))
}
