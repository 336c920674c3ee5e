//! The one-use reply capability.

use crate::common::*;
use crate::message::{Pair, both, pair};

fn plain(label: u32) -> Message {
    Message::new(label, &[1, 2, 3])
}

/// A pair whose client waits for the answer to a call; and the reply capability.
fn called(w: &mut World<'_>, deadline: u64) -> (Pair, Handle) {
    let p = pair(w);
    w.receive(p.server.user, p.serve);
    w.send(p.client.user, p.call, &plain(1), deadline);
    let reply = w.received(p.server.user).unwrap().reply;
    (p, reply)
}

fn reply(w: &mut World<'_>, user: User, reply: Handle) -> Status {
    w.message(user, Syscall::Reply, reply, Handle::NONE, &plain(2), 0)
}

/// No way of using the reply capability works.
fn is_dead(w: &mut World<'_>, user: User, endpoint: Handle, cap: Handle) {
    w.refused(user, Error::BadHandle, |w| reply(w, user, cap));
    w.refused(user, Error::BadHandle, |w| {
        w.message(user, Syscall::ReplyRecv, endpoint, cap, &plain(2), NO_DEADLINE)
    });
    w.refuses(user, Error::BadHandle, Syscall::CapDrop, &[cap.0]);
}

// attack 33 U: an answer carries a capability to a client without room; the server is told, answers otherwise or drops the reply
#[test]
fn an_answer_without_room_fails_the_call() {
    both(|w| {
        for drops in [true, false] {
            let (p, cap) = called(w, NO_DEADLINE);
            let (server, client) = (p.server.user, p.client.user);
            let given = w.endpoint_create(server).unwrap();
            let (_, objects) = w.used(client);
            w.limit(client, None, Some(objects));
            let full = Message::with_cap(2, &[], given);
            for call in [Syscall::Reply, Syscall::ReplyRecv] {
                w.refused(server, Error::NoMemory, |w| match call {
                    Syscall::Reply => w.message(server, call, cap, Handle::NONE, &full, 0),
                    _ => w.message(server, call, p.serve, cap, &full, NO_DEADLINE),
                });
            }
            assert!(!w.is_ready(client));
            if drops {
                w.cap_drop(server, cap).unwrap();
                assert_eq!(w.result(client), Err(Error::PeerGone));
            } else {
                assert_eq!(reply(w, server, cap), Status::Done);
                assert_eq!(w.received(client).unwrap().message.tag.label(), 2);
            }
        }
    });
}

// attack 29 U: answer a call twice; refused with `BadHandle`
#[test]
fn a_reply_is_used_once() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        assert_eq!(reply(w, p.server.user, cap), Status::Done);
        is_dead(w, p.server.user, p.serve, cap);
        // Not for the client's next call either.
        w.send(p.client.user, p.call, &plain(1), NO_DEADLINE);
        assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
        let next = w.received(p.server.user).unwrap().reply;
        assert_ne!(next, cap);
        is_dead(w, p.server.user, p.serve, cap);
        assert_eq!(reply(w, p.server.user, next), Status::Done);
    });
}

/// Not for a later call of the same client to the same server either, however many were between.
#[test]
fn a_reply_fits_one_call() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        let mut next = cap;
        for _ in 0..4 {
            assert_eq!(reply(w, p.server.user, next), Status::Done);
            w.receive(p.server.user, p.serve);
            w.send(p.client.user, p.call, &plain(1), NO_DEADLINE);
            next = w.received(p.server.user).unwrap().reply;
            is_dead(w, p.server.user, p.serve, cap);
        }
    });
}

#[test]
fn a_reply_is_used_once_by_reply_recv() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        let (_, second) = w.thread_in(p.server.process, 31);
        let user = p.server.user;
        let status = w.message(user, Syscall::ReplyRecv, p.serve, cap, &plain(2), NO_DEADLINE);
        assert_eq!(status, Status::Blocked);
        assert_eq!(w.received(p.client.user).unwrap().message.tag.label(), 2);
        is_dead(w, second, p.serve, cap);
    });
}

#[test]
fn any_thread_of_the_server_can_answer() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        let (_, second) = w.thread_in(p.server.process, 31);
        assert_eq!(reply(w, second, cap), Status::Done);
        assert_eq!(w.received(p.client.user).unwrap().sender, w.identity(second));
        is_dead(w, p.server.user, p.serve, cap);
    });
}

// attack 29 U: another process answers; refused with `BadHandle`
#[test]
fn a_reply_cannot_be_stolen() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        let thief = w.child(9, 16, 64);
        let serve = w.install(w.init, thief.process, p.endpoint, Rights::RECV).unwrap();
        is_dead(w, thief.user, serve, cap);
        is_dead(w, w.init, p.endpoint, cap);
        // Nor guessed: other calls, other threads.
        for guess in [
            Handle(cap.0 + (1 << 16)),
            Handle(cap.0 - (1 << 16)),
            Handle(cap.0 + 1),
            Handle(cap.0 ^ Handle::REPLY_BIT),
            Handle::reply(0, 1),
            Handle::reply(u16::MAX, u64::MAX),
        ] {
            is_dead(w, p.server.user, p.serve, guess);
        }
        assert_eq!(reply(w, p.server.user, cap), Status::Done);
    });
}

#[test]
fn a_reply_is_no_capability_of_another_kind() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        let user = p.server.user;
        for call in [
            Syscall::CapQuery,
            Syscall::CapRevoke,
            Syscall::CapDerive,
            Syscall::Signal,
            Syscall::Wait,
            Syscall::VmoSeal,
            Syscall::ProcessEnd,
            Syscall::ProcessStat,
            Syscall::MmioMap,
        ] {
            w.refuses(user, Error::BadHandle, call, &[cap.0, 0, 0, 0, 0, 0]);
        }
        // It is not passed on.
        let (_, second) = w.thread_in(p.client.process, 31);
        let carry = Message::with_cap(1, &[], cap);
        let endpoint = w.install(w.init, p.server.process, p.endpoint, Rights::SEND).unwrap();
        w.refused(user, Error::BadHandle, |w| reply_with(w, user, cap, &carry));
        let _ = (second, endpoint);
        assert_eq!(reply(w, user, cap), Status::Done);
    });
}

fn reply_with(w: &mut World<'_>, user: User, cap: Handle, message: &Message) -> Status {
    w.message(user, Syscall::Reply, cap, Handle::NONE, message, 0)
}

#[test]
fn a_reply_dropped_fails_the_call() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        w.cap_drop(p.server.user, cap).unwrap();
        assert_eq!(w.result(p.client.user), Err(Error::PeerGone));
        is_dead(w, p.server.user, p.serve, cap);
    });
}

#[test]
fn a_reply_after_the_deadline_is_dead() {
    both(|w| {
        let deadline = w.now() + 50_000;
        let (p, cap) = called(w, deadline);
        w.advance(49_999);
        assert!(!w.is_ready(p.client.user));
        w.advance(1);
        assert_eq!(w.result(p.client.user), Err(Error::TimedOut));
        is_dead(w, p.server.user, p.serve, cap);
        // The client calls again; the old answer does not fit the new call.
        w.send(p.client.user, p.call, &plain(1), NO_DEADLINE);
        w.receive(p.server.user, p.serve);
        is_dead(w, p.server.user, p.serve, cap);
    });
}

#[test]
fn a_reply_to_a_thread_that_ended_is_dead() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        w.process_end(w.init, p.client.process, 0).unwrap();
        is_dead(w, p.server.user, p.serve, cap);
        w.settle();
        is_dead(w, p.server.user, p.serve, cap);
        // Another thread takes its slot, and calls.
        let next = w.child(8, 16, 64);
        let call = w.install(w.init, next.process, p.endpoint, Rights::SEND).unwrap();
        w.send(next.user, call, &plain(1), NO_DEADLINE);
        w.receive(p.server.user, p.serve);
        assert_eq!(cap.reply_slot(), w.received(p.server.user).unwrap().reply.reply_slot());
        is_dead(w, p.server.user, p.serve, cap);
    });
}

// attack 32 F: the server faults with one call received and one waiting; the first caller gets `PeerGone`; broken: server-death
#[test]
fn the_end_of_a_server_fails_its_calls() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        let other = w.child(9, 16, 64);
        let call = w.install(w.init, other.process, p.endpoint, Rights::SEND).unwrap();
        w.send(other.user, call, &plain(1), NO_DEADLINE);
        w.fault(p.server.user, 13, 0xdead);
        w.settle();
        // Whose call was received: an error. Whose call still waits: it can be served by another.
        assert_eq!(w.result(p.client.user), Err(Error::PeerGone));
        assert!(!w.is_ready(other.user));
        let next = w.child(7, 16, 64);
        let serve = w.install(w.init, next.process, p.endpoint, Rights::RECV).unwrap();
        is_dead(w, next.user, serve, cap);
        assert_eq!(w.receive(next.user, serve), Status::Done);
        assert_eq!(w.received(next.user).unwrap().sender, w.identity(other.user));
    });
}

// attack 59 U: a new life uses a reply of the old one; refused with `BadHandle`; broken: server-death
/// A restarted server does not get the authority of its life before.
#[test]
fn replies_do_not_outlive_a_restart() {
    both(|w| {
        let (p, cap) = called(w, NO_DEADLINE);
        let process = p.server.process;
        w.process_end(w.init, process, 0).unwrap();
        w.settle();
        w.cap_drop(w.init, process).unwrap();
        let next = w.child(7, 16, 64);
        let serve = w.install(w.init, next.process, p.endpoint, Rights::RECV).unwrap();
        w.send(p.client.user, p.call, &plain(1), NO_DEADLINE);
        is_dead(w, next.user, serve, cap);
    });
}
