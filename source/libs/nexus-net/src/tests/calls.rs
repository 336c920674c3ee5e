//! What each call does.

use core::net::{IpAddr, SocketAddr};
use std::format;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

use nexus_proto::socket::ring::{self as wire, ENTRIES};

use super::stack::Sock;
use super::{SOON, pair, pair_of, peer};
use crate::{Ask, Datagram, Error, Family, Outcome};

#[test]
fn a_connection_carries_bytes_both_ways() {
    let (net, stack) = pair();
    let mut connection = net.connect(peer(), SOON).unwrap();
    assert_eq!(connection.peer(), peer());
    assert_eq!(connection.local(), "192.0.2.1:999".parse().unwrap());
    connection.write_all(b"hello", SOON).unwrap();
    connection.settle(SOON).unwrap();
    stack.borrow_mut().stream(1).sent.extend(b"good day");
    let mut bytes = [0; 5];
    assert_eq!(connection.read(&mut bytes, SOON), Ok(5));
    assert_eq!(&bytes, b"good ");
    // The rest was there already.
    let waited = stack.borrow().waited;
    assert_eq!((connection.read(&mut bytes, SOON), &bytes[..3]), (Ok(3), &b"day"[..]));
    assert_eq!(stack.borrow().waited, waited);
    assert_eq!(connection.read(&mut bytes, SOON), Err(Error::TimedOut));
    assert_eq!(connection.read(&mut [], SOON), Ok(0));
    stack.borrow_mut().stream(1).sent_all = true;
    for _ in 0..2 {
        assert_eq!(connection.read(&mut bytes, SOON), Ok(0));
    }
    connection.write_all(b"!", SOON).unwrap();
    connection.finish(SOON).unwrap();
    assert_eq!(connection.write(b"?", SOON), Err(Error::Closed));
    assert_eq!(stack.borrow_mut().stream(1).got, b"hello!");
    assert!(stack.borrow_mut().stream(1).got_all);
    connection.close(SOON).unwrap();
    assert_eq!(net.wait(SOON), Err(Error::TimedOut));
    assert_eq!(stack.borrow().closed, [(1, false)]);
    assert!(net.is_idle());
}

// attack 69 U: the peer takes little at a time, and the sends of a connection wait; what is written goes whole and in order, and what has no room is not taken
#[test]
fn what_is_written_goes_whole_though_the_peer_takes_it_in_parts() {
    let (net, stack) = pair();
    let mut connection = net.connect(peer(), SOON).unwrap();
    stack.borrow_mut().most = 100;
    let bytes: Vec<u8> = (0..40_000_u32).map(|n| n as u8).collect();
    connection.write_all(&bytes, SOON).unwrap();
    connection.settle(SOON).unwrap();
    assert_eq!(stack.borrow_mut().stream(1).got, bytes);
    stack.borrow_mut().stream(1).window = 10;
    assert_eq!(connection.write(&bytes, SOON), Ok(10344), "a share of the data");
    assert_eq!(connection.write(&bytes, SOON), Err(Error::TimedOut));
    assert_eq!(connection.finish(SOON), Err(Error::TimedOut));
    stack.borrow_mut().stream(1).window = usize::MAX;
    connection.finish(SOON).unwrap();
    assert_eq!(stack.borrow_mut().stream(1).got.len(), 40_000 + 10344);
}

// attack 69 U: netstackd does at once what was written, and tells only who waits for it; whoever does is told; broken: sockets-calm
#[test]
fn who_waits_for_what_was_written_is_told() {
    let (net, stack) = pair();
    stack.borrow_mut().prompt = true;
    let mut connection = net.connect(peer(), SOON).unwrap();
    assert_eq!(connection.try_write(b"he"), Ok(Some(2)));
    assert_eq!(net.wait(SOON), Ok(1));
    assert_eq!(stack.borrow().unseen, 1, "nobody waits for that");
    assert_eq!(connection.try_write(b"llo"), Ok(Some(3)));
    connection.settle(SOON).unwrap();
    connection.finish(SOON).unwrap();
    let mut stack = stack.borrow_mut();
    assert_eq!((stack.unseen, &stack.stream(1).got[..]), (1, &b"hello"[..]));
}

#[test]
fn a_connection_that_is_dropped_sends_what_was_written() {
    let (net, stack) = pair();
    let mut connection = net.connect(peer(), SOON).unwrap();
    stack.borrow_mut().stream(1).window = 3;
    connection.write_all(b"hello", SOON).unwrap();
    assert_eq!(connection.read(&mut [0], SOON), Err(Error::TimedOut));
    drop(connection);
    assert_eq!(net.wait(SOON), Err(Error::TimedOut));
    assert!(stack.borrow().closed.is_empty(), "not before it is sent");
    stack.borrow_mut().stream(1).window = 2;
    assert_eq!(net.wait(SOON), Err(Error::TimedOut));
    assert_eq!(stack.borrow().closed, [(1, false)]);
    assert_eq!(stack.borrow().remains[0].1.got, b"hello");
    assert!(net.is_idle());
}

#[test]
fn a_connection_that_cannot_be_closed_in_time_is_reset() {
    let (net, stack) = pair();
    for abort in [true, false] {
        let mut connection = net.connect(peer(), SOON).unwrap();
        let number = *stack.borrow().sockets.keys().next().unwrap();
        stack.borrow_mut().stream(number).window = 0;
        connection.write_all(b"hello", SOON).unwrap();
        match abort {
            true => connection.abort(),
            false => assert_eq!(connection.close(SOON), Err(Error::TimedOut)),
        }
        assert_eq!(net.wait(SOON), Err(Error::TimedOut));
        assert_eq!(stack.borrow().closed.last(), Some(&(number, true)));
        assert!(net.is_idle());
    }
}

#[test]
fn a_connection_that_the_peer_breaks_off_says_so() {
    let (net, stack) = pair();
    let mut connection = net.connect(peer(), SOON).unwrap();
    stack.borrow_mut().stream(1).sent.extend(b"x");
    assert_eq!(connection.read(&mut [0; 2], SOON), Ok(1));
    stack.borrow_mut().stream(1).reset = true;
    for _ in 0..2 {
        assert_eq!(connection.read(&mut [0; 2], SOON), Err(Error::Reset));
    }
    assert_eq!(connection.write(b"a", SOON), Ok(1));
    for _ in 0..2 {
        assert_eq!(connection.write(b"a", SOON), Err(Error::Reset));
        assert_eq!(connection.finish(SOON), Err(Error::Reset));
    }
    assert_eq!(connection.close(SOON), Err(Error::Reset));
    let _ = net.wait(SOON);
    assert!(stack.borrow().sockets.is_empty() && net.is_idle());
}

#[test]
fn listeners_accept_several_in_one_turn() {
    let (net, stack) = pair();
    let any = SocketAddr::new(IpAddr::from([0; 4]), 80);
    let listener = net.listen(any, 8, SOON).unwrap();
    assert_eq!(listener.local().port(), 999);
    assert_eq!(listener.accept(SOON).err(), Some(Error::TimedOut));
    (1..=4).for_each(|port| assert!(stack.borrow_mut().knock(SocketAddr::new(peer().ip(), port))));
    let waited = stack.borrow().waited;
    let accepted: Vec<_> = (0..4).map(|_| listener.accept(SOON).unwrap()).collect();
    assert_eq!(stack.borrow().waited - waited, 1);
    let ports: Vec<u16> = accepted.iter().map(|one| one.peer().port()).collect();
    assert_eq!(ports, [1, 2, 3, 4]);
    // One that nobody takes is reset with the listener.
    stack.borrow_mut().knock(peer());
    assert_eq!(net.wait(SOON), Ok(1));
    drop((accepted, listener));
    let _ = net.wait(SOON);
    assert!(stack.borrow().sockets.is_empty());
    assert!(stack.borrow().closed.contains(&(6, true)), "{:?}", stack.borrow().closed);
    assert!(net.is_idle());
}

// attack 59 U: what opens a socket is answered when nobody waits for it any more; the socket is let go; broken: sockets-unwanted
#[test]
fn a_socket_that_comes_too_late_is_let_go() {
    let (net, stack) = pair();
    stack.borrow_mut().connects = None;
    assert_eq!(net.connect(peer(), SOON).err(), Some(Error::TimedOut));
    stack.borrow_mut().connects = Some(0);
    assert_eq!(net.wait(SOON), Err(Error::TimedOut));
    assert_eq!(stack.borrow().closed, [(1, true)]);
    // It was answered, and is abandoned then.
    let token = net.submit(&Ask::Connect { to: peer(), from: 7 }).unwrap();
    assert_eq!(net.wait(SOON), Ok(1));
    assert_eq!((net.next(), net.next()), (Some(token), None));
    net.abandon(token);
    assert_eq!(net.take(token, &mut []), Some(Err(Error::NoRequest)));
    assert_eq!(net.wait(SOON), Err(Error::TimedOut));
    assert_eq!(stack.borrow().closed, [(1, true), (2, true)]);
    assert!(net.is_idle());
}

#[test]
fn datagrams_names_and_echoes() {
    let (net, stack) = pair();
    let mut datagrams = net.bind(5353, 4, SOON).unwrap();
    datagrams.send_to(peer(), b"ask", SOON).unwrap();
    assert_eq!(stack.borrow().went, [(peer(), b"ask".to_vec())]);
    let mut bytes = [0; 8];
    assert_eq!(datagrams.receive_from(&mut bytes, SOON), Err(Error::TimedOut));
    let Some(Sock::Datagrams(waiting)) = stack.borrow_mut().sockets.get_mut(&1).map(|sock| {
        core::mem::replace(sock, Sock::Datagrams([(peer(), b"12345".to_vec())].into()))
    }) else {
        panic!()
    };
    assert!(waiting.is_empty());
    let cut = Datagram { from: peer(), len: 4, cut: true };
    assert_eq!(datagrams.receive_from(&mut bytes, SOON), Ok(cut));
    assert_eq!(&bytes[..5], b"1234\0");
    drop(datagrams);

    let addresses = net.resolve("two.example", Family::V4, SOON).unwrap();
    let addresses: Vec<_> = addresses.iter().map(|address| address.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.1", "192.0.2.2"]);
    let name = "a".repeat(255);
    assert_eq!(net.resolve(&name, Family::V6, SOON), Err(Error::NoName));
    assert_eq!(net.resolve(&(name + "a"), Family::V6, SOON), Err(Error::NoName));
    assert_eq!(net.resolve("", Family::V6, SOON), Err(Error::NoName));
    let many = net.resolve("many.example", Family::V6, SOON).unwrap();
    assert_eq!(many.iter().count(), 8);
    assert_eq!(net.ping(peer().ip(), &[7; 56], SOON), Ok((123, 56)));
    let _ = net.wait(SOON);
    assert!(stack.borrow().sockets.is_empty() && net.is_idle());
}

#[test]
fn more_than_there_is_room_for_waits_and_less_does_not() {
    let (net, stack) = pair();
    let listener = net.listen(peer(), 4, SOON).unwrap();
    // Idle connections, as many as may wait.
    let mut idle = Vec::new();
    for port in 1..=50 {
        stack.borrow_mut().knock(SocketAddr::new(peer().ip(), port));
        idle.push(listener.accept(SOON).unwrap());
    }
    drop(listener);
    let _ = net.wait(SOON);
    let mut byte = [0];
    for connection in &mut idle {
        assert_eq!(connection.try_read(&mut byte), Ok(None));
    }
    // Others find room.
    assert_eq!(net.ping(peer().ip(), &[7; 1400], SOON), Ok((123, 1400)));
    let mut busy = net.connect(peer(), SOON).unwrap();
    busy.write_all(&[7; 40_000], SOON).unwrap();
    busy.settle(SOON).unwrap();
    // One of those that wait has its bytes: those that found no place do.
    let numbers = stack.borrow().streams();
    for number in numbers.into_iter().take(50) {
        stack.borrow_mut().stream(number).sent.extend(b"x");
    }
    let mut left: Vec<_> = idle.iter_mut().collect();
    for _ in 0..4 {
        let _ = net.wait(SOON);
        left.retain_mut(|connection| connection.try_read(&mut byte).unwrap().is_none());
    }
    assert!(left.is_empty());
    drop((idle, busy));
    let _ = net.wait(SOON);
    assert!(net.is_idle());
}

// attack 69 U: peers take nothing of what is sent to them; others have room for theirs, and those can be broken off; broken: sockets-share, sockets-most-waiting
#[test]
fn slow_peers_cost_only_themselves() {
    for pages in [1, 16] {
        let (net, stack) = pair_of(pages * 4096);
        let mut slow: Vec<_> = (0..20).map(|_| net.connect(peer(), SOON).unwrap()).collect();
        let numbers = stack.borrow().streams();
        numbers.iter().for_each(|number| stack.borrow_mut().stream(*number).window = 0);
        for (n, connection) in slow.iter_mut().enumerate().take(8) {
            let taken = connection.write(&[7; 100_000], SOON).unwrap();
            assert!(taken <= pages * 700, "{n} {taken}");
        }
        let mut quick = net.connect(peer(), SOON).unwrap();
        let taken = quick.write(&[7; 100_000], SOON).unwrap();
        assert!(taken >= 40 * pages.min(4), "{taken}");
        let _ = slow.iter_mut().map(|slow| slow.write(&[7; 100_000], SOON)).collect::<Vec<_>>();
        quick.settle(SOON).unwrap();
        assert_eq!(net.ping(peer().ip(), &[7; 64], SOON), Ok((123, 64)));
        slow.into_iter().for_each(|slow| slow.abort());
        drop(quick);
        while net.wait(SOON).is_ok() {}
        assert!(stack.borrow().sockets.is_empty() && net.is_idle());
    }
}

#[test]
fn requests_find_their_bounds() {
    let (net, stack) = pair_of(4096);
    let long = vec![7; 5000];
    assert_eq!(net.ping(peer().ip(), &long, SOON), Err(Error::TooLong));
    assert_eq!(net.ping(peer().ip(), &long[..4096 - 24], SOON), Ok((123, 4072)));
    assert_eq!(net.ping(peer().ip(), &long[..4096 - 23], SOON), Err(Error::TooLong));
    stack.borrow_mut().silent = true;
    let mut tokens = Vec::new();
    let ping = Ask::Ping { to: peer().ip(), bytes: b"" };
    while let Ok(token) = net.submit(&ping) {
        tokens.push(token);
    }
    assert_eq!((tokens.len(), net.submit(&ping)), (ENTRIES, Err(Error::NoRoom)));
    assert_eq!(net.ping(peer().ip(), b"", SOON), Err(Error::TimedOut));
    stack.borrow_mut().silent = false;
    assert_eq!(net.wait(SOON), Ok(ENTRIES));
    let mut news: Vec<_> = core::iter::from_fn(|| net.next()).collect();
    news.sort_by_key(|token| token.id);
    tokens.sort_by_key(|token| token.id);
    assert_eq!(news, tokens);
    for token in tokens {
        let echo = Outcome::Echo { micros: 123, len: 0 };
        assert_eq!(net.take(token, &mut []), Some(Ok(echo)));
        assert_eq!(net.take(token, &mut []), Some(Err(Error::NoRequest)));
    }
    assert!(net.is_idle());
}

#[test]
fn a_socket_has_one_send_and_one_receive_at_a_time() {
    let (net, stack) = pair();
    stack.borrow_mut().silent = false;
    let token = net.submit(&Ask::Connect { to: peer(), from: 0 }).unwrap();
    assert_eq!(net.wait(SOON), Ok(1));
    let Some(Ok(Outcome::Opened(opened))) = net.take(token, &mut []) else { panic!() };
    let of = opened.socket;
    stack.borrow_mut().stream(1).window = 0;
    let [send, receive] = [Ask::Send { of, bytes: b"a" }, Ask::Receive { of, most: 9 }];
    assert_eq!(net.submit(&Ask::Send { of, bytes: b"" }), Err(Error::Malformed));
    for ask in [&send, &receive] {
        net.submit(ask).unwrap();
        assert_eq!(net.submit(ask), Err(Error::Already));
    }
    stack.borrow_mut().stream(1).window = 2;
    stack.borrow_mut().stream(1).sent.extend(b"ab");
    assert_eq!(net.wait(SOON), Ok(2));
    let tokens: Vec<_> = core::iter::from_fn(|| net.next()).collect();
    assert_eq!(net.take(tokens[0], &mut []), Some(Ok(Outcome::Done)));
    let mut bytes = [0];
    let some = |len, left| Some(Ok(Outcome::Received { len, left }));
    assert_eq!(net.take(tokens[1], &mut []), some(0, 2));
    assert_eq!(net.take(tokens[1], &mut bytes), some(1, 1));
    net.submit(&send).unwrap();
    assert_eq!(net.take(tokens[1], &mut bytes), some(1, 0));
    let close = Ask::Close { of, reset: false };
    let token = net.submit(&close).unwrap();
    assert_eq!(net.wait(SOON), Ok(2));
    assert_eq!(net.take(token, &mut []), Some(Ok(Outcome::Done)));
    let token = net.submit(&close).unwrap();
    let _ = net.wait(SOON);
    assert_eq!(net.take(token, &mut []), Some(Err(Error::NoSocket)));
}

#[test]
fn each_status_is_an_error_of_its_own_with_a_text() {
    let (net, stack) = pair();
    let mut texts = Vec::new();
    for (status, expected) in [
        (wire::PEER_REFUSED, Error::PeerRefused),
        (wire::RESET, Error::Reset),
        (wire::TIMED_OUT, Error::NoAnswer),
        (wire::DENIED, Error::Denied),
        (wire::IN_USE, Error::InUse),
        (wire::QUOTA_SOCKETS, Error::QuotaSockets),
        (wire::QUOTA_BYTES, Error::QuotaBytes),
        (wire::CLOSED, Error::Closed),
        (wire::NO_SOCKET, Error::NoSocket),
        (wire::MALFORMED, Error::Malformed),
        (wire::UNREACHABLE, Error::Unreachable),
        (wire::NO_NAME, Error::NoName),
        (wire::TOO_MUCH, Error::TooMuch),
        (nexus_ring::REFUSED, Error::Malformed),
        (14, Error::Garbled),
        (254, Error::Garbled),
    ] {
        stack.borrow_mut().connects = Some(status);
        assert_eq!(net.connect(peer(), SOON).err(), Some(expected), "{status}");
        texts.push(format!("{expected}"));
    }
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 14);
    assert!(net.is_idle());
}

#[test]
fn netstackd_is_told_once_for_what_is_asked_together() {
    let (net, stack) = pair();
    net.ping(peer().ip(), b"", SOON).unwrap();
    let told = stack.borrow().told;
    stack.borrow_mut().driver.may_wait().unwrap();
    let ping = Ask::Ping { to: peer().ip(), bytes: b"" };
    (0..5).for_each(|_| assert!(net.submit(&ping).is_ok()));
    assert_eq!(stack.borrow().told, told);
    assert_eq!(net.wait(SOON), Ok(5));
    assert_eq!(stack.borrow().told, told + 1);
}
