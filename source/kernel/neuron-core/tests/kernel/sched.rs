//! Who runs: priorities, round robin, time slices. Here the scheduler chooses.

use crate::common::*;
use crate::message::both;
use neuron_core::object::thread::State;

/// Ticks of a time slice.
const SLICE: u64 = 100_000;

/// Three threads of one process at a priority, and init out of the way.
fn three(w: &mut World<'_>, priority: u64) -> [User; 3] {
    let process = w.process_create(7, 8, 128, Handle::NONE, 0).unwrap();
    let users = [(); 3].map(|()| w.thread_in(process, priority).1);
    park(w, w.init);
    users
}

/// A thread waits for ever.
fn park(w: &mut World<'_>, user: User) {
    let n = w.notification_create(user).unwrap();
    w.start(user, Syscall::Wait, &[n.0, NO_DEADLINE]);
}

/// Who runs after the scheduler had its say.
fn next(w: &mut World<'_>) -> Option<User> {
    w.schedule().then(|| w.current().unwrap())
}

/// An endpoint of init's, and how a process names it.
fn endpoint_for(w: &mut World<'_>, child: Child, rights: Rights) -> [Handle; 2] {
    let endpoint = w.endpoint_create(w.init).unwrap();
    [endpoint, w.install(w.init, child.process, endpoint, rights).unwrap()]
}

/// The current thread computes for this many ticks.
fn spin(w: &mut World<'_>, ticks: u64) {
    let end = w.now() + ticks;
    while w.now() < end {
        let (now, timer) = (w.now(), w.machine().timer);
        let step = timer.saturating_sub(now).clamp(1, end - now);
        w.advance(step);
        w.schedule();
    }
}

#[test]
fn the_most_important_runs() {
    run(|w| {
        let process = w.process_create(7, 8, 128, Handle::NONE, 0).unwrap();
        let users: Vec<User> =
            [3, 20, 0, 31, 7].map(|priority| w.thread_in(process, priority).1).to_vec();
        park(w, w.init);
        for n in [3, 1, 4, 0, 2] {
            assert_eq!(next(w), Some(users[n]));
            w.start(users[n], Syscall::ThreadExit, &[]);
        }
    });
}

#[test]
fn equals_take_turns() {
    run(|w| {
        let users = three(w, 10);
        let mut ran = [0; 3];
        for _ in 0..30 {
            let current = next(w).unwrap();
            let place = users.iter().position(|user| *user == current).unwrap();
            ran[place] += 1;
            spin(w, SLICE);
        }
        assert!(ran.iter().all(|turns| (9..=11).contains(turns)), "{ran:?}");
    });
}

#[test]
fn yield_lets_equals_run_and_nobody_less() {
    run(|w| {
        let users = three(w, 10);
        let low = three_more(w, 9);
        for n in 0..9 {
            let current = next(w).unwrap();
            assert_eq!(current, users[n % 3]);
            w.start(current, Syscall::Yield, &[]);
        }
        assert!(low.iter().all(|user| w.is_ready(*user)));
    });
}

fn three_more(w: &mut World<'_>, priority: u64) -> Vec<User> {
    let current = w.current().or_else(|| next(w)).unwrap();
    (0..3).map(|_| w.thread_by(current, Handle::NONE, priority).unwrap().1).collect()
}

#[test]
fn one_alone_is_not_interrupted() {
    run(|w| {
        let process = w.process_create(7, 8, 128, Handle::NONE, 0).unwrap();
        let (_, user) = w.thread_in(process, 10);
        park(w, w.init);
        assert_eq!(next(w), Some(user));
        w.advance(10 * SLICE);
        assert_eq!((w.schedule(), w.machine().timer), (true, u64::MAX));
    });
}

#[test]
fn waking_the_more_important_preempts() {
    both(|w| {
        let high = w.process_create(8, 8, 128, Handle::NONE, 0).unwrap();
        let (_, high) = w.thread_in(high, 20);
        let n = w.notification_create(w.init).unwrap();
        let low = w.process_create(7, 8, 128, Handle::NONE, 0).unwrap();
        let theirs = w.install(w.init, low, n, Rights::SEND).unwrap();
        let (_, low) = w.thread_in(low, 10);
        // Init waits for the bits, at 31.
        w.start(w.init, Syscall::Wait, &[n.0, NO_DEADLINE]);
        assert_eq!(next(w), Some(high));
        park(w, high);
        assert_eq!(next(w), Some(low));
        w.start(low, Syscall::Signal, &[theirs.0, 1]);
        assert_eq!(next(w), Some(w.init));
        assert_eq!(w.result(w.init), Ok(1));
        assert_eq!(w.result(low), Ok(0));
    });
}

/// A server, its client, and one that only computes, all of one priority: the one that computes
/// gets its turns although the two hand the hart to each other.
#[test]
fn partners_in_a_call_do_not_starve_their_equals() {
    both(|w| {
        let p = crate::message::pair(w);
        let process = w.process_create(9, 8, 128, Handle::NONE, 0).unwrap();
        let (_, spinner) = w.thread_in(process, 31);
        w.receive(p.server.user, p.serve);
        park(w, w.init);
        let mut turns = 0;
        let mut reply = Handle::NONE;
        for _ in 0..4000 {
            let current = next(w).unwrap();
            if current == spinner {
                turns += 1;
                spin(w, SLICE);
            } else if current == p.client.user {
                w.send(current, p.call, &Message::new(1, &[1]), NO_DEADLINE);
            } else {
                let got = w.received(current).unwrap();
                reply = if got.reply == Handle::NONE { reply } else { got.reply };
                let answer = Message::new(2, &[]);
                w.message(current, Syscall::ReplyRecv, p.serve, reply, &answer, NO_DEADLINE);
            }
            w.advance(100);
        }
        assert!(turns >= 2, "{turns}");
    });
}

// attack 63 U: hand the hart over for ever; equals have their turn; broken: slice, fast-call-priority
/// The hart is handed to a server that computes for ever, while an equal of the server is ready.
#[test]
fn handing_over_begins_a_time_slice() {
    both(|w| {
        let (server, other) = (w.child(7, 8, 64), w.child(8, 8, 64));
        let [endpoint, serve] = endpoint_for(w, server, Rights::RECV);
        let (_, serving) = w.thread_in(server.process, 10);
        let (_, equal) = w.thread_in(other.process, 10);
        for user in [server.user, other.user] {
            park(w, user);
        }
        w.receive(serving, serve);
        w.schedule();
        // Init has been alone at its priority for long. It calls, and waits.
        w.advance(3 * SLICE);
        w.send(w.init, endpoint, &Message::new(1, &[]), NO_DEADLINE);
        assert_eq!(next(w), Some(serving));
        w.advance(2 * SLICE);
        assert_eq!(next(w), Some(equal));
    });
}

// attack 63 U: compute for ever after an answer, with an equal that was there before or came since; it has its turn; broken: fast-answer-priority
/// An answer that is handed over begins a time slice as well, where the caller had none to go on
/// with; when its turn is over, an equal is next.
#[test]
fn answering_begins_a_time_slice() {
    answered(|calling, equal| [calling, equal], 0);
    answered(|calling, equal| [equal, calling], 1);
}

/// Something calls at priority 10, while an equal is ready (1) or is not yet (0), and is answered by
/// init after some time slices. `order` says who runs then.
fn answered(order: fn(User, User) -> [User; 2], equals: usize) {
    both(|w| {
        let (client, other) = (w.child(7, 8, 64), w.child(8, 8, 64));
        let [endpoint, call] = endpoint_for(w, client, Rights::SEND);
        let (_, calling) = w.thread_in(client.process, 10);
        let make = |w: &mut World<'_>| w.thread_in(other.process, 10).1;
        let early: Vec<User> = (0..equals).map(|_| make(w)).collect();
        for user in [client.user, other.user] {
            park(w, user);
        }
        w.receive(w.init, endpoint);
        w.send(calling, call, &Message::new(1, &[]), NO_DEADLINE);
        w.schedule();
        w.advance(3 * SLICE);
        let equal = early.first().copied().unwrap_or_else(|| make(w));
        let reply = w.received(w.init).unwrap().reply;
        let answer = Message::new(2, &[]);
        w.message(w.init, Syscall::ReplyRecv, endpoint, reply, &answer, NO_DEADLINE);
        for user in order(calling, equal) {
            assert_eq!(next(w), Some(user));
            w.advance(2 * SLICE);
        }
    });
}

/// How a thread leaves the hart that it had for nearly a time slice: it is back soon.
type Leave = fn(&mut World<'_>, User, Handle, u64);

const LEAVES: &[(&str, Leave)] = &[
    ("yield", |w, me, _, _| {
        w.start(me, Syscall::Yield, &[]);
    }),
    ("wait", |w, me, _, soon| {
        let n = w.notification_create(me).unwrap();
        w.start(me, Syscall::Wait, &[n.0, soon]);
    }),
    ("receive", |w, me, endpoint, soon| {
        w.message(me, Syscall::ReplyRecv, endpoint, Handle::NONE, &Message::default(), soon);
    }),
    ("call", |w, me, endpoint, soon| {
        w.send(me, endpoint, &Message::new(1, &[]), soon);
    }),
    ("exit", |w, me, _, _| {
        w.thread_by(me, Handle::NONE, 10).unwrap();
        w.start(me, Syscall::ThreadExit, &[]);
    }),
];

// attack 63 U: compute to the end of each time slice and leave the hart then; equals get whole slices all the same; broken: slice-rest
#[test]
fn the_rest_of_a_time_slice_is_given_to_nobody() {
    for (name, leave) in LEAVES {
        both(|w| {
            let [greedy, equal] = [7, 8].map(|id| watched(w, id, 10).0.user);
            let endpoint = w.endpoint_create(greedy).unwrap();
            park(w, w.init);
            w.checking = false;
            let (mut turn, mut ticks) = (0, [0; 2]);
            for _ in 0..2000 {
                let current = next(w).unwrap();
                let theirs = current == equal;
                ticks[usize::from(theirs)] += 1000;
                turn = if theirs { 0 } else { turn + 1000 };
                w.advance(1000);
                if turn > SLICE - 3000 {
                    turn = 0;
                    let soon = w.now() + 500;
                    leave(w, current, endpoint, soon);
                    w.advance(500);
                }
            }
            assert!(ticks[1] > ticks[0] / 2, "{name}: {ticks:?}");
        });
    }
}

/// Who wakes something more important just before the end of its time slice does not begin another
/// when that waits again, at once or after the end of that slice.
// attack 63 U: wake something more important at the end of each time slice; equals have their turn; broken: slice-rest
#[test]
fn waking_something_does_not_lengthen_a_time_slice() {
    for ticks in [0, 5000] {
        wake_something_that_runs_for(ticks);
    }
}

fn wake_something_that_runs_for(long: u64) {
    both(|w| {
        let n = w.notification_create(w.init).unwrap();
        let [greedy, equal] = [7, 8].map(|id| watched(w, id, 10).0);
        let theirs = w.install(w.init, greedy.process, n, Rights::SEND).unwrap();
        let equal = equal.user;
        w.start(w.init, Syscall::Wait, &[n.0, NO_DEADLINE]);
        w.checking = false;
        let (mut turn, mut ticks) = (0, [0; 2]);
        for _ in 0..1000 {
            let current = next(w).unwrap();
            if current == w.init {
                w.advance(long);
                w.start(w.init, Syscall::Wait, &[n.0, NO_DEADLINE]);
                continue;
            }
            ticks[usize::from(current == equal)] += 1000;
            turn = if current == equal { 0 } else { turn + 1000 };
            w.advance(1000);
            if turn > SLICE - 3000 {
                turn = 0;
                w.start(current, Syscall::Signal, &[theirs.0, 1]);
            }
        }
        assert!(ticks[1] > ticks[0] / 2, "{ticks:?}");
    });
}

/// Equals that interrupt the time slice of something less important take turns, too.
#[test]
fn equals_take_turns_inside_the_slice_of_others() {
    both(|w| {
        for id in [7, 8] {
            watched(w, id, 10);
        }
        let important = [9, 10].map(|id| watched(w, id, 20).0.user);
        for user in important {
            let n = w.notification_create(user).unwrap();
            let soon = w.now() + 2000;
            w.start(user, Syscall::Wait, &[n.0, soon]);
        }
        park(w, w.init);
        w.schedule();
        w.checking = false;
        let mut ticks = [0; 2];
        for _ in 0..1000 {
            w.advance(1000);
            let current = next(w).unwrap();
            if let Some(index) = important.iter().position(|one| *one == current) {
                ticks[index] += 1000;
            }
        }
        assert!(ticks[0].min(ticks[1]) > 400_000, "{ticks:?}");
    });
}

// attack 63 U: call a server of less importance, with something between the two ready; that runs before the server; broken: fast-call-priority
#[test]
fn a_server_of_less_importance_waits_its_turn() {
    both(|w| {
        let p = crate::message::pair(w);
        let (_, serving) = w.thread_in(p.server.process, 5);
        park(w, p.server.user);
        w.receive(serving, p.serve);
        let (_, middle) = w.thread_in(p.server.process, 8);
        park(w, w.init);
        w.send(p.client.user, p.call, &Message::new(1, &[]), NO_DEADLINE);
        // The message is delivered, but what is more important runs first.
        assert_eq!(next(w), Some(middle));
        assert_eq!(w.state(serving), Some(State::Ready));
        park(w, middle);
        assert_eq!(next(w), Some(serving));
    });
}

// attack 63 U: answer a caller of less importance, with something between the two ready; that runs before the caller; broken: fast-answer-priority
#[test]
fn a_caller_of_less_importance_goes_on_in_its_turn() {
    both(|w| {
        let p = crate::message::pair(w);
        let (_, calling) = w.thread_in(p.client.process, 5);
        park(w, p.client.user);
        w.receive(p.server.user, p.serve);
        w.send(calling, p.call, &Message::new(1, &[]), NO_DEADLINE);
        let reply = w.received(p.server.user).unwrap().reply;
        let (_, middle) = w.thread_in(p.client.process, 8);
        park(w, w.init);
        let answer = Message::new(2, &[]);
        w.message(p.server.user, Syscall::ReplyRecv, p.serve, reply, &answer, NO_DEADLINE);
        // The answer is there, but what is more important runs first.
        assert_eq!(next(w), Some(middle));
        assert_eq!(w.state(calling), Some(State::Ready));
        park(w, middle);
        assert_eq!(next(w), Some(calling));
    });
}

/// A receive that only sends callers back with their errors lets the more important of them run.
#[test]
fn callers_sent_back_run_at_once() {
    run(|w| {
        let p = crate::message::pair(w);
        let (_, serving) = w.thread_in(p.server.process, 5);
        park(w, p.server.user);
        let (_, second) = w.thread_in(p.client.process, 31);
        let bad = Message::with_cap(1, &[], Handle(77));
        w.send(p.client.user, p.call, &bad, NO_DEADLINE);
        w.send(second, p.call, &Message::new(2, &[]), NO_DEADLINE);
        park(w, w.init);
        assert_eq!(next(w), Some(serving));
        w.receive(serving, p.serve);
        assert_eq!(next(w), Some(p.client.user));
        assert_eq!(w.result(p.client.user), Err(Error::BadHandle));
    });
}

/// A process that init looks after by a notification (bit 0), with one thread.
fn watched(w: &mut World<'_>, id: u64, priority: u64) -> (Child, Handle) {
    let told = w.notification_create(w.init).unwrap();
    let process = w.process_create(id, 8, 128, told, 1).unwrap();
    let (thread, user) = w.thread_in(process, priority);
    (Child { process, thread, user }, told)
}

/// An endpoint of init's that `server` serves, and on which `client` has called it for ever: how each
/// names it.
pub(crate) fn called(w: &mut World<'_>, server: Child, client: Child) -> [Handle; 2] {
    let [endpoint, serve] = endpoint_for(w, server, Rights::RECV);
    let call = w.install(w.init, client.process, endpoint, Rights::SEND).unwrap();
    w.receive(server.user, serve);
    w.send(client.user, call, &Message::new(1, &[]), NO_DEADLINE);
    [serve, call]
}

// attack 64 U: send many messages that fail when they are received; a receive deals with a few at a time, and its answer goes once
#[test]
fn messages_that_fail_are_sent_back_a_few_at_a_time() {
    both(|w| {
        let server = w.child(7, 16, 64);
        let client = w.child(8, 64, 500);
        let [serve, call] = called(w, server, client);
        let reply = w.received(server.user).unwrap().reply;
        let bad = Message::with_cap(1, &[], Handle(77));
        let senders = [(); 40].map(|()| w.thread_in(client.process, 31).1);
        for user in senders {
            w.send(user, call, &bad, NO_DEADLINE);
        }
        let back = |w: &mut World<'_>| senders.iter().filter(|user| w.is_ready(**user)).count();
        let answer = Message::new(5, &[]);
        let status = w.message(server.user, Syscall::ReplyRecv, serve, reply, &answer, NO_DEADLINE);
        assert_eq!(status, Status::Done);
        assert!(w.received(server.user).unwrap().message.tag.is_notification());
        assert_eq!(w.received(client.user).unwrap().message.tag.label(), 5);
        // The client is told by nobody else, and calls again.
        w.send(client.user, call, &Message::new(2, &[]), NO_DEADLINE);
        let mut last = back(w);
        assert!((1..=10).contains(&last), "{last}");
        while w.receive(server.user, serve) == Status::Again {
            let now = back(w);
            assert!((1..=10).contains(&(now - last)), "{last} to {now}");
            last = now;
        }
        assert_eq!(back(w), senders.len());
        assert_eq!(w.received(server.user).unwrap().message.tag.label(), 2);
    });
}

#[test]
fn taking_an_application_apart_is_below_services() {
    run(|w| {
        let (doomed, told) = watched(w, 9, 10);
        let process = w.process_create(7, 8, 256, Handle::NONE, 0).unwrap();
        let (_, service) = w.thread_in(process, 16);
        let (_, application) = w.thread_in(process, 14);
        w.process_end(w.init, doomed.process, 0).unwrap();
        w.start(w.init, Syscall::Wait, &[told.0, NO_DEADLINE]);
        assert_eq!(next(w), Some(service));
        park(w, service);
        assert_eq!(next(w), Some(w.init));
        park(w, w.init);
        assert_eq!(next(w), Some(application));
    });
}

// attack 63 U: a server ends with a call received while something less important computes for ever; caller and supervisor are told first; broken: reap-priority
/// A call never waits for a thread that a third one keeps from running: not for a dead one either.
#[test]
fn the_end_of_a_server_is_not_kept_back_by_what_is_less_important() {
    both(|w| {
        let (server, told) = watched(w, 9, 24);
        let (client, _) = watched(w, 7, 20);
        let (driver, _) = watched(w, 8, 16);
        called(w, server, client);
        w.start(w.init, Syscall::Wait, &[told.0, NO_DEADLINE]);
        w.schedule();
        w.fault(server.user, 13, 0xdead);
        assert_eq!(next(w), Some(w.init));
        assert_eq!(w.result(w.init), Ok(1));
        park(w, w.init);
        assert_eq!(next(w), Some(client.user));
        assert_eq!(w.result(client.user), Err(Error::PeerGone));
        park(w, client.user);
        assert_eq!(next(w), Some(driver.user));
    });
}

/// The priority is that of the most important thread that there ever was.
#[test]
fn a_thread_that_has_ended_counts_for_the_end_of_its_process() {
    both(|w| {
        let (server, _) = watched(w, 9, 24);
        let (client, _) = watched(w, 7, 20);
        let (driver, _) = watched(w, 8, 16);
        called(w, server, client);
        w.thread_in(server.process, 3);
        w.start(server.user, Syscall::ThreadExit, &[]);
        w.process_end(w.init, server.process, 0).unwrap();
        park(w, w.init);
        assert_eq!(next(w), Some(client.user));
        park(w, client.user);
        assert_eq!(next(w), Some(driver.user));
    });
}

/// Who ended it goes on for a time slice at most, also when nobody else of its priority is ready.
#[test]
fn taking_apart_has_its_turn_among_equals() {
    both(|w| {
        let (server, _) = watched(w, 9, 24);
        let (client, _) = watched(w, 7, 24);
        let (killer, _) = watched(w, 8, 24);
        called(w, server, client);
        let theirs = w.install(w.init, killer.process, server.process, Rights::MANAGE).unwrap();
        // The server has its message, and waits for something else.
        park(w, server.user);
        park(w, w.init);
        assert_eq!(next(w), Some(killer.user));
        w.process_end(killer.user, theirs, 0).unwrap();
        assert_eq!(next(w), Some(killer.user));
        spin(w, SLICE);
        assert_eq!(w.result(client.user), Err(Error::PeerGone));
        assert!(w.is_ready(killer.user) && !w.is_reaping());
    });
}

/// A process whose child is at a lower priority does not wait for that child's turn.
#[test]
fn what_is_taken_apart_together_goes_at_the_highest_of_the_priorities() {
    run(|w| {
        let (parent, told) = watched(w, 9, 24);
        let spawn = w.install(w.init, parent.process, w.spawn, Rights::empty()).unwrap();
        let args = [spawn.0, 40, (16 << 32) | 3, 0, 0];
        let child = Handle(w.call(parent.user, Syscall::ProcessCreate, &args).unwrap());
        w.thread_by(parent.user, child, 2).unwrap();
        w.process_end(parent.user, child, 0).unwrap();
        let (driver, _) = watched(w, 8, 16);
        let (doomed, _) = watched(w, 10, 2);
        w.fault(parent.user, 13, 0);
        w.process_end(w.init, doomed.process, 0).unwrap();
        w.start(w.init, Syscall::Wait, &[told.0, NO_DEADLINE]);
        assert_eq!(next(w), Some(w.init));
        park(w, w.init);
        assert_eq!(next(w), Some(driver.user));
        park(w, driver.user);
        assert!(!w.schedule() && !w.is_reaping());
    });
}

/// A thread that is ready at this priority, and a process that is to be taken apart at the same.
fn crowd(w: &mut World<'_>, priority: u64) -> User {
    let [(ready, _), (doomed, _)] = [10, 11].map(|id| watched(w, id, priority));
    w.process_end(w.init, doomed.process, 0).unwrap();
    ready.user
}

#[test]
fn a_yield_lets_a_thread_and_the_taking_apart_run() {
    run(|w| {
        let equal = crowd(w, 31);
        w.start(w.init, Syscall::Yield, &[]);
        assert_eq!((next(w), w.is_reaping()), (Some(equal), false));
    });
}

/// With both ready above a server, they run first; beside it, it has a time slice.
#[test]
fn a_server_waits_for_a_thread_and_the_taking_apart() {
    for (crowded, first) in [(24, false), (20, true)] {
        both(|w| {
            let (server, _) = watched(w, 7, 20);
            let [endpoint, serve] = endpoint_for(w, server, Rights::RECV);
            w.receive(server.user, serve);
            assert_eq!(next(w), Some(w.init));
            let other = crowd(w, crowded);
            w.send(w.init, endpoint, &Message::new(1, &[]), NO_DEADLINE);
            assert_eq!(next(w), Some(if first { server.user } else { other }));
        });
    }
}

/// So has a caller that is answered beside them.
#[test]
fn a_caller_has_a_time_slice_beside_a_thread_and_the_taking_apart() {
    both(|w| {
        let (client, _) = watched(w, 7, 20);
        let [endpoint, call] = endpoint_for(w, client, Rights::SEND);
        w.receive(w.init, endpoint);
        assert_eq!(next(w), Some(client.user));
        w.send(client.user, call, &Message::new(1, &[]), NO_DEADLINE);
        let reply = w.received(w.init).unwrap().reply;
        crowd(w, 20);
        let answer = Message::new(2, &[]);
        w.message(w.init, Syscall::ReplyRecv, endpoint, reply, &answer, NO_DEADLINE);
        let end = w.now() + SLICE;
        assert_eq!((next(w), w.machine().timer), (Some(client.user), end));
    });
}

#[test]
fn interrupts_come_between_the_steps_of_taking_apart() {
    run(|w| {
        let child = w.child(7, 8, 900);
        let endpoint = w.endpoint_create(child.user).unwrap();
        w.checking = false;
        while w.derive(child.user, endpoint, Rights::SEND).is_ok() {}
        w.checking = true;
        w.process_end(w.init, child.process, 0).unwrap();
        park(w, w.init);
        w.machine().pending = true;
        let mut steps = 0;
        while w.live()[6] == 2 {
            assert!(!w.schedule());
            steps += 1;
            assert!(steps < 100);
        }
        assert!(steps > 2, "{steps}");
        w.machine().pending = false;
        assert!(!w.schedule());
    });
}

#[test]
fn nothing_to_run_is_no_error() {
    run(|w| {
        let deadline = w.now() + 5000;
        let n = w.notification_create(w.init).unwrap();
        w.start(w.init, Syscall::Wait, &[n.0, deadline]);
        assert_eq!(next(w), None);
        assert!(w.machine().timer <= deadline);
        w.kernel.syscall();
        w.kernel.fault(2, 0);
        assert!(w.kernel.current().is_none());
        w.advance(5000);
        assert_eq!(next(w), Some(w.init));
    });
}
