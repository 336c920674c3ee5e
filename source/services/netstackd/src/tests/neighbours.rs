//! Neighbours that do not answer, a card that takes nothing, an address that is lost: nobody else waits for that.

use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, Ipv4Address, Ipv4Packet};

use super::*;
use crate::exercise::mend;
use crate::numbers::Seeds;

/// An address that nobody has.
const NOBODY: [u8; 4] = [10, 0, 2, 9];

// attack 93 U: a datagram for a neighbour that does not answer is before others; they go; broken: net-neighbour
#[test]
fn a_neighbour_that_does_not_answer_keeps_no_other_datagram() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.datagrams(9000);
    let socket = world.opens(&mut a, wire::BIND, at(0)).socket;
    let data = |to: Target, data: &[u8]| {
        let len = data.len() as u32;
        [Target { len, ..to }.as_bytes(), data].concat()
    };
    for first in [&b"lost"[..], b""] {
        for (to, text) in [(to(NOBODY, 9000), first), (to(PEER, 9000), b"goes")] {
            assert_eq!(world.ask(&mut a, wire::SEND_TO, socket, &data(to, text)).0, DONE);
        }
        let asked = world.now;
        let mut came = None;
        world.until(|world| {
            came = world.peer.udp(peer).recv().ok().map(|(data, _)| data.to_vec());
            came.is_some() || world.now > asked + Duration::from_secs(5)
        });
        assert_eq!(came.as_deref(), Some(&b"goes"[..]), "behind {first:?}");
    }
}

/// Somebody at whom a client of ours sends datagrams that nobody takes, as fast as they go.
fn hog(world: &mut World, a: &mut super::Client, socket: u64) {
    let data = [Target { len: 4, ..to(NOBODY, 9000) }.as_bytes(), b"lost"].concat();
    for _ in 0..16 {
        a.ask(wire::SEND_TO, socket, &data);
    }
    world.run(5);
}

// attack 93 U: have a neighbour asked for that does not answer, without end; others are found all the same, for connections, echoes, datagrams and names; broken: net-seek
#[test]
fn whoever_looks_for_one_that_is_not_there_keeps_no_other() {
    let dns = vec![mapped(PEER)];
    let address = Address::Static { address: OWN, bits: 24, gateway: None, dns };
    let network = NetworkSays { address, leads_back: Vec::new() };
    let world = || {
        let mut world = World::of(Description { network: Some(network.clone()), ..description() });
        world.until(|world| world.has_address());
        let (mut a, c) = (world.client(A), world.client(C));
        let socket = world.opens(&mut a, wire::BIND, at(0)).socket;
        hog(&mut world, &mut a, socket);
        world.run(300);
        (world, c)
    };
    let (mut one, mut c) = world();
    one.peer.listen(7);
    let began = one.now;
    one.connection(&mut c, 7);
    assert!(one.now - began < Duration::from_secs(3), "a connection after {}", one.now - began);
    let (mut one, mut c) = world();
    assert_eq!(one.ask(&mut c, wire::PING, 0, to(PEER, 0).as_bytes()).0, DONE);
    let (mut one, mut c) = world();
    let head = Target { len: 6, n: 4, ..Target::default() };
    let name = [head.as_bytes(), b"a.test"].concat();
    assert_eq!(one.ask(&mut c, wire::RESOLVE, 0, &name).0, DONE);
    let (mut one, mut c) = world();
    let peer = one.peer.datagrams(9000);
    let socket = one.opens(&mut c, wire::BIND, at(0)).socket;
    let data = [Target { len: 1, ..to(PEER, 9000) }.as_bytes(), b"x"].concat();
    assert_eq!(one.ask(&mut c, wire::SEND_TO, socket, &data).0, DONE);
    one.run(900);
    assert!(one.peer.udp(peer).can_recv());
}

/// An echo that is asked for by this address, behind the peer or beside it.
fn ping(from: [u8; 4]) -> Vec<u8> {
    let mut frame = hostile::echo_request(Ipv4Address::from_octets(OWN), 1);
    Ipv4Packet::new_unchecked(&mut frame[14..]).set_src_addr(Ipv4Address::from_octets(from));
    mend(&mut frame);
    frame
}

// attack 69 U: ask for echoes as neighbours that do not answer, without end; the way out stays known, and who is behind it is answered; broken: net-seek-router
#[test]
fn a_router_is_not_forgotten() {
    const FAR: [u8; 4] = [192, 0, 2, 1];
    let mut world = World::up();
    for second in 0..130_u8 {
        for _ in 0..20 {
            world.coming.push_back(ping([10, 0, 2, 100 + second % 100]));
            world.run(50);
        }
        world.seen = Some(Vec::new());
        world.coming.push_back(ping(FAR));
        world.run(2);
        let seen = world.seen.take().unwrap();
        assert!(seen.iter().any(|frame| frame.get(30..34) == Some(&FAR)), "after {second} s");
    }
}

// attack 93 U: an echo of a neighbour that does not answer is waited for; others are answered; broken: net-echo-foreign
#[test]
fn an_echo_is_of_whom_it_was_asked() {
    let mut world = World::up();
    let mut a = world.client(A);
    let lost = a.ask(wire::PING, 0, Target { len: 4, ..to(NOBODY, 0) }.as_bytes());
    world.run(5);
    assert_eq!(world.ask(&mut a, wire::PING, 0, to(PEER, 0).as_bytes()).0, DONE);
    assert_eq!(a.take(lost), None);
    // Others answer, or with another number: the peer's own stack sees nothing of it.
    world.seen = Some(Vec::new());
    world.trouble.loss = 100;
    let asked = a.ask(wire::PING, 0, Target { len: 4, ..to(PEER, 0) }.as_bytes());
    world.run(5);
    let seen = world.seen.take().unwrap();
    let (ident, seq_no) = seen.iter().find_map(|frame| echo(frame)).unwrap();
    let answer = |from: [u8; 4], seq_no| {
        let repr = Icmpv4Repr::EchoReply { ident, seq_no, data: &[0; 4] };
        let mut bytes = vec![0; repr.buffer_len()];
        repr.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes), &Default::default());
        let ends = (Ipv4Address::from_octets(from), Ipv4Address::from_octets(OWN));
        hostile::ipv4(ends, smoltcp::wire::IpProtocol::Icmp, &bytes)
    };
    world.coming.push_back(answer([10, 0, 2, 66], seq_no));
    world.run(5);
    world.coming.push_back(answer(PEER, seq_no.wrapping_add(1)));
    world.run(5);
    assert_eq!(a.take(asked), None);
    world.coming.push_back(answer(PEER, seq_no));
    assert_eq!(world.wait(&mut a, asked).0, DONE);
    assert_eq!(world.wait(&mut a, lost).0, wire::TIMED_OUT);
}

/// What an echo is asked by.
fn echo(frame: &[u8]) -> Option<(u16, u16)> {
    let packet = Ipv4Packet::new_checked(frame.get(14..)?).ok()?;
    let message = Icmpv4Packet::new_checked(packet.payload()).ok()?;
    match Icmpv4Repr::parse(&message, &Default::default()).ok()? {
        Icmpv4Repr::EchoRequest { ident, seq_no, .. } => Some((ident, seq_no)),
        _ => None,
    }
}

// attack 93 U: the server of names is a neighbour that does not answer; soon that is said
#[test]
fn a_name_is_asked_for_so_long() {
    let address =
        Address::Static { address: OWN, bits: 24, gateway: Some(PEER), dns: vec![mapped(NOBODY)] };
    let network = NetworkSays { address, leads_back: Vec::new() };
    let mut world = World::of(Description { network: Some(network), ..description() });
    world.until(|world| world.has_address());
    let mut c = world.client(C);
    let head = Target { len: 6, n: 4, ..Target::default() };
    let id = c.ask(wire::RESOLVE, 0, &[head.as_bytes(), b"a.test"].concat());
    let asked = world.now;
    world.until(|world| c.is_done(id) || world.now > asked + Duration::from_secs(60));
    assert_eq!(c.take(id).map(|(status, _)| status), Some(wire::TIMED_OUT));
    assert!(world.now - asked < Duration::from_secs(12));
}

// attack 69 U: frames are answered whose answers no card takes; there is room left for what clients send; broken: net-replies-left
#[test]
fn answers_leave_room_though_none_goes() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    world.netd.borrow_mut().takes = false;
    let ping = hostile::echo_request(Ipv4Address::from_octets(OWN), 1);
    for _ in 0..10 {
        world.coming.extend(std::iter::repeat_n(ping.clone(), 64));
        world.run(2);
    }
    assert!(world.server.card().may_send());
    a.send(socket, &[5; 4000]);
    let before = world.server.stats().frames_out;
    world.run(5);
    assert!(world.server.stats().frames_out > before);
    world.netd.borrow_mut().takes = true;
    world.run(2_000);
    world.seen = Some(Vec::new());
    world.coming.extend(std::iter::repeat_n(ping, 64));
    world.run(1);
    // ICMP, of IPv4.
    let is_answer = |frame: &&Vec<u8>| frame.get(23) == Some(&1);
    assert_eq!(world.seen.unwrap().iter().filter(is_answer).count(), 32, "what went makes room");
}

// attack 91 U: virtionetd has ended while something is to be sent, and again; nothing is done without end; broken: net-no-card
#[test]
fn without_a_card_it_waits() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    world.netd.borrow_mut().restart();
    world.netd.borrow_mut().answers = false;
    a.send(socket, b"waits");
    world.run(100);
    let before = world.server.stats().turns;
    world.run(10_000);
    let turns = world.server.stats().turns - before;
    assert!(turns < 400, "{turns} turns in ten seconds");
    world.netd.borrow_mut().answers = true;
    let sends = a.send(socket, b"goes");
    assert_eq!(world.wait(&mut a, sends).0, DONE);
}

// attack 110 U: the address is lost; connections from it are over, and who asks for a name is told that nobody is reached; broken: net-name-lost
#[test]
fn what_an_address_carried_ends_with_it() {
    let mut world = World::new();
    world.peer.holds = 60;
    world.until(|world| world.has_address());
    let (mut a, mut c) = (world.client(A), world.client(C));
    world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    (world.peer.gives, world.peer.knows) = (false, false);
    let lost = world.now + Duration::from_secs(55);
    world.until(|world| world.now > lost);
    let receives = a.ask(wire::RECEIVE, socket, &[]);
    let head = Target { len: 6, n: 4, ..Target::default() };
    let name = c.ask(wire::RESOLVE, 0, &[head.as_bytes(), b"a.test"].concat());
    world.run(1_000);
    assert_eq!((a.take(receives), c.take(name)), (None, None));
    world.until(|world| !world.has_address());
    world.run(8_000);
    assert_eq!(a.take(receives).map(|(status, _)| status), Some(wire::RESET));
    assert_eq!(c.take(name).map(|(status, _)| status), Some(wire::UNREACHABLE));
}

// attack 68 U: a server of DHCP takes the address away and gives it again, while nobody looks at a connection of it; it has ended; broken: net-address-again
#[test]
fn what_nobody_looks_at_ends_with_its_address_too() {
    let mut world = World::new();
    world.peer.holds = 8;
    world.until(|world| world.has_address());
    let mut a = world.client(A);
    world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    world.peer.gives = false;
    world.until(|world| !world.has_address());
    world.peer.gives = true;
    world.until(|world| world.has_address());
    assert_eq!(world.ask(&mut a, wire::RECEIVE, socket, &[]).0, wire::RESET);
}

/// How often a source was asked that has none.
struct Counts(u32);

impl Source for Counts {
    fn draw(&mut self) -> Option<Text> {
        self.0 += 1;
        None
    }
}

// attack 91 U: rngd is not there, and much is asked that needs a number; it is called once a turn; broken: net-numbers-again
#[test]
fn a_source_without_numbers_is_asked_once_a_turn() {
    let mut numbers = Numbers::new(Counts(0));
    for turn in 1..4 {
        numbers.begin();
        assert!((0..10).all(|_| numbers.draw().is_none()));
        assert_eq!(numbers.source().0, turn);
    }
}

// attack 93 U: compute numbers from those before; each follows from all of a secret; broken: net-seeds
#[test]
fn numbers_follow_from_all_of_the_secret() {
    let secrets = [[0; 4], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1 << 63, 0]];
    let mut all: Vec<u64> = secrets
        .into_iter()
        .flat_map(|secret| {
            let mut seeds = Seeds::new(secret);
            (0..100).map(move |_| seeds.draw())
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 400);
}

#[test]
fn a_port_that_nobody_has_named_leads_back_to_nobody() {
    let mut world = World::up();
    let mut c = world.client(C);
    let socket = world.opens(&mut c, wire::BIND, at(0)).socket;
    let data = [Target { len: 1, ..to(BACK, 9000) }.as_bytes(), b"x"].concat();
    assert_eq!(world.ask(&mut c, wire::SEND_TO, socket, &data).0, DONE);
    let mut a = world.client(A);
    world.opens(&mut a, wire::BIND, at(5000));
    assert_eq!(world.ask(&mut c, wire::SEND_TO, socket, &data).0, DONE, "it may call who listens");
    let own = world.opens(&mut a, wire::BIND, at(0)).socket;
    assert_eq!(world.ask(&mut a, wire::SEND_TO, own, &data).0, wire::DENIED);
}
