//! Notifications: bits, waiters, and endpoints that they are bound to.

use crate::common::*;
use crate::message::{Pair, both, pair};

fn wait(w: &mut World<'_>, user: User, notification: Handle) -> Status {
    w.start(user, Syscall::Wait, &[notification.0, NO_DEADLINE])
}

#[test]
fn bits_add_up_and_are_taken_at_once() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let n = w.notification_create(child.user).unwrap();
        for bits in [1, 2, 1 << 63, 1] {
            w.signal(child.user, n, bits).unwrap();
        }
        assert_eq!(w.call(child.user, Syscall::Wait, &[n.0, 0]), Ok((1 << 63) | 3));
        assert_eq!(wait(w, child.user, n), Status::Blocked);
    });
}

#[test]
fn a_signal_wakes_the_waiter() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let (_, second) = w.thread_in(child.process, 31);
        let n = w.notification_create(child.user).unwrap();
        assert_eq!(wait(w, child.user, n), Status::Blocked);
        // Nothing is nothing.
        w.signal(second, n, 0).unwrap();
        assert!(!w.is_ready(child.user));
        w.signal(second, n, 6).unwrap();
        assert_eq!(w.result(child.user), Ok(6));
        // It was taken.
        assert_eq!(wait(w, child.user, n), Status::Blocked);
    });
}

#[test]
fn one_waiter_at_most() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let (_, second) = w.thread_in(child.process, 31);
        let n = w.notification_create(child.user).unwrap();
        wait(w, child.user, n);
        w.refuses(second, Error::Busy, Syscall::Wait, &[n.0, 0]);
        let endpoint = w.endpoint_create(second).unwrap();
        w.refuses(second, Error::Busy, Syscall::EndpointBind, &[endpoint.0, n.0]);
    });
}

#[test]
fn rights_of_signal_and_wait() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let n = w.notification_create(child.user).unwrap();
        let endpoint = w.endpoint_create(child.user).unwrap();
        let send = w.derive(child.user, n, Rights::SEND).unwrap();
        let receive = w.derive(child.user, n, Rights::RECV).unwrap();
        let out = w.derive(child.user, endpoint, Rights::SEND).unwrap();
        w.refuses(child.user, Error::Denied, Syscall::Signal, &[receive.0, 1]);
        w.refuses(child.user, Error::Denied, Syscall::Wait, &[send.0, 0]);
        w.refuses(child.user, Error::Denied, Syscall::EndpointBind, &[endpoint.0, send.0]);
        w.refuses(child.user, Error::Denied, Syscall::EndpointBind, &[out.0, receive.0]);
        w.refuses(child.user, Error::WrongKind, Syscall::Signal, &[endpoint.0, 1]);
        w.refuses(child.user, Error::WrongKind, Syscall::EndpointBind, &[n.0, n.0]);
        w.signal(child.user, send, 4).unwrap();
        assert_eq!(w.call(child.user, Syscall::Wait, &[receive.0, 0]), Ok(4));
    });
}

/// A pair whose server has a notification bound to its endpoint.
fn bound(w: &mut World<'_>) -> (Pair, Handle) {
    let p = pair(w);
    let n = w.notification_create(w.init).unwrap();
    let theirs = w.install(w.init, p.server.process, n, Rights::RECV).unwrap();
    w.endpoint_bind(p.server.user, p.serve, theirs).unwrap();
    (p, n)
}

fn bits_of(w: &mut World<'_>, user: User) -> u64 {
    let got = w.received(user).unwrap();
    assert!(got.message.tag.is_notification());
    assert_eq!((got.sender, got.reply), (Sender::default(), Handle::NONE));
    got.message.words[0]
}

#[test]
fn bound_bits_come_to_a_receiver() {
    both(|w| {
        let (p, n) = bound(w);
        // One that waits.
        w.receive(p.server.user, p.serve);
        w.signal(w.init, n, 5).unwrap();
        assert_eq!(bits_of(w, p.server.user), 5);
        // One that comes later, before any message.
        w.send(p.client.user, p.call, &Message::new(3, &[]), NO_DEADLINE);
        w.signal(w.init, n, 8).unwrap();
        w.signal(w.init, n, 1).unwrap();
        assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
        assert_eq!(bits_of(w, p.server.user), 9);
        assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
        assert_eq!(w.received(p.server.user).unwrap().message.tag.label(), 3);
    });
}

#[test]
fn bound_bits_come_with_an_answer() {
    both(|w| {
        let (p, n) = bound(w);
        w.receive(p.server.user, p.serve);
        w.send(p.client.user, p.call, &Message::new(1, &[]), NO_DEADLINE);
        let reply = w.received(p.server.user).unwrap().reply;
        w.signal(w.init, n, 2).unwrap();
        let (user, answer) = (p.server.user, Message::new(4, &[]));
        let status = w.message(user, Syscall::ReplyRecv, p.serve, reply, &answer, NO_DEADLINE);
        assert_eq!(status, Status::Done);
        assert_eq!(bits_of(w, user), 2);
        assert_eq!(w.received(p.client.user).unwrap().message.tag.label(), 4);
    });
}

/// Bits from before the binding are not lost, not even to one that already receives.
#[test]
fn bits_from_before_the_binding_are_delivered() {
    both(|w| {
        let p = pair(w);
        let n = w.notification_create(w.init).unwrap();
        w.signal(w.init, n, 16).unwrap();
        w.receive(p.server.user, p.serve);
        w.endpoint_bind(w.init, p.endpoint, n).unwrap();
        assert_eq!(bits_of(w, p.server.user), 16);
    });
}

#[test]
fn one_binding_at_most() {
    run(|w| {
        let (p, n) = bound(w);
        let (other, spare) =
            (w.endpoint_create(w.init).unwrap(), w.notification_create(w.init).unwrap());
        let bind = Syscall::EndpointBind;
        w.refuses(w.init, Error::Busy, bind, &[p.endpoint.0, spare.0]);
        w.refuses(w.init, Error::Busy, bind, &[other.0, n.0]);
        w.refuses(w.init, Error::Busy, bind, &[p.endpoint.0, n.0]);
        // When one of them has ended, the other is free again.
        w.revoke(w.init, n).unwrap();
        w.cap_drop(w.init, n).unwrap();
        w.endpoint_bind(w.init, p.endpoint, spare).unwrap();
        w.signal(w.init, spare, 3).unwrap();
        assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
        assert_eq!(bits_of(w, p.server.user), 3);
        w.revoke(w.init, p.endpoint).unwrap();
        w.cap_drop(w.init, p.endpoint).unwrap();
        w.signal(w.init, spare, 1).unwrap();
        w.endpoint_bind(w.init, other, spare).unwrap();
    });
}

#[test]
fn supervisors_learn_of_an_end_through_a_bound_notification() {
    run(|w| {
        let n = w.notification_create(w.init).unwrap();
        let endpoint = w.endpoint_create(w.init).unwrap();
        w.endpoint_bind(w.init, endpoint, n).unwrap();
        let process = w.process_create(7, 8, 32, n, 1 << 7).unwrap();
        let (_, user) = w.thread_in(process, 31);
        w.receive(w.init, endpoint);
        w.start(user, Syscall::ThreadExit, &[]);
        w.settle();
        assert_eq!(bits_of(w, w.init), 1 << 7);
    });
}
