//! Shares of the hart among equals, one of which computes while others do all they can to have more:
//! programs that know the time, and give the hart away in every way just before they would lose it.

use nexus_abi::regs;

use crate::common::*;

/// Ticks of a time slice.
const SLICE: u64 = 100_000;
/// The priority of all that compete, and that of the servers.
const EQUALS: u64 = 10;
const ABOVE: u64 = 20;

/// How a greedy thread gives the hart away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trick {
    Yield,
    /// Waits for so many ticks.
    Sleep(u64),
    /// Calls a more important server, which computes.
    Call,
    /// Calls a more important server, which waits before it answers.
    CallSleeper,
    /// Calls an equal of its own side, which computes and answers.
    CallEqual,
    /// Wakes something more important, which computes.
    Signal,
}

const TRICKS: [Trick; 7] = [
    Trick::Yield,
    Trick::Sleep(1),
    Trick::Sleep(3000),
    Trick::Call,
    Trick::CallSleeper,
    Trick::CallEqual,
    Trick::Signal,
];

/// Plays tricks from `lead` ticks before the end of what would be its slice, each `pause` ticks after
/// the one before.
#[derive(Clone, Debug)]
struct Plan {
    tricks: Vec<Trick>,
    lead: u64,
    pause: u64,
}

enum Role {
    Victim,
    Greedy {
        plan: Plan,
        next: usize,
        began: u64,
        due: u64,
    },
    /// Answers after it has computed and waited for so many ticks.
    Server {
        endpoint: Handle,
        timer: Handle,
        work: u64,
        sleep: u64,
        slept: bool,
        reply: Handle,
    },
    /// Computes when it is woken.
    Woken {
        by: Handle,
        work: u64,
        done: bool,
    },
    /// Computes for half the time, in periods as long as two slices.
    Periodic {
        timer: Handle,
        until: u64,
    },
}

struct Actor {
    user: User,
    role: Role,
    ticks: u64,
}

/// What the greedy threads can use.
struct Tools {
    call: [Handle; 3],
    signal: Handle,
    timers: Handle,
}

struct Arena {
    actors: Vec<Actor>,
    tools: Tools,
    /// Who ran last, when the victim did, and the longest time that it did not.
    last: Option<User>,
    victim_ran: u64,
    longest: u64,
}

impl Arena {
    fn new(w: &mut World<'_>, plans: &[Plan], periodic: bool) -> Arena {
        let process = w.process_create(7, 64, 400, Handle::NONE, 0).unwrap();
        let other = w.process_create(8, 64, 200, Handle::NONE, 0).unwrap();
        let mut actors = Vec::new();
        let mut add = |w: &mut World<'_>, process, priority, role: Role| {
            let user = w.thread_in(process, priority).1;
            actors.push(Actor { user, role, ticks: 0 });
        };
        let mut call = [Handle::NONE; 3];
        let servers = [(other, ABOVE, 40, 0), (other, ABOVE, 0, 300), (process, EQUALS, 700, 0)];
        for ((process_of, priority, work, sleep), call) in servers.into_iter().zip(&mut call) {
            let (endpoint, timer) = (w.endpoint_create(w.init).unwrap(), timer(w, process_of));
            *call = w.install(w.init, process, endpoint, Rights::SEND).unwrap();
            let endpoint = w.install(w.init, process_of, endpoint, Rights::RECV).unwrap();
            let reply = Handle::NONE;
            let role = Role::Server { endpoint, timer, work, sleep, slept: false, reply };
            add(w, process_of, priority, role);
        }
        let signal = w.notification_create(w.init).unwrap();
        let by = w.install(w.init, other, signal, Rights::RECV).unwrap();
        let signal = w.install(w.init, process, signal, Rights::SEND).unwrap();
        add(w, other, ABOVE, Role::Woken { by, work: 900, done: true });
        if periodic {
            let timer = timer(w, other);
            add(w, other, ABOVE, Role::Periodic { timer, until: 0 });
        }
        let victim = w.process_create(9, 8, 20, Handle::NONE, 0).unwrap();
        add(w, victim, EQUALS, Role::Victim);
        for plan in plans {
            let plan = plan.clone();
            add(w, process, EQUALS, Role::Greedy { plan, next: 0, began: 0, due: 0 });
        }
        let timers = timer(w, process);
        let none = w.notification_create(w.init).unwrap();
        w.start(w.init, Syscall::Wait, &[none.0, NO_DEADLINE]);
        let victim_ran = w.now();
        let tools = Tools { call, signal, timers };
        Arena { actors, tools, last: None, victim_ran, longest: 0 }
    }

    /// Lets all run for so many steps.
    fn run(&mut self, w: &mut World<'_>, steps: u32) {
        w.checking = false;
        for _ in 0..steps {
            if !w.schedule() {
                let (now, timer) = (w.now(), w.machine().timer);
                w.advance(timer - now);
                continue;
            }
            let current = w.current().unwrap();
            let fresh = self.last != Some(current);
            self.last = Some(current);
            let actor = self.actors.iter_mut().find(|one| one.user == current).unwrap();
            if matches!(actor.role, Role::Victim) {
                self.longest = self.longest.max(w.now() - self.victim_ran);
                actor.ticks += spin(w, 500);
                self.victim_ran = w.now();
            } else {
                actor.act(w, fresh, &self.tools);
            }
        }
        self.longest = self.longest.max(w.now() - self.victim_ran);
    }

    /// Ticks of the victim, and of all that compete with it.
    fn shares(&self) -> (u64, u64) {
        let of = |victim: bool| -> u64 {
            let side = |one: &&Actor| match one.role {
                Role::Victim => victim,
                Role::Greedy { .. } => !victim,
                Role::Server { work, .. } => !victim && work == 700,
                Role::Woken { .. } | Role::Periodic { .. } => false,
            };
            self.actors.iter().filter(side).map(|one| one.ticks).sum()
        };
        (of(true), of(false))
    }
}

fn timer(w: &mut World<'_>, process: Handle) -> Handle {
    let timer = w.notification_create(w.init).unwrap();
    w.install(w.init, process, timer, Rights::RECV).unwrap()
}

/// Computes for this many ticks at most; an interrupt ends it.
fn spin(w: &mut World<'_>, ticks: u64) -> u64 {
    let (now, timer) = (w.now(), w.machine().timer);
    let step = timer.saturating_sub(now).clamp(1, ticks.max(1));
    w.advance(step);
    step
}

impl Actor {
    fn act(&mut self, w: &mut World<'_>, fresh: bool, tools: &Tools) {
        let (me, now, plain) = (self.user, w.now(), Message::new(1, &[]));
        match &mut self.role {
            Role::Victim => {}
            Role::Greedy { plan, next, began, due } => {
                if fresh {
                    *began = now;
                    *due = (*due).max(now + SLICE.saturating_sub(plan.lead));
                }
                if now < *due {
                    self.ticks += spin(w, (*due - now).min(500));
                    return;
                }
                let trick = plan.tricks[*next % plan.tricks.len()];
                *next += 1;
                *due = now + plan.pause;
                play(w, me, trick, tools);
            }
            Role::Server { endpoint, timer, work, sleep, slept, reply } => {
                let frame = w.frame(me);
                let got = Handle(frame.get(regs::T4));
                if frame.get(regs::A0) == 0 && got.is_reply() && *reply == Handle::NONE {
                    *reply = got;
                    *slept = *sleep == 0;
                    if *work > 0 {
                        self.ticks += spin(w, *work);
                        return;
                    }
                }
                if *reply != Handle::NONE && !*slept {
                    *slept = true;
                    w.start(me, Syscall::Wait, &[timer.0, now + *sleep]);
                    return;
                }
                let answered = std::mem::replace(reply, Handle::NONE);
                w.message(me, Syscall::ReplyRecv, *endpoint, answered, &plain, NO_DEADLINE);
            }
            Role::Woken { by, work, done } => {
                *done = !*done;
                if *done {
                    self.ticks += spin(w, *work);
                } else {
                    w.start(me, Syscall::Wait, &[by.0, NO_DEADLINE]);
                }
            }
            Role::Periodic { timer, until } => {
                if now < *until {
                    self.ticks += spin(w, *until - now);
                } else {
                    // Its next period begins with an even slice.
                    let begin = (now / (2 * SLICE) + 1) * 2 * SLICE;
                    *until = begin + SLICE;
                    w.start(me, Syscall::Wait, &[timer.0, begin]);
                }
            }
        }
    }
}

fn play(w: &mut World<'_>, me: User, trick: Trick, tools: &Tools) {
    let (now, plain) = (w.now(), Message::new(1, &[]));
    let call = |w: &mut World<'_>, n: usize| {
        w.send(me, tools.call[n], &plain, now + 10_000_000);
    };
    match trick {
        Trick::Yield => {
            w.start(me, Syscall::Yield, &[]);
        }
        Trick::Sleep(ticks) => {
            w.start(me, Syscall::Wait, &[tools.timers.0, now + ticks]);
        }
        Trick::Call => call(w, 0),
        Trick::CallSleeper => call(w, 1),
        Trick::CallEqual => call(w, 2),
        Trick::Signal => {
            w.start(me, Syscall::Signal, &[tools.signal.0, 1]);
        }
    }
}

/// What the victim must have of the hart among `rivals`, and how long it may wait for its turn.
fn judge(plans: &[Plan], periodic: bool, fast: bool, steps: u32) {
    let config = Config { objects: 2000, frames: 1024, ..Config::default() };
    run_with(&config, |w| {
        w.fast = fast;
        let mut arena = Arena::new(w, plans, periodic);
        arena.run(w, steps);
        let (victim, others) = arena.shares();
        // The equal server has turns of its own, if it is used at all.
        let server = plans.iter().any(|plan| plan.tricks.contains(&Trick::CallEqual));
        let rivals = plans.len() as u64 + u64::from(server);
        let share = (victim + others) / (rivals + 1);
        let what = format!("{plans:?} periodic {periodic} fast {fast}: {victim} and {others}");
        assert!(victim + SLICE >= share * 9 / 10, "{what}");
        let most = if periodic { 2 } else { 1 } * (rivals * SLICE * 5 / 4 + 2 * SLICE);
        assert!(arena.longest <= most, "{what}: waited {}", arena.longest);
    });
}

fn all(plans: &[Plan], steps: u32) {
    for (periodic, fast) in [(false, false), (false, true), (true, true)] {
        judge(plans, periodic, fast, steps);
    }
}

// attack 74 U: yield, sleep, call, signal at the end of each slice, again and again, by a program that knows the time; an equal has its share and its turn; broken: slice-rest, slice-answer, slice-interrupt
#[test]
fn no_trick_at_the_end_of_a_slice_takes_time_from_an_equal() {
    for trick in TRICKS {
        for (lead, pause) in [(10, 1000), (10, 1), (2000, 10), (SLICE, 0), (1, SLICE - 1)] {
            all(&[Plan { tricks: vec![trick], lead, pause }], 4000);
        }
    }
}

// attack 74 P: several threads with random tricks at random times, in collusion; an equal has its share and its turn
#[test]
fn no_collusion_takes_time_from_an_equal() {
    let mut seed = 0x5eed_0074_u64;
    let mut below = move |end: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % end
    };
    for _ in 0..if cfg!(miri) { 1 } else { 60 } {
        let count = 1 + below(3);
        let plans: Vec<Plan> = (0..count)
            .map(|_| {
                let tricks = (0..1 + below(4))
                    .map(|_| TRICKS[below(TRICKS.len() as u64) as usize])
                    .collect();
                let lead = [1, 10, 1000, 30_000, SLICE][below(5) as usize];
                let pause = [0, 1, 20, 900, 20_000, SLICE][below(6) as usize];
                Plan { tricks, lead, pause }
            })
            .collect();
        all(&plans, 6000);
    }
}
