//! What the short ways of `call`, `reply_recv` and `signal` do, and what they leave to the long one, in
//! the state in which they would go through but for that.

use crate::common::*;
use crate::fast::{Kind, attempt_with, ready};
use crate::message::pair;

const MESSAGES: [Kind; 3] = [Kind::Call, Kind::ReplyRecv, Kind::Next];

/// A message of one capability.
fn gift(cap: Handle) -> Message {
    Message::with_cap(7, &[], cap)
}

/// How many calls `body` made by a short way.
fn short(w: &mut World<'_>, body: impl FnOnce(&mut World<'_>)) -> u64 {
    let before = w.short;
    body(w);
    w.short - before
}

/// A thread of this priority in a new process.
fn thread(w: &mut World<'_>, id: u64, priority: u64) -> (Handle, User) {
    let process = w.process_create(id, 16, 64, Handle::NONE, 0).unwrap();
    (process, w.thread_in(process, priority).1)
}

// attack 31 U: tags that lie about their message, with a partner ready; `BadMessage`; broken: fast-tag
#[test]
fn the_short_way_takes_no_bad_tag() {
    for kind in MESSAGES {
        run(|w| {
            let ready = ready(w, kind);
            for tag in [9, 5 << 4 | 8, 1 << 7, Tag::NOTIFICATION, 1 << 31] {
                let bad = Message { tag: Tag(tag), words: [0; 8] };
                // In a `reply_recv` it names a line besides, which this does not.
                let line = tag == Tag::ACK && !matches!(kind, Kind::Call);
                let error = if line { Error::BadHandle } else { Error::BadMessage };
                w.refused(ready.actor.user, error, |w| {
                    attempt_with(w, &ready, ready.good, &bad, NO_DEADLINE)
                });
            }
        });
    }
}

// attack 22 U: a capability is sent with a partner ready; a child of it arrives, and no handle of the sender; broken: fast-tag
#[test]
fn the_short_way_carries_no_capability() {
    for kind in MESSAGES {
        run(|w| {
            let ready = ready(w, kind);
            let (_, second) = w.thread_in(ready.actor.process, 31);
            let own = w.notification_create(second).unwrap();
            let made = short(w, |w| {
                attempt_with(w, &ready, ready.good, &gift(own), NO_DEADLINE);
            });
            let got = w.received(ready.partner).unwrap().message.caps().next().unwrap();
            assert!(w.holds(ready.partner, got) && got != own);
            assert_eq!(made, 0);
        });
    }
}

// attack 22 U: the next caller has sent a capability, or what it does not hold; a child arrives, or it has the error and the answer before stands; broken: fast-tag
#[test]
fn the_next_call_brings_its_capability_or_fails_alone() {
    for good in [true, false] {
        run(|w| {
            let p = pair(w);
            let (_, second) = w.thread_in(p.client.process, 31);
            let own = w.notification_create(second).unwrap();
            let sent = if good { own } else { p.serve };
            w.receive(p.server.user, p.serve);
            w.send(p.client.user, p.call, &Message::new(1, &[]), NO_DEADLINE);
            w.send(second, p.call, &gift(sent), NO_DEADLINE);
            let first = w.received(p.server.user).unwrap();
            w.fast = true;
            let status = answer(w, p.server.user, p.serve, first.reply, NO_DEADLINE);
            assert_eq!(w.received(p.client.user).unwrap().message.tag.label(), 2);
            if good {
                let got = w.received(p.server.user).unwrap().message.caps().next().unwrap();
                assert!(w.holds(p.server.user, got) && got != own);
            } else {
                assert_eq!((status, w.received(second)), (Status::Blocked, Err(Error::BadHandle)));
            }
        });
    }
}

fn answer(
    w: &mut World<'_>,
    server: User,
    endpoint: Handle,
    reply: Handle,
    deadline: u64,
) -> Status {
    w.message(server, Syscall::ReplyRecv, endpoint, reply, &Message::new(2, &[3]), deadline)
}

// attack 77 U: answer one caller while another waits; the server has its call, and it is not forgotten; broken: fast-queue
/// The server answers the first caller and has the call of the second, in one entry.
#[test]
fn the_next_caller_is_taken_by_the_short_way() {
    run(|w| {
        let ready = ready(w, Kind::Next);
        let made = short(w, |w| {
            attempt_with(w, &ready, ready.good, &Message::new(2, &[3]), NO_DEADLINE);
        });
        assert_eq!(made, 1);
        let answered = w.received(ready.partner).unwrap();
        assert_eq!((answered.message.tag.label(), answered.message.words[0]), (2, 3));
        let next = w.received(ready.actor.user).unwrap();
        assert_eq!((next.message.tag.label(), next.message.words[0]), (4, 5));
        assert_eq!(next.sender.service_id, 8);
        assert!(next.reply.is_reply() && next.reply != ready.reply);
        // The same answer goes nowhere again, and the new one once.
        let user = ready.actor.user;
        w.refused(user, Error::BadHandle, |w| {
            answer(w, user, ready.good, ready.reply, NO_DEADLINE)
        });
        assert_eq!(answer(w, user, ready.good, next.reply, NO_DEADLINE), Status::Blocked);
    });
}

#[test]
fn a_call_of_nothing_goes_the_short_way() {
    run(|w| {
        w.fast = true;
        assert_eq!(short(w, |w| assert_eq!(w.call(w.init, Syscall::Null, &[]), Ok(0))), 1);
    });
}

/// Bits arrive as a message of nobody, and the server runs at once.
#[test]
fn a_bound_signal_goes_the_short_way() {
    run(|w| {
        let ready = ready(w, Kind::Bound);
        assert_eq!(short(w, |w| w.signal(ready.actor.user, ready.good, 6).unwrap()), 1);
        let got = w.received(ready.partner).unwrap();
        assert_eq!((got.message.tag, got.message.words[0]), (Tag(Tag::NOTIFICATION), 6));
        assert_eq!((got.sender, got.reply), (Sender::default(), Handle::NONE));
        assert!(w.is_ready(ready.partner));
    });
}

// attack 77 U: a call, and a signal, where a caller waits and no server; nothing reaches the caller; broken: fast-partner
#[test]
fn the_short_way_gives_nothing_to_a_caller() {
    run(|w| {
        let p = pair(w);
        let (_, second) = w.thread_in(p.client.process, 31);
        let n = w.notification_create(w.init).unwrap();
        let theirs = w.install(w.init, p.server.process, n, Rights::RECV).unwrap();
        w.endpoint_bind(p.server.user, p.serve, theirs).unwrap();
        let (process, low) = thread(w, 9, 9);
        let send = w.install(w.init, process, n, Rights::SEND).unwrap();
        w.send(p.client.user, p.call, &Message::new(1, &[]), NO_DEADLINE);
        w.fast = true;
        let made = short(w, |w| {
            assert_eq!(w.send(second, p.call, &Message::new(2, &[]), NO_DEADLINE), Status::Blocked);
            w.signal(low, send, 6).unwrap();
        });
        assert_eq!((made, w.is_ready(p.client.user)), (0, false));
        // The bits first, then both calls in their order.
        for expected in [Tag(Tag::NOTIFICATION), Tag::new(1, 0, 0), Tag::new(2, 0, 0)] {
            assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
            assert_eq!(w.received(p.server.user).unwrap().message.tag, expected);
        }
    });
}

// attack 77 U: two servers wait; the call of one client takes one of them out of the queue, and a signal likewise; broken: fast-partner
#[test]
fn the_short_way_loses_no_other_server() {
    for kind in [Kind::Call, Kind::Bound] {
        run(|w| {
            let p = pair(w);
            let (_, second) = w.thread_in(p.server.process, 31);
            let n = w.notification_create(w.init).unwrap();
            let theirs = w.install(w.init, p.server.process, n, Rights::RECV).unwrap();
            w.endpoint_bind(p.server.user, p.serve, theirs).unwrap();
            let (process, low) = thread(w, 9, 9);
            let send = w.install(w.init, process, n, Rights::SEND).unwrap();
            w.receive(p.server.user, p.serve);
            w.receive(second, p.serve);
            w.fast = true;
            if kind == Kind::Call {
                w.send(p.client.user, p.call, &Message::new(1, &[]), NO_DEADLINE);
            } else {
                w.signal(low, send, 6).unwrap();
            }
            assert!(w.is_ready(p.server.user) && !w.is_ready(second));
            let (_, other) = w.thread_in(p.client.process, 31);
            w.send(other, p.call, &Message::new(2, &[]), NO_DEADLINE);
            assert_eq!(w.received(second).unwrap().message.tag.label(), 2);
        });
    }
}

// attack 77 U: answer a caller while another server waits; nothing is taken from that server, and it waits on; broken: fast-next, fast-queue
/// A server that answers joins another that waits.
#[test]
fn two_servers_wait_in_one_queue() {
    run(|w| {
        let ready = ready(w, Kind::ReplyRecv);
        let (_, second) = w.thread_in(ready.actor.process, 31);
        w.receive(second, ready.good);
        assert_eq!(
            answer(w, ready.actor.user, ready.good, ready.reply, NO_DEADLINE),
            Status::Blocked
        );
        assert_eq!(w.received(ready.partner).unwrap().message.words[0], 3);
        assert!(!w.is_ready(second));
    });
}

// attack 60 U: bits came while the server worked; its answer does not make it wait; broken: fast-pending
#[test]
fn the_short_way_leaves_no_bits_behind() {
    run(|w| {
        let ready = ready(w, Kind::ReplyRecv);
        let (_, second) = w.thread_in(ready.actor.process, 31);
        let n = w.notification_create(second).unwrap();
        w.endpoint_bind(second, ready.good, n).unwrap();
        w.signal(second, n, 6).unwrap();
        assert_eq!(answer(w, ready.actor.user, ready.good, ready.reply, NO_DEADLINE), Status::Done);
        let got = w.received(ready.actor.user).unwrap();
        assert_eq!((got.message.tag, got.message.words[0]), (Tag(Tag::NOTIFICATION), 6));
    });
}

// attack 60 U: a signal of nothing to who waits for bits; it wakes nobody; broken: fast-bits
#[test]
fn the_short_way_wakes_nobody_for_nothing() {
    for kind in [Kind::Signal, Kind::Bound] {
        run(|w| {
            let ready = ready(w, kind);
            w.signal(ready.actor.user, ready.good, 0).unwrap();
            assert!(!w.is_ready(ready.partner));
        });
    }
}

// attack 60 U: a call, and a receive, by a deadline before the alarm, with a partner ready; it ends there; broken: fast-alarm
#[test]
fn the_short_way_forgets_no_deadline() {
    for kind in [Kind::Call, Kind::ReplyRecv] {
        run(|w| {
            let ready = ready(w, kind);
            let deadline = w.now() + 1000;
            attempt_with(w, &ready, ready.good, &Message::new(2, &[3]), deadline);
            w.advance(1000);
            assert_eq!(w.received(ready.actor.user), Err(Error::TimedOut));
        });
    }
}

// attack 63 U: an answer to who is more important while another calls; it runs before the server goes on; broken: fast-priority
#[test]
fn a_more_important_caller_goes_on_before_the_next_is_served() {
    run(|w| {
        let endpoint = w.endpoint_create(w.init).unwrap();
        let ((server_process, server), (low_process, low)) = (thread(w, 7, 15), thread(w, 8, 9));
        let serve = w.install(w.init, server_process, endpoint, Rights::RECV).unwrap();
        let call = w.install(w.init, low_process, endpoint, Rights::SEND).unwrap();
        // Init itself calls a server below it, and is answered while another waits.
        w.receive(server, serve);
        w.send(w.init, endpoint, &Message::new(1, &[]), NO_DEADLINE);
        w.send(low, call, &Message::new(1, &[]), NO_DEADLINE);
        assert!(w.schedule());
        let reply = w.received(server).unwrap().reply;
        w.fast = true;
        assert_eq!(short(w, |w| _ = answer(w, server, serve, reply, NO_DEADLINE)), 0);
        assert!(w.schedule());
        assert_eq!(w.current(), Some(w.init));
    });
}

// attack 63 U: a signal to who is less important; the one that signals goes on; broken: fast-priority
#[test]
fn the_less_important_wait_for_who_signals() {
    for kind in [Kind::Signal, Kind::Bound] {
        run(|w| {
            let (process, low) = thread(w, 8, 9);
            let n = w.notification_create(w.init).unwrap();
            let theirs = w.install(w.init, process, n, Rights::RECV).unwrap();
            if kind == Kind::Signal {
                w.start(low, Syscall::Wait, &[theirs.0, NO_DEADLINE]);
            } else {
                let endpoint = w.endpoint_create(low).unwrap();
                w.endpoint_bind(low, endpoint, theirs).unwrap();
                w.receive(low, endpoint);
            }
            w.fast = true;
            assert_eq!(short(w, |w| w.signal(w.init, n, 1).unwrap()), 0);
            assert_eq!((w.current(), w.is_ready(low)), (Some(w.init), true));
        });
    }
}
