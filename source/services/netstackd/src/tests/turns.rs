//! When the next turn is: at once where something is left to do, and no sooner than something is due where nothing is.

use nexus_rt::{Service, ticks};
use smoltcp::wire::Ipv4Address;

use super::peer::LOCAL;
use super::*;

/// What is beyond the share of a client is not left until somebody tells of something.
#[test]
fn what_is_beyond_a_share_is_done_in_the_next_turn() {
    let mut world = World::up();
    let mut a = world.client(A);
    // More bytes than one share: each connection holds as many as it has room for.
    let sockets = [7, 8, 9].map(|port| {
        let peer = world.peer.listen(port);
        let socket = world.connection(&mut a, port);
        assert_eq!(world.peer.tcp(peer).send_slice(&[3; 65_536]), Ok(65_536));
        world.until(|world| world.peer.tcp(peer).send_queue() == 0);
        socket
    });
    world.run(1_000);
    for arg in sockets {
        let id = a.side.free_id().unwrap();
        a.side.submit(Submission { id, op: wire::RECEIVE, len: 1 << 17, offset: 0, arg }).unwrap();
    }
    let done = |a: &mut Client| std::iter::from_fn(|| a.side.pop().unwrap()).count();
    assert_eq!(world.server.turn(world.now).next, Some(world.now));
    assert_eq!(done(&mut a), 2);
    assert_ne!(world.server.turn(world.now).next, Some(world.now));
    assert_eq!(done(&mut a), 1);
}

// attack 93 U: ask before there is a card; it waits for that, and nothing is done meanwhile
#[test]
fn who_waits_for_a_card_keeps_nobody_awake() {
    let mut world = World::new();
    world.netd.borrow_mut().answers = false;
    let mut a = world.client(A);
    for _ in 0..20 {
        a.ask(wire::LISTEN, 0, at(80).as_bytes());
    }
    let soon = world.now + Duration::from_millis(100);
    assert_eq!(world.server.turn(world.now).next, Some(soon));
    // Once nobody waits any more each is refused, a share in a turn.
    world.now += Duration::from_secs(5);
    assert_eq!(world.server.turn(world.now).next, Some(world.now));
    assert_eq!((0..20).filter(|id| a.is_done(*id)).count(), crate::session::SHARE);
    let soon = world.now + Duration::from_millis(100);
    assert_eq!(world.server.turn(world.now).next, Some(soon));
    assert_eq!((0..20).filter(|id| a.is_done(*id)).count(), 20);
}

/// Where the driver takes nothing, the next look is later, and not at once.
#[test]
fn a_driver_that_takes_nothing_is_not_looked_at_without_end() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.datagrams(9000);
    let sockets = [0; 4].map(|port| world.opens(&mut a, wire::BIND, at(port)).socket);
    let data = [Target { len: 5, ..to(PEER, 9000) }.as_bytes(), b"hello"].concat();
    // So that the peer's card is known.
    world.ask(&mut a, wire::SEND_TO, sockets[0], &data);
    world.until(|world| world.peer.udp(peer).recv().is_ok());
    world.run(20_000);
    let before = world.server.stats().frames_out;
    for socket in sockets {
        for _ in 0..15 {
            a.ask(wire::SEND_TO, socket, &data);
        }
    }
    // As many as a share each, and as many as there are places.
    let mut next = None;
    for _ in 0..5 {
        next = world.server.turn(world.now).next;
    }
    for _ in 0..20 {
        a.ask(wire::SEND_TO, sockets[0], &data);
    }
    for _ in 0..5 {
        next = world.server.turn(world.now).next;
    }
    assert_eq!(world.server.stats().frames_out - before, 64);
    assert_eq!(next, Some(world.now + Duration::from_millis(100)));
    // Once it does, it tells, and the rest goes.
    world.run(20);
    assert!(world.server.stats().frames_out - before >= 80);
}

// attack 69 U: frames come as fast as they are taken; nothing is done after such a turn for as long as it took, and after another the next is when something is due
#[test]
fn after_as_many_frames_as_may_come_there_is_a_rest() {
    let mut world = World::new();
    world.server.tick();
    let ping = hostile::echo_request(Ipv4Address::from_octets(OWN), 1);
    let mut rests = || {
        (0..64).for_each(|_| assert!(world.netd.borrow_mut().comes(&ping)));
        let began = ticks();
        world.server.tick();
        let ended = ticks();
        world.netd.borrow_mut().went();
        world.server.deadline().ticks() > began.midpoint(ended)
    };
    // This test may be kept from running in between.
    assert!((0..10).any(|_| rests()));
    let mut world = World::new();
    world.netd.borrow_mut().answers = false;
    let began = ticks();
    world.server.tick();
    let next = world.server.deadline().ticks();
    assert!(next >= began + nexus_rt::ticks_of_ns(99_000_000), "{next} at {began}");
}

// attack 93 U: a peer goes without a word while a client waits for what it sends; the client is told, though nobody tells of anything else; broken: net-timers-first
#[test]
fn who_waits_for_a_peer_that_is_gone_is_told() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    let receives = a.ask(wire::RECEIVE, socket, &[]);
    world.run(1_000);
    world.trouble.loss = 100;
    world.run(50_000);
    // The machine is there: only the connection is gone, and nobody is asked for the card of its peer.
    world.coming.push_back(hostile::echo_request(Ipv4Address::from_octets(OWN), 1));
    world.run(8_000);
    assert_eq!(a.take(receives), None);
    // Before anything else is due.
    world.run(3_000);
    assert_eq!(a.take(receives), Some((wire::RESET, Vec::new())));
}

// attack 93 U: send more datagrams at once than a socket has room for, to a peer whose card is not known yet; each goes, though nobody tells of anything else; broken: net-room
#[test]
fn datagrams_that_wait_for_room_go_when_there_is_some() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.datagrams(9000);
    let socket = world.opens(&mut a, wire::BIND, at(0)).socket;
    // Its card is not known yet by this address: all of them wait for it.
    let to = Target { address: LOCAL.octets(), port: 9000, len: 5, ..Target::default() };
    let data = [to.as_bytes(), b"hello"].concat();
    world.run(20_000);
    let asked: Vec<u16> = (0..60).map(|_| a.ask(wire::SEND_TO, socket, &data)).collect();
    // It answers when all of them have been looked at.
    for _ in 0..6 {
        world.server.turn(world.now);
    }
    world.run(500);
    assert!(asked.into_iter().all(|id| a.take(id).is_some_and(|(status, _)| status == DONE)));
    let mut came = 0;
    world.until(|world| {
        came += std::iter::from_fn(|| world.peer.udp(peer).recv().ok().map(|_| ())).count();
        came == 60
    });
}

/// Whenever in a turn a client asks, it is seen in that turn or in the next, which is at once, or the client tells of it.
#[test]
fn whenever_a_client_asks_it_is_answered() {
    for at in 0.. {
        let mut world = World::up();
        world.run(20_000);
        let a = Rc::new(RefCell::new(world.client(A)));
        world.step();
        let (asked, told, asks) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(0)), Rc::clone(&a));
        let (asked_at, loads) = (Rc::clone(&asked), Rc::clone(&told));
        world.rings[&A].after_each_load(move || {
            if loads.get() == at {
                asked_at.set(Some(asks.borrow_mut().ask(wire::FINISH, 99, &[])));
            }
            loads.set(loads.get() + 1);
        });
        // Who has asked once in a turn need not tell of what it asks then.
        a.borrow_mut().ask(wire::FINISH, 98, &[]);
        told.set(0);
        world.step();
        let in_turn = told.get();
        world.run(5);
        match asked.get() {
            Some(id) if at < in_turn => assert!(a.borrow_mut().is_done(id), "asked at load {at}"),
            _ => return assert!(at > 5, "there are {in_turn} loads in a turn"),
        }
    }
}

/// Of a client that ends for good ends what it waits for, though it has nothing else.
#[test]
fn what_a_client_waits_for_ends_with_it() {
    let mut world = World::up();
    let mut a = world.client(A);
    a.ask(wire::CONNECT, 0, to([10, 0, 2, 9], 7).as_bytes());
    world.run(20);
    assert_eq!(world.counted(A).0, 1);
    let _gone = nexus_rt::host::revoke(Handle(u64::from(A)));
    world.server.bury(world.now);
    world.bell.set(true);
    world.run(1_500);
    assert_eq!(world.counted(A), (0, 0));
}

#[test]
fn who_listens_at_one_address_is_reached_there() {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, Target { n: 80, ..to(OWN, 1) });
    assert_eq!((listener.local, listener.local_port), (mapped(OWN), 80));
    let accept = a.ask(wire::ACCEPT, listener.socket, &[]);
    world.peer.connect(80, 40_000);
    let (status, bytes) = world.wait(&mut a, accept);
    let opened = read_payload::<Opened>(&bytes).unwrap().0;
    assert_eq!((status, opened.peer_port), (DONE, 40_000));
}
