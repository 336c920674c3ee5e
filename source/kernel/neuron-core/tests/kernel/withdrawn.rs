//! A right that is taken away ends what was begun with it: waits, and bindings.

use crate::common::*;
use crate::message::{Pair, both, pair};
use neuron_core::object::thread::State;
use neuron_core::sim::pace;

fn plain() -> Message {
    Message::new(1, &[7, 8, 9])
}

fn wait(w: &mut World<'_>, user: User, notification: Handle) -> Status {
    w.start(user, Syscall::Wait, &[notification.0, NO_DEADLINE])
}

/// Another thread of init's.
fn spare(w: &mut World<'_>) -> User {
    w.thread_by(w.init, Handle::NONE, 31).unwrap().1
}

// attack 20 U: revoke while threads wait to receive; woken with `BadHandle`, and what is sent later waits for a new server; broken: revoke-keeps-waiters
#[test]
fn a_revoked_right_to_receive_ends_the_wait() {
    both(|w| {
        let p = pair(w);
        let (_, second) = w.thread_in(p.server.process, 31);
        w.receive(p.server.user, p.serve);
        let deadline = w.now() + 1_000_000;
        w.message(second, Syscall::ReplyRecv, p.serve, Handle::NONE, &plain(), deadline);
        let words = w.frame(second).words();
        w.revoke(w.init, p.endpoint).unwrap();
        for user in [p.server.user, second] {
            assert_eq!(w.result(user), Err(Error::BadHandle));
        }
        let call = w.install(w.init, p.client.process, p.endpoint, Rights::SEND).unwrap();
        let carried = w.notification_create(p.client.user).unwrap();
        let message = Message::with_cap(1, &[], carried);
        assert_eq!(w.send(p.client.user, call, &message, NO_DEADLINE), Status::Blocked);
        assert_eq!(w.frame(second).words(), words);
        let (_, objects) = w.used(second);
        // Its deadline is over with it, and the message is for whoever has the right.
        w.advance(2_000_000);
        assert_eq!(w.result(second), Err(Error::BadHandle));
        assert_eq!(w.used(second).1, objects);
        assert_eq!(w.receive(w.init, p.endpoint), Status::Done);
        assert_eq!(w.received(w.init).unwrap().message.tag.label(), 1);
    });
}

// attack 20 U: revoke while messages wait, with a deadline and without; their senders are woken with `BadHandle` at once; broken: revoke-keeps-waiters
#[test]
fn a_revoked_right_to_send_ends_the_wait() {
    both(|w| {
        let p = pair(w);
        let (_, second) = w.thread_in(p.client.process, 31);
        w.send(p.client.user, p.call, &plain(), NO_DEADLINE);
        let deadline = w.now() + 1_000_000;
        w.send(second, p.call, &plain(), deadline);
        w.revoke(w.init, p.endpoint).unwrap();
        for user in [p.client.user, second] {
            assert_eq!(w.result(user), Err(Error::BadHandle));
        }
        assert_eq!(w.receive(w.init, p.endpoint), Status::Blocked);
    });
}

// attack 20 U: revoke while a thread waits for a notification; woken with `BadHandle`, and the bits are for who waits next; broken: revoke-keeps-waiters
#[test]
fn a_revoked_right_to_wait_ends_the_wait() {
    both(|w| {
        let child = w.child(7, 16, 64);
        let n = w.notification_create(w.init).unwrap();
        let theirs = w.install(w.init, child.process, n, Rights::RECV).unwrap();
        let other = spare(w);
        wait(w, child.user, theirs);
        w.revoke(w.init, n).unwrap();
        assert_eq!(w.result(child.user), Err(Error::BadHandle));
        assert_eq!(wait(w, w.init, n), Status::Blocked);
        w.signal(other, n, 4).unwrap();
        assert_eq!(w.result(w.init), Ok(4));
        assert_eq!(w.result(child.user), Err(Error::BadHandle));
    });
}

/// Only waits with the very capability end: not those with another one to the same object, and not
/// the call that was received.
#[test]
fn other_waits_go_on() {
    both(|w| {
        let p = pair(w);
        w.receive(p.server.user, p.serve);
        w.send(p.client.user, p.call, &plain(), NO_DEADLINE);
        let reply = w.received(p.server.user).unwrap().reply;
        let (_, second) = w.thread_in(p.server.process, 31);
        let other = w.derive(w.init, p.endpoint, Rights::RECV | Rights::GRANT).unwrap();
        let serve = w.install(w.init, p.server.process, other, Rights::RECV).unwrap();
        let (_, third) = w.thread_in(p.server.process, 31);
        let (_, neighbour) = w.thread_in(p.client.process, 31);
        w.receive(second, p.serve);
        w.receive(third, serve);
        w.cap_drop(p.server.user, p.serve).unwrap();
        w.cap_drop(neighbour, p.call).unwrap();
        assert_eq!(w.result(second), Err(Error::BadHandle));
        assert!(matches!(w.state(third), Some(State::Receiving(_))));
        assert!(matches!(w.state(p.client.user), Some(State::Awaiting { .. })));
        let answer = Message::new(2, &[]);
        w.message(p.server.user, Syscall::Reply, reply, Handle::NONE, &answer, 0);
        assert_eq!(w.received(p.client.user).unwrap().message.tag.label(), 2);
    });
}

/// A capability that its own process drops while another thread of it waits.
#[test]
fn a_drop_ends_the_waits_of_the_own_process() {
    both(|w| {
        let child = w.child(7, 16, 64);
        let (_, second) = w.thread_in(child.process, 31);
        let n = w.notification_create(w.init).unwrap();
        let theirs = w.install(w.init, child.process, n, Rights::RECV).unwrap();
        wait(w, second, theirs);
        w.cap_drop(child.user, theirs).unwrap();
        assert_eq!(w.result(second), Err(Error::BadHandle));
        // With the last capability the object goes too.
        for (make, call) in [
            (Syscall::EndpointCreate, Syscall::ReplyRecv),
            (Syscall::EndpointCreate, Syscall::Call),
            (Syscall::NotificationCreate, Syscall::Wait),
        ] {
            let only = Handle(w.call(child.user, make, &[]).unwrap());
            match call {
                Syscall::Wait => wait(w, second, only),
                _ => w.message(second, call, only, Handle::NONE, &plain(), NO_DEADLINE),
            };
            w.cap_drop(child.user, only).unwrap();
            assert_eq!(w.result(second), Err(Error::PeerGone));
        }
    });
}

// attack 64 U: revoke in the smallest steps while all threads of a process wait; each is woken
#[test]
fn every_wait_ends_in_the_smallest_steps() {
    run(|w| {
        pace::set_step(Some(1));
        let child = w.child(2, 32, 200);
        let endpoint = w.endpoint_create(w.init).unwrap();
        let mut users = vec![child.user];
        users.extend((0..15).map(|_| w.thread_in(child.process, 31).1));
        for four in users.chunks(4) {
            let given = w.install(w.init, child.process, endpoint, Rights::RECV).unwrap();
            for user in four {
                assert_eq!(w.receive(*user, given), Status::Blocked);
            }
        }
        w.revoke(w.init, endpoint).unwrap();
        for user in users {
            assert_eq!(w.result(user), Err(Error::BadHandle));
        }
        pace::set_step(None);
    });
}

/// A pair whose server has a notification of init's bound to its endpoint, by a capability that
/// init gave it.
fn bound(w: &mut World<'_>) -> (Pair, Handle, Handle) {
    let p = pair(w);
    let n = w.notification_create(w.init).unwrap();
    let theirs = w.install(w.init, p.server.process, n, Rights::RECV).unwrap();
    w.endpoint_bind(p.server.user, p.serve, theirs).unwrap();
    (p, n, theirs)
}

// attack 20 U: revoke a notification that another has bound; its bits come to that process no more, and it can be bound again; broken: revoke-keeps-binding
#[test]
fn a_revoked_notification_is_bound_no_more() {
    both(|w| {
        let (p, n, _) = bound(w);
        let thief = w.endpoint_create(p.server.user).unwrap();
        let mine = w.endpoint_create(w.init).unwrap();
        w.signal(w.init, n, 1).unwrap();
        w.revoke(w.init, n).unwrap();
        w.receive(p.server.user, thief);
        w.endpoint_bind(w.init, mine, n).unwrap();
        // What nobody had taken is there.
        let user = spare(w);
        assert_eq!(w.receive(user, mine), Status::Done);
        assert_eq!(w.received(user).unwrap().message.words[0], 1);
        let (_, second) = w.thread_in(p.server.process, 31);
        assert_eq!(w.receive(second, p.serve), Status::Blocked);
        w.signal(w.init, n, 2).unwrap();
        assert!(!w.is_ready(second));
        assert_eq!(w.receive(user, mine), Status::Done);
        assert_eq!(w.received(user).unwrap().message.words[0], 2);
    });
}

// attack 20 U: revoke an endpoint to which another has bound its own notification; nothing of it reaches the new server; broken: revoke-keeps-binding
#[test]
fn a_revoked_endpoint_is_bound_no_more() {
    both(|w| {
        let p = pair(w);
        let own = w.notification_create(p.server.user).unwrap();
        w.endpoint_bind(p.server.user, p.serve, own).unwrap();
        w.revoke(w.init, p.endpoint).unwrap();
        let user = spare(w);
        assert_eq!(w.receive(user, p.endpoint), Status::Blocked);
        w.signal(p.server.user, own, 64).unwrap();
        assert!(!w.is_ready(user));
        let mine = w.notification_create(w.init).unwrap();
        w.endpoint_bind(w.init, p.endpoint, mine).unwrap();
        w.signal(w.init, mine, 2).unwrap();
        assert_eq!(w.received(user).unwrap().message.words[0], 2);
        // The other's is free too.
        let again = w.endpoint_create(p.server.user).unwrap();
        w.endpoint_bind(p.server.user, again, own).unwrap();
        assert_eq!(w.receive(p.server.user, again), Status::Done);
        assert_eq!(w.received(p.server.user).unwrap().message.words[0], 64);
    });
}

/// A binding rests on the two capabilities it was made with, and on no others to the same objects.
#[test]
fn a_binding_ends_with_either_capability() {
    both(|w| {
        for side in 0..2 {
            let (p, n, theirs) = bound(w);
            let used = [p.serve, theirs][side];
            let object = [p.endpoint, n][side];
            let other = w.install(w.init, p.server.process, object, Rights::RECV).unwrap();
            w.cap_drop(p.server.user, other).unwrap();
            let bind = [p.endpoint.0, n.0];
            w.refuses(w.init, Error::Busy, Syscall::EndpointBind, &bind);
            w.cap_drop(p.server.user, used).unwrap();
            w.endpoint_bind(w.init, p.endpoint, n).unwrap();
        }
        // All that a process holds goes with it.
        let (p, n, _) = bound(w);
        w.process_end(w.init, p.server.process, 0).unwrap();
        w.settle();
        w.endpoint_bind(w.init, p.endpoint, n).unwrap();
    });
}
