//! Datagrams, and names.

use smoltcp::wire::{IpAddress, IpEndpoint, Ipv4Address};

use super::peer::own;
use super::*;

#[test]
fn datagrams_go_and_come() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.datagrams(9000);
    let opened = world.opens(&mut a, wire::BIND, at(0));
    assert!(opened.local_port >= crate::numbers::FIRST_PORT);
    let data = [Target { len: 5, ..to(PEER, 9000) }.as_bytes(), b"hello"].concat();
    assert_eq!(world.ask(&mut a, wire::SEND_TO, opened.socket, &data).0, DONE);
    let mut came = None;
    world.until(|world| {
        came = world.peer.udp(peer).recv().ok().map(|(data, meta)| (data.to_vec(), meta.endpoint));
        came.is_some()
    });
    let (data, from) = came.unwrap();
    assert_eq!((data.as_slice(), from), (&b"hello"[..], own(opened.local_port)));
    let long = [7; 1400];
    world.peer.udp(peer).send_slice(&long, from).unwrap();
    let (status, bytes) = world.ask(&mut a, wire::RECEIVE_FROM, opened.socket, &[]);
    let (head, data) = read_payload::<Target>(&bytes).unwrap();
    assert_eq!((status, head.address, head.port, head.len), (DONE, mapped(PEER), 9000, 1400));
    assert_eq!(data, long);
    // Cut to what there is room for.
    world.peer.udp(peer).send_slice(&long, from).unwrap();
    let id = a.ask_len(wire::RECEIVE_FROM, opened.socket, &[], 24 + 10);
    let (_, cut) = world.wait(&mut a, id);
    let (head, data) = read_payload::<Target>(&cut).unwrap();
    assert_eq!((head.len, data), (1400, &long[..10]), "it says how long it was");
    // Of as many bytes as the network takes, and no more.
    let most = Target { len: 1472, ..to(PEER, 9000) };
    assert_eq!(world.ask(&mut a, wire::SEND_TO, opened.socket, most.as_bytes()).0, DONE);
    let more = Target { len: 1473, ..to(PEER, 9000) };
    assert_eq!(world.ask(&mut a, wire::SEND_TO, opened.socket, more.as_bytes()).0, wire::TOO_MUCH);
}

// attack 99 U: a peer whom no line lets sends datagrams; they are for nobody, and who may be heard is; broken: net-hears
#[test]
fn a_datagram_of_a_peer_whom_no_line_lets_is_for_nobody() {
    let mut narrow = description();
    let from = reach(NetProtocol::Udp, NetDirection::In, &[(5000, 5000)], &[(mapped(BACK), 128)]);
    let out = reach(NetProtocol::Udp, NetDirection::Out, &[(9001, 9001)], &[(mapped(PEER), 128)]);
    narrow.services[0].reaches = vec![out, from];
    let mut world = World::of(narrow);
    world.until(|world| world.has_address());
    let mut a = world.client(A);
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    let (other, answers) = (world.peer.datagrams(9000), world.peer.datagrams(9001));
    let receives = a.ask(wire::RECEIVE_FROM, socket, &[]);
    for _ in 0..10 {
        world.peer.udp(other).send_slice(b"not let", own(5000)).unwrap();
    }
    world.run(50);
    assert_eq!(a.take(receives), None);
    world.peer.udp(answers).send_slice(b"answer", own(5000)).unwrap();
    let (status, bytes) = world.wait(&mut a, receives);
    assert_eq!((status, &bytes[24..]), (DONE, &b"answer"[..]));
}

#[test]
fn a_port_is_ones_alone() {
    let mut world = World::up();
    let mut a = world.client(A);
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    assert_eq!(world.status(&mut a, wire::BIND, at(5000)), wire::IN_USE);
    world.ask(&mut a, wire::CLOSE, socket, &[]);
    world.run(5);
    world.opens(&mut a, wire::BIND, at(5000));
    let elsewhere = Target { n: 5001, ..to([10, 0, 2, 77], 0) };
    assert_eq!(world.status(&mut a, wire::BIND, elsewhere), wire::UNREACHABLE);
}

fn name(name: &str, n: u16) -> Vec<u8> {
    let head = Target { len: name.len() as u32, n, ..Target::default() };
    [head.as_bytes(), name.as_bytes()].concat()
}

#[test]
fn names_have_addresses_or_none() {
    let mut world = World::up();
    let mut c = world.client(C);
    let four = world.ask(&mut c, wire::RESOLVE, 0, &name("a.test", 4));
    assert_eq!(four, (DONE, mapped([192, 0, 2, 1]).to_vec()));
    let six = world.ask(&mut c, wire::RESOLVE, 0, &name("a.test.", 6));
    assert_eq!(six, (DONE, vec![0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
    assert_eq!(world.ask(&mut c, wire::RESOLVE, 0, &name("none.test", 4)).0, wire::NO_NAME);
    for bad in ["", "a..b", ".", "a b", &"x".repeat(64), &"x.".repeat(128), "\u{e9}"] {
        assert_eq!(world.ask(&mut c, wire::RESOLVE, 0, &name(bad, 4)).0, wire::MALFORMED, "{bad}");
    }
    world.peer.knows = false;
    let asks: Vec<u16> = (0..5).map(|_| c.ask(wire::RESOLVE, 0, &name("a.test", 4))).collect();
    assert_eq!(world.wait(&mut c, asks[4]).0, wire::TOO_MUCH);
    for id in asks.into_iter().take(4) {
        assert_eq!(world.wait(&mut c, id).0, wire::TIMED_OUT);
    }
}

// attack 93 U: guess what a name is asked by; port and number are of no order; broken: net-number
#[test]
fn what_a_name_is_asked_by_is_not_guessed() {
    let mut world = World::up();
    let mut c = world.client(C);
    for _ in 0..20 {
        world.ask(&mut c, wire::RESOLVE, 0, &name("a.test", 4));
    }
    let asked = world.peer.asked.clone();
    let (mut numbers, mut ports): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    numbers.sort_unstable();
    numbers.dedup();
    ports.sort_unstable();
    ports.dedup();
    assert!(numbers.len() >= 19 && ports.len() >= 19, "{} {}", numbers.len(), ports.len());
}

// attack 93 U: somebody else answers for the server of names, or with another number; nobody hears it
#[test]
fn a_foreign_answer_is_not_heard() {
    let mut world = World::up();
    let mut c = world.client(C);
    world.peer.knows = false;
    let ask = c.ask(wire::RESOLVE, 0, &name("a.test", 4));
    world.until(|world| !world.peer.asked.is_empty());
    let (number, port) = world.peer.asked[0];
    let answer = |number: u16| {
        let mut bytes = number.to_be_bytes().to_vec();
        bytes.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        bytes.extend(b"\x01a\x04test\x00\x00\x01\x00\x01");
        bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]);
        bytes
    };
    let from = |ip, port: u16, bytes: &[u8]| {
        let ends = (Ipv4Address::from_octets(ip), port);
        hostile::datagram(ends, own(world.peer.asked[0].1), bytes)
    };
    let foreign = from([10, 0, 2, 66], 53, &answer(number));
    let other = from(PEER, 53, &answer(number.wrapping_add(1)));
    let late = from(PEER, 54, &answer(number));
    world.coming.extend([foreign, other, late]);
    world.run(50);
    assert_eq!(c.take(ask), None);
    let right = hostile::datagram((Ipv4Address::from_octets(PEER), 53), own(port), &answer(number));
    world.coming.push_back(right);
    assert_eq!(world.wait(&mut c, ask), (DONE, mapped([6, 6, 6, 6]).to_vec()));
    let _ = IpEndpoint::new(IpAddress::v4(0, 0, 0, 0), 0);
}
