//! Connections.

use smoltcp::socket::tcp::State;
use smoltcp::wire::{Ipv4Address, TcpControl};

use super::hostile::segment;
use super::peer::own;
use super::*;

/// Bytes of which each is another.
fn byte(at: usize) -> u8 {
    (at ^ at >> 8 ^ at >> 16) as u8
}

/// Sends `count` bytes to the peer, who sends them all back; each way they are the same.
fn echo_of(
    world: &mut World,
    a: &mut Client,
    socket: u64,
    peer: smoltcp::iface::SocketHandle,
    count: usize,
) {
    let (mut sent, mut seen, mut back) = (0, 0, 0);
    let (mut sends, mut receives) = (None, None);
    let mut held = VecDeque::new();
    world.until(|world| {
        if let Some(id) = sends
            && let Some((status, taken)) = a.take(id)
        {
            assert_eq!(status, DONE);
            sent += taken.len();
            sends = None;
        }
        if sends.is_none() && sent < count {
            let len = 4000.min(count - sent);
            let data: Vec<u8> = (sent..sent + len).map(byte).collect();
            sends = Some(a.send(socket, &data));
        }
        let id = *receives.get_or_insert_with(|| a.ask(wire::RECEIVE, socket, &[]));
        if let Some((status, bytes)) = a.take(id) {
            assert_eq!((status, bytes.is_empty()), (DONE, false));
            assert!(bytes.iter().zip(back..).all(|(one, at)| *one == byte(at)));
            back += bytes.len();
            receives = None;
        }
        let other = world.peer.tcp(peer);
        while other.can_recv() && held.len() < 65536 {
            let some = other.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap();
            assert!(some.iter().zip(seen..).all(|(one, at)| *one == byte(at)));
            seen += some.len();
            held.extend(some);
        }
        if other.can_send() && !held.is_empty() {
            let some = other.send_slice(held.make_contiguous()).unwrap();
            held.drain(..some);
        }
        back == count
    });
    assert_eq!(seen, count);
}

#[test]
fn a_megabyte_goes_out_and_comes_back() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.listen(7);
    let opened = world.opens(&mut a, wire::CONNECT, to(PEER, 7));
    assert_eq!((opened.peer, opened.peer_port), (mapped(PEER), 7));
    assert_eq!(opened.local, mapped(OWN));
    assert!(opened.local_port >= crate::numbers::FIRST_PORT);
    echo_of(&mut world, &mut a, opened.socket, peer, 1 << 20);
    assert_eq!(world.server.stats().connections, 1);
}

#[test]
fn loss_and_disorder_change_nothing() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    world.trouble = Trouble { loss: 2, late: 10 };
    echo_of(&mut world, &mut a, socket, peer, 1 << 20);
}

#[test]
fn a_peer_is_accepted_and_both_finish() {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, Target { port: 2, ..at(80) });
    assert_eq!((listener.local_port, listener.local), (80, [0; 16]));
    let accept = a.ask(wire::ACCEPT, listener.socket, &[]);
    world.run(20);
    assert_eq!(a.take(accept), None, "nobody has come");
    let peer = world.peer.connect(80, 40_000);
    let (status, bytes) = world.wait(&mut a, accept);
    let (opened, _): (Opened, _) = read_payload(&bytes).unwrap();
    assert_eq!((status, opened.peer, opened.peer_port), (DONE, mapped(PEER), 40_000));
    assert_eq!((opened.local, opened.local_port), (mapped(OWN), 80));
    // The peer finishes, and still receives.
    world.peer.tcp(peer).send_slice(b"last words").unwrap();
    world.peer.tcp(peer).close();
    assert_eq!(world.ask(&mut a, wire::RECEIVE, opened.socket, &[]), (DONE, b"last words".into()));
    assert_eq!(world.ask(&mut a, wire::RECEIVE, opened.socket, &[]), (DONE, Vec::new()));
    assert_eq!(world.ask(&mut a, wire::RECEIVE, opened.socket, &[]), (DONE, Vec::new()));
    let sends = a.send(opened.socket, b"answer");
    assert_eq!(world.wait(&mut a, sends).0, DONE);
    world.until(|world| world.peer.tcp(peer).recv_queue() == 6);
    // Then this side.
    assert_eq!(world.ask(&mut a, wire::FINISH, opened.socket, &[]).0, DONE);
    let sends = a.send(opened.socket, b"more");
    assert_eq!(world.wait(&mut a, sends).0, wire::CLOSED);
    world.until(|world| {
        world.peer.tcp(peer).state() == State::TimeWait || !world.peer.tcp(peer).is_open()
    });
    assert_eq!(world.ask(&mut a, wire::CLOSE, opened.socket, &[]).0, DONE);
    assert_eq!(world.ask(&mut a, wire::RECEIVE, opened.socket, &[]).0, wire::CLOSED);
}

#[test]
fn what_was_taken_is_sent_after_it_was_closed() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.listen_with(7, 1024);
    let socket = world.connection(&mut a, 7);
    for _ in 0..8 {
        let sends = a.send(socket, &[9; 4000]);
        assert_eq!(world.wait(&mut a, sends).0, DONE);
    }
    assert_eq!(world.ask(&mut a, wire::CLOSE, socket, &[]).0, DONE);
    assert_eq!(world.counted(A).0, 1, "it is counted until it is over");
    let mut seen = 0;
    world.until(|world| {
        let other = world.peer.tcp(peer);
        while other.can_recv() {
            seen += other.recv(|bytes| (bytes.len(), bytes.len())).unwrap();
        }
        !other.may_recv()
    });
    assert_eq!(seen, 32_000);
    world.peer.tcp(peer).close();
    world.until(|world| world.counted(A) == (0, 0));
}

// attack 93 U: a peer takes nothing, and a client lets go of what it has sent it; after half a minute its room is free; broken: net-linger
#[test]
fn a_peer_that_takes_nothing_is_let_go() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.peer.listen_with(7, 1024);
    let socket = world.connection(&mut a, 7);
    let sends = a.send(socket, &[9; 4000]);
    assert_eq!(world.wait(&mut a, sends).0, DONE);
    assert_eq!(world.ask(&mut a, wire::CLOSE, socket, &[]).0, DONE);
    world.run(29_000);
    assert_eq!(world.counted(A).0, 1);
    world.run(3_000);
    assert_eq!(world.counted(A), (0, 0));
}

#[test]
fn a_peer_whose_window_is_closed_waits_and_goes_on() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    // The client takes nothing: what the peer sends stays where it is.
    let mut sent = 0;
    world.until(|world| {
        let other = world.peer.tcp(peer);
        sent += other.send_slice(&[3; 4096]).unwrap_or(0);
        sent >= 128 << 10 && !other.can_send()
    });
    world.run(5_000);
    let mut taken = 0;
    world.until(|world| {
        let other = world.peer.tcp(peer);
        if sent < 200 << 10 {
            sent += other.send_slice(&[3; 4096]).unwrap_or(0);
        }
        if taken < sent {
            let (status, bytes) = world.ask(&mut a, wire::RECEIVE, socket, &[]);
            assert_eq!(status, DONE);
            taken += bytes.len();
        }
        taken == sent && sent >= 200 << 10
    });
}

#[test]
fn a_reset_is_told() {
    let mut world = World::up();
    let mut a = world.client(A);
    // Nobody listens there.
    assert_eq!(world.status(&mut a, wire::CONNECT, to(PEER, 9)), wire::PEER_REFUSED);
    // Nobody is there.
    assert_eq!(world.status(&mut a, wire::CONNECT, to([10, 0, 2, 9], 9)), wire::TIMED_OUT);
    let peer = world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    world.peer.tcp(peer).send_slice(b"then").unwrap();
    world.run(20);
    world.peer.tcp(peer).abort();
    world.run(20);
    assert_eq!(world.ask(&mut a, wire::RECEIVE, socket, &[]), (DONE, b"then".into()));
    assert_eq!(world.ask(&mut a, wire::RECEIVE, socket, &[]).0, wire::RESET);
    let sends = a.send(socket, b"x");
    assert_eq!(world.wait(&mut a, sends).0, wire::RESET);
    assert_eq!(world.ask(&mut a, wire::CLOSE, socket, &[]).0, DONE);
    // This side resets.
    let peer = world.peer.listen(8);
    let socket = world.connection(&mut a, 8);
    world.ask(&mut a, wire::CLOSE, socket, Target { n: 1, ..Target::default() }.as_bytes());
    world.run(20);
    assert!(!world.peer.tcp(peer).is_open());
    assert_eq!(world.counted(A), (0, 0));
}

/// Requests for a connection from so many ports of somebody who never goes on.
fn flood(count: u16, from: [u8; 4]) -> Vec<Vec<u8>> {
    let from = Ipv4Address::from_octets(from);
    let one = |port| segment((from, 10_000 + port), own(80), TcpControl::Syn, (77, None));
    (0..count).map(one).collect()
}

// attack 93 U: ask for connections without end and never go on; who does go on is accepted once they stop, and nobody else's connections suffer; broken: net-half-open
#[test]
fn a_flood_of_requests_for_connections_passes() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    let other = world.peer.listen(7);
    let socket = world.connection(&mut c, 7);
    let listener = world.opens(&mut a, wire::LISTEN, Target { port: 4, ..at(80) }).socket;
    for _ in 0..20 {
        world.sends(flood(100, [10, 0, 2, 99]));
        assert!(world.counted(A).0 <= 4, "no more than it asked for");
    }
    echo_of(&mut world, &mut c, socket, other, 10_000);
    let accept = a.ask(wire::ACCEPT, listener, &[]);
    world.peer.connect(80, 40_001);
    let before = world.now;
    assert_eq!(world.wait(&mut a, accept).0, DONE);
    assert!(world.now - before < Duration::from_secs(3), "soon");
}

// attack 68 U: requests for connections whose checksum is wrong; dropped, and counted, and nobody waits for them; broken: net-sum-seen
#[test]
fn a_segment_whose_checksum_is_wrong_is_dropped() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.opens(&mut a, wire::LISTEN, Target { port: 4, ..at(80) });
    let wrong = flood(4, [10, 0, 2, 99]).into_iter().map(|mut frame| {
        // The sequence number, which nothing else looks at.
        frame[38] ^= 1;
        frame
    });
    let before = world.server.stats().dropped;
    world.sends(wrong);
    assert_eq!(world.server.stats().dropped - before, 4);
    world.sends(flood(1, [10, 0, 2, 99]));
    assert_eq!(world.server.stats().dropped - before, 4, "that is right");
}

// attack 93 U: more peers connect in one turn than may wait; each of as many is taken, and the others are not refused; broken: net-full
#[test]
fn as_many_as_may_wait_are_taken_in_one_turn() {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, Target { port: 8, ..at(80) }).socket;
    // Two more are not heard, and not refused; when there is room they are.
    let peers: Vec<_> = (0..10).map(|port| world.peer.connect(80, 41_000 + port)).collect();
    world.run(50);
    let states: Vec<State> = peers.iter().map(|peer| world.peer.tcp(*peer).state()).collect();
    assert_eq!(states[..8], [State::Established; 8]);
    assert_eq!(states[8..], [State::SynSent; 2]);
    let sockets: Vec<u64> = (0..8)
        .map(|_| {
            let (status, bytes) = world.ask(&mut a, wire::ACCEPT, listener, &[]);
            assert_eq!(status, DONE);
            read_payload::<Opened>(&bytes).unwrap().0.socket
        })
        .collect();
    let reset = Target { n: 1, ..Target::default() };
    sockets.iter().for_each(|one| drop(world.ask(&mut a, wire::CLOSE, *one, reset.as_bytes())));
    assert_eq!(world.ask(&mut a, wire::ACCEPT, listener, &[]).0, DONE);
}

// attack 93 U: peers connect in one turn, when as many have been accepted as may wait; each finds a place of its own; broken: net-refill
#[test]
fn places_that_were_taken_are_there_again_in_the_same_turn() {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, Target { port: 3, ..at(80) }).socket;
    for first in [41_000, 42_000] {
        let peers = [0, 1, 2].map(|port| world.peer.connect(80, first + port));
        world.run(50);
        for peer in peers {
            assert_eq!(world.peer.tcp(peer).state(), State::Established, "from {first}");
            assert_eq!(world.ask(&mut a, wire::ACCEPT, listener, &[]).0, DONE);
        }
    }
}

#[test]
fn a_listening_socket_that_is_let_go_takes_nobody() {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, Target { port: 2, ..at(80) }).socket;
    assert_eq!(world.status(&mut a, wire::LISTEN, at(80)), wire::IN_USE);
    let waiting = world.peer.connect(80, 40_000);
    world.until(|world| world.peer.tcp(waiting).may_send());
    let accept = a.ask(wire::ACCEPT, listener, &[]);
    let other = a.ask(wire::ACCEPT, listener, &[]);
    assert_eq!(world.wait(&mut a, accept).0, DONE);
    assert_eq!(world.ask(&mut a, wire::CLOSE, listener, &[]).0, DONE);
    assert_eq!(world.wait(&mut a, other).0, wire::CLOSED);
    let late = world.peer.connect(80, 40_001);
    world.run(100);
    assert!(!world.peer.tcp(late).is_open(), "refused");
    assert!(world.peer.tcp(waiting).may_send(), "what was accepted stays");
    world.opens(&mut a, wire::LISTEN, at(80));
}

// attack 90 U: finish while the peer does not take what is being sent; all of it arrives, and then the end; broken: net-finish-behind
#[test]
fn finishing_waits_for_what_is_being_sent() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    let data: Vec<u8> = (0..4000).map(byte).collect();
    let mut count = 0;
    let waits = loop {
        let sends = a.send(socket, &data);
        world.run(20);
        count += 1;
        match a.take(sends) {
            Some((status, taken)) => assert_eq!((status, taken.len()), (DONE, data.len())),
            None => break sends,
        }
    };
    let finishes = a.ask(wire::FINISH, socket, &[]);
    world.run(20);
    assert!(!a.is_done(waits) && !a.is_done(finishes));
    let mut got = Vec::new();
    world.until(|world| {
        let other = world.peer.tcp(peer);
        while other.can_recv() {
            got.extend(other.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap());
        }
        !other.may_recv()
    });
    assert_eq!(a.take(waits).map(|(status, taken)| (status, taken.len())), Some((DONE, 4000)));
    assert_eq!(a.take(finishes), Some((DONE, Vec::new())));
    assert!(got == data.repeat(count));
}

// attack 90 U: a connection whose first bytes are there before it is accepted; they come with it, as far as there is room, and the rest behind; broken: net-accept-bytes
#[test]
fn first_bytes_come_with_the_connection() {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, Target { port: 2, ..at(80) });
    let peer = world.peer.connect(80, 40_000);
    world.until(|world| world.peer.tcp(peer).can_send());
    world.peer.tcp(peer).send_slice(b"first and last").unwrap();
    world.run(20);
    let accept = a.ask_len(wire::ACCEPT, listener.socket, &[], size_of::<Opened>() + 5);
    let (status, bytes) = world.wait(&mut a, accept);
    let (opened, first): (Opened, _) = read_payload(&bytes).unwrap();
    assert_eq!((status, opened.peer_port, first), (DONE, 40_000, &b"first"[..]));
    let rest = world.ask(&mut a, wire::RECEIVE, opened.socket, &[]);
    assert_eq!(rest, (DONE, b" and last".into()));
}
