//! Who has asked a socket for datagrams is answered, and nobody else.

use smoltcp::wire::Ipv4Address;

use super::peer::own;
use super::*;
use crate::session::ask::Peer as Asker;
use crate::session::askers::{Askers, HOLDS, MOST};

/// A client that may be asked at port 5000, by whoever is on the wire, and reaches nobody.
fn asked_only() -> (World, super::Client) {
    let mut narrow = description();
    let near = (mapped([10, 0, 2, 0]), 120);
    narrow.services[0].reaches =
        vec![reach(NetProtocol::Udp, NetDirection::In, &[(5000, 5000)], &[near])];
    let mut world = World::of(narrow);
    world.until(|world| world.has_address());
    let a = world.client(A);
    (world, a)
}

fn send(world: &mut World, a: &mut super::Client, socket: u64, to: Target) -> u8 {
    let data = [Target { len: 6, ..to }.as_bytes(), b"answer"].concat();
    world.ask(a, wire::SEND_TO, socket, &data).0
}

fn hear(world: &mut World, a: &mut super::Client, socket: u64, port: u16) {
    let ends = (Ipv4Address::from_octets(PEER), port);
    world.coming.push_back(hostile::datagram(ends, own(5000), b"ask"));
    let (status, bytes) = world.ask(a, wire::RECEIVE_FROM, socket, &[]);
    let (head, _) = read_payload::<Target>(&bytes).unwrap();
    assert_eq!((status, head.address, head.port), (DONE, mapped(PEER), port));
}

// attack 99 U: answer whom no line lets one reach, who has not asked, or has asked from another port; denied, and who has asked is answered; broken: net-answer-port
#[test]
fn who_has_asked_is_answered_and_nobody_else() {
    let (mut world, mut a) = asked_only();
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    let peer = world.peer.datagrams(9000);
    assert_eq!(send(&mut world, &mut a, socket, to(PEER, 9000)), wire::DENIED);
    assert_eq!(world.denied().len(), 1);
    hear(&mut world, &mut a, socket, 9000);
    assert_eq!(send(&mut world, &mut a, socket, to(PEER, 9000)), DONE);
    let mut came = None;
    world.until(|world| {
        came = world.peer.udp(peer).recv().ok().map(|(data, meta)| (data.to_vec(), meta.endpoint));
        came.is_some()
    });
    assert_eq!(came.unwrap(), (b"answer".to_vec(), own(5000)));
    for other in [to(PEER, 9001), to([10, 0, 2, 3], 9000), to(OWN, 9000)] {
        assert_eq!(send(&mut world, &mut a, socket, other), wire::DENIED, "{other:?}");
    }
    // Whoever listens nowhere has nobody to answer; and another socket was not asked.
    assert_eq!(world.status(&mut a, wire::BIND, at(0)), wire::DENIED);
    world.ask(&mut a, wire::CLOSE, socket, &[]);
    world.run(5);
    let again = world.opens(&mut a, wire::BIND, at(5000)).socket;
    assert_eq!(send(&mut world, &mut a, again, to(PEER, 9000)), wire::DENIED);
}

// attack 99 U: answer long after one was asked; denied; broken: net-answer-late
#[test]
fn an_answer_has_its_time() {
    let (mut world, mut a) = asked_only();
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    hear(&mut world, &mut a, socket, 9000);
    world.run(29_000);
    assert_eq!(send(&mut world, &mut a, socket, to(PEER, 9000)), DONE);
    world.run(2_000);
    assert_eq!(send(&mut world, &mut a, socket, to(PEER, 9000)), wire::DENIED, "no answer asks");
    hear(&mut world, &mut a, socket, 9000);
    assert_eq!(send(&mut world, &mut a, socket, to(PEER, 9000)), DONE);
}

// attack 99 U: what leads back sends something to whom no line lets it ask; it is heard, as what answers, and that is no leave to send anything there; broken: net-answer-line
#[test]
fn an_answer_is_no_question() {
    let mut narrow = description();
    let all = [any4()];
    let reaches = |direction, ports| vec![reach(NetProtocol::Udp, direction, &[ports], &all)];
    narrow.services[0].reaches = reaches(NetDirection::Out, (1, u16::MAX));
    narrow.services[1].reaches = reaches(NetDirection::In, (6000, 6000));
    let mut world = World::of(narrow);
    world.until(|world| world.has_address());
    let (mut a, mut b) = (world.client(A), world.client(B));
    world.opens(&mut b, wire::BIND, at(6000));
    let opened = world.opens(&mut a, wire::BIND, at(0));
    let back = (Ipv4Address::from_octets(BACK), 7000);
    world.coming.push_back(hostile::datagram(back, own(opened.local_port), b"data"));
    assert_eq!(world.ask(&mut a, wire::RECEIVE_FROM, opened.socket, &[]).0, DONE);
    assert_eq!(send(&mut world, &mut a, opened.socket, to(BACK, 7000)), wire::DENIED);
}

// attack 93 U: ask from port after port; so many are remembered, the last ones; broken: net-answer-room
#[test]
fn so_many_are_remembered() {
    let mut askers = Askers::default();
    let now = Instant::from_secs(1);
    let one = |port| Asker { ip: mapped(PEER), port };
    (0..100).for_each(|port| askers.asked(one(port), now));
    let known: Vec<u16> = (0..100).filter(|port| askers.has(one(*port), now)).collect();
    assert_eq!((known.len(), known[0]), (MOST, 100 - MOST as u16));
    // Who asks again is one of the last.
    askers.asked(one(known[0]), now + Duration::from_secs(1));
    askers.asked(one(200), now + Duration::from_secs(1));
    assert!(askers.has(one(known[0]), now + HOLDS) && !askers.has(one(known[1]), now));
    assert!(!askers.has(one(known[2]), now + HOLDS));
}
