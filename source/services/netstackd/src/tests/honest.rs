//! Frames that nobody on the wire can have sent, or that are for another.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{Icmpv6Repr, IpEndpoint, Ipv4Address, Ipv4Packet, Ipv6Address, TcpControl};

use super::hostile::{datagram, echo_request, segment};
use super::peer::{LOCAL, own};
use super::*;

fn v4(octets: [u8; 4]) -> Ipv4Address {
    Ipv4Address::from_octets(octets)
}

/// The same packet, from this address.
fn from(address: [u8; 4], mut frame: Vec<u8>) -> Vec<u8> {
    let mut packet = Ipv4Packet::new_unchecked(&mut frame[14..]);
    packet.set_src_addr(v4(address));
    crate::exercise::mend(&mut frame);
    frame
}

/// An echo that is asked for by IPv6, at this address.
fn echo6(to: Ipv6Address) -> Vec<u8> {
    let ask = Icmpv6Repr::EchoRequest { ident: 1, seq_no: 1, data: b"data" };
    let mut message = vec![0; ask.buffer_len()];
    let sums = ChecksumCapabilities::default();
    ask.emit(&LOCAL, &to, &mut smoltcp::wire::Icmpv6Packet::new_unchecked(&mut message), &sums);
    hostile::ipv6((LOCAL, to), smoltcp::wire::IpProtocol::Icmpv6, &message)
}

// attack 68 U: datagrams that say that they are from this machine, from loopback, or from many; nobody hears them; broken: net-source-own, net-source-nobodys
#[test]
fn nobody_on_the_wire_is_this_machine() {
    let mut world = World::up();
    let mut a = world.client(A);
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    let receives = a.ask(wire::RECEIVE_FROM, socket, &[]);
    for address in [OWN, [10, 0, 2, 255], [10, 0, 2, 0]] {
        world.coming.push_back(datagram((v4(address), 9000), own(5000), b"data"));
    }
    world.run(10);
    assert_eq!(a.take(receives), None);
    let ping = echo_request(v4(OWN), 1);
    let none = [[0, 0, 0, 1], [127, 0, 0, 1], [240, 0, 0, 1]];
    let before = world.server.stats().dropped;
    assert_eq!(world.sends(none.map(|address| from(address, ping.clone()))), 0);
    assert_eq!(world.server.stats().dropped - before, 3);
    assert_eq!(world.sends([ping]), 1);
    world.coming.push_back(datagram((v4(PEER), 9000), own(5000), b"data"));
    assert_eq!(world.wait(&mut a, receives).0, DONE);
}

// attack 69 U: ask everybody for an echo, at once; no answer to that; broken: net-echo-many
#[test]
fn an_echo_that_everybody_is_asked_for_is_not_answered() {
    let mut world = World::up();
    world.run(13_000);
    for to in [[10, 0, 2, 255], [255; 4]] {
        assert_eq!(world.sends([echo_request(v4(to), 1)]), 0, "{to:?}");
    }
    let mut frame = echo_request(v4(OWN), 1);
    for to in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
        frame[..6].copy_from_slice(&to);
        assert_eq!(world.sends([frame.clone()]), 0, "by the frame");
    }
    assert_eq!(world.sends([echo_request(v4(OWN), 1)]), 1);
}

// attack 68 U: packets for loopback, and for an address that ends as this machine's does; no answer, and nothing is learnt; broken: net-other-address
#[test]
fn what_is_for_another_is_dropped() {
    let mut world = World::up();
    world.run(13_000);
    let other = |first| Ipv6Address::new(first, 0, 0, 7, 0, 0xff, 0xfe00, 1);
    let before = world.server.stats().dropped;
    for to in [Ipv6Address::LOCALHOST, other(0xfe80), other(0x2001)] {
        assert_eq!(world.sends([echo6(to)]), 0, "{to}");
    }
    assert_eq!(world.server.stats().dropped - before, 3);
    let local = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
    assert!(world.sends([echo6(local)]) > 0);
}

// attack 93 U: ask everybody for a connection, by the packet or by the frame; nobody has taken it; broken: net-connects-many
#[test]
fn no_connection_is_of_many() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.opens(&mut a, wire::LISTEN, Target { port: 4, ..at(80) });
    world.run(13_000);
    for to in [[10, 0, 2, 255], [255; 4]] {
        let ends = IpEndpoint::new(v4(to).into(), 80);
        let mut frame = segment((v4(PEER), 1000), ends, TcpControl::Syn, (1, None));
        Ipv4Packet::new_unchecked(&mut frame[14..]).set_dst_addr(v4(to));
        crate::exercise::mend(&mut frame);
        assert_eq!(world.sends([frame]), 0, "{to:?}");
    }
    let mut frame = segment((v4(PEER), 1000), own(80), TcpControl::Syn, (1, None));
    for to in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
        frame[..6].copy_from_slice(&to);
        assert_eq!(world.sends([frame.clone()]), 0, "by the frame");
    }
    frame[..6].copy_from_slice(&MAC);
    assert!(world.sends([frame]) > 0);
}

// attack 110 U: an address is given from one that nobody has, by which it is to be renewed; it is not taken, and the stack goes on; broken: net-source-nobodys
#[test]
fn an_address_comes_from_somebody() {
    let mut world = World::new();
    (world.peer.gives_from, world.peer.holds) = (Ipv4Address::UNSPECIFIED, 20);
    world.run(60_000);
    assert!(!world.has_address());
    world.peer.gives_from = v4(PEER);
    world.until(|world| world.has_address());
    world.run(60_000);
    assert!(world.has_address(), "it was renewed");
}

// attack 93 U: whoever there is answers for the server of names, from the port of names of the link; nobody hears it; broken: net-name-link
#[test]
fn names_of_the_link_are_not_asked_for() {
    let mut world = World::up();
    let mut c = world.client(C);
    world.peer.knows = false;
    let head = Target { len: 6, n: 4, ..Target::default() };
    let ask = c.ask(wire::RESOLVE, 0, &[head.as_bytes(), b"a.test"].concat());
    world.until(|world| !world.peer.asked.is_empty());
    let (number, port) = world.peer.asked[0];
    let mut answer = number.to_be_bytes().to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    answer.extend(b"\x01a\x04test\x00\x00\x01\x00\x01");
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]);
    let foreign = datagram((v4([10, 0, 2, 66]), 5353), own(port), &answer);
    world.coming.push_back(foreign);
    world.run(50);
    assert_eq!(c.take(ask), None);
    // Who asks there by a socket of its own hears what comes from there.
    let mut a = world.client(A);
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    world.coming.push_back(datagram((v4(PEER), 5353), own(5000), b"data"));
    assert_eq!(world.ask(&mut a, wire::RECEIVE_FROM, socket, &[]).0, DONE);
}
