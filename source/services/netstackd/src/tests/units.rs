//! Requests, frames and addresses at their bounds, each looked at alone.

use nexus_proto::socket::ring::Opened;
use smoltcp::wire::IpAddress;

use super::peer::Line;
use super::*;
use crate::address::inner;
use crate::exercise::good;
use crate::numbers::{FIRST_PORT, Seeds};
use crate::session::ask::{Ask, HEAD};
use crate::stack::Stack;

fn parse(op: u8, len: usize, head: Target) -> Option<Ask> {
    Ask::parse(op, 7, &head.as_bytes()[..HEAD.min(len)], len).ok()
}

// attack 93 U: requests whose head is a word beside what can be, or that have no room for their answer; none is one
#[test]
fn requests_have_bounds() {
    let peer = to(PEER, 80);
    let opened = size_of::<Opened>();
    for (op, head) in
        [(wire::CONNECT, peer), (wire::LISTEN, at(80)), (wire::BIND, at(0)), (wire::ACCEPT, at(0))]
    {
        assert!(parse(op, opened, head).is_some(), "{op}");
        assert_eq!(parse(op, opened - 1, head), None, "{op} has no room");
    }
    assert_eq!(parse(wire::CONNECT, 100, to(PEER, 0)), None);
    assert_eq!(parse(wire::LISTEN, 100, at(0)), None);
    assert_eq!(parse(wire::SEND_TO, 100, to(PEER, 0)), None);
    assert_eq!(parse(wire::SEND, 100, peer), None, "nothing to send");
    let behind = |len| Target { len, ..peer };
    for (op, least) in [(wire::SEND, 1), (wire::SEND_TO, 0), (wire::PING, 0), (wire::RESOLVE, 1)] {
        assert!(parse(op, HEAD + 10, behind(10)).is_some(), "{op}");
        assert!(parse(op, HEAD + 10, behind(least)).is_some(), "{op}");
        assert_eq!(parse(op, HEAD + 10, behind(11)), None, "{op}");
    }
    let close = |reset| Some(Ask::Close { socket: 7, reset });
    assert_eq!(parse(wire::CLOSE, 0, at(0)), close(false));
    assert_eq!(
        [0, 1, 2].map(|n| parse(wire::CLOSE, HEAD, at(n))),
        [close(false), close(true), None]
    );
    assert_eq!(parse(wire::RECEIVE, 0, at(0)), None);
    assert_eq!(parse(wire::RECEIVE_FROM, HEAD - 1, at(0)), None);
}

#[test]
fn who_asks_for_a_connection() {
    let frame = |name| good().into_iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!(connects_to(&frame("connect")), Some(80));
    assert_eq!(connects_to(&frame("connect6")), Some(80));
    for other in ["acknowledge", "finish", "reset", "datagram", "datagram6", "echo", "arp-asks"] {
        assert_eq!(connects_to(&frame(other)), None, "{other}");
    }
    // Whoever answers a connection does not ask for one; nor does what only looks like a segment.
    for (name, flags) in [("connect", 47), ("connect6", 67)] {
        let mut answer = frame(name);
        answer[flags] |= 0x10;
        assert_eq!(connects_to(&answer), None, "{name}");
    }
    for (name, protocol) in [("connect", 23), ("connect6", 20)] {
        let mut other = frame(name);
        other[protocol] = 17;
        assert_eq!(connects_to(&other), None, "{name}");
    }
}

#[test]
fn nothing_is_hidden_behind_another_prefix() {
    for (second, third) in [(1, 0), (0x9b, 1), (0xff9b, 2)] {
        let mut ip = mapped(PEER);
        ip[..8].copy_from_slice(&[0, 0x64, 0, second as u8, 0, third, 0, 0]);
        assert_eq!(inner(ip), None, "{ip:?}");
    }
}

#[test]
fn ports_are_of_all_that_nobody_is_given() {
    let mut numbers = Numbers::new(FakeSource { has: true, next: 7 });
    let ports: Vec<u16> = (0..200).map(|_| numbers.port(|_| true).unwrap()).collect();
    assert!(ports.iter().all(|port| *port >= FIRST_PORT));
    for bit in 0..14 {
        let set = ports.iter().filter(|port| **port >> bit & 1 == 1).count();
        assert!((50..150).contains(&set), "bit {bit} of {set} ports");
    }
}

fn fixed(address: [u8; 4], bits: u8, gateway: Option<[u8; 4]>) -> Stack {
    let address = Address::Static { address, bits, gateway, dns: Vec::new() };
    let says = NetworkSays { address, leads_back: Vec::new() };
    Stack::new(MAC, &says, Seeds::new([1; 4]), Instant::from_secs(1))
}

#[test]
fn first_and_last_of_a_network_are_its_own() {
    let own = |bits| {
        let stack = fixed([10, 0, 2, 13], bits, None);
        [12, 13, 14, 15].map(|last| stack.is_own(mapped([10, 0, 2, last])))
    };
    assert_eq!(own(30), [true, true, false, true]);
    // Two, and neither is of all (RFC 3021).
    assert_eq!(own(31), [false, true, false, false]);
}

#[test]
fn without_a_router_there_is_no_way_out() {
    let far = IpAddress::v4(192, 0, 2, 1);
    let near = IpAddress::v4(10, 0, 2, 2);
    let sources = |stack: Stack| [near, far].map(|to| stack.source(to).is_ok());
    assert_eq!(sources(fixed(OWN, 24, None)), [true, false]);
    assert_eq!(sources(fixed(OWN, 24, Some(PEER))), [true, true]);
    assert_eq!(sources(fixed(OWN, 24, Some([255; 4]))), [true, false], "no machine has that");
    // An address that no machine has is none, and leads to no router.
    let none = fixed([224, 0, 0, 1], 24, Some(PEER));
    assert!(!none.has_v4() && none.routers() == (None, None));
    assert_eq!(sources(none), [false, false]);
}

// attack 68 U: a router tells of a prefix with more bits than an address has; nothing is made of it, and the stack goes on; broken: net-router-bits
#[test]
fn a_prefix_of_more_bits_than_an_address_has_is_none() {
    let mut world = World::up();
    let (_, router) = good().into_iter().find(|(name, _)| *name == "router").unwrap();
    for (bits, made) in [(255, false), (129, false), (128, false), (64, true)] {
        let mut frame = router.clone();
        // Behind headers, the word, its link and its MTU: the prefix's third byte.
        frame[54 + 16 + 8 + 8 + 2] = bits;
        crate::exercise::mend(&mut frame);
        let dropped = world.server.stats().dropped;
        world.coming.push_back(frame);
        world.run(50);
        assert_eq!(world.server.stats().dropped - dropped, u64::from(bits > 128), "{bits}");
        assert_eq!(world.server.address(2).is_ok(), made, "{bits}");
    }
}

/// Whom a stack asks for the addresses of cards of, in one turn.
fn asked_for(stack: &mut Stack, now: Instant) -> Vec<IpAddress> {
    use smoltcp::wire::{ArpPacket, ArpRepr, EthernetFrame};
    let mut line = Line::default();
    stack.ask_neighbours(now, &mut line);
    let asked = |frame: &Vec<u8>| {
        let frame = EthernetFrame::new_checked(frame).unwrap();
        let packet = ArpPacket::new_checked(frame.payload()).unwrap();
        let ArpRepr::EthernetIpv4 { target_protocol_addr, .. } = ArpRepr::parse(&packet).unwrap()
        else {
            panic!("another question")
        };
        target_protocol_addr.into()
    };
    line.goes.iter().map(asked).collect()
}

#[test]
fn each_neighbour_is_asked_for_once_a_second() {
    let now = Instant::from_secs(1);
    let mut stack = fixed(OWN, 24, None);
    let there = |last| IpAddress::v4(10, 0, 2, last);
    (0..2).for_each(|_| stack.seek(there(9), now));
    assert_eq!(asked_for(&mut stack, now), [there(9)]);
    stack.seek(there(9), now + Duration::from_millis(999));
    assert_eq!(asked_for(&mut stack, now + Duration::from_millis(999)), []);
    stack.seek(there(9), now + Duration::from_secs(1));
    assert_eq!(asked_for(&mut stack, now + Duration::from_secs(1)), [there(9)]);
}

#[test]
fn so_many_neighbours_are_remembered() {
    let now = Instant::from_secs(1);
    let mut stack = fixed(OWN, 24, None);
    let mut asked = 0;
    for turn in 0..60 {
        (100..250).for_each(|last| stack.seek(IpAddress::v4(10, 0, 2, last), now));
        let some = asked_for(&mut stack, now).len();
        assert_eq!(some, if turn < 16 { 8 } else { 0 });
        asked += some;
    }
    assert_eq!(asked, 128);
}

#[test]
fn servers_of_names_are_asked_for() {
    let (now, server) = (Instant::from_secs(1), [10, 0, 2, 3]);
    let dns = vec![mapped(server)];
    let address = Address::Static { address: OWN, bits: 24, gateway: None, dns };
    let says = NetworkSays { address, leads_back: Vec::new() };
    let mut stack = Stack::new(MAC, &says, Seeds::new([1; 4]), now);
    assert_eq!(asked_for(&mut stack, now), []);
    stack.seek_servers(now);
    assert_eq!(asked_for(&mut stack, now), [IpAddress::v4(10, 0, 2, 3)]);
}
