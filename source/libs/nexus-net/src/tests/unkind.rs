//! Peers that take nothing, bring nothing, and stay.

use core::iter;
use std::vec::Vec;

use super::{LIFE, SOON, pair, parts_of, peer};
use crate::{Ask, Error, Net, Outcome};

// attack 69 U: some peers bring nothing, others take nothing of connections that are finished: together they fill all that may wait; each can be broken off, and what netstackd does by itself has room; broken: sockets-finish-waits
#[test]
fn peers_that_bring_and_take_nothing_can_all_be_broken_off() {
    let (net, stack) = pair();
    let mut all: Vec<_> = (0..64).map(|_| net.connect(peer(), SOON).unwrap()).collect();
    let numbers = stack.borrow().streams();
    for number in numbers {
        stack.borrow_mut().stream(number).window = 0;
    }
    let mut idle = all.split_off(24);
    for connection in &mut all {
        let _ = connection.try_write(b"answer").unwrap();
        assert_eq!(connection.try_finish(), Ok(None));
    }
    for connection in &mut idle {
        assert_eq!(connection.try_read(&mut [0]), Ok(None));
    }
    // What netstackd does by itself has the other places.
    stack.borrow_mut().silent = true;
    let others = iter::from_fn(|| net.submit(&Ask::Ping { to: peer().ip(), bytes: b"" }).ok());
    let others: Vec<_> = others.collect();
    assert_eq!(others.len(), 8);
    stack.borrow_mut().silent = false;
    assert_eq!(net.wait(SOON), Ok(8));
    for token in others {
        let echo = Outcome::Echo { micros: 123, len: 0 };
        assert_eq!(net.take(token, &mut []), Some(Ok(echo)));
    }
    idle.into_iter().chain(all).for_each(|connection| connection.abort());
    while net.wait(SOON).is_ok() {}
    assert!(stack.borrow().sockets.is_empty(), "{} are left", stack.borrow().sockets.len());
    assert!(net.is_idle());
}

// attack 69 U: connections are dropped of which the peer takes nothing, one after the other; others have room for theirs; broken: sockets-lingering
#[test]
fn peers_that_take_nothing_of_what_was_dropped_leave_room() {
    let (net, stack) = pair();
    for _ in 0..40 {
        let mut slow = net.connect(peer(), SOON).unwrap();
        let number = stack.borrow().streams().pop().unwrap();
        stack.borrow_mut().stream(number).window = 0;
        assert!(slow.write(&[7; 3000], SOON).is_ok());
    }
    assert_eq!(net.wait(SOON), Err(Error::TimedOut));
    let left = stack.borrow().streams();
    assert_eq!(left, [37, 38, 39, 40], "those that were dropped last are still sent");
    // Those have what was written, if they take it after all.
    left.iter().for_each(|number| stack.borrow_mut().stream(*number).window = usize::MAX);
    assert_eq!(net.wait(SOON), Err(Error::TimedOut));
    let stack = stack.borrow();
    assert!(stack.sockets.is_empty() && net.is_idle());
    assert!((1..=40).all(|number| stack.closed.contains(&(number, number <= 36))));
}

// attack 69 U: the peer of a connection that was dropped takes nothing of it; its time passes, and it is broken off; broken: sockets-linger-time
#[test]
fn what_was_dropped_is_sent_for_a_time() {
    let (net, stack) = pair();
    let drop_one = || {
        let mut slow = net.connect(peer(), SOON).unwrap();
        let number = stack.borrow().streams().pop().unwrap();
        stack.borrow_mut().stream(number).window = 0;
        assert_eq!(slow.write(b"answer", SOON), Ok(6));
    };
    drop_one();
    net.with(|session| session.lingering.patience_ms = 0);
    drop_one();
    assert_eq!(net.wait(SOON), Err(Error::TimedOut));
    assert_eq!(stack.borrow().streams(), [1, 2], "each has its time from when it was dropped");
    stack.borrow_mut().stream(1).reset = true;
    while net.wait(SOON).is_ok() {}
    assert_eq!(stack.borrow().closed, [(1, true), (2, true)]);
    assert!(net.is_idle());
}

// attack 69 U: a request is longer than room ever is, by less than a block; that is said at once, and nobody waits for room; broken: sockets-too-long
#[test]
fn what_never_has_room_is_too_long() {
    // 65 blocks of 64 bytes, of which those that wait for something have 1560 bytes: 24 blocks and a part of one.
    let len = nexus_ring::DATA + 4160;
    let (memory, _stack, link) = parts_of(len);
    let net = Net::new(link, memory.peer(0..len), LIFE).unwrap();
    let token = net.submit(&Ask::Bind { port: 0 }).unwrap();
    net.wait(SOON).unwrap();
    let Some(Ok(Outcome::Opened(opened))) = net.take(token, &mut []) else { panic!() };
    let ask = |room: usize| net.submit(&Ask::ReceiveFrom { of: opened.socket, most: room - 24 });
    assert_eq!(ask(1537).err(), Some(Error::TooLong));
    assert_eq!(ask(1560).err(), Some(Error::TooLong));
    assert_eq!(ask(usize::MAX).err(), Some(Error::TooLong));
    assert!(ask(1536).is_ok());
    assert_eq!(ask(64).err(), Some(Error::NoRoom));
}
