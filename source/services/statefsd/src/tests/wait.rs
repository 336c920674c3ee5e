//! The call in which a client waits for what it has asked for by the ring.

use nexus_proto::state::Wait;
use nexus_proto::{Operation, ReplyError, ServiceError};
use nexus_ring::DONE;
use nexus_rt::abi::{Error, Handle};
use nexus_rt::{Deadline, Inbox, Service, host};

use super::{A, B, World, wire};
use crate::road::SharedInbox;
use crate::session::SHARE;

const CALL: Handle = Handle(900);
const OTHER: Handle = Handle(901);

/// What was signalled to this service since this was last asked.
fn bell(service: u32) -> bool {
    host::signals().iter().any(|(at, _)| *at == Handle(service.into()))
}

fn answer() -> nexus_rt::abi::Message {
    Wait {}.answer(Ok(()))
}

// attack 90 U: a client waits in a call for what is done at once, for what waits for a sync, and for what it asks later; each call is answered once, in place of the bell; broken: state-call
#[test]
fn who_waits_in_a_call_is_answered_in_place_of_its_bell() {
    let world = World::new();
    let mut raw = world.raw(A, 1);
    let delivery = host::deliver([]);
    for flags in [0, wire::FLAG_SYNC] {
        raw.put("x", b"1", flags);
        assert_eq!(raw.side().may_wait(), Ok(true));
        let _ = host::signals();
        world.call(A, CALL).deliver();
        assert_eq!(raw.statuses(), [DONE]);
        assert!(!bell(A));
    }
    assert_eq!(delivery.sent(), [(CALL, answer()), (CALL, answer())]);
    assert_eq!(raw.side().may_wait(), Ok(true));
    world.call(A, OTHER).deliver();
    world.turn();
    assert_eq!(delivery.sent().len(), 2, "nothing was done");
    raw.get("x");
    world.turn();
    assert_eq!(delivery.sent()[2..], [(OTHER, answer())]);
    assert_eq!(raw.statuses(), [DONE]);
    assert!(!bell(A));
    // Nobody is in a call any more.
    raw.get("x");
    assert_eq!(raw.side().may_wait(), Ok(true));
    world.turn();
    assert!(bell(A));
    assert_eq!((delivery.sent().len(), delivery.dropped().len()), (3, 0));
}

// attack 90 U: what a client waits for is done between its request and its call; it does not wait for what never comes; broken: state-call-done
#[test]
fn what_was_done_before_the_call_is_answered_at_once() {
    let world = World::new();
    let mut raw = world.raw(A, 1);
    let delivery = host::deliver([]);
    raw.get("x");
    assert_eq!(raw.side().may_wait(), Ok(true));
    world.turn();
    assert!(bell(A));
    world.call(A, CALL).deliver();
    assert_eq!(delivery.sent(), [(CALL, answer())]);
    // The same for one that does not say that it waits: it is awake.
    assert_eq!(raw.statuses(), [wire::ABSENT]);
    world.call(A, OTHER).deliver();
    assert_eq!(delivery.sent()[1..], [(OTHER, answer())]);
}

// attack 92 U: call twice at one time, or without a ring; refused, and the first call goes on; broken: state-call-busy
#[test]
fn one_call_waits_at_one_time() {
    let world = World::new();
    let mut raw = world.raw(A, 1);
    let mut other = world.raw(B, 1);
    let delivery = host::deliver([]);
    for side in [raw.side(), other.side()] {
        assert_eq!(side.may_wait(), Ok(true));
    }
    world.call(A, CALL).deliver();
    let refused = |service, why| {
        let message = world.call(service, OTHER).into_message();
        assert_eq!(Wait::decode_reply(&message), Err(ReplyError::Service(why)));
    };
    refused(A, ServiceError::Busy);
    refused(99, ServiceError::Denied);
    world.call(B, OTHER).deliver();
    raw.get("x");
    world.turn();
    assert_eq!(delivery.sent(), [(CALL, answer())], "of its own session alone");
    assert_eq!(delivery.dropped(), []);
}

// attack 92 U: statefsd ends between request and call; its next life is in no attachment, and keeps nobody waiting for it; broken: ring-awaited
#[test]
fn who_is_in_no_attachment_is_answered_at_once() {
    let world = World::new();
    let mut raw = world.raw(A, 1);
    raw.get("x");
    assert_eq!(raw.side().may_wait(), Ok(true));
    world.restart();
    let delivery = host::deliver([]);
    world.call(A, CALL).deliver();
    assert_eq!(delivery.sent(), [(CALL, answer())]);
    assert!(raw.side().may_wait().is_err(), "and sees why");
}

// attack 92 U: a client begins anew, or its ring lies, while a call of it waits; the call fails, and takes no answer of the next attachment; broken: state-call-ends
#[test]
fn a_call_ends_with_its_attachment() {
    for life in [1, 2] {
        let world = World::new();
        let mut raw = world.raw(A, 1);
        let delivery = host::deliver([]);
        assert_eq!(raw.side().may_wait(), Ok(true));
        world.call(A, CALL).deliver();
        let mut raw = match life {
            1 => {
                drop(raw.side().begin());
                world.attach(A, life);
                raw.side().attached().unwrap();
                raw
            }
            _ => world.raw(A, life),
        };
        assert_eq!(delivery.dropped(), [CALL]);
        raw.get("x");
        assert_eq!(raw.side().may_wait(), Ok(true));
        world.call(A, OTHER).deliver();
        assert_eq!(delivery.sent(), [(OTHER, answer())]);
    }
}

// attack 92 U: a client gives its call up at its deadline, and waits otherwise; the bell is rung, since nobody takes the answer; broken: state-call-stale
#[test]
fn a_call_that_was_given_up_is_no_answer() {
    let world = World::new();
    let mut raw = world.raw(A, 1);
    assert_eq!(raw.side().may_wait(), Ok(true));
    world.call(A, CALL).deliver();
    raw.get("x");
    let _ = host::signals();
    // There is nobody who takes answers.
    world.turn();
    assert!(bell(A));
    assert_eq!(raw.statuses(), [wire::ABSENT]);
}

// attack 90 U: several clients ask and wait in a call while the disk works for another; one turn takes all of them, with one sync, and each call is answered; broken: state-calls
#[test]
fn calls_that_came_meanwhile_are_of_one_turn() {
    let world = World::new();
    let (mut a, mut b) = (world.raw(A, 1), world.raw(B, 1));
    let inbox = SharedInbox::new(Inbox::new(Handle(1), 4));
    world.with(|server| server.wait_at(inbox.clone()));
    let mut meanwhile = |flags| {
        for (key, raw) in [("a", &mut a), ("b", &mut b)] {
            raw.put(key, b"1", flags);
            assert_eq!(raw.side().may_wait(), Ok(true));
        }
        let call = |service, reply| Ok(host::received(service, reply, Wait {}.encode()));
        let stranger = Handle(902);
        let calls = [call(A, CALL), call(B, OTHER), call(99, stranger), Err(Error::TimedOut)];
        let delivery = host::deliver(calls);
        assert_eq!(inbox.wait(1, Deadline::at(0)), Ok(false));
        let _ = host::signals();
        let syncs = world.with(|server| server.stats().syncs);
        world.turn();
        assert!(!bell(A) && !bell(B));
        assert_eq!((a.statuses(), b.statuses()), (vec![DONE], vec![DONE]));
        let denied = Wait {}.answer(Err(ServiceError::Denied));
        let mut sent = delivery.sent();
        sent.sort_unstable_by_key(|(to, _)| to.0);
        assert_eq!(sent, [(CALL, answer()), (OTHER, answer()), (stranger, denied)]);
        assert!(world.with(|server| server.kept()).is_none());
        world.with(|server| server.stats().syncs) - syncs
    };
    assert_eq!((meanwhile(wire::FLAG_SYNC), meanwhile(0)), (1, 0));
    // What was done before such a call is taken.
    a.get("a");
    assert_eq!(a.side().may_wait(), Ok(true));
    world.turn();
    let call = Ok(host::received(A, CALL, Wait {}.encode()));
    let delivery = host::deliver([call, Err(Error::TimedOut)]);
    assert_eq!(inbox.wait(1, Deadline::at(0)), Ok(false));
    world.turn();
    assert_eq!(delivery.sent(), [(CALL, answer())]);
}

// attack 90 U: a client waits in a call for what is done, and another has asked meanwhile; the first is answered before the disk works for the second; broken: state-call-held
#[test]
fn whose_call_is_due_waits_for_no_other_turn() {
    let world = World::new();
    let mut a = world.raw(A, 1);
    let mut b = world.raw(B, 1);
    let delivery = host::deliver([]);
    for _ in 0..=SHARE {
        b.put("x", b"1", 0);
    }
    a.put("x", b"1", wire::FLAG_SYNC);
    assert_eq!(a.side().may_wait(), Ok(true));
    // Not when that is handed to the kernel, which may be after the next turn.
    let later = world.call(A, CALL);
    assert_eq!(delivery.sent(), [(CALL, answer())]);
    later.deliver();
    assert_eq!(delivery.sent().len(), 1);
    assert_eq!(world.with(|server| server.deadline()), Deadline::at(0), "of what is left of B");
}
