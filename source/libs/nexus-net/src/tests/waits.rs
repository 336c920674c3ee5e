//! For what a call waits, and what is in use meanwhile.

use std::vec::Vec;

use nexus_rt::Deadline;

use super::{SOON, pair, peer};
use crate::{Ask, Error, Outcome};

// attack 69 U: nobody waits for what is merely sent, but somebody has found no room to send; the first room is told; broken: sockets-calm-lacked
#[test]
fn who_lacks_room_is_told_of_what_is_merely_sent() {
    let (net, stack) = pair();
    stack.borrow_mut().prompt = true;
    let mut all: Vec<_> = (0..17).map(|_| net.connect(peer(), SOON).unwrap()).collect();
    let mut last = all.pop().unwrap();
    let numbers = stack.borrow().streams();
    for number in numbers {
        stack.borrow_mut().stream(number).window = 0;
    }
    for connection in &mut all {
        assert!(connection.try_write(b"answer").unwrap().is_some());
    }
    assert_eq!(last.try_write(b"answer"), Ok(None));
    stack.borrow_mut().stream(1).window = 6;
    assert_eq!(net.wait(SOON), Ok(1));
    assert_eq!(stack.borrow().unseen, 0, "it is told of");
    assert_eq!(all[0].try_write(b""), Ok(Some(0)));
    all[0].settle(SOON).unwrap();
    assert_eq!(last.try_write(b"answer"), Ok(Some(6)));
}

#[test]
fn who_is_told_of_nothing_waits_on_where_something_can_come() {
    let (net, stack) = pair();
    stack.borrow_mut().noisy = true;
    assert_eq!(net.wait(SOON), Ok(0), "nothing can: it was told by another");
    let _connection = net.connect(peer(), SOON).unwrap();
    assert_eq!(net.wait(Deadline::after_ms(5)), Err(Error::TimedOut));
}

#[test]
fn what_waits_is_in_use_until_it_is_taken() {
    let (net, stack) = pair();
    assert!(net.is_idle());
    let token = net.submit(&Ask::Connect { to: peer(), from: 0 }).unwrap();
    assert!(!net.is_idle(), "it is in flight");
    assert_eq!(net.wait(SOON), Ok(1));
    assert!(!net.is_idle(), "its answer is not taken");
    let Some(Ok(Outcome::Opened(opened))) = net.take(token, &mut []) else { panic!() };
    assert!(net.is_idle());
    // What needs no data is in use, too.
    stack.borrow_mut().silent = true;
    let token = net.submit(&Ask::Finish { of: opened.socket }).unwrap();
    assert!(!net.is_idle());
    stack.borrow_mut().silent = false;
    assert_eq!(net.wait(SOON), Ok(1));
    assert_eq!(net.take(token, &mut []), Some(Ok(Outcome::Done)));
    assert_eq!(net.take(token, &mut []), Some(Err(Error::NoRequest)));
    assert!(net.is_idle());
}
