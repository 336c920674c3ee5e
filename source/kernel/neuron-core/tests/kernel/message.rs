//! Messages: what arrives, who sent it, what is carried.

use crate::common::*;

/// A server and a client with an endpoint between them.
pub struct Pair {
    pub server: Child,
    pub client: Child,
    /// The server's, with RECV.
    pub serve: Handle,
    /// The client's, with SEND.
    pub call: Handle,
    /// Init's, with everything.
    pub endpoint: Handle,
}

pub fn pair(w: &mut World<'_>) -> Pair {
    let (server, client) = (w.child(7, 16, 64), w.child(8, 16, 64));
    let endpoint = w.endpoint_create(w.init).unwrap();
    let serve = w.install(w.init, server.process, endpoint, Rights::RECV).unwrap();
    let call = w.install(w.init, client.process, endpoint, Rights::SEND).unwrap();
    Pair { server, client, serve, call, endpoint }
}

/// As in the kernel, both with the short ways and without them.
pub fn both(body: impl Fn(&mut World<'_>)) {
    for fast in [false, true] {
        run(|w| {
            w.fast = fast;
            body(w);
        });
    }
}

fn words(seed: u64) -> [u64; 8] {
    [1, 2, 3, 4, 5, 6, 7, 8].map(|n| n * 0x1111_1111_1111 + seed)
}

fn message(label: u32, count: u8, seed: u64) -> Message {
    Message { tag: Tag::new(label, count, 0), words: words(seed) }
}

/// How many words the kernel copies for a count.
fn copied(count: u8) -> usize {
    match count {
        0 => 0,
        1..=4 => 4,
        _ => 8,
    }
}

#[test]
fn words_arrive_and_no_more() {
    both(|w| {
        for server_first in [true, false] {
            for count in 0..=8 {
                let p = pair(w);
                let sent = message(77, count, 1);
                if server_first {
                    assert_eq!(w.receive(p.server.user, p.serve), Status::Blocked);
                }
                let status = w.send(p.client.user, p.call, &sent, NO_DEADLINE);
                assert_eq!(status, Status::Blocked);
                if !server_first {
                    assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
                }
                let got = w.received(p.server.user).unwrap();
                assert_eq!(got.message.tag, sent.tag);
                assert_eq!(got.sender, w.identity(p.client.user));
                assert!(got.reply.is_reply());
                let n = copied(count);
                assert_eq!(got.message.words[..n], sent.words[..n]);
                // What the message does not use is the receiver's own.
                assert_eq!(got.message.words[n..], [0; 8][n..]);
                let answer = message(99, count, 1000);
                let reply = |w: &mut World<'_>| {
                    w.message(p.server.user, Syscall::Reply, got.reply, Handle::NONE, &answer, 0)
                };
                assert_eq!(reply(w), Status::Done);
                let got = w.received(p.client.user).unwrap();
                assert_eq!(got.message.tag, answer.tag);
                assert_eq!(got.message.words[..n], answer.words[..n]);
                assert_eq!(got.message.words[n..], sent.words[n..]);
                assert_eq!(got.sender, w.identity(p.server.user));
                assert_eq!(got.reply, Handle::NONE);
                w.process_end(w.init, p.server.process, 0).unwrap();
                w.process_end(w.init, p.client.process, 0).unwrap();
                w.settle();
            }
        }
    });
}

#[test]
fn reply_recv_answers_and_takes_the_next() {
    both(|w| {
        let p = pair(w);
        let other = w.child(9, 16, 64);
        let call = w.install(w.init, other.process, p.endpoint, Rights::SEND).unwrap();
        w.receive(p.server.user, p.serve);
        w.send(p.client.user, p.call, &message(1, 3, 5), NO_DEADLINE);
        w.send(other.user, call, &message(2, 8, 9), NO_DEADLINE);
        let first = w.received(p.server.user).unwrap();
        let answer = message(3, 2, 50);
        let next = |w: &mut World<'_>, reply| {
            let deadline = NO_DEADLINE;
            w.message(p.server.user, Syscall::ReplyRecv, p.serve, reply, &answer, deadline)
        };
        assert_eq!(next(w, first.reply), Status::Done);
        let second = w.received(p.server.user).unwrap();
        assert_eq!((first.sender.service_id, second.sender.service_id), (8, 9));
        assert_eq!(second.message.words, words(9));
        assert_eq!(w.received(p.client.user).unwrap().message.tag.label(), 3);
        assert_eq!(next(w, second.reply), Status::Blocked);
        assert_eq!(w.received(other.user).unwrap().message.words[..4], words(50)[..4]);
    });
}

#[test]
fn bad_tags_are_refused_first() {
    both(|w| {
        let p = pair(w);
        for tag in [9, 15, 5 << 4, 7 << 4, 1 << 7, Tag::NOTIFICATION, 1 << 9, 1 << 31, 0x79] {
            let bad = Message { tag: Tag(tag), words: [0; 8] };
            w.refused(p.client.user, Error::BadMessage, |w| {
                w.send(p.client.user, p.call, &bad, NO_DEADLINE)
            });
            // Before the handle is looked at.
            w.refused(p.client.user, Error::BadMessage, |w| {
                w.send(p.client.user, Handle(3), &bad, NO_DEADLINE)
            });
            w.refused(p.server.user, Error::BadMessage, |w| {
                let user = p.server.user;
                w.message(user, Syscall::Reply, Handle(3), Handle::NONE, &bad, 0)
            });
            // There one of these bits is not of the message: it names a line besides.
            let error = if tag == Tag::ACK { Error::BadHandle } else { Error::BadMessage };
            w.refused(p.server.user, error, |w| {
                let (user, reply) = (p.server.user, Handle::reply(1, 1));
                w.message(user, Syscall::ReplyRecv, Handle(3), reply, &bad, 0)
            });
        }
    });
}

#[test]
fn endpoints_have_directions() {
    both(|w| {
        let p = pair(w);
        let plain = message(1, 0, 0);
        let (client, server) = (p.client.user, p.server.user);
        w.refused(server, Error::Denied, |w| w.send(server, p.serve, &plain, NO_DEADLINE));
        w.refused(client, Error::Denied, |w| w.receive(client, p.call));
        w.refused(client, Error::BadHandle, |w| w.send(client, p.serve, &plain, NO_DEADLINE));
        let notification = w.notification_create(client).unwrap();
        w.refused(client, Error::WrongKind, |w| w.send(client, notification, &plain, NO_DEADLINE));
        w.refused(client, Error::WrongKind, |w| w.receive(client, notification));
    });
}

#[test]
fn senders_are_served_in_order() {
    both(|w| {
        let p = pair(w);
        let users: Vec<User> = (0..5).map(|_| w.thread_in(p.client.process, 31).1).collect();
        for (n, user) in (0..).zip(&users) {
            w.send(*user, p.call, &message(n, 0, 0), NO_DEADLINE);
        }
        for n in 0..5 {
            assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
            assert_eq!(w.received(p.server.user).unwrap().message.tag.label(), n);
        }
    });
}

// attack 27 U: any word left where the receiver finds the sender; it finds who sent; broken: forged-sender
/// Whatever a sender puts in its registers, the kernel says who it is.
#[test]
fn nobody_can_forge_a_sender() {
    both(|w| {
        let p = pair(w);
        let forged = w.identity(p.server.user).to_word();
        for n in [1, 2, 3, 4, 8, 9, 18, 19, 20, 28, 29, 30, 31] {
            w.receive(p.server.user, p.serve);
            let status = w.raw(p.client.user, 2, |frame| {
                frame.set(10, p.call.0);
                frame.set(11, Tag::new(1, 8, 0).0);
                for word in [12, 13, 14, 15, 16, 5, 6, 7] {
                    frame.set(word, forged);
                }
                frame.set(28, NO_DEADLINE);
                frame.set(n, if n == 28 { NO_DEADLINE } else { forged });
            });
            assert_eq!(status, Status::Blocked);
            let got = w.received(p.server.user).unwrap();
            assert_eq!(got.sender, w.identity(p.client.user));
            let plain = message(0, 0, 0);
            w.message(p.server.user, Syscall::Reply, got.reply, Handle::NONE, &plain, 0);
        }
    });
}

// attack 28 U: a service is made again; each life has another incarnation; broken: incarnation
#[test]
fn a_new_life_has_a_new_identity() {
    run(|w| {
        for life in 1..5 {
            let child = w.child(7, 16, 64);
            assert_eq!(w.identity(child.user), Sender { service_id: 7, incarnation: life });
            w.process_end(w.init, child.process, 0).unwrap();
            w.settle();
            w.cap_drop(w.init, child.process).unwrap();
        }
        let twins = (w.child(9, 16, 64), w.child(9, 16, 64));
        assert_ne!(w.identity(twins.0.user), w.identity(twins.1.user));
    });
}

/// A message with these capabilities at its end.
fn carrying(caps: &[Handle]) -> Message {
    let mut message = message(1, 8, 7);
    message.tag = Tag::new(1, 8, caps.len() as u8);
    for (word, cap) in message.words[8 - caps.len()..].iter_mut().zip(caps) {
        *word = cap.0;
    }
    message
}

const PASS: Rights = Rights::GRANT.union(Rights::SEND);

#[test]
fn capabilities_arrive_as_children() {
    both(|w| {
        for count in 1..=4 {
            let p = pair(w);
            let (_, second) = w.thread_in(p.client.process, 31);
            let own: Vec<Handle> =
                (0..count).map(|_| w.endpoint_create(p.client.user).unwrap()).collect();
            let sent: Vec<Handle> =
                own.iter().map(|cap| w.derive(p.client.user, *cap, PASS).unwrap()).collect();
            w.receive(p.server.user, p.serve);
            let (_, before) = w.used(p.server.user);
            w.send(p.client.user, p.call, &carrying(&sent), NO_DEADLINE);
            let got = w.received(p.server.user).unwrap();
            let caps: Vec<Handle> = got.message.caps().collect();
            assert_eq!(caps.len(), count);
            for (cap, sent) in caps.iter().zip(&sent) {
                assert!(w.holds(p.server.user, *cap) && !w.holds(p.client.user, *cap));
                assert_eq!(w.rights(*cap), Some(PASS));
                // The sender keeps its own, with the copy below it.
                assert_eq!(w.query(second, *sent).unwrap().children, 1);
            }
            assert_eq!(w.used(p.server.user).1, before + count as u32);
            // The rest of the message came with them.
            assert_eq!(got.message.words[..8 - count], words(7)[..8 - count]);
            for cap in own {
                w.revoke(second, cap).unwrap();
            }
            assert!(caps.iter().all(|cap| !w.holds(p.server.user, *cap)));
            assert_eq!(w.used(p.server.user).1, before);
        }
    });
}

#[test]
fn capabilities_arrive_all_or_none() {
    both(|w| {
        let p = pair(w);
        let good: Vec<Handle> = (0..4).map(|_| w.endpoint_create(p.client.user).unwrap()).collect();
        let kept = w.derive(p.client.user, good[0], Rights::SEND).unwrap();
        let o = owner_of(w, 30, 0, 1);
        w.receive(p.server.user, p.serve);
        for place in 0..4 {
            for (bad, error) in [
                (Handle::NONE, Error::BadHandle),
                (o.window, Error::BadHandle),
                (Handle::reply(1, 1), Error::BadHandle),
                (kept, Error::Denied),
            ] {
                let mut caps = good.clone();
                caps[place] = bad;
                let message = carrying(&caps);
                w.refused(p.client.user, error, |w| {
                    w.send(p.client.user, p.call, &message, NO_DEADLINE)
                });
            }
        }
        // The receiver's budget ends before the last.
        let (_, objects) = w.used(p.server.user);
        for room in 0..4 {
            w.limit(p.server.user, None, Some(objects + room));
            let message = carrying(&good);
            w.refused(p.client.user, Error::NoMemory, |w| {
                w.send(p.client.user, p.call, &message, NO_DEADLINE)
            });
        }
        w.limit(p.server.user, None, Some(objects + 4));
        w.send(p.client.user, p.call, &carrying(&good), NO_DEADLINE);
        assert_eq!(w.received(p.server.user).unwrap().message.caps().count(), 4);
    });
}

#[test]
fn capabilities_in_a_queued_message_fail_when_it_is_taken() {
    both(|w| {
        let p = pair(w);
        let good = w.endpoint_create(p.client.user).unwrap();
        let (_, second) = w.thread_in(p.client.process, 31);
        w.send(p.client.user, p.call, &carrying(&[good, Handle(9)]), NO_DEADLINE);
        w.send(second, p.call, &message(5, 1, 1), NO_DEADLINE);
        let (_, objects) = w.used(p.server.user);
        // The bad one goes back with its error; the next is taken.
        assert_eq!(w.receive(p.server.user, p.serve), Status::Done);
        assert_eq!(w.received(p.server.user).unwrap().message.tag.label(), 5);
        assert_eq!(w.result(p.client.user), Err(Error::BadHandle));
        assert_eq!(w.used(p.server.user).1, objects);
        // Alone, it leaves the server waiting.
        w.send(p.client.user, p.call, &carrying(&[Handle(9)]), NO_DEADLINE);
        assert_eq!(w.receive(p.server.user, p.serve), Status::Blocked);
        assert_eq!(w.result(p.client.user), Err(Error::BadHandle));
    });
}

#[test]
fn one_capability_twice() {
    both(|w| {
        let p = pair(w);
        let cap = w.endpoint_create(p.client.user).unwrap();
        w.receive(p.server.user, p.serve);
        w.send(p.client.user, p.call, &carrying(&[cap, cap, cap, cap]), NO_DEADLINE);
        let got = w.received(p.server.user).unwrap();
        let caps: std::collections::BTreeSet<Handle> = got.message.caps().collect();
        assert_eq!(caps.len(), 4);
        let (_, second) = w.thread_in(p.client.process, 31);
        assert_eq!(w.query(second, cap).unwrap().children, 4);
        // A window has one child at most: the second copy makes the whole message fail.
        let q = pair(w);
        let window = w.derive_part(w.init, w.roots[0], KEEP, 0, PAGE).unwrap();
        let window = w.install(w.init, q.client.process, window, USE | Rights::GRANT).unwrap();
        w.receive(q.server.user, q.serve);
        let twice = carrying(&[window, window]);
        w.refused(q.client.user, Error::Busy, |w| {
            w.send(q.client.user, q.call, &twice, NO_DEADLINE)
        });
        w.send(q.client.user, q.call, &carrying(&[window]), NO_DEADLINE);
        assert_eq!(w.received(q.server.user).unwrap().message.caps().count(), 1);
    });
}

// attack 16 U: a process sends to itself and names what the message is about to make; `BadHandle`; broken: made-is-named
#[test]
fn a_message_cannot_name_what_it_makes() {
    both(|w| {
        let me = w.child(7, 32, 64);
        let (_, second) = w.thread_in(me.process, 31);
        let endpoint = w.endpoint_create(me.user).unwrap();
        let cap = w.endpoint_create(me.user).unwrap();
        w.receive(second, endpoint);
        w.send(me.user, endpoint, &carrying(&[cap]), NO_DEADLINE);
        let got = w.received(second).unwrap();
        let made = got.message.caps().next().unwrap();
        let answer = message(1, 0, 0);
        let gone = Handle::NONE;
        w.message(second, Syscall::Reply, got.reply, gone, &answer, NO_DEADLINE);
        w.cap_drop(second, made).unwrap();
        // Its slot is the next to be used, for the next generation.
        let next = Handle(made.0 + (1 << 32));
        w.receive(second, endpoint);
        w.refused(me.user, Error::BadHandle, |w| {
            w.send(me.user, endpoint, &carrying(&[cap, next]), NO_DEADLINE)
        });
    });
}

#[test]
fn a_message_that_waited_names_what_its_sender_holds_when_it_arrives() {
    both(|w| {
        let me = w.child(7, 32, 64);
        let [(_, caller), (_, sender)] = [31, 31].map(|priority| w.thread_in(me.process, priority));
        let endpoint = w.endpoint_create(me.user).unwrap();
        let cap = w.endpoint_create(me.user).unwrap();
        w.send(caller, endpoint, &message(1, 0, 0), NO_DEADLINE);
        w.receive(me.user, endpoint);
        let reply = w.received(me.user).unwrap().reply;
        let next = w.next_caps().next().unwrap();
        w.send(sender, endpoint, &carrying(&[next]), NO_DEADLINE);
        let answer = carrying(&[cap]);
        w.message(me.user, Syscall::ReplyRecv, endpoint, reply, &answer, NO_DEADLINE);
        assert_eq!(w.received(caller).unwrap().message.caps().next(), Some(next));
        assert_eq!(w.received(me.user).unwrap().message.caps().count(), 1);
    });
}

#[test]
fn capabilities_travel_in_answers() {
    both(|w| {
        let p = pair(w);
        let cap = w.endpoint_create(p.server.user).unwrap();
        w.receive(p.server.user, p.serve);
        w.send(p.client.user, p.call, &message(1, 0, 0), NO_DEADLINE);
        let got = w.received(p.server.user).unwrap();
        let bad = carrying(&[cap, Handle(1)]);
        // A failing answer answers nothing: the caller still waits, and can be answered.
        for call in [Syscall::Reply, Syscall::ReplyRecv] {
            let (to, reply) = match call {
                Syscall::Reply => (got.reply, Handle::NONE),
                _ => (p.serve, got.reply),
            };
            w.refused(p.server.user, Error::BadHandle, |w| {
                w.message(p.server.user, call, to, reply, &bad, NO_DEADLINE)
            });
        }
        let (_, objects) = w.used(p.client.user);
        w.limit(p.client.user, None, Some(objects));
        w.refused(p.server.user, Error::NoMemory, |w| {
            let (user, good) = (p.server.user, carrying(&[cap]));
            w.message(user, Syscall::Reply, got.reply, Handle::NONE, &good, 0)
        });
        w.limit(p.client.user, None, Some(objects + 1));
        let good = carrying(&[cap]);
        w.message(p.server.user, Syscall::Reply, got.reply, Handle::NONE, &good, 0);
        let got = w.received(p.client.user).unwrap();
        assert!(w.holds(p.client.user, got.message.caps().next().unwrap()));
    });
}

// attack 33 F: each allocation of a transfer fails in turn; nothing arrives, the sender keeps all; broken: transfer-rollback
#[test]
fn transfer_rolls_back_at_every_allocation() {
    both(|w| {
        let p = pair(w);
        let caps: Vec<Handle> = (0..4).map(|_| w.endpoint_create(p.client.user).unwrap()).collect();
        w.receive(p.server.user, p.serve);
        for n in 0..4 {
            w.refused(p.client.user, Error::NoMemory, |w| {
                fault::fail_at(Some(n));
                let status = w.send(p.client.user, p.call, &carrying(&caps), NO_DEADLINE);
                fault::fail_at(None);
                status
            });
        }
        w.send(p.client.user, p.call, &carrying(&caps), NO_DEADLINE);
        assert_eq!(w.received(p.server.user).unwrap().message.caps().count(), 4);
    });
}

// attack 20 U: revoke the right to send while a message waits; it never arrives; broken: revoke-keeps-waiters
#[test]
fn a_revoked_right_to_send_holds_for_queued_messages() {
    both(|w| {
        let p = pair(w);
        w.send(p.client.user, p.call, &message(1, 8, 3), NO_DEADLINE);
        w.revoke(w.init, p.endpoint).unwrap();
        let serve = w.install(w.init, p.server.process, p.endpoint, Rights::RECV).unwrap();
        assert_eq!(w.receive(p.server.user, serve), Status::Blocked);
        assert_eq!(w.result(p.client.user), Err(Error::BadHandle));
        assert_eq!(w.frame(p.server.user).words(), [0; 8]);
    });
}
