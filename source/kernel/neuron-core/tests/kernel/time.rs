//! Deadlines.

use crate::common::*;
use crate::message::pair;

/// Ticks of a slot of the timer wheel, and of a turn.
const SLOT: u64 = 1 << 13;
const TURN: u64 = SLOT * 256;

fn wait(w: &mut World<'_>, user: User, notification: Handle, deadline: u64) -> Status {
    w.start(user, Syscall::Wait, &[notification.0, deadline])
}

/// Waits until `deadline`, and finds that the wait ends then, neither before nor after.
fn ends_at(w: &mut World<'_>, user: User, notification: Handle, deadline: u64) {
    assert_eq!(wait(w, user, notification, deadline), Status::Blocked);
    let now = w.now();
    if deadline > now {
        w.advance(deadline - now - 1);
        assert!(!w.is_ready(user), "too early for {deadline}");
        w.advance(1);
    } else {
        w.advance(0);
    }
    assert_eq!(w.result(user), Err(Error::TimedOut), "{deadline}");
    assert!(w.is_ready(user));
}

// attack 60 U: nobody ever answers; every wait ends at its deadline; broken: deadline
#[test]
fn a_wait_ends_at_its_deadline() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let n = w.notification_create(child.user).unwrap();
        // Past, exact, and near.
        for deadline in [0, 1, w.now() - 1, w.now()] {
            ends_at(w, child.user, n, deadline);
        }
        for ahead in [1, 2, 100, SLOT - 1, SLOT, SLOT + 1] {
            let deadline = w.now() + ahead;
            ends_at(w, child.user, n, deadline);
        }
        // A turn of the wheel and more.
        for ahead in [TURN - SLOT, TURN - 1, TURN, TURN + 1, TURN + SLOT, 3 * TURN, 10 * TURN + 7] {
            let deadline = w.now() + ahead;
            ends_at(w, child.user, n, deadline);
        }
    });
}

#[test]
fn the_timer_is_programmed_for_every_deadline() {
    run(|w| {
        let child = w.child(7, 16, 200);
        // Only what the timer asks for: no time passes in between.
        let deadlines = [SLOT / 2, 3 * SLOT, 3 * SLOT + 5, 100 * SLOT, TURN, TURN + 9, 2 * TURN];
        let start = w.now();
        let users: Vec<User> = deadlines
            .iter()
            .map(|ahead| {
                let (_, user) = w.thread_in(child.process, 31);
                let n = w.notification_create(user).unwrap();
                wait(w, user, n, start + ahead);
                user
            })
            .collect();
        let mut interrupts = 0;
        while users.iter().any(|user| !w.is_ready(*user)) {
            let timer = w.machine().timer;
            let now = w.now();
            assert!(timer != u64::MAX, "nobody set the timer");
            w.advance(timer.saturating_sub(now).max(1));
            interrupts += 1;
            for (user, ahead) in users.iter().zip(deadlines) {
                let due = w.now() >= start + ahead;
                assert_eq!(w.is_ready(*user), due, "{ahead}");
            }
            assert!(interrupts < 600, "too many interrupts");
        }
    });
}

/// Nobody's deadline is forgotten or late when another thread ends, whichever alarm takes its place.
#[test]
fn an_end_moves_no_deadline_of_others() {
    // Heaps as they stand, in which the last one has to rise or to sink; and one set up backwards.
    for (heap, gone) in
        [([1, 10, 2, 11, 12, 3, 4], 3), ([1, 2, 10, 3, 4, 11, 12], 1), ([7, 6, 5, 4, 3, 2, 1], 0)]
    {
        run(|w| {
            let start = w.now();
            let mut waiting: Vec<(Child, u64)> = Vec::new();
            for ahead in heap {
                let child = w.child(7, 16, 64);
                let n = w.notification_create(child.user).unwrap();
                wait(w, child.user, n, start + 1000 * ahead);
                waiting.push((child, 1000 * ahead));
            }
            let (ended, _) = waiting.remove(gone);
            w.process_end(w.init, ended.process, 0).unwrap();
            for tick in (1000..=12_000).step_by(1000) {
                w.advance(1000);
                for (child, ahead) in &waiting {
                    assert_eq!(w.is_ready(child.user), *ahead <= tick, "{heap:?} {ahead}");
                }
            }
        });
    }
}

#[test]
fn far_deadlines_do_not_end_early() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let (_, second) = w.thread_in(child.process, 31);
        let n = w.notification_create(child.user).unwrap();
        for deadline in [u64::MAX - 1, 1 << 63, 1 << 50] {
            assert_eq!(wait(w, child.user, n, deadline), Status::Blocked);
            for _ in 0..20 {
                w.advance(TURN / 3);
            }
            assert!(!w.is_ready(child.user));
            w.signal(second, n, 1).unwrap();
            assert_eq!(w.result(child.user), Ok(1));
        }
    });
}

#[test]
fn no_deadline_never_ends() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let n = w.notification_create(child.user).unwrap();
        wait(w, child.user, n, NO_DEADLINE);
        for _ in 0..10 {
            w.advance(1 << 40);
        }
        assert!(!w.is_ready(child.user));
    });
}

#[test]
fn a_long_sleep_of_the_timer_loses_nothing() {
    run(|w| {
        let child = w.child(7, 16, 600);
        let start = w.now();
        let mut users = Vec::new();
        for ahead in [1, SLOT, 5 * SLOT, 200 * SLOT, TURN + 3, 2 * TURN + 3, 5 * TURN] {
            let (_, user) = w.thread_in(child.process, 31);
            let n = w.notification_create(user).unwrap();
            wait(w, user, n, start + ahead);
            users.push((user, start + ahead));
        }
        // The interrupt comes late, by more than a turn.
        w.advance(3 * TURN + 11);
        for (user, deadline) in &users {
            assert_eq!(w.is_ready(*user), *deadline <= w.now());
        }
        w.advance(10 * TURN);
        assert!(users.iter().all(|(user, _)| w.is_ready(*user)));
    });
}

#[test]
fn what_was_waited_for_clears_the_deadline() {
    run(|w| {
        let p = pair(w);
        let deadline = w.now() + 1000;
        let plain = Message::new(1, &[]);
        let (client, server) = (p.client.user, p.server.user);
        w.message(server, Syscall::ReplyRecv, p.serve, Handle::NONE, &plain, deadline);
        w.send(client, p.call, &plain, deadline);
        let reply = w.received(server).unwrap().reply;
        w.message(server, Syscall::Reply, reply, Handle::NONE, &Message::new(2, &[]), 0);
        w.advance(2000);
        assert_eq!(w.received(client).unwrap().message.tag.label(), 2);
        assert_eq!(w.result(server), Ok(0));
    });
}

#[test]
fn a_queued_call_times_out_and_is_not_delivered() {
    run(|w| {
        let p = pair(w);
        let deadline = w.now() + 1000;
        w.send(p.client.user, p.call, &Message::new(1, &[]), deadline);
        w.advance(1000);
        assert_eq!(w.result(p.client.user), Err(Error::TimedOut));
        assert_eq!(w.receive(p.server.user, p.serve), Status::Blocked);
    });
}

#[test]
fn a_receive_times_out() {
    run(|w| {
        let p = pair(w);
        let plain = Message::new(1, &[]);
        for ahead in [0, 1, 1000] {
            let deadline = w.now() + ahead;
            let user = p.server.user;
            w.message(user, Syscall::ReplyRecv, p.serve, Handle::NONE, &plain, deadline);
            w.advance(ahead);
            assert_eq!(w.result(user), Err(Error::TimedOut));
        }
        // A call that comes now waits in the queue.
        w.send(p.client.user, p.call, &plain, NO_DEADLINE);
        assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
    });
}

// attack 64 U: thousands of deadlines pass at one tick; an interrupt ends 32 of them; broken: alarm-steps
/// So many threads wait with deadlines at one tick, or close together: each ends at its own time, in steps of bounded length, whatever number there is.
#[test]
fn many_deadlines_end_in_bounded_steps() {
    for (count, each) in [(1000, 0), (1000, 3), (4000, 0), (4000, 1)] {
        let objects = count * 12 + 4000;
        let config = Config { objects, frames: 2048, ..Config::default() };
        run_with(&config, |w| {
            w.checking = false;
            let mut waiting = waiting(w, count, each);
            while !waiting.is_empty() {
                let due = w.machine().timer.max(w.now());
                w.machine().now = due;
                w.kernel.timer();
                let before = waiting.len();
                waiting.retain(|(user, deadline)| {
                    let ended = w.is_ready(*user);
                    assert!(!ended || *deadline <= due, "{deadline} at {due}");
                    !ended
                });
                assert!((1..=32).contains(&(before - waiting.len())), "{before} of {count}");
                // When no interrupt is to follow at once, none is late.
                let late = waiting.iter().any(|(_, deadline)| *deadline <= due);
                assert_eq!(late, w.machine().timer <= due);
            }
            w.check();
        });
    }
}

/// Threads of as many processes as are needed, which wait: the first to the tick 100,000 from now,
/// each other for `each` ticks more.
fn waiting(w: &mut World<'_>, count: u32, each: u64) -> Vec<(User, u64)> {
    let begin = w.now() + 100_000;
    let mut users = Vec::new();
    while users.len() < count as usize {
        let process = w.process_create(7, 8, 700, Handle::NONE, 0).unwrap();
        for _ in 0..63.min(count as usize - users.len()) {
            let (_, user) = w.thread_in(process, 10);
            let n = w.notification_create(user).unwrap();
            let deadline = begin + each * users.len() as u64;
            wait(w, user, n, deadline);
            users.push((user, deadline));
        }
    }
    users
}

/// Random deadlines, random passing of time: each wait ends at the first interrupt at or after
/// its deadline, and the timer is always set early enough.
#[test]
fn random_deadlines() {
    run(|w| {
        let child = w.child(7, 16, 900);
        let mut seed = 0x1234_5678_9abc_def1u64;
        let mut random = move |bound: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % bound
        };
        let users: Vec<(User, Handle)> = (0..if cfg!(miri) { 5 } else { 40 })
            .map(|_| {
                let (_, user) = w.thread_in(child.process, 31);
                (user, w.notification_create(user).unwrap())
            })
            .collect();
        let mut due = std::collections::BTreeMap::new();
        for _ in 0..if cfg!(miri) { 50 } else { 2000 } {
            for (user, n) in &users {
                if w.is_ready(*user) && random(3) == 0 {
                    let span = [SLOT, 8 * SLOT, TURN, 4 * TURN][random(4) as usize];
                    let deadline = w.now() + random(span);
                    wait(w, *user, *n, deadline);
                    due.insert(*user, deadline);
                }
            }
            let (now, timer) = (w.now(), w.machine().timer);
            let step = match random(3) {
                0 => timer.saturating_sub(now).min(TURN),
                1 => random(SLOT),
                _ => random(2 * TURN),
            };
            w.advance(step);
            let now = w.now();
            for (user, deadline) in &due {
                assert_eq!(w.is_ready(*user), *deadline <= now, "{deadline} at {now}");
            }
            due.retain(|_, deadline| *deadline > now);
        }
    });
}

// attack 60 U: woken before its deadline, a thread waits once more for longer; that wait ends at its own deadline, and the alarm that was left keeps nobody late
#[test]
fn a_wait_after_one_that_was_woken_ends_at_its_own_deadline() {
    run(|w| {
        let (child, other) = (w.child(7, 16, 64), w.child(8, 16, 64));
        let (n, m) = (
            w.notification_create(child.user).unwrap(),
            w.notification_create(other.user).unwrap(),
        );
        let signaller = w.thread_in(child.process, 15).1;
        let start = w.now();
        assert_eq!(wait(w, child.user, n, start + 1000), Status::Blocked);
        w.start(signaller, Syscall::Signal, &[n.0, 1]);
        assert_eq!(w.result(child.user), Ok(1));
        assert_eq!(wait(w, child.user, n, start + 3000), Status::Blocked);
        assert_eq!(wait(w, other.user, m, start + 2000), Status::Blocked);
        let at = |w: &mut World<'_>, tick: u64| {
            let now = w.now();
            w.advance(start + tick - now);
            (w.is_ready(child.user), w.is_ready(other.user))
        };
        assert_eq!(at(w, 1000), (false, false));
        assert_eq!(at(w, 1999), (false, false));
        assert_eq!(at(w, 2000), (false, true));
        assert_eq!(at(w, 2999), (false, true));
        assert_eq!(at(w, 3000), (true, true));
    });
}
