//! The call in which a client waits for what it has asked for by the ring.

use nexus_proto::socket::Wait;
use nexus_proto::{Operation, ReplyError, ServiceError};
use nexus_rt::abi::Message;
use nexus_rt::{ReplyTo, host};

use super::*;

const CALL: Handle = Handle(900);
const OTHER: Handle = Handle(901);

/// What was signalled to this service since this was last asked.
fn bell(service: u32) -> bool {
    host::signals().iter().any(|(at, _)| *at == Handle(service.into()))
}

fn answer() -> Message {
    Wait::new(true).answer(Ok(()))
}

/// A call of a service, and one turn of the server.
fn call(world: &mut World, service: u32, reply: Handle, calm: bool) -> nexus_rt::Answer {
    let (sender, now) = (Sender { service_id: service, incarnation: 1 }, world.now);
    let (ask, reply) = (Wait::new(calm), ReplyTo::by(reply));
    world.server.wait(sender, ask, reply, |server| {
        let _ = server.turn(now);
    })
}

/// A client with a connection, and the peer's end of it.
fn connected(world: &mut World) -> (Client, u64, smoltcp::iface::SocketHandle) {
    let mut a = world.client(A);
    let peer = world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    world.until(|world| world.peer.tcp(peer).may_send());
    a.look();
    let _ = host::signals();
    (a, socket, peer)
}

// attack 90 U: a client waits in a call for what is done at once, and for what comes later; each call is answered once, in place of the bell; broken: net-call
#[test]
fn who_waits_in_a_call_is_answered_in_place_of_its_bell() {
    let mut world = World::up();
    let (mut a, socket, peer) = connected(&mut world);
    let delivery = host::deliver([]);
    let sends = a.send(socket, b"one");
    assert_eq!(a.side.may_wait(), Ok(true));
    let _ = host::signals();
    call(&mut world, A, CALL, false).deliver();
    assert_eq!(a.take(sends).map(|(status, _)| status), Some(DONE));
    assert_eq!((delivery.sent(), bell(A)), (vec![(CALL, answer())], false));
    // Later.
    let receives = a.ask(wire::RECEIVE, socket, &[]);
    assert_eq!(a.side.may_wait(), Ok(true));
    call(&mut world, A, OTHER, true).deliver();
    world.run(20);
    assert_eq!((delivery.sent().len(), delivery.dropped().len()), (1, 0), "nothing has come");
    world.peer.tcp(peer).send_slice(b"two").unwrap();
    world.run(20);
    assert_eq!((delivery.sent()[1..].to_vec(), bell(A)), (vec![(OTHER, answer())], false));
    assert_eq!(a.take(receives), Some((DONE, b"two".into())));
    // Nobody is in a call any more.
    let sends = a.send(socket, b"three");
    assert_eq!(a.side.may_wait(), Ok(true));
    world.run(20);
    assert!(bell(A) && a.is_done(sends));
    assert_eq!((delivery.sent().len(), delivery.dropped().len()), (2, 0));
}

// attack 90 U: a client that waits for what comes is not woken for what it merely sends, finishes or lets go; it is for each that fails; broken: net-call-calm
#[test]
fn who_is_calm_is_not_told_of_what_is_merely_sent() {
    let mut world = World::up();
    let (mut a, socket, peer) = connected(&mut world);
    let delivery = host::deliver([]);
    let receives = a.ask(wire::RECEIVE, socket, &[]);
    let quiet = [a.send(socket, b"one"), a.ask(wire::FINISH, socket, &[])];
    assert_eq!(a.side.may_wait(), Ok(true));
    call(&mut world, A, CALL, true).deliver();
    world.run(20);
    assert_eq!((delivery.sent(), bell(A)), (vec![], false));
    world.peer.tcp(peer).close();
    world.run(20);
    assert_eq!(delivery.sent(), [(CALL, answer())]);
    assert_eq!(a.take(receives), Some((DONE, Vec::new())));
    assert!(quiet.into_iter().all(|id| a.is_done(id)));
    // One that fails.
    let sends = a.send(socket, b"more");
    assert_eq!(a.side.may_wait(), Ok(true));
    call(&mut world, A, OTHER, true).deliver();
    assert_eq!(delivery.sent()[1..], [(OTHER, answer())]);
    assert_eq!(a.take(sends).map(|(status, _)| status), Some(wire::CLOSED));
}

// attack 90 U: what a client waits for is done between its request and its call; it does not wait for what never comes; broken: net-call-done
#[test]
fn what_was_done_before_the_call_is_answered_at_once() {
    let mut world = World::up();
    let (mut a, socket, _) = connected(&mut world);
    let delivery = host::deliver([]);
    let sends = a.send(socket, b"one");
    assert_eq!(a.side.may_wait(), Ok(true));
    world.run(20);
    call(&mut world, A, CALL, true).deliver();
    assert_eq!(delivery.sent(), [(CALL, answer())]);
    // The same for one that does not say that it waits: it is awake.
    assert!(a.is_done(sends));
    call(&mut world, A, OTHER, true).deliver();
    assert_eq!(delivery.sent()[1..], [(OTHER, answer())]);
}

// attack 92 U: wait in a call without a ring, or in two at one time; refused, and of two the first is answered and the second waits; broken: net-call-two
#[test]
fn of_two_calls_the_first_ends() {
    let mut world = World::up();
    let mut a = world.client(A);
    let delivery = host::deliver([]);
    assert_eq!(a.side.may_wait(), Ok(true));
    call(&mut world, A, CALL, true).deliver();
    assert_eq!(delivery.sent(), []);
    call(&mut world, A, OTHER, true).deliver();
    assert_eq!(delivery.sent(), [(CALL, answer())]);
    let denied = call(&mut world, 99, Handle(902), true).into_message();
    assert_eq!(Wait::decode_reply(&denied), Err(ReplyError::Service(ServiceError::Denied)));
    a.ask(wire::FINISH, 77, &[]);
    world.run(20);
    assert_eq!(delivery.sent()[1..], [(OTHER, answer())]);
    assert_eq!(delivery.dropped(), []);
}

// attack 92 U: a client begins anew while a call of it waits; the call fails, and takes no answer of the next attachment; broken: net-call-ends
#[test]
fn a_call_ends_with_its_attachment() {
    let mut world = World::up();
    let mut a = world.client(A);
    let delivery = host::deliver([]);
    assert_eq!(a.side.may_wait(), Ok(true));
    call(&mut world, A, CALL, true).deliver();
    let mut a = world.client_in(A, 2);
    assert_eq!(delivery.dropped(), [CALL]);
    a.ask(wire::FINISH, 77, &[]);
    assert_eq!(a.side.may_wait(), Ok(true));
    call(&mut world, A, OTHER, true).deliver();
    assert_eq!(delivery.sent(), [(OTHER, answer())]);
}

// attack 92 U: a client gives its call up at its deadline, and waits otherwise; the bell is rung, since nobody takes the answer; broken: net-call-stale
#[test]
fn a_call_that_was_given_up_is_no_answer() {
    let mut world = World::up();
    let mut a = world.client(A);
    assert_eq!(a.side.may_wait(), Ok(true));
    // There is nobody who takes answers.
    call(&mut world, A, CALL, true).deliver();
    a.ask(wire::FINISH, 77, &[]);
    let _ = host::signals();
    world.run(20);
    assert!(bell(A));
}
