//! Turns are bounded, whatever comes.

use smoltcp::wire::{IpProtocol, Ipv4Address, Ipv6Address};

use super::peer::own;
use super::*;

// attack 69 U: send frames without end that are answered each; a turn takes so many, sends so many, and clients go on; broken: net-replies
#[test]
fn a_flood_is_taken_a_turn_at_a_time() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    let ping = hostile::echo_request(Ipv4Address::from_octets(OWN), 1);
    let (mut sent, mut seen, mut sends) = (0, 0, None);
    world.most = (0, 0);
    for _ in 0..400 {
        while world.coming.len() < 200 {
            world.coming.push_back(ping.clone());
        }
        let id = *sends.get_or_insert_with(|| a.send(socket, &[5; 4000]));
        if let Some((status, _)) = a.take(id) {
            assert_eq!(status, DONE);
            sent += 4000;
            sends = None;
        }
        let other = world.peer.tcp(peer);
        while other.can_recv() {
            seen += other.recv(|bytes| (bytes.len(), bytes.len())).unwrap();
        }
        world.step();
    }
    assert_eq!(world.most.0, 64, "frames that came in a turn");
    assert!(world.most.1 <= 64, "{} frames went in a turn", world.most.1);
    assert!(seen > 100_000 && sent >= seen, "{seen} bytes came there of {sent}");
    // Half of what a turn sends is for what clients send.
    world.run(1_000);
    world.most = (0, 0);
    world.coming.extend(std::iter::repeat_n(ping, 200));
    world.run(1);
    assert_eq!(world.most, (64, 32));
}

// attack 69 U: many sockets have much to send; no turn sends more than so many frames
#[test]
fn a_turn_sends_so_many_frames() {
    let mut world = World::up();
    let mut a = world.client(A);
    let sockets: Vec<u64> = (0..8)
        .map(|_| {
            world.peer.listen(7);
            world.connection(&mut a, 7)
        })
        .collect();
    world.most = (0, 0);
    for _ in 0..7 {
        for socket in &sockets {
            a.send(*socket, &[5; 4000]);
        }
    }
    world.run(100);
    assert!(world.most.1 > 20 && world.most.1 <= 64, "{}", world.most.1);
}

// attack 93 U: ask without end; each client has its share of a turn; broken: net-client-share
#[test]
fn each_client_has_its_share_of_a_turn() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    for _ in 0..60 {
        a.ask(wire::FINISH, 99, &[]);
    }
    let other = c.ask(wire::FINISH, 99, &[]);
    world.step();
    let done = (0..60).filter(|id| a.is_done(*id)).count();
    assert_eq!(done, crate::session::SHARE);
    assert!(c.is_done(other));
    world.run(5);
    assert_eq!((0..60).filter(|id| a.is_done(*id)).count(), 60);
}

#[test]
fn one_doorbell_a_turn() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    for _ in 0..10 {
        a.send(socket, &[5; 4000]);
    }
    let (tells, turns) = (world.netd.borrow().tells, world.server.stats().turns);
    world.step();
    assert_eq!(world.server.stats().turns - turns, 1);
    assert!(world.netd.borrow().tells - tells <= 1);
}

// attack 68 U: fill the table of routes with routers that there are not; the way out by IPv4 stays; broken: net-routes
#[test]
fn routers_take_no_route_of_ipv4() {
    let mut world = World::up();
    let frames = (1..=20).map(|number| hostile::router(number, None, 1800));
    world.coming.extend(frames);
    world.run(50);
    assert_eq!(world.server.info(world.now).gateway4, PEER);
    assert_ne!(world.server.info(world.now).gateway6, [0; 16]);
    let _ = own(1);
}

// smoltcp#1191: a route of IPv6 is learnt beside one of IPv4.
#[test]
fn an_address_of_ipv6_is_made_beside_ipv4() {
    use nexus_proto::socket::Source as From;
    let mut world = World::up();
    let prefix = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1];
    world.coming.push_back(hostile::router(2, Some(prefix), 1800));
    world.run(50);
    let info = world.server.info(world.now);
    assert_eq!((info.gateway4, info.gateway6[..2].to_vec()), (PEER, vec![0xfe, 0x80]));
    let made = world.server.address(2).unwrap();
    assert_eq!((made.source, made.prefix, &made.address[..8]), (From::Slaac, 64, &prefix[..]));
}

// attack 110 U: the prefix that an address was made of is over, and nobody says anything; the address is gone, and what it carried
#[test]
fn what_a_prefix_carried_ends_with_it() {
    let mut world = World::up();
    let mut a = world.client(A);
    let prefix = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1];
    world.coming.push_back(hostile::router(2, Some(prefix), 20));
    world.run(50);
    let there = Ipv6Address::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 2);
    world.peer.has(there);
    world.peer.listen(7);
    let to = Target { address: there.octets(), port: 7, ..Target::default() };
    let opened = world.opens(&mut a, wire::CONNECT, to);
    assert_eq!(opened.local[..8], prefix);
    let receives = a.ask(wire::RECEIVE, opened.socket, &[]);
    world.trouble.loss = 100;
    world.run(15_000);
    assert_eq!((world.server.address(2).is_ok(), a.take(receives)), (true, None));
    world.run(10_000);
    assert!(world.server.address(2).is_err());
    assert_eq!(a.take(receives).map(|(status, _)| status), Some(wire::RESET));
}

// attack 68 U: a router tells of a prefix for many; no address is made of it, and the stack goes on; broken: net-router-multicast
#[test]
fn a_prefix_for_many_makes_no_address() {
    let mut world = World::up();
    for first in [0xff, 0] {
        world.coming.push_back(hostile::router(2, Some([first, 2, 0, 0, 0, 0, 0, 0]), 1800));
        world.run(10);
    }
    assert!(world.server.address(2).is_err());
}

// attack 69 U: frames come, and go, as fast as they are taken; a turn takes so many, and sends so many; broken: net-turn-in, net-turn-out
#[test]
fn a_turn_takes_and_sends_so_many_however_quick_the_card_is() {
    use smoltcp::phy::{Device, TxToken};
    let mut world = World::up();
    let (now, netd) = (world.now, Rc::clone(&world.netd));
    let ping = hostile::echo_request(Ipv4Address::from_octets(OWN), 1);
    let card = world.server.card();
    card.begin(now);
    let (mut came, mut went) = (0, 0);
    for _ in 0..200 {
        netd.borrow_mut().comes(&ping);
        came += u16::from(card.look(now).is_some());
        let _ = card.receive(now);
    }
    for _ in 0..200 {
        let Some(goes) = card.transmit(now) else { continue };
        goes.consume(60, |frame| frame.fill(1));
        went += netd.borrow_mut().went().len();
        card.settle(now);
    }
    card.end();
    went += netd.borrow_mut().went().len();
    assert_eq!((came, went), (64, 64));
}

/// How many of so many answers to this address go, of which the card takes each at once if it takes any.
fn answers(world: &mut World, count: usize, to: [u8; 6]) -> usize {
    use smoltcp::phy::{Device, TxToken};
    let (now, netd) = (world.now, Rc::clone(&world.netd));
    let ping = hostile::echo_request(Ipv4Address::from_octets(OWN), 1);
    let card = world.server.card();
    let before = card.frames().went;
    for _ in 0..count {
        while card.look(now).is_none() {
            assert!(netd.borrow_mut().comes(&ping), "there is a buffer");
        }
        let (_, goes) = card.receive(now).unwrap();
        goes.consume(60, |frame| frame[..12].copy_from_slice([to, MAC].as_flattened()));
        netd.borrow_mut().went();
        card.settle(now);
    }
    usize::try_from(card.frames().went - before).unwrap()
}

// attack 69 U: frames that are to be answered come as fast as they are taken, and answers go as fast, or never; a turn answers so many, and so many wait; broken: net-replies, net-replies-left
#[test]
fn a_turn_answers_so_many_however_quick_the_card_is() {
    let mut world = World::up();
    let now = world.now;
    world.server.card().begin(now);
    assert_eq!(answers(&mut world, 60, [2; 6]), 32);
    world.netd.borrow_mut().takes = false;
    for went in [32, 0, 0] {
        world.server.card().begin(now);
        assert_eq!(answers(&mut world, 40, [2; 6]), went);
    }
    // With the driver's life they are over.
    world.netd.borrow_mut().restart();
    world.run(2_000);
    world.server.card().begin(now);
    assert_eq!(answers(&mut world, 60, [2; 6]), 32);
}

#[test]
fn an_answer_to_itself_waits_for_no_card() {
    let mut world = World::up();
    let now = world.now;
    world.netd.borrow_mut().takes = false;
    world.server.card().begin(now);
    assert_eq!((answers(&mut world, 31, [2; 6]), answers(&mut world, 1, MAC)), (31, 0));
    world.server.card().begin(now);
    assert_eq!(answers(&mut world, 5, [2; 6]), 1);
}

// attack 68 U: parts of packets, packets with headers between, and what nobody here speaks; dropped, and counted; broken: net-fragment
#[test]
fn what_is_not_spoken_is_dropped_and_counted() {
    let mut world = World::up();
    let mut a = world.client(A);
    let socket = world.opens(&mut a, wire::BIND, at(5000)).socket;
    let receives = a.ask(wire::RECEIVE_FROM, socket, &[]);
    let whole = hostile::datagram((Ipv4Address::from_octets(PEER), 9000), own(5000), b"data");
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = whole.clone();
        change(&mut frame);
        let mut packet = smoltcp::wire::Ipv4Packet::new_unchecked(&mut frame[14..]);
        packet.fill_checksum();
        frame
    };
    let first = changed(&|frame| frame[20] = 0x20);
    let later = changed(&|frame| frame[21] = 1);
    let mut other = whole.clone();
    other[12..14].copy_from_slice(&[0x88, 0x47]);
    let mut between = hostile::router(3, None, 10);
    between[20] = 0;
    // Of the family that the packet is not of.
    let echo = &hostile::echo_request(Ipv4Address::from_octets(OWN), 1)[34..];
    let local = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
    let in_six = hostile::ipv6((super::peer::LOCAL, local), IpProtocol::Icmp, echo);
    let ends = (Ipv4Address::from_octets(PEER), Ipv4Address::from_octets(OWN));
    let in_four = hostile::ipv4(ends, IpProtocol::Icmpv6, &[128, 0, 0, 0, 0, 1, 0, 1]);
    let before = world.server.stats().dropped;
    world.coming.extend([first, later, other, between, in_six, in_four]);
    world.coming.extend([vec![1; 13], vec![], vec![1; 2000]]);
    world.run(10);
    assert_eq!(a.take(receives), None);
    assert_eq!(world.server.stats().dropped - before, 9);
    world.coming.push_back(whole);
    assert_eq!(world.wait(&mut a, receives).0, DONE);
}
