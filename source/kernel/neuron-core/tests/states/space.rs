//! The states of a scenario, for `stateright`. A kernel cannot be copied, so that a state is the way
//! to it: it is reached by doing everything again. Two states are the same when the digest of the
//! kernel, the places that the threads have come to, and their handles are the same.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use neuron_core::check::Digest;
use neuron_core::object::thread::State as Doing;
use neuron_core::sim::{Config, User, World, pace, run_with};
use nexus_abi::{Handle, KindCode, LineState, NO_DEADLINE, Syscall};
use stateright::{Model, Property};

use crate::program::{Actor, VARS};

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A thread makes its next call, or the next step of it.
    Act(u8),
    /// Init ends a process.
    Kill(u8),
    /// One step of taking ended processes apart.
    Reap,
    /// All deadlines pass.
    Tick,
    /// A device raises the level of its line and lowers it again; interrupts that wait come.
    Strike,
}

/// What must hold in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The checker finds nothing, and nothing panics.
    Clean = 1,
    /// Each page of a device is mapped by one process at most.
    OneOwner = 2,
    /// What was revoked is neither held nor mapped.
    Revoked = 4,
    /// No call waits when nothing more can happen.
    Answered = 8,
    /// A handle that was dead once stays dead.
    Stale = 16,
    /// What the scenario itself says about the results.
    Results = 32,
    /// What is enabled or claimed at the interrupt controller is received by somebody, nothing is completed
    /// in vain, and a register is written by a call that says so, and by no other.
    Lines = 64,
}

/// How a scenario begins, and what it is about.
pub struct Cast {
    pub actors: Vec<Actor>,
    pub vars: [u64; VARS],
    /// Init's second thread, and processes that it may end.
    pub killer: User,
    pub victims: Vec<Handle>,
    /// The first actor revokes this in its call of that number: nothing below is left then.
    pub revokes: Option<(Handle, usize)>,
    /// A device with this line acts so often, at any moment.
    pub strikes: (u32, usize),
    /// What the results say; false when something is wrong.
    pub judge: fn(&[Actor]) -> bool,
}

/// How much of it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Units of work between two preemptions.
    pub step: u32,
    /// Processes that end at any moment.
    pub kills: usize,
}

pub struct Space {
    /// Frames set aside for devices.
    pub device: u32,
    pub build: fn(&mut World<'_>) -> Cast,
    pub bound: Bound,
}

#[derive(Clone, Debug)]
pub struct State {
    digest: u64,
    path: Vec<Action>,
    enabled: Vec<Action>,
    broken: u8,
    /// Every thread has made all its calls.
    through: bool,
}

impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        self.digest == other.digest
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// A scenario that has come to some point.
struct Scene {
    cast: Cast,
    killed: Vec<u8>,
    strikes: usize,
    dead: BTreeSet<u64>,
    revived: bool,
}

impl Scene {
    fn perform(&mut self, world: &mut World<'_>, action: Action) {
        match action {
            Action::Act(n) => self.cast.actors[usize::from(n)].act(world, &self.cast.vars),
            Action::Kill(n) => {
                let process = self.cast.victims[usize::from(n)];
                let _ = world.start(self.cast.killer, Syscall::ProcessEnd, &[process.0, 1]);
                self.killed.push(n);
            }
            Action::Reap => {
                world.step_reaper();
            }
            Action::Tick => {
                world.advance(1 << 20);
            }
            Action::Strike => {
                let (line, _) = self.cast.strikes;
                world.set_level(line, true);
                world.set_level(line, false);
                self.strikes += 1;
            }
        }
        world.interrupts();
        // Who runs is chosen here, so that it makes no difference who ran last.
        world.enter(self.cast.killer);
        for actor in &mut self.cast.actors {
            actor.look(world, &mut self.cast.vars);
        }
        for handle in self.cast.vars.into_iter().filter(|word| *word != 0) {
            if Handle(handle).is_reply() {
                continue;
            }
            if world.cap(Handle(handle)).is_none() {
                self.dead.insert(handle);
            } else {
                self.revived |= self.dead.contains(&handle);
            }
        }
    }

    fn enabled(&self, world: &World<'_>, bound: Bound) -> Vec<Action> {
        let mut enabled = Vec::new();
        for (n, actor) in (0u8..).zip(&self.cast.actors) {
            if actor.can_act(world) {
                enabled.push(Action::Act(n));
            }
        }
        for n in 0..self.cast.victims.len() as u8 {
            if self.killed.len() < bound.kills && !self.killed.contains(&n) {
                enabled.push(Action::Kill(n));
            }
        }
        if world.is_reaping() {
            enabled.push(Action::Reap);
        }
        let view = world.view();
        let waits = view.threads.iter().any(|(_, thread)| thread.deadline != NO_DEADLINE);
        if waits || view.lines.iter().any(|(_, line)| line.alarm != NO_DEADLINE) {
            enabled.push(Action::Tick);
        }
        if self.strikes < self.cast.strikes.1 {
            enabled.push(Action::Strike);
        }
        enabled
    }

    fn broken(&self, world: &mut World<'_>, enabled: &[Action]) -> u8 {
        let mut broken = 0;
        let view = world.view();
        let device = |to: u64| !(0x8000_0000..0x9000_0000).contains(&to);
        let mut owners: Vec<(u64, u32)> = view
            .pages
            .iter()
            .filter(|(_, page)| device(page.to))
            .map(|((process, _), page)| (page.to, *process))
            .collect();
        owners.sort_unstable();
        owners.dedup();
        if owners.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            broken |= Rule::OneOwner as u8;
        }
        if let Some((top, nth)) = self.cast.revokes
            && self.cast.actors[0].at == nth + 1
            && self.cast.actors[0].results.get(nth) == Some(&Ok(0))
        {
            let below = view.caps.iter().any(|(_, cap)| cap.parent == Some(top.0));
            let what = world.cap(top).unwrap();
            let memory: Vec<u64> = match what.kind {
                KindCode::Vmo => world.frames_of(top).iter().map(|one| one.address()).collect(),
                _ => Vec::new(),
            };
            let inside = |to: u64| match what.kind {
                KindCode::Vmo => memory.contains(&to),
                _ => to >= what.base && to < what.base + what.len,
            };
            let mapped = view.pages.iter().any(|(_, page)| inside(page.to));
            if below || mapped {
                broken |= Rule::Revoked as u8;
            }
        }
        let ignored = world.machine().plic.ignored;
        let plic = &world.machine().plic;
        let adrift = view.lines.iter().any(|(number, line)| {
            let source = plic.source(*number);
            let claimed = matches!(line.state, LineState::Delivered | LineState::Held);
            source.claimed != claimed || source.open != (line.state != LineState::Free)
        });
        // Who was ended in between has not seen what came of its last call.
        let unseen = self.cast.actors.iter().filter(|actor| actor.waits || actor.gone).count();
        let told = self.cast.actors.iter().map(Actor::stores).sum::<usize>();
        let stores = world.machine().stores.len();
        let untold = !(told..=told + 2 * unseen).contains(&stores);
        if adrift || ignored != 0 || untold {
            broken |= Rule::Lines as u8;
        }
        let calls = |actor: &Actor| {
            let state = actor.user.and_then(|user| world.state(user));
            matches!(state, Some(Doing::Sending(_) | Doing::Awaiting { .. }))
        };
        if enabled.is_empty() && self.cast.actors.iter().any(calls) {
            broken |= Rule::Answered as u8;
        }
        if self.revived {
            broken |= Rule::Stale as u8;
        }
        if !(self.cast.judge)(&self.cast.actors) {
            broken |= Rule::Results as u8;
        }
        broken
    }

    fn digest(&self, world: &mut World<'_>) -> u64 {
        let mut digest: Digest = world.digest(None);
        for actor in &self.cast.actors {
            (actor.user, actor.at, actor.waits, actor.gone, &actor.results).hash(&mut digest);
        }
        (self.cast.vars, &self.killed, self.strikes, &self.dead).hash(&mut digest);
        let now = world.now();
        for (number, line) in world.view().lines {
            let pending = world.machine().plic.source(number).pending;
            // How long ago, as far as that makes a difference.
            let ago = now.saturating_sub(line.last).min(1 << 19);
            (pending, line.delivered != 0, ago).hash(&mut digest);
        }
        digest.number()
    }
}

impl Space {
    /// The state at the end of a path; the checker looks at its last action.
    fn reach(&self, path: Vec<Action>) -> State {
        pace::set_step(Some(self.bound.step));
        let device = self.device;
        let config = Config { objects: 120, frames: 128 + device, device, ..Config::default() };
        let state = run_with(&config, |world| {
            // The beginning is the same in each path: the checker looks at it in the first.
            world.checking = path.is_empty();
            let cast = (self.build)(world);
            world.checking = false;
            world.fast = true;
            let mut scene = Scene {
                cast,
                killed: Vec::new(),
                strikes: 0,
                dead: BTreeSet::new(),
                revived: false,
            };
            let clean = catch_unwind(AssertUnwindSafe(|| {
                for (n, action) in path.iter().enumerate() {
                    if n + 1 == path.len() {
                        world.checking = true;
                        world.check();
                    }
                    scene.perform(world, *action);
                }
            }));
            if clean.is_err() {
                return State {
                    digest: 0,
                    path,
                    enabled: Vec::new(),
                    broken: Rule::Clean as u8,
                    through: false,
                };
            }
            let enabled = scene.enabled(world, self.bound);
            let broken = scene.broken(world, &enabled);
            let through = scene.cast.actors.iter().all(|one| one.at == one.ops.len() && !one.waits);
            State { digest: scene.digest(world), path, enabled, broken, through }
        });
        pace::set_step(None);
        state
    }
}

fn holds<const RULE: u8>(_: &Space, state: &State) -> bool {
    state.broken & RULE == 0
}

impl Model for Space {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.reach(Vec::new())]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(&state.enabled);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut path = state.path.clone();
        path.push(action);
        Some(self.reach(path))
    }

    fn properties(&self) -> Vec<Property<Space>> {
        vec![
            Property::sometimes("all threads get through", |_, state: &State| state.through),
            Property::always("the checker is content", holds::<{ Rule::Clean as u8 }>),
            Property::always("one owner of a device page", holds::<{ Rule::OneOwner as u8 }>),
            Property::always("nothing of what was revoked", holds::<{ Rule::Revoked as u8 }>),
            Property::always("every call ends", holds::<{ Rule::Answered as u8 }>),
            Property::always("stale handles stay stale", holds::<{ Rule::Stale as u8 }>),
            Property::always("results are as they must be", holds::<{ Rule::Results as u8 }>),
            Property::always("lines have receivers", holds::<{ Rule::Lines as u8 }>),
        ]
    }
}
