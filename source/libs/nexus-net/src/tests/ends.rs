//! What becomes of each call when netstackd ends, or does nothing but tell.

use nexus_rt::{CallError, Deadline, abi};

use super::{SOON, pair, peer};
use crate::{Ask, Error, Outcome};

// attack 59 U: netstackd ends with requests in flight; each of them says so, and its sockets are gone for good, though the next life has others by the same numbers; broken: sockets-attachment, sockets-gone
#[test]
fn when_netstackd_ends_its_sockets_are_gone_and_the_next_call_attaches() {
    let (net, stack) = pair();
    let mut old = net.connect(peer(), SOON).unwrap();
    let listener = net.listen(peer(), 1, SOON).unwrap();
    assert_eq!(old.read(&mut [0], SOON), Err(Error::TimedOut));
    stack.borrow_mut().die();
    let mut new = net.connect(peer(), SOON).unwrap();
    assert_eq!(stack.borrow().attached, 2);
    // The same number.
    assert_eq!(stack.borrow().streams(), [1]);
    for _ in 0..2 {
        assert_eq!(old.write(b"secret", SOON), Err(Error::Gone));
        assert_eq!(old.read(&mut [0], SOON), Err(Error::Gone));
        assert_eq!(old.finish(SOON), Err(Error::Gone));
        assert_eq!(listener.accept(SOON).err(), Some(Error::Gone));
    }
    drop((old, listener));
    new.write_all(b"mine", SOON).unwrap();
    new.settle(SOON).unwrap();
    assert_eq!(stack.borrow_mut().stream(1).got, b"mine");
    assert!(stack.borrow().closed.is_empty());
    drop(new);
    let _ = net.wait(SOON);
    assert!(net.is_idle());
}

#[test]
fn netstackd_ends_at_each_point() {
    for point in 0..8 {
        let (net, stack) = pair();
        let dies = || {
            let mut stack = stack.borrow_mut();
            if stack.waited % 8 == point {
                stack.dies_before = true;
            }
        };
        for round in 0..20 {
            dies();
            let Ok(mut connection) = net.connect(peer(), SOON) else { panic!("{point} {round}") };
            dies();
            let wrote =
                connection.write_all(&[7; 300], SOON).and_then(|()| connection.settle(SOON));
            assert!(matches!(wrote, Ok(()) | Err(Error::Gone)), "{wrote:?}");
            dies();
            let read = connection.read(&mut [0], SOON);
            assert!(matches!(read, Err(Error::TimedOut | Error::Gone)), "{read:?}");
            dies();
            let closed = connection.close(SOON);
            assert!(matches!(closed, Ok(()) | Err(Error::Gone)), "{closed:?}");
            assert_eq!(net.ping(peer().ip(), b"x", SOON), Ok((123, 1)), "it is asked again");
        }
        let _ = net.wait(SOON);
        assert!(net.is_idle());
    }
}

#[test]
fn what_came_before_the_end_is_read() {
    let (net, stack) = pair();
    let mut connection = net.connect(peer(), SOON).unwrap();
    stack.borrow_mut().stream(1).sent.extend(b"ab");
    assert_eq!(connection.read(&mut [0], SOON), Ok(1));
    stack.borrow_mut().die();
    let mut byte = [0];
    assert_eq!((connection.read(&mut byte, SOON), byte), (Ok(1), *b"b"));
    assert_eq!(connection.read(&mut byte, SOON), Err(Error::Gone));
}

// attack 59 U: netstackd is gone for good; no call waits for it; broken: sockets-wait-gone
#[test]
fn a_netstackd_that_is_gone_for_good_keeps_nobody() {
    let (net, stack) = pair();
    let mut connection = net.connect(peer(), SOON).unwrap();
    (stack.borrow_mut().gone, stack.borrow_mut().silent) = (true, true);
    assert_eq!(connection.read(&mut [0], SOON), Err(Error::Gone));
    let none = Error::Call(CallError::Kernel(abi::Error::PeerGone));
    assert_eq!(net.connect(peer(), SOON).err(), Some(none));
    assert_eq!(net.wait(SOON), Err(Error::Gone));
}

// attack 59 U: netstackd answers, and is gone for good before it is told of the next request; its answers are taken all the same; broken: sockets-last-answers
#[test]
fn what_was_answered_before_the_end_is_taken_though_nobody_can_be_told() {
    let (net, stack) = pair();
    let ping = Ask::Ping { to: peer().ip(), bytes: b"x" };
    assert_eq!(net.ping(peer().ip(), b"x", SOON), Ok((123, 1)));
    let answered = net.submit(&ping).unwrap();
    assert!(stack.borrow_mut().step());
    stack.borrow_mut().driver.may_wait().unwrap();
    let late = net.submit(&ping).unwrap();
    stack.borrow_mut().deaf = true;
    net.poll();
    let echo = Outcome::Echo { micros: 123, len: 1 };
    assert_eq!(net.take(answered, &mut []), Some(Ok(echo)));
    assert_eq!(net.take(late, &mut []), Some(Err(Error::Gone)));
}

// attack 92 U: netstackd tells without an end that there is something, and there is nothing; the deadline holds; broken: sockets-deadline
#[test]
fn a_netstackd_that_only_tells_keeps_nobody_past_the_deadline() {
    let (net, stack) = pair();
    let mut connection = net.connect(peer(), SOON).unwrap();
    stack.borrow_mut().noisy = true;
    // Without the deadline it would end by this, and otherwise.
    assert_eq!(connection.read(&mut [0], Deadline::after_ms(5)), Err(Error::TimedOut));
    drop(connection);
    let (net, stack) = pair();
    stack.borrow_mut().noisy = true;
    let until = Deadline::after_ms(5);
    while net.wait(until) == Ok(0) {}
    assert!(until.has_passed());
}
