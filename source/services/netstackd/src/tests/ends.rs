//! What is let go, and what peers let go.

use super::peer::own;
use super::*;

#[test]
fn a_port_is_free_when_its_last_datagram_is_sent() {
    let mut world = World::up();
    let mut a = world.client(A);
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    // Nobody has that address: it is asked for, and the datagram waits.
    let data = [Target { len: 5, ..to([10, 0, 2, 9], 9000) }.as_bytes(), b"hello"].concat();
    assert_eq!(world.ask(&mut a, wire::SEND_TO, socket, &data).0, DONE);
    world.ask(&mut a, wire::CLOSE, socket, &[]);
    assert_eq!(world.status(&mut a, wire::BIND, at(5000)), wire::IN_USE);
    world.run(1_100);
    world.opens(&mut a, wire::BIND, at(5000));
}

#[test]
fn what_still_sends_makes_no_room() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.listen_with(7, 100);
    let socket = world.connection(&mut a, 7);
    for _ in 0..7 {
        world.opens(&mut a, wire::BIND, at(0));
    }
    let sends = a.send(socket, &[1; 4000]);
    world.wait(&mut a, sends);
    world.ask(&mut a, wire::CLOSE, socket, &[]);
    assert_eq!(world.status(&mut a, wire::BIND, at(0)), wire::QUOTA_SOCKETS);
    assert!(world.peer.tcp(peer).is_open());
    // Then it is reset, and its peer is told.
    world.run(33_000);
    assert!(!world.peer.tcp(peer).is_open());
    world.opens(&mut a, wire::BIND, at(0));
}

#[test]
fn who_stands_waits_to_be_accepted_for_as_long_as_it_takes() {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, at(80)).socket;
    let peer = world.peer.connect(80, 40_000);
    world.run(12_000);
    // One more, who finds no place.
    world.peer.connect(80, 40_001);
    world.run(3_000);
    assert!(world.peer.tcp(peer).may_send());
    let (status, bytes) = world.ask(&mut a, wire::ACCEPT, listener, &[]);
    let opened = read_payload::<Opened>(&bytes).unwrap().0;
    assert_eq!((status, opened.peer_port), (DONE, 40_000));
}

#[test]
fn who_goes_before_it_is_accepted_makes_room() {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, at(80)).socket;
    let peer = world.peer.connect(80, 40_000);
    world.run(50);
    world.peer.tcp(peer).abort();
    world.run(50);
    let accepts = a.ask(wire::ACCEPT, listener, &[]);
    world.peer.connect(80, 40_001);
    let (status, bytes) = world.wait(&mut a, accepts);
    let opened = read_payload::<Opened>(&bytes).unwrap().0;
    assert_eq!((status, opened.peer_port), (DONE, 40_001));
}

#[test]
fn a_port_of_a_connection_is_in_use() {
    let mut world = World::up();
    let mut a = world.client(A);
    for port in [7, 8] {
        world.peer.listen(port);
    }
    world.opens(&mut a, wire::CONNECT, Target { n: 50_000, ..to(PEER, 7) });
    let again = Target { n: 50_000, ..to(PEER, 8) };
    assert_eq!(world.status(&mut a, wire::CONNECT, again), wire::IN_USE);
    world.opens(&mut a, wire::LISTEN, at(80));
    let listens = Target { n: 80, ..to(PEER, 8) };
    assert_eq!(world.status(&mut a, wire::CONNECT, listens), wire::IN_USE);
}

#[test]
fn names_that_nobody_waits_for_are_not_asked_for() {
    let mut world = World::up();
    let mut c = world.client(C);
    world.peer.knows = false;
    let head = Target { len: 6, n: 4, ..Target::default() };
    c.ask(wire::RESOLVE, 0, &[head.as_bytes(), b"a.test"].concat());
    world.until(|world| !world.peer.asked.is_empty());
    world.client_in(C, 2);
    let asked = world.peer.asked.len();
    world.run(15_000);
    assert_eq!(world.peer.asked.len(), asked);
}

#[test]
fn a_name_has_as_many_addresses_as_there_is_room_for() {
    let mut world = World::up();
    let mut c = world.client(C);
    world.peer.knows = false;
    let head = Target { len: 6, n: 4, ..Target::default() };
    let name = [head.as_bytes(), b"a.test"].concat();
    let id = c.ask_len(wire::RESOLVE, 0, &name, 40);
    world.until(|world| !world.peer.asked.is_empty());
    let (number, port) = world.peer.asked[0];
    let mut answer = number.to_be_bytes().to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0]);
    answer.extend(b"\x01a\x04test\x00\x00\x01\x00\x01");
    for last in 1..=3 {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
    }
    let from = (smoltcp::wire::Ipv4Address::from_octets(PEER), 53);
    world.coming.push_back(hostile::datagram(from, own(port), &answer));
    let (status, bytes) = world.wait(&mut c, id);
    assert_eq!((status, bytes.len()), (DONE, 32));
}

// attack 93 U: a client ends for good with a connection, and with a request that waits; both end, and whoever lives keeps its own
#[test]
fn what_a_client_had_ends_when_it_ends_for_good() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    let (first, second) = (world.peer.listen(7), world.peer.listen(8));
    world.connection(&mut a, 7);
    world.connection(&mut c, 8);
    world.server.bury(world.now);
    world.run(20);
    assert!(world.peer.tcp(first).is_open() && world.peer.tcp(second).is_open());
    let _gone = nexus_rt::host::revoke(Handle(u64::from(A)));
    world.server.bury(world.now);
    world.bell.set(true);
    world.run(1_500);
    assert!(!world.peer.tcp(first).is_open() && world.peer.tcp(second).is_open());
    assert_eq!([A, C].map(|id| world.counted(id).0), [0, 1]);
}
