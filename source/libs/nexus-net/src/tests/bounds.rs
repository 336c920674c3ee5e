//! Names, requests and bytes at their bounds; and who is woken.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;
use std::string::String;
use std::sync::Arc;
use std::task::Wake;
use std::vec;

use super::{SOON, pair, peer};
use crate::slots::Set;
use crate::wake::Wakers;
use crate::{Ask, Error, Family, Outcome};

#[test]
fn names_have_a_longest_one() {
    let (net, _) = pair();
    for (len, none) in [(0, true), (1, false), (254, false), (255, false), (256, true), (300, true)]
    {
        let name: String = core::iter::repeat_n('a', len).collect();
        let asked = net.submit(&Ask::Resolve { name: &name, family: Family::V4 });
        assert_eq!(asked.err(), none.then_some(Error::NoName), "{len}");
    }
}

#[test]
fn so_many_wait_for_what_comes() {
    let (net, stack) = pair();
    let token = net.submit(&Ask::Listen { at: peer(), backlog: 4 }).unwrap();
    net.wait(SOON).unwrap();
    let Some(Ok(Outcome::Opened(opened))) = net.take(token, &mut []) else { panic!() };
    let of = opened.socket;
    let tokens: vec::Vec<_> =
        (0..40).map(|_| net.submit(&Ask::Accept { of, most: 0 }).unwrap()).collect();
    assert_eq!(net.submit(&Ask::Accept { of, most: 0 }), Err(Error::NoRoom));
    // There is room for others.
    net.ping(peer().ip(), b"", SOON).unwrap();
    stack.borrow_mut().knock(peer());
    while net.wait(SOON).unwrap() == 0 {}
    let done = tokens.iter().filter(|token| net.take(**token, &mut []).is_some()).count();
    assert_eq!(done, 1);
    net.submit(&Ask::Accept { of, most: 0 }).unwrap();
    assert_eq!(net.submit(&Ask::Accept { of, most: 0 }), Err(Error::NoRoom));
}

#[test]
fn a_connection_asks_for_as_many_bytes_as_it_is_told() {
    let (net, stack) = pair();
    let mut bytes = [0; 1000];
    for (told, came) in [(None, 1000), (Some(64), 64), (Some(0), 1)] {
        let mut connection = net.connect(peer(), SOON).unwrap();
        let number = stack.borrow().streams().pop().unwrap();
        stack.borrow_mut().stream(number).sent.extend([7; 1000]);
        told.into_iter().for_each(|told| net.set_receive(told));
        assert_eq!(connection.read(&mut bytes, SOON), Ok(came), "{told:?}");
    }
}

#[test]
fn a_set_says_what_was_in_it() {
    let mut set = Set::default();
    [0, 5, 63].into_iter().for_each(|id| set.insert(id));
    assert_eq!(
        [0, 1, 5, 5, 62, 63].map(|id| set.remove(id)),
        [true, false, true, false, false, true]
    );
    assert_eq!(set.0, 0);
}

struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn whoever_waits_is_woken_once() {
    let (one, other) = (Arc::new(Counts(0.into())), Arc::new(Counts(0.into())));
    let mut wakers = Wakers::default();
    let add = |wakers: &mut Wakers, who: &Arc<Counts>| wakers.add(&Waker::from(Arc::clone(who)));
    wakers.wake();
    assert!(wakers.take().is_none(), "nobody waits");
    for round in 1..=3 {
        (0..2).for_each(|_| add(&mut wakers, &one));
        add(&mut wakers, &other);
        assert!(wakers.take().is_none(), "nothing was done");
        wakers.wake();
        let mut woken = wakers.take().unwrap();
        assert_eq!(woken.len(), 2);
        woken.drain(..).for_each(Waker::wake);
        wakers.reuse(woken);
        assert!(wakers.take().is_none(), "each is woken once");
        assert_eq!([&one, &other].map(|who| who.0.load(Ordering::Relaxed)), [round; 2]);
    }
}
