//! Who may do what.

use nexus_proto::log::Access;
use smoltcp::socket::tcp::State;
use smoltcp::wire::Ipv6Address;

use super::*;

fn v6(text: &str, port: u16) -> Target {
    Target { address: text.parse::<Ipv6Address>().unwrap().octets(), port, ..Target::default() }
}

// attack 99 U: connect where no line lets, by protocol, by port, by address; denied each, and nothing is sent; broken: net-lines, net-port, net-address, net-family
#[test]
fn a_client_reaches_what_a_line_lets_and_nothing_else() {
    let mut world = World::up();
    let (mut b, mut d) = (world.client(B), world.client(D));
    world.peer.listen(80);
    world.connection(&mut b, 80);
    // Until no router is asked for any more.
    world.run(12_500);
    let before = world.server.stats().frames_out;
    for port in [0, 1, 79, 81, 442, 444, u16::MAX] {
        let status = world.status(&mut b, wire::CONNECT, to(PEER, port));
        assert_eq!(status, if port == 0 { wire::MALFORMED } else { wire::DENIED }, "{port}");
    }
    for address in [[10, 0, 1, 255], [10, 0, 3, 0], [192, 0, 2, 1]] {
        assert_eq!(world.status(&mut b, wire::CONNECT, to(address, 80)), wire::DENIED);
    }
    assert_eq!(world.status(&mut b, wire::CONNECT, v6("fe80::2", 80)), wire::DENIED);
    assert_eq!(world.status(&mut b, wire::BIND, at(0)), wire::DENIED);
    assert_eq!(world.status(&mut b, wire::PING, to(PEER, 0)), wire::DENIED);
    assert_eq!(world.status(&mut d, wire::CONNECT, to(PEER, 80)), wire::DENIED);
    assert_eq!(world.server.stats().frames_out, before);
}

// attack 99 U: listen at another's port, or at one that no line names; denied; broken: net-listen
#[test]
fn a_client_listens_where_a_line_lets() {
    let mut world = World::up();
    let (mut a, mut b) = (world.client(A), world.client(B));
    for port in [1, 79, 91, 8080] {
        assert_eq!(world.status(&mut a, wire::LISTEN, at(port)), wire::DENIED, "{port}");
    }
    assert_eq!(world.status(&mut b, wire::LISTEN, at(80)), wire::DENIED);
    assert_eq!(world.status(&mut a, wire::LISTEN, at(0)), wire::MALFORMED);
    for port in [4999, 5011, 53] {
        assert_eq!(world.status(&mut a, wire::BIND, at(port)), wire::DENIED, "{port}");
    }
    world.opens(&mut a, wire::LISTEN, at(80));
    world.opens(&mut b, wire::LISTEN, at(8080));
    world.opens(&mut a, wire::BIND, at(5000));
}

// attack 99 U: a peer whom no line lets connects; it is turned away, and not accepted; broken: net-peer
#[test]
fn a_peer_whom_no_line_lets_is_turned_away() {
    let mut narrow = description();
    narrow.services[1].reaches[1].addresses =
        vec![Network { address: mapped([10, 0, 2, 3]), bits: 128 }];
    let mut world = World::of(narrow);
    world.until(|world| world.has_address());
    let mut b = world.client(B);
    let listener = world.opens(&mut b, wire::LISTEN, at(8080)).socket;
    let accept = b.ask(wire::ACCEPT, listener, &[]);
    let peer = world.peer.connect(8080, 40_000);
    world.run(100);
    assert_eq!(world.peer.tcp(peer).state(), State::Closed);
    assert_eq!(b.take(accept), None);
    assert!(world.denied().is_empty(), "what comes from outside is never recorded");
}

// attack 99 U: have a name resolved without the right to; denied, and nobody is asked; broken: net-resolve
#[test]
fn to_resolve_is_a_right_of_its_own() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    let ask = [Target { len: 7, ..Target::default() }.as_bytes(), b"a.named"].concat();
    assert_eq!(world.ask(&mut a, wire::RESOLVE, 0, &ask).0, wire::DENIED);
    assert!(world.peer.asked.is_empty());
    assert_eq!(world.ask(&mut c, wire::RESOLVE, 0, &ask), (DONE, mapped([192, 0, 2, 1]).to_vec()));
}

/// Addresses that are this machine, or nobody's.
const HERE: [&str; 17] = [
    "::ffff:10.0.2.15",
    "::ffff:127.0.0.1",
    "::ffff:127.1.2.3",
    "::ffff:0.0.0.0",
    "::ffff:0.1.2.3",
    "::ffff:255.255.255.255",
    "::ffff:10.0.2.255",
    "::ffff:10.0.2.0",
    "::ffff:224.0.0.1",
    "::1",
    "::",
    "::10.0.2.15",
    "64:ff9b::10.0.2.15",
    "64:ff9b::127.0.0.1",
    "2002:a00:20f::1",
    "ff02::1",
    "fe80::ff:fe00:1",
];

// attack 99 U: reach this machine by each of its addresses, and by those that hide one; denied, whatever the lines say; broken: net-own, net-nobodys, net-inner
#[test]
fn this_machine_is_not_reached() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.opens(&mut a, wire::LISTEN, at(80));
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    for text in HERE {
        assert_eq!(world.status(&mut a, wire::CONNECT, v6(text, 80)), wire::DENIED, "{text}");
        assert_eq!(world.status(&mut a, wire::PING, v6(text, 0)), wire::DENIED, "{text}");
        let (status, _) = world.ask(&mut a, wire::SEND_TO, socket, v6(text, 5000).as_bytes());
        assert_eq!(status, wire::DENIED, "{text}");
    }
}

// attack 99 U: reach who listens here without the right to call it; with the right it is no matter of policy; broken: net-pair
#[test]
fn who_may_call_who_listens_may_reach_it() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    let here = v6("::ffff:10.0.2.15", 80);
    assert_eq!(world.status(&mut c, wire::CONNECT, here), wire::DENIED, "nobody listens");
    world.opens(&mut a, wire::LISTEN, at(80));
    assert_ne!(world.status(&mut c, wire::CONNECT, here), wire::DENIED);
    let mut b = world.client(B);
    world.opens(&mut b, wire::LISTEN, at(8080));
    assert_eq!(world.status(&mut c, wire::CONNECT, v6("::ffff:10.0.2.15", 8080)), wire::DENIED);
}

// attack 99 U: go out to the host, and come in again through a forward; denied unless all who listen may be called; broken: net-back
#[test]
fn what_leads_back_is_this_machine() {
    let mut world = World::up();
    let (mut a, mut b, mut c) = (world.client(A), world.client(B), world.client(C));
    let back = to(BACK, 80);
    assert_eq!(world.status(&mut c, wire::CONNECT, back), wire::TIMED_OUT, "nobody listens");
    world.opens(&mut a, wire::LISTEN, at(80));
    assert_eq!(
        world.status(&mut c, wire::CONNECT, back),
        wire::TIMED_OUT,
        "who does may be called"
    );
    assert_eq!(world.status(&mut a, wire::CONNECT, back), wire::DENIED);
    world.opens(&mut b, wire::LISTEN, at(8080));
    assert_eq!(world.status(&mut c, wire::CONNECT, back), wire::DENIED);
    assert_eq!(world.status(&mut c, wire::CONNECT, v6("64:ff9b::10.0.2.77", 80)), wire::DENIED);
}

// attack 99 U: be denied again and again; each service, line and kind is told once, and counted; broken: net-refusal-line
#[test]
fn a_denial_is_told_once_and_counted() {
    let mut world = World::up();
    let (mut b, mut d) = (world.client(B), world.client(D));
    for _ in 0..20 {
        world.status(&mut b, wire::CONNECT, to(PEER, 81));
        world.status(&mut b, wire::CONNECT, to([192, 0, 2, 1], 80));
        world.status(&mut b, wire::LISTEN, at(80));
        world.status(&mut b, wire::PING, to(PEER, 0));
        world.status(&mut d, wire::CONNECT, to(PEER, 80));
    }
    let told: Vec<_> =
        world.denied().iter().map(|one| (one.service, one.rule, one.access)).collect();
    // Lines: those of permits come first, then those of A.
    let first = 2 + 5 + 1;
    let wanted = [
        (B, first, Access::Connect),
        (B, first + 1, Access::Listen),
        (B, 0, Access::Echo),
        (D, 0, Access::Connect),
    ];
    assert_eq!(told, wanted);
    let counts: Vec<u64> = world.server.refusals().each().map(|(_, count)| count).collect();
    assert_eq!(counts.iter().sum::<u64>(), 100);
    assert_eq!(world.server.stats().denied, 100);
}

#[test]
fn who_may_not_view_sees_no_sockets() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.opens(&mut a, wire::LISTEN, at(80));
    let who = |service_id| Sender { service_id, incarnation: 1 };
    assert!(world.server.row(who(A), 0).is_err());
    let row = world.server.row(who(D), 0).unwrap();
    assert_eq!((row.service, row.local_port), (A, 80));
    assert!(world.server.row(who(D), 1).is_err());
}
