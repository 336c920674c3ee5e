//! Between two steps of a long call (RFC-0001, section 8): what others can do, and what its caller
//! sees when something else brings it to its end. Steps are cut as small as they get, and the
//! checker looks after each.

use crate::common::*;
use crate::message::both;
use crate::sched::called;
use neuron_core::sim::pace;

/// Runs `body` with steps of this many units of work.
fn with_steps(units: u32, body: impl FnOnce(&mut World<'_>)) {
    run(|w| {
        pace::set_step(Some(units));
        body(w);
        pace::set_step(None);
    });
}

/// Makes a call to its end, with `between` after each step of it but the last. Tells how many there
/// were.
fn cut(
    w: &mut World<'_>,
    user: User,
    call: Syscall,
    handle: Handle,
    mut between: impl FnMut(&mut World<'_>, usize),
) -> (Result<u64, Error>, usize) {
    for step in 0..10_000 {
        match w.start(user, call, &[handle.0]) {
            Status::Again => between(w, step),
            Status::Done => return (w.result(user), step),
            other => panic!("{other:?}"),
        }
    }
    panic!("{call:?} does not end")
}

/// A window with `count` children of a page each, below a window below the root.
struct Windows {
    above: Handle,
    middle: Handle,
    low: Vec<Handle>,
}

fn windows(w: &mut World<'_>, count: u64) -> Windows {
    let above = w.derive_part(w.init, w.roots[2], KEEP, 0, (count + 1) * PAGE).unwrap();
    let middle = w.derive_part(w.init, above, KEEP, 0, count * PAGE).unwrap();
    let low =
        (0..count).map(|page| w.derive_part(w.init, middle, KEEP, page * PAGE, PAGE).unwrap());
    let low = low.collect();
    Windows { above, middle, low }
}

// attack 76 U: any call on a capability that is half dropped, by another thread; `BadHandle`, and nothing changes; broken: half-dropped
/// S1: from the first step on, what is dropped can be used by nobody.
#[test]
fn what_is_half_dropped_names_nothing() {
    with_steps(2, |w| {
        let Windows { above, middle, low } = windows(w, 8);
        let child = w.child(7, 16, 64);
        let (_, second) = w.thread_in(Handle::NONE, 31);
        let (result, steps) = cut(w, w.init, Syscall::CapDrop, middle, |w, step| {
            let part = step as u64 % 8 * PAGE;
            let bits = u64::from(KEEP.bits());
            for (call, args) in [
                (Syscall::CapDerive, vec![middle.0, bits, part, PAGE]),
                (Syscall::CapInstall, vec![child.process.0, middle.0, bits]),
                (Syscall::CapQuery, vec![middle.0]),
                (Syscall::CapRevoke, vec![middle.0]),
                (Syscall::CapDrop, vec![middle.0]),
                (Syscall::MmioMap, vec![middle.0, 0, PAGE, VA, 3]),
                (Syscall::CapInspect, vec![0, middle.0]),
            ] {
                w.refuses(second, Error::BadHandle, call, &args);
            }
            // Nobody derives what is below it, or was, a second time.
            w.refuses(second, Error::Busy, Syscall::CapDerive, &[above.0, bits, part, PAGE]);
            assert!(low.iter().all(|handle| w.holds(w.init, *handle)));
            let (mut cursor, mut seen) = (0, 0);
            loop {
                (cursor, _) = w.inspect(second, Handle::NONE, cursor).unwrap();
                if cursor == 0 {
                    break;
                }
                assert_ne!(cursor, middle.0);
                seen += usize::from(low.contains(&Handle(cursor)));
            }
            assert_eq!(seen, low.len());
        });
        assert!(result == Ok(0) && steps > 2, "{steps}");
        w.refuses(w.init, Error::BadHandle, Syscall::CapDrop, &[middle.0]);
        assert_eq!(w.query(w.init, above).unwrap().children, 8);
    });
}

// attack 76 U: derive again from a window that is being dropped; refused, one owner
#[test]
fn a_window_being_dropped_has_one_owner() {
    with_steps(2, |w| {
        let Windows { middle, low, .. } = windows(w, 8);
        let (a, b) = (w.child(7, 32, 64), w.child(8, 32, 64));
        let one = w.install(w.init, a.process, low[0], USE).unwrap();
        w.mmio_map(a.user, one, 0, PAGE, VA, RW).unwrap();
        let (_, second) = w.thread_in(Handle::NONE, 31);
        let (result, _) = cut(w, w.init, Syscall::CapDrop, middle, |w, _| {
            assert_eq!(w.derive_part(second, middle, KEEP, 0, PAGE), Err(Error::BadHandle));
            assert_eq!(w.install(second, b.process, middle, USE), Err(Error::BadHandle));
        });
        assert_eq!(result, Ok(0));
        w.unmap(a.user, VA).unwrap();
    });
}

// attack 76 U: a call waits by a capability whose drop goes in steps; it ends with the first
#[test]
fn a_wait_ends_with_the_first_step_of_a_drop() {
    with_steps(2, |w| {
        let notification = w.notification_create(w.init).unwrap();
        let held = w
            .derive(w.init, notification, Rights::SEND | Rights::RECV | KEEP.difference(USE))
            .unwrap();
        for _ in 0..8 {
            w.derive(w.init, held, Rights::SEND).unwrap();
        }
        let (_, waiter) = w.thread_in(Handle::NONE, 31);
        w.start(waiter, Syscall::Wait, &[held.0, NO_DEADLINE]);
        let (result, steps) = cut(w, w.init, Syscall::CapDrop, held, |w, _| {
            assert_eq!(w.result(waiter), Err(Error::BadHandle));
        });
        assert!(result == Ok(0) && steps > 1);
    });
}

// attack 76 U: map again whatever a step has unmapped, while it is revoked; the revoke ends; broken: half-dropped
/// S2: nobody keeps a call in steps from its end.
#[test]
fn mappings_do_not_outrun_a_revoke() {
    with_steps(2, |w| {
        let other = w.child(7, 64, 64);
        let memory = w.vmo_create(w.init, 2).unwrap();
        for call in [Syscall::CapRevoke, Syscall::CapDrop] {
            let user = if call == Syscall::CapRevoke { w.init } else { other.user };
            let theirs = w.install(w.init, other.process, memory, USE).unwrap();
            let mut n = 0;
            let mut map = |w: &mut World<'_>| {
                while w.vmo_map(other.user, theirs, PAGE, VA + n * PAGE, R).is_ok() && n < 8 {
                    n += 1;
                }
                n = 0;
            };
            map(w);
            let (_, second) = w.thread_in(other.process, 31);
            let handle = if call == Syscall::CapRevoke { memory } else { theirs };
            let (result, steps) = cut(w, user, call, handle, |w, _| {
                // As fast as it is taken away.
                for page in 0..8 {
                    let mapped = w.vmo_map(second, theirs, PAGE, VA + page * PAGE, R);
                    assert!(mapped.is_err(), "{mapped:?}");
                }
            });
            assert!(result == Ok(0) && steps < 20, "{steps}");
            assert_eq!(w.mapped_pages(), 0);
        }
    });
}

// attack 76 U: move children up into a capability that is half dropped, for ever; the drop ends; broken: zombie-heir
#[test]
fn children_that_move_up_do_not_outrun_a_drop() {
    with_steps(4, |w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        let middle = w.derive(w.init, memory, KEEP).unwrap();
        let child = w.child(7, 16, 200);
        let mut theirs: Vec<Handle> =
            (0..12).map(|_| w.install(w.init, child.process, middle, KEEP).unwrap()).collect();
        let (result, steps) = cut(w, w.init, Syscall::CapDrop, middle, |w, _| {
            // Two for one: of the last, which is below it still.
            let last = theirs.pop().unwrap();
            theirs.extend([(); 8].map(|()| w.derive(child.user, last, KEEP).unwrap()));
            w.cap_drop(child.user, last).unwrap();
            theirs.rotate_right(3);
        });
        assert!(result == Ok(0) && steps < 12, "{steps}");
        assert!(theirs.iter().all(|handle| w.holds(child.user, *handle)));
        w.revoke(w.init, memory).unwrap();
        assert!(!theirs.iter().any(|handle| w.holds(child.user, *handle)));
    });
}

/// Ways to bring a call on `X` to its end, from outside.
const OTHERS: &[(&str, Syscall, usize)] = &[
    ("the one above is revoked", Syscall::CapRevoke, 0),
    ("the one above is dropped", Syscall::CapDrop, 0),
    ("it is dropped itself", Syscall::CapDrop, 1),
    ("it is revoked itself", Syscall::CapRevoke, 1),
    ("the one below is dropped", Syscall::CapDrop, 2),
    ("the one below is revoked", Syscall::CapRevoke, 2),
];

// attack 76 P: a drop or a revoke beside another, above, below or at the same place, cut at every step; both succeed, nothing below a revoke is left; broken: finished-by-another, drop-forgets-revoke
/// S3: a call that something else has brought to its end succeeds.
#[test]
fn a_call_that_another_finishes_succeeds() {
    for first in [Syscall::CapDrop, Syscall::CapRevoke] {
        for (name, second, at) in OTHERS {
            for step in 0..12 {
                with_steps(6, |w| meet(w, first, (name, *second, *at), step));
            }
        }
    }
}

/// `first` on a capability of init's, and after `step` steps of it all of `second`.
fn meet(w: &mut World<'_>, first: Syscall, second: (&str, Syscall, usize), step: usize) {
    let (name, call, at) = second;
    let memory = w.vmo_create(w.init, 1).unwrap();
    let above = w.derive(w.init, memory, KEEP).unwrap();
    let middle = w.derive(w.init, above, KEEP).unwrap();
    let below = w.derive(w.init, middle, KEEP).unwrap();
    let child = w.child(7, 16, 64);
    let mut low = Vec::new();
    for from in [middle, below, middle, below, below, middle, middle, below, middle, middle] {
        low.push(w.install(w.init, child.process, from, KEEP).unwrap());
    }
    w.vmo_map(child.user, low[9], PAGE, VA, R).unwrap();
    let (_, other) = w.thread_in(Handle::NONE, 31);
    let handle = [above, middle, below][at];
    let mut met = None;
    let (result, _) = cut(w, w.init, first, middle, |w, n| {
        if n == step {
            let before = w.holds(other, handle);
            met = Some((before, w.call(other, call, &[handle.0])));
        }
    });
    let at = format!("{first:?}, {name}, after step {step}");
    assert_eq!(result, Ok(0), "{at}");
    if let Some((held, met)) = met {
        let expected = if held { Ok(0) } else { Err(Error::BadHandle) };
        assert_eq!(met, expected, "{at}");
    }
    // What was derived from a capability that was revoked is gone.
    let left = low.iter().filter(|low| w.holds(child.user, **low)).count();
    let above_revoked = matches!(met, Some((_, Ok(_)))) && call == Syscall::CapRevoke;
    if first == Syscall::CapRevoke || above_revoked && second.2 < 2 {
        assert_eq!((left, w.mapped_pages()), (0, 0), "{at}");
    } else if !above_revoked {
        assert_eq!(left, low.len(), "{at}");
    }
    assert_eq!(
        w.holds(w.init, middle),
        first == Syscall::CapRevoke && !ended(&second, met),
        "{at}"
    );
    w.refuses(w.init, Error::BadHandle, Syscall::CapDrop, &[Handle::new(9, 999).0]);
    w.revoke(w.init, memory).unwrap();
    assert_eq!(w.query(w.init, memory).unwrap().children, 0);
}

/// True when the second call took the capability of the first away.
fn ended(second: &(&str, Syscall, usize), met: Option<(bool, Result<u64, Error>)>) -> bool {
    let (_, call, at) = second;
    let done = matches!(met, Some((_, Ok(_))));
    done && (*at == 0 && *call == Syscall::CapRevoke || *at == 1 && *call == Syscall::CapDrop)
}

/// What a call has begun to make is told from what a call has begun to take away.
#[test]
fn what_is_half_taken_away_is_not_handed_out_again() {
    for call in [Syscall::CapRevoke, Syscall::CapDrop] {
        with_steps(2, |w| {
            let memory = w.vmo_create(w.init, 1).unwrap();
            for _ in 0..8 {
                w.derive(w.init, memory, Rights::READ).unwrap();
            }
            assert_eq!(w.start(w.init, call, &[memory.0]), Status::Again);
            let other = w.vmo_create(w.init, 1).unwrap();
            assert!(other != memory && w.holds(w.init, other), "{call:?}");
        });
    }
}

// attack 76 U: two threads drop one capability; one does it, the other is told that it is gone
#[test]
fn of_two_drops_one_succeeds() {
    with_steps(2, |w| {
        let Windows { middle, .. } = windows(w, 8);
        let (_, second) = w.thread_in(Handle::NONE, 31);
        assert_eq!(w.start(w.init, Syscall::CapDrop, &[middle.0]), Status::Again);
        w.refuses(second, Error::BadHandle, Syscall::CapDrop, &[middle.0]);
        assert_eq!(cut(w, w.init, Syscall::CapDrop, middle, |_, _| ()).0, Ok(0));
        // The success was for that call, and is for no later one.
        w.refuses(w.init, Error::BadHandle, Syscall::CapDrop, &[middle.0]);
        w.refuses(w.init, Error::BadHandle, Syscall::CapRevoke, &[middle.0]);
    });
}

// attack 76 U: a process ends half through a drop or a revoke; what it began is brought to its end
#[test]
fn what_a_process_began_is_finished_after_its_end() {
    for call in [Syscall::CapDrop, Syscall::CapRevoke] {
        with_steps(2, |w| {
            let memory = w.vmo_create(w.init, 1).unwrap();
            let (a, b) = (w.child(7, 16, 64), w.child(8, 16, 64));
            let theirs = w.install(w.init, a.process, memory, KEEP).unwrap();
            let process = w.install(w.init, a.process, b.process, Rights::MANAGE).unwrap();
            let low: Vec<Handle> =
                [(); 8].map(|()| w.install(a.user, process, theirs, USE).unwrap()).into();
            assert_eq!(w.start(a.user, call, &[theirs.0]), Status::Again);
            w.process_end(w.init, a.process, 1).unwrap();
            w.settle();
            let left = low.iter().filter(|handle| w.holds(b.user, **handle)).count();
            // Of a drop, its children are above now; of a revoke, none is left.
            assert_eq!(left, if call == Syscall::CapDrop { low.len() } else { 0 });
            w.revoke(w.init, memory).unwrap();
            assert_eq!(w.query(w.init, memory).unwrap().children, 0);
        });
    }
}

// attack 76 U: the right to receive goes while messages that fail are sent back; no error comes after the answer went; broken: error-after-answer
/// S4: an error means that nothing of the call was done.
#[test]
fn no_error_comes_after_an_answer() {
    both(|w| {
        let server = w.child(7, 16, 64);
        let client = w.child(8, 64, 500);
        let [serve, call] = called(w, server, client);
        let reply = w.received(server.user).unwrap().reply;
        let bad = Message::with_cap(1, &[], Handle(77));
        for _ in 0..20 {
            let user = w.thread_in(client.process, 31).1;
            w.send(user, call, &bad, NO_DEADLINE);
        }
        let answer = Message::new(5, &[]);
        let status = w.message(server.user, Syscall::ReplyRecv, serve, reply, &answer, NO_DEADLINE);
        // The answer went, and the call is done: there was no message, and there are no bits.
        assert_eq!(
            (status, w.received(client.user).unwrap().message.tag.label()),
            (Status::Done, 5)
        );
        let got = w.received(server.user).unwrap();
        assert_eq!((got.message.tag, got.message.words[0]), (Tag(Tag::NOTIFICATION), 0));
        assert_eq!((got.sender, got.reply), (Sender::default(), Handle::NONE));
        let (_, second) = w.thread_in(server.process, 31);
        // Without an answer it goes in steps, and an error comes with no effect of its own.
        assert_eq!(w.receive(server.user, serve), Status::Again);
        w.cap_drop(second, serve).unwrap();
        assert_eq!(w.receive(server.user, serve), Status::Done);
        assert_eq!(w.result(server.user), Err(Error::BadHandle));
    });
}
