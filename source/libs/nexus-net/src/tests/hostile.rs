//! A netstackd that answers anything.

use core::cell::RefCell;
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use nexus_mmio::{ReadWrite, SharedMut};
use nexus_proto::socket::ring::{self as wire, Echo, Opened, Target};
use nexus_ring::{DONE, Request, memory_len};
use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::link::FakeLink;
use super::stack::Stack;
use super::{DATA, LIFE, SOON, pair, parts, peer};
use crate::{Ask, Error, Family, Net, Outcome, Token};

fn given(bytes: &[u8]) -> (Vec<u8>, u32) {
    (bytes.to_vec(), bytes.len() as u32)
}

/// What is made of this answer, given as done, to what `ask` asks of a connection.
fn answer(
    op: u8,
    (bytes, len): (Vec<u8>, u32),
) -> (Option<Result<Outcome, Error>>, Vec<u8>, usize) {
    let (net, stack) = pair();
    let token = net.submit(&Ask::Connect { to: peer(), from: 0 }).unwrap();
    net.wait(SOON).unwrap();
    let Some(Ok(Outcome::Opened(opened))) = net.take(token, &mut []) else { panic!() };
    let of = opened.socket;
    let ask = match op {
        wire::CONNECT => Ask::Connect { to: peer(), from: 0 },
        wire::ACCEPT => Ask::Accept { of, most: 0 },
        wire::SEND => Ask::Send { of, bytes: b"hello" },
        wire::RECEIVE => Ask::Receive { of, most: 8 },
        wire::RECEIVE_FROM => Ask::ReceiveFrom { of, most: 8 },
        wire::RESOLVE => Ask::Resolve { name: "a", family: Family::V4 },
        _ => Ask::Ping { to: peer().ip(), bytes: b"hello" },
    };
    let mut once = Some((DONE, bytes, len));
    stack.borrow_mut().lie = Some(Box::new(move |_: &Request| once.take()));
    let token = net.submit(&ask).unwrap();
    net.wait(SOON).unwrap();
    let mut into = vec![0; 64];
    let outcome = net.take(token, &mut into);
    let attached = stack.borrow().attached;
    let _ = net.submit(&Ask::Ping { to: peer().ip(), bytes: b"" });
    let again = stack.borrow().attached - attached;
    (outcome, into, again)
}

// attack 92 U: answers that are too short, too long, or say what cannot be; each ends the attachment, and nothing is made of it; broken: sockets-answer-short, sockets-sent-part, sockets-datagram-len, sockets-echo-len, sockets-addresses
#[test]
fn an_answer_that_is_none_ends_the_attachment() {
    let opened = Opened { socket: 9, ..Opened::default() };
    let mut padded = opened.as_bytes().to_vec();
    *padded.last_mut().unwrap() = 1;
    let datagram = |len| Target { len, ..Target::default() };
    let with = |target: Target| [target.as_bytes(), b"abc"].concat();
    for (op, bytes) in [
        (wire::CONNECT, given(&opened.as_bytes()[..47])),
        (wire::CONNECT, given(b"")),
        (wire::ACCEPT, given(&padded)),
        (wire::SEND, (Vec::new(), 0)),
        (wire::SEND, (Vec::new(), 4)),
        (wire::SEND, (Vec::new(), 6)),
        (wire::SEND, (Vec::new(), u32::MAX)),
        (wire::RECEIVE_FROM, given(&datagram(0).as_bytes()[..23])),
        (wire::RECEIVE_FROM, given(&with(datagram(2)))),
        (wire::RESOLVE, given(&[7; 17])),
        (wire::PING, given(&[0; 15])),
        (wire::PING, given(Echo { micros: 1, len: 6 }.as_bytes())),
    ] {
        let (outcome, _, again) = answer(op, bytes.clone());
        assert_eq!((outcome, again), (Some(Err(Error::Garbled)), 1), "{op} {bytes:?}");
    }
    for (op, bytes) in [
        (wire::CONNECT, given(opened.as_bytes())),
        (wire::SEND, (Vec::new(), 5)),
        (wire::RECEIVE_FROM, given(&with(datagram(3)))),
        (wire::RECEIVE_FROM, given(&with(datagram(u32::MAX)))),
        (wire::RESOLVE, given(&[7; 16])),
        (wire::RESOLVE, given(&[])),
        (wire::PING, given(Echo { micros: 1, len: 5 }.as_bytes())),
    ] {
        let (outcome, _, again) = answer(op, bytes.clone());
        assert!(matches!(outcome, Some(Ok(_))) && again == 0, "{op} {bytes:?} {outcome:?}");
    }
}

// attack 92 U: more bytes are said to have come than there was room for; no others are read
#[test]
fn no_more_is_received_than_there_was_room_for() {
    let (outcome, into, _) = answer(wire::RECEIVE, (b"12345678".to_vec(), u32::MAX));
    assert_eq!(outcome, Some(Ok(Outcome::Received { len: 8, left: 0 })));
    assert_eq!((&into[..8], &into[8..9]), (&b"12345678"[..], &[0][..]));
}

// attack 92 U: something is completed that was not asked, or twice; whatever waits ends, and what comes after is of the next attachment
#[test]
fn a_completion_of_nothing_ends_the_attachment() {
    let (net, stack) = pair();
    net.ping(peer().ip(), b"", SOON).unwrap();
    let mut token = net.submit(&Ask::Ping { to: peer().ip(), bytes: b"" }).unwrap();
    {
        let mut stack = stack.borrow_mut();
        stack.step();
        // The completions' index: one more than there can be. Its word lies where the ring's page says.
        stack.write16(128, 3);
    }
    assert!(net.wait(SOON).is_ok());
    assert_eq!(net.take(token, &mut []), Some(Err(Error::Garbled)));
    token = net.submit(&Ask::Ping { to: peer().ip(), bytes: b"" }).unwrap();
    assert_eq!(net.wait(SOON), Ok(1));
    assert!(matches!(net.take(token, &mut []), Some(Ok(Outcome::Echo { .. }))));
    assert_eq!(stack.borrow().attached, 2);
}

/// Asks all of this, and takes what is answered; what dies dies with it. In the end all of it ends.
fn program<M: SharedMut>(net: &Net<FakeLink, M>, stack: &RefCell<Stack>, asks: Vec<(u8, bool)>) {
    let mut tokens: Vec<Token> = Vec::new();
    let mut sockets = Vec::new();
    for (op, dies) in asks {
        let ask = match (op, sockets.last().copied()) {
            (0, Some(of)) => Ask::Accept { of, most: 200 },
            (1 | 2, Some(of)) => Ask::Send { of, bytes: &[9; 700] },
            (3 | 4, Some(of)) => Ask::Receive { of, most: 1000 },
            (5, Some(of)) => Ask::ReceiveFrom { of, most: 100 },
            (6, Some(of)) => Ask::Close { of, reset: dies },
            (7, _) => Ask::Resolve { name: "x", family: Family::V6 },
            (8, _) => Ask::Ping { to: peer().ip(), bytes: b"12" },
            (9, _) => Ask::Bind { port: 0 },
            (10, _) => Ask::Listen { at: peer(), backlog: 0 },
            _ => Ask::Connect { to: peer(), from: 0 },
        };
        tokens.extend(net.submit(&ask).ok());
        if dies && op == 11 {
            stack.borrow_mut().dies_before = true;
        }
        if op % 3 == 0 {
            let _ = net.wait(SOON);
        }
        tokens.retain(|token| match net.take(*token, &mut [0; 500]) {
            None | Some(Ok(Outcome::Received { left: 1.., .. })) => true,
            Some(Ok(Outcome::Opened(opened))) => {
                sockets.push(opened.socket);
                false
            }
            Some(Ok(Outcome::Accepted(opened))) => {
                sockets.push(opened.socket);
                true
            }
            Some(outcome) => {
                assert_ne!(outcome, Err(Error::NoRequest));
                false
            }
        });
    }
    stack.borrow_mut().lie = None;
    stack.borrow_mut().die();
    while net.wait(SOON).is_ok() {}
    for token in tokens {
        while let Some(outcome) = net.take(token, &mut [0; 500]) {
            if !matches!(outcome, Ok(Outcome::Received { left: 1.., .. } | Outcome::Accepted(_))) {
                break;
            }
        }
    }
    assert!(net.is_idle());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    // attack 92 U: whatever is answered to whatever was asked, in any order, and whenever netstackd ends; each request ends once, nothing is lost, and no call waits without an end
    #[test]
    fn whatever_is_answered_nothing_is_lost(
        answers in prop::collection::vec((any::<u8>(), any::<u8>(), 0..300_usize, any::<u32>()), 0..60),
        asks in prop::collection::vec((0..12_u8, any::<bool>()), 1..60),
    ) {
        let (net, stack) = pair();
        let mut answers = answers.into_iter();
        stack.borrow_mut().lie = Some(Box::new(move |_: &Request| {
            let (what, byte, count, len) = answers.next()?;
            let len = if what & 1 == 0 { count as u32 } else { len };
            let status = if what & 6 == 0 { byte % 16 } else { DONE };
            Some((status, vec![byte; count], len))
        }));
        program(&net, &stack, asks);
    }

    // attack 92 U: netstackd writes anything anywhere in the ring, between any two loads of its client; nothing is read or written outside, each request ends once, and no call waits without an end
    #[test]
    fn whatever_stands_in_the_ring_nothing_is_lost(
        writes in prop::collection::vec((any::<u8>(), 0..4096 + 1024_usize, any::<u8>()), 0..400),
        asks in prop::collection::vec((0..12_u8, any::<bool>()), 1..60),
    ) {
        let (memory, stack, link) = parts(DATA);
        let net = Net::new(link, memory.part::<ReadWrite>(0..memory_len(DATA)), LIFE).unwrap();
        let opened = Opened { socket: 9, ..Opened::default() };
        let answer = move |request: &Request| {
            Some((DONE, opened.as_bytes().to_vec(), request.submission().len.min(48)))
        };
        stack.borrow_mut().lie = Some(Box::new(answer));
        let mut writes = writes.into_iter();
        let its = memory.clone();
        memory.after_each_load(move || {
            // Words of both sides more often than entries and data.
            if let Some((where_, at, byte)) = writes.next().filter(|(where_, ..)| where_ % 4 > 0) {
                let at = if where_ < 128 { at % 256 } else { at };
                its.device_write(at, &[if where_ % 4 == 1 { byte % 4 } else { byte }]);
            }
        });
        program(&net, &stack, asks);
    }
}
