//! The scenarios: small programs that get in each other's way.

use neuron_core::sim::{Child, User, World};
use nexus_abi::{Error, Handle, Prot, Rights, Sender, Syscall};

use crate::program::Arg::{Number, Var};
use crate::program::{Actor, Op, VARS, rights};
use crate::space::Cast;

const PAGE: u64 = 4096;
const VA: u64 = 0x10_0000_0000;
const USE: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);
const KEEP: Rights =
    USE.union(Rights::DERIVE).union(Rights::GRANT).union(Rights::REVOKE).union(Rights::MANAGE);
const TALK: Rights = Rights::SEND.union(Rights::RECV);
/// Long enough to be ended by [`crate::kernel::space::Action::Tick`] only.
const SOON: u64 = 1 << 16;
/// A call without a deadline.
const NEVER: u64 = u64::MAX;

fn read_write() -> u64 {
    u64::from((Prot::READ | Prot::WRITE).bits())
}

/// Init and two processes, B and C, with a thread each; an endpoint that both hold (variables 0 and
/// 1); and a thread of init's that ends processes.
struct Two {
    b: Child,
    c: Child,
    vars: [u64; VARS],
    endpoint: Handle,
    killer: User,
}

fn two(w: &mut World<'_>) -> Two {
    let mut child = |service, priority| {
        let process = w.process_create(service, 16, 20, Handle::NONE, 0).unwrap();
        let (thread, user) = w.thread_in(process, priority);
        Child { process, thread, user }
    };
    let (b, c) = (child(2, 30), child(3, 29));
    let init = w.init;
    // Each thread has its own priority, so that no queue remembers an order that makes no difference.
    let (_, killer) = w.thread_by(init, Handle::NONE, 28).unwrap();
    let endpoint = w.endpoint_create(init).unwrap();
    let mut vars = [0; VARS];
    vars[0] = w.install(init, b.process, endpoint, TALK).unwrap().0;
    vars[1] = w.install(init, c.process, endpoint, TALK).unwrap().0;
    Two { b, c, vars, endpoint, killer }
}

impl Two {
    /// These programs of init, B and C: B and C may die at any time, init revokes nothing that anybody
    /// looks after, and however it goes is right.
    fn cast(self, actors: [Actor; 3]) -> Cast {
        Cast {
            actors: actors.into(),
            vars: self.vars,
            killer: self.killer,
            victims: vec![self.b.process, self.c.process],
            revokes: None,
            strikes: (0, 0),
            judge: |_| true,
        }
    }
}

fn map(window: usize) -> Op {
    let args = [Var(window), Number(0), Number(PAGE), Number(VA), Number(read_write())];
    Op::plain(Syscall::MmioMap, &args)
}

/// A window that B holds is mapped, and passed on to C in a message, which maps it; while init takes
/// it back and gives it to C.
pub fn window(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    let (init, root) = (w.init, w.roots[0]);
    let kept = w.derive_part(init, root, KEEP, 0, 2 * PAGE).unwrap();
    two.vars[2] = w.install(init, two.b.process, kept, USE | Rights::GRANT).unwrap().0;
    (two.vars[3], two.vars[4]) = (kept.0, two.c.process.0);
    let init = Actor::new(
        init,
        vec![
            Op::plain(Syscall::CapRevoke, &[Var(3)]),
            Op::into(Syscall::CapInstall, &[Var(4), Var(3), rights(USE)], 5),
        ],
    );
    let b = Actor::new(
        two.b.user,
        vec![
            map(2),
            Op::plain(Syscall::Unmap, &[Number(VA)]),
            Op::Send { to: 0, cap: Some(2), ticks: SOON },
        ],
    );
    let c = Actor::new(
        two.c.user,
        vec![Op::Receive { from: 1, reply: 7, cap: Some(6) }, map(6), Op::Reply(7), map(5)],
    );
    Cast { revokes: Some((kept, 0)), ..two.cast([init, b, c]) }
}

/// A window with a mask that B holds: B writes a register and one that the mask leaves out, maps it
/// writable, and passes it on to C, which tries the same; while init takes it back, and gives it to C
/// with fewer registers.
pub fn registers(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    let (init, root) = (w.init, w.roots[0]);
    let kept = w.derive_part(init, root, KEEP, 0, 2 * PAGE).unwrap();
    w.cap_limit(init, kept, 0b11).unwrap();
    two.vars[2] = w.install(init, two.b.process, kept, USE | Rights::GRANT).unwrap().0;
    (two.vars[3], two.vars[4]) = (kept.0, two.c.process.0);
    let write = |window, register: u64| {
        Op::plain(Syscall::MmioWrite, &[Var(window), Number(4 * register), Number(register)])
    };
    let init = Actor::new(
        init,
        vec![
            Op::plain(Syscall::CapRevoke, &[Var(3)]),
            Op::plain(Syscall::CapLimit, &[Var(3), Number(0b01)]),
            Op::into(Syscall::CapInstall, &[Var(4), Var(3), rights(USE)], 5),
        ],
    );
    let send = Op::Send { to: 0, cap: Some(2), ticks: SOON };
    let b = Actor::new(two.b.user, vec![write(2, 1), write(2, 2), map(2), send, write(2, 1)]);
    let receive = Op::Receive { from: 1, reply: 7, cap: Some(6) };
    let c = Actor::new(two.c.user, vec![receive, write(6, 1), map(6), write(5, 1), write(5, 0)]);
    Cast {
        revokes: Some((kept, 0)),
        judge: |actors| {
            let done = |actor: usize, n: usize| matches!(actors[actor].results.get(n), Some(Ok(_)));
            // No register that the mask left out, no writable mapping; with fewer registers, fewer.
            ![(1, 1), (1, 2), (2, 2), (2, 3)].into_iter().any(|(actor, n)| done(actor, n))
        },
        ..two.cast([init, b, c])
    }
}

/// B sets a device up, whose pool C has mapped: B clears it, passes the window on to C, and would write
/// an address and clear it again; C lets go of one thing after the other, or ends.
pub fn quiet(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    let (init, root) = (w.init, w.roots[0]);
    let kept = w.derive_part(init, root, KEEP | Rights::PLACE, 0, PAGE).unwrap();
    w.cap_limit(init, kept, 0b1).unwrap();
    let bus = USE | Rights::PLACE | Rights::DERIVE | Rights::GRANT | Rights::REVOKE;
    let window = w.install(init, two.b.process, kept, bus).unwrap();
    w.cap_drop(init, kept).unwrap();
    w.cap_drop(init, root).unwrap();
    let mut make =
        |role| Handle(w.call(two.b.user, Syscall::DmaCreate, &[window.0, 1, role]).unwrap());
    let (table, pool) = (make(0), make(1));
    let process = w.install(init, two.b.process, two.c.process, Rights::MANAGE).unwrap();
    let given = w.install(two.b.user, process, pool, USE).unwrap();
    w.cap_drop(two.b.user, process).unwrap();
    [two.vars[2], two.vars[3], two.vars[4], two.vars[5]] =
        [window, table, pool, given].map(|one| one.0);
    let quiet = || Op::plain(Syscall::DmaQuiet, &[Var(2)]);
    let derive = [Var(2), rights(USE | Rights::GRANT), Number(0), Number(PAGE)];
    let b = Actor::new(
        two.b.user,
        vec![
            quiet(),
            Op::into(Syscall::CapDerive, &derive, 6),
            Op::Send { to: 0, cap: Some(6), ticks: SOON },
            Op::plain(Syscall::MmioWriteDma, &[Var(2), Number(0x90), Var(4), Number(0)]),
            quiet(),
        ],
    );
    let map = [Number(0), Var(5), Number(0), Number(PAGE), Number(VA), Number(read_write())];
    let c = Actor::new(
        two.c.user,
        vec![
            Op::plain(Syscall::VmoMap, &map),
            Op::plain(Syscall::CapDrop, &[Var(5)]),
            Op::Receive { from: 1, reply: 8, cap: Some(7) },
            Op::plain(Syscall::MmioWrite, &[Var(7), Number(0), Number(1)]),
            Op::plain(Syscall::CapDrop, &[Var(7)]),
        ],
    );
    Cast {
        judge: |actors| {
            let done = |actor: usize, n: usize| matches!(actors[actor].results.get(n), Some(Ok(_)));
            let gone = |n: usize| actors[2].gone || done(2, n) || actors[2].at > n;
            let window_gone = !done(2, 2) || gone(4);
            // Memory, for the first; the window, for an address; both, to clear it again.
            (!done(1, 0) || gone(1))
                && (!done(1, 3) || window_gone)
                && (!done(1, 4) || window_gone && gone(1))
        },
        ..two.cast([Actor::new(init, Vec::new()), b, c])
    }
}

/// B calls twice; C answers, and again with what it has used; init tries to answer in its place, and
/// takes the right to send away.
pub fn reply(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    two.vars[2] = two.endpoint.0;
    let init = Actor::new(w.init, vec![Op::Reply(7), Op::plain(Syscall::CapRevoke, &[Var(2)])]);
    let send = || Op::Send { to: 0, cap: None, ticks: SOON };
    let b = Actor::new(two.b.user, vec![send(), send()]);
    let receive = |reply| Op::Receive { from: 1, reply, cap: None };
    let c = Actor::new(
        two.c.user,
        vec![receive(7), Op::Reply(7), Op::Reply(7), receive(8), Op::Reply(7), Op::Reply(8)],
    );
    Cast {
        revokes: Some((two.endpoint, 1)),
        judge: |actors| {
            let stolen = matches!(actors[0].results.first(), Some(Ok(_)));
            let done = |n: usize| matches!(actors[2].results.get(n), Some(Ok(_)));
            // Each answer is good once at most, and each call is answered by its own.
            let twice = usize::from(done(1)) + usize::from(done(2)) + usize::from(done(4)) > 1;
            let answered = actors[1].results.iter().filter(|result| result.is_ok()).count();
            let given = [1, 2, 4, 5].iter().filter(|n| done(**n)).count();
            !stolen && !twice && answered <= given && are_from_b(&actors[2], &[0, 3])
        },
        ..two.cast([init, b, c])
    }
}

/// What these calls received is from B in its first life, whoever may have called.
fn are_from_b(server: &Actor, receives: &[usize]) -> bool {
    let b = Sender { service_id: 2, incarnation: 1 }.to_word();
    receives.iter().filter_map(|n| server.results.get(*n)).all(|got| got.is_err() || *got == Ok(b))
}

/// While B waits for calls, init calls by C's handle, and C by one without the right, and by one that
/// it has dropped, whose slot has a good one by then. One good call of each arrives.
pub fn stale(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    let mut give = |rights| w.install(w.init, two.c.process, two.endpoint, rights).unwrap().0;
    (two.vars[2], two.vars[5]) = (give(Rights::RECV), give(Rights::SEND | Rights::DERIVE));
    two.vars[3] = two.endpoint.0;
    let send = |to| Op::Send { to, cap: None, ticks: NEVER };
    let init = Actor::new(w.init, vec![send(1), send(3)]);
    let c = Actor::new(
        two.c.user,
        vec![
            send(2),
            Op::plain(Syscall::CapDrop, &[Var(1)]),
            Op::into(Syscall::CapDerive, &[Var(5), rights(Rights::SEND), Number(0), Number(0)], 4),
            send(1),
            send(4),
        ],
    );
    let receive = |reply| Op::Receive { from: 0, reply, cap: None };
    let b = Actor::new(two.b.user, vec![receive(7), receive(8), Op::Reply(7), Op::Reply(8)]);
    Cast {
        // Without a server the good calls wait for one.
        victims: Vec::new(),
        judge: |actors| {
            let fails = |actor: usize, n: usize, error: Error| {
                actors[actor].results.get(n).is_none_or(|result| *result == Err(error))
            };
            let bad = fails(0, 0, Error::BadHandle) && fails(2, 3, Error::BadHandle);
            bad && fails(2, 0, Error::Denied)
        },
        ..two.cast([init, b, c])
    }
}

/// B and init call C, which receives one call and never answers.
pub fn held(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    two.vars[2] = two.endpoint.0;
    let send = |to| Op::Send { to, cap: None, ticks: SOON };
    let init = Actor::new(w.init, vec![send(2), Op::plain(Syscall::ProcessStat, &[Number(0)])]);
    let b = Actor::new(two.b.user, vec![send(0), send(0)]);
    let receive = Op::Receive { from: 1, reply: 7, cap: None };
    let c = Actor::new(two.c.user, vec![receive, Op::plain(Syscall::Yield, &[])]);
    Cast {
        // Nobody answers.
        judge: |actors| {
            let answered = |actor: &Actor, n: usize| matches!(actor.results.get(n), Some(Ok(_)));
            !answered(&actors[0], 0) && !answered(&actors[1], 0) && !answered(&actors[1], 1)
        },
        ..two.cast([init, b, c])
    }
}

/// B ends while C has its call; init makes a B of a new life, which calls too. C answers both.
pub fn restart(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    (two.vars[2], two.vars[3]) = (two.endpoint.0, w.spawn.0);
    two.vars[4] = two.b.process.0;
    let thread = [Var(5), Number(0x10_0000), Number(0x3000_0000), Number(0), Number(27)];
    let budget = [Var(3), Number(2), Number((20 << 32) | 16), Number(0), Number(0)];
    let init = Actor::new(
        w.init,
        vec![
            Op::plain(Syscall::ProcessEnd, &[Var(4), Number(0)]),
            Op::into(Syscall::ProcessCreate, &budget, 5),
            Op::into(Syscall::CapInstall, &[Var(5), Var(2), rights(TALK)], 6),
            Op::into(Syscall::ThreadCreate, &thread, 9),
        ],
    );
    let send = |to| Op::Send { to, cap: None, ticks: SOON };
    let b = Actor::new(two.b.user, vec![send(0)]);
    let receive = |reply| Op::Receive { from: 1, reply, cap: None };
    let c = Actor::new(two.c.user, vec![receive(7), receive(8), Op::Reply(7), Op::Reply(8)]);
    // The new one tries with the handle of the old one first.
    let new = Actor::later(9, vec![send(0), send(6)]);
    Cast {
        actors: vec![init, b, c, new],
        vars: two.vars,
        killer: two.killer,
        victims: vec![two.c.process],
        revokes: None,
        strikes: (0, 0),
        judge: |actors| {
            let lives: Vec<u64> =
                [0, 1].iter().filter_map(|n| actors[2].results.get(*n)?.ok()).collect();
            let life = |incarnation| Sender { service_id: 2, incarnation }.to_word();
            // First the old life, then the new one, and nobody else.
            let known = lives.iter().all(|who| *who == life(1) || *who == life(2));
            let old = actors[3].results.first().is_none_or(|result| result.is_err());
            // The answer to a life that has ended reaches nobody.
            let both = lives == [life(1), life(2)];
            let first = actors[2].results.get(2).is_none_or(|result| result.is_err());
            known && old && (!both || first)
        },
    }
}

/// Init drops a window with more children than a step moves, one of which B has mapped. Between the
/// steps another thread of init's derives from it again for C, and takes back what is above it.
pub fn halves(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    let (init, root) = (w.init, w.roots[0]);
    let above = w.derive_part(init, root, KEEP, 0, 8 * PAGE).unwrap();
    let middle = w.derive_part(init, above, KEEP, 0, 8 * PAGE).unwrap();
    for page in 0..7 {
        let low = w.derive_part(init, middle, USE | Rights::GRANT, page * PAGE, PAGE).unwrap();
        if page == 0 {
            two.vars[2] = w.install(init, two.b.process, low, USE).unwrap().0;
        }
    }
    (two.vars[3], two.vars[4], two.vars[5]) = (middle.0, above.0, two.c.process.0);
    let (_, rival) = w.thread_by(init, Handle::NONE, 27).unwrap();
    let drops = Actor::new(init, vec![Op::plain(Syscall::CapDrop, &[Var(3)])]);
    let rival = Actor::new(
        rival,
        vec![
            Op::into(Syscall::CapDerive, &[Var(3), rights(KEEP), Number(0), Number(PAGE)], 6),
            Op::into(Syscall::CapInstall, &[Var(5), Var(6), rights(USE)], 7),
            Op::plain(Syscall::CapRevoke, &[Var(4)]),
        ],
    );
    let (b, c) = (Actor::new(two.b.user, vec![map(2)]), Actor::new(two.c.user, vec![map(7)]));
    Cast {
        actors: vec![drops, rival, b, c],
        vars: two.vars,
        killer: two.killer,
        victims: vec![two.b.process, two.c.process],
        revokes: None,
        strikes: (0, 0),
        judge: |actors| {
            // One that has begun to be dropped has no new child; nor has one whose page is taken.
            let derived = actors[1].results.first().is_some_and(Result::is_ok);
            // What a revoke that is not done yet has taken already cannot be dropped any more.
            let revokes = matches!(actors[1].results.get(2..), None | Some([] | [Ok(0)]));
            let begun = actors[1].results.len() >= 2;
            let dropped = match actors[0].results.first() {
                None | Some(Ok(_)) => true,
                Some(Err(error)) => begun && *error == Error::BadHandle,
            };
            !derived && revokes && dropped
        },
    }
}

/// A tree below init's memory: B derives from its part and maps it, C drops the middle of it, init
/// takes everything back.
pub fn tree(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    let init = w.init;
    let all = Rights::all().difference(TALK | Rights::PLACE);
    let memory = w.vmo_create(init, 2).unwrap();
    let middle = w.install(init, two.c.process, memory, all).unwrap();
    let below = w.install(two.c.user, Handle::NONE, middle, all).unwrap();
    let give = two.b.process;
    two.vars[2] = w.install(init, give, memory, all).unwrap().0;
    (two.vars[3], two.vars[4], two.vars[5]) = (memory.0, middle.0, below.0);
    let init = Actor::new(init, vec![Op::plain(Syscall::CapRevoke, &[Var(3)])]);
    let derive = |from, to| {
        Op::into(Syscall::CapDerive, &[Var(from), rights(all), Number(0), Number(0)], to)
    };
    let place = [Number(0), Var(6), Number(0), Number(2 * PAGE), Number(VA), Number(3)];
    let b = Actor::new(
        two.b.user,
        vec![derive(2, 6), Op::plain(Syscall::VmoMap, &place), derive(6, 7), derive(7, 8)],
    );
    let c = Actor::new(
        two.c.user,
        vec![
            derive(5, 9),
            Op::plain(Syscall::CapDrop, &[Var(4)]),
            Op::plain(Syscall::CapDrop, &[Var(5)]),
        ],
    );
    Cast { revokes: Some((memory, 0)), ..two.cast([init, b, c]) }
}

/// B maps memory writable, init seals it, C maps it executable.
pub fn seal(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    let init = w.init;
    let all = Rights::all().difference(TALK | Rights::PLACE);
    let memory = w.vmo_create(init, 1).unwrap();
    two.vars[2] = w.install(init, two.b.process, memory, all).unwrap().0;
    two.vars[3] = w.install(init, two.c.process, memory, all).unwrap().0;
    two.vars[4] = memory.0;
    let map = |var, prot| {
        let place = [Number(0), Var(var), Number(0), Number(PAGE), Number(VA), Number(prot)];
        Op::plain(Syscall::VmoMap, &place)
    };
    let protect = |prot| Op::plain(Syscall::Protect, &[Number(VA), Number(prot)]);
    let init = Actor::new(init, vec![Op::plain(Syscall::VmoSeal, &[Var(4)])]);
    let b = Actor::new(two.b.user, vec![map(2, 3), protect(1), protect(3), protect(1)]);
    let c = Actor::new(two.c.user, vec![map(3, 1), protect(5), protect(3)]);
    Cast {
        judge: |actors| {
            let done = |actor: usize, n: usize| actors[actor].results.get(n) == Some(&Ok(0));
            // Executable only once it is sealed, and then writable no more.
            let sealed = done(0, 0);
            let refused =
                actors[0].results.first().is_none_or(|result| *result == Err(Error::Busy));
            sealed || refused && !done(2, 1)
        },
        ..two.cast([init, b, c])
    }
}

/// B binds a line with a register of its window, and acknowledges with a value; init takes the window back
/// and gives it to C, which writes it; the device acts at any moment.
pub fn register(w: &mut World<'_>) -> Cast {
    const ACK: u64 = 0x64;
    let mut two = two(w);
    let keep = TALK.difference(Rights::SEND) | KEEP.difference(USE);
    let line = w.derive_part(w.init, w.lines, keep, 2, 1).unwrap();
    two.vars[2] = w.install(w.init, two.b.process, line, Rights::RECV).unwrap().0;
    let window = w.derive_part(w.init, w.roots[0], KEEP, 0, 0x1000).unwrap();
    w.cap_limit(w.init, window, 1 << (ACK / 4)).unwrap();
    let base = w.query(w.init, window).unwrap().base;
    w.machine().acknowledged = Some((base + ACK, 3));
    two.vars[3] = w.install(w.init, two.b.process, window, USE).unwrap().0;
    (two.vars[4], two.vars[5]) = (window.0, two.c.process.0);
    two.vars[6] = w.notification_create(two.b.user).unwrap().0;
    let init = Actor::new(
        w.init,
        vec![
            Op::plain(Syscall::CapRevoke, &[Var(4)]),
            Op::into(Syscall::CapInstall, &[Var(5), Var(4), rights(USE)], 7),
        ],
    );
    let bind = [Var(2), Var(6), Number(1), Var(3), Number(ACK)];
    let soon = w.now() + SOON;
    let ack = Op::plain(Syscall::IrqAck, &[Var(2), Number(5)]);
    let b = Actor::new(
        two.b.user,
        vec![
            Op::plain(Syscall::IrqBind, &bind),
            Op::plain(Syscall::Wait, &[Var(6), Number(soon), Number(0)]),
            ack.clone(),
            ack,
            Op::plain(Syscall::CapDrop, &[Var(3)]),
        ],
    );
    let write = Op::plain(Syscall::MmioWrite, &[Var(7), Number(ACK), Number(6)]);
    let c = Actor::new(two.c.user, vec![write]);
    Cast {
        revokes: Some((window, 0)),
        strikes: (3, 2),
        // What was not bound is not acknowledged.
        judge: |actors| {
            let bound = matches!(actors[1].results.first(), Some(Ok(_)));
            bound || !actors[1].results.iter().skip(2).take(2).any(Result::is_ok)
        },
        ..two.cast([init, b, c])
    }
}

/// B binds a line and serves it, and lets go of what it was bound by; init takes the line back and
/// gives it to C, which binds it too; the device acts at any moment.
pub fn line(w: &mut World<'_>) -> Cast {
    let mut two = two(w);
    let keep = TALK.difference(Rights::SEND) | KEEP.difference(USE);
    let kept = w.derive_part(w.init, w.lines, keep, 2, 1).unwrap();
    w.cap_limit(w.init, kept, 1 << 18).unwrap();
    two.vars[2] = w.install(w.init, two.b.process, kept, Rights::RECV).unwrap().0;
    (two.vars[3], two.vars[4]) = (kept.0, two.c.process.0);
    two.vars[6] = w.notification_create(two.b.user).unwrap().0;
    two.vars[7] = w.notification_create(two.c.user).unwrap().0;
    let soon = w.now() + SOON;
    let bind = |line, event| {
        Op::plain(Syscall::IrqBind, &[Var(line), Var(event), Number(1), Number(0), Number(0)])
    };
    let wait = |event, line| Op::plain(Syscall::Wait, &[Var(event), Number(soon), line]);
    let init = Actor::new(
        w.init,
        vec![
            Op::plain(Syscall::CapRevoke, &[Var(3)]),
            Op::into(Syscall::CapInstall, &[Var(4), Var(3), rights(Rights::RECV)], 5),
        ],
    );
    let ack = Op::plain(Syscall::IrqAck, &[Var(2), Number(u64::MAX)]);
    let b = Actor::new(
        two.b.user,
        vec![bind(2, 6), wait(6, Var(2)), ack, Op::plain(Syscall::CapDrop, &[Var(6)])],
    );
    let c = Actor::new(two.c.user, vec![bind(5, 7), wait(7, Var(5))]);
    Cast {
        revokes: Some((kept, 0)),
        strikes: (3, 2),
        // Who has not bound a line hears nothing of it.
        judge: |actors| {
            let bound = |n: usize| matches!(actors[n].results.first(), Some(Ok(_)));
            let heard = |n: usize| actors[n].results.iter().skip(1).any(|one| *one == Ok(1));
            (1..3).all(|n| bound(n) || !heard(n))
        },
        ..two.cast([init, b, c])
    }
}
