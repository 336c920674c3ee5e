//! When the next turn is due.

use nexus_proto::socket::Link;
use nexus_rt::{Deadline, Service};

use super::*;

#[test]
fn a_driver_that_does_not_answer_is_asked_again() {
    let mut world = World::new();
    world.netd.borrow_mut().answers = false;
    let soon = |world: &World, ms| Some(world.now + Duration::from_millis(ms));
    assert_eq!(world.server.turn(world.now).next, soon(&world, 100));
    // A card without a link is looked at each second, and nothing else is due before there are numbers but they.
    world.now += Duration::from_millis(100);
    (world.netd.borrow_mut().answers, world.netd.borrow_mut().link) = (true, false);
    world.server.numbers().source().has = false;
    assert_eq!(world.server.turn(world.now).next, soon(&world, 100));
    assert_eq!(world.server.card().due(), soon(&world, 1000));
    assert_eq!(world.server.info(world.now).link, Link::NoCard, "there is no stack");
    world.server.numbers().source().has = true;
    let next = world.server.turn(world.now + Duration::from_millis(100)).next.unwrap();
    assert!(next <= world.now + Duration::from_secs(1));
    assert_eq!(world.server.info(world.now).link, Link::Down);
}

#[test]
fn a_driver_that_ended_is_asked_again() {
    let mut world = World::up();
    world.run(60_000);
    world.netd.borrow_mut().restart();
    world.netd.borrow_mut().answers = false;
    world.server.turn(world.now);
    assert_eq!(world.server.info(world.now).link, Link::NoCard);
    let next = world.server.turn(world.now).next.unwrap();
    assert!(next <= world.now + Duration::from_millis(100), "{next}");
    assert!(next > world.now);
}

#[test]
fn what_clients_wait_for_is_due() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.ask(&mut a, wire::PING, 0, to(PEER, 0).as_bytes());
    world.run(60_000);
    world.ask(&mut a, wire::PING, 0, to(PEER, 0).as_bytes());
    world.trouble.loss = 100;
    let asked = world.now;
    let id = a.ask(wire::PING, 0, to(PEER, 0).as_bytes());
    world.run(2_000);
    let next = world.server.turn(world.now).next.unwrap();
    assert!(next <= asked + Duration::from_millis(5_001), "{next} after {asked}");
    assert_eq!(a.take(id), None);
}

#[test]
fn nothing_stays_of_an_echo() {
    let mut world = World::up();
    let mut a = world.client(A);
    let sockets = |world: &mut World| world.server.stack().unwrap().sockets.iter().count();
    let before = sockets(&mut world);
    for _ in 0..3 {
        world.ask(&mut a, wire::PING, 0, to(PEER, 0).as_bytes());
        world.trouble.loss = 100;
        world.ask(&mut a, wire::PING, 0, to(PEER, 0).as_bytes());
        world.trouble.loss = 0;
        assert_eq!(sockets(&mut world), before);
    }
}

#[test]
fn clients_wait_for_a_card_for_five_seconds() {
    let mut world = World::new();
    world.netd.borrow_mut().answers = false;
    let mut a = world.client(A);
    let id = a.ask(wire::LISTEN, 0, at(80).as_bytes());
    world.run(4_400);
    assert_eq!(a.take(id), None);
    world.run(1_200);
    assert_eq!(a.take(id).map(|(status, _)| status), Some(wire::UNREACHABLE));
}

#[test]
fn who_is_first_goes_round() {
    let mut both = description();
    both.services[1].reaches = both.services[0].reaches.clone();
    let mut world = World::of(both);
    world.until(|world| world.has_address());
    let mut clients = [world.client(A), world.client(B)];
    let mut won = [0; 2];
    for round in 0..12 {
        // With so many turns in between that nothing else decides who is first.
        for _ in 0..round {
            world.server.turn(world.now);
        }
        let asked = clients.each_mut().map(|one| one.ask(wire::BIND, 0, at(5000).as_bytes()));
        world.run(2);
        for (index, id) in asked.into_iter().enumerate() {
            let (status, bytes) = clients[index].take(id).unwrap();
            if status == DONE {
                won[index] += 1;
                let socket = read_payload::<Opened>(&bytes).unwrap().0.socket;
                world.ask(&mut clients[index], wire::CLOSE, socket, &[]);
            }
        }
        world.run(2);
    }
    assert_eq!(won.iter().sum::<i32>(), 12);
    assert!(won.iter().all(|won| *won >= 2), "{won:?}");
}

#[test]
fn a_tick_and_what_is_told_are_a_turn() {
    let mut world = World::new();
    for turns in 1..4 {
        world.server.tick();
        assert_eq!(world.server.stats().turns, 2 * turns - 1);
        assert!(world.server.deadline() > Deadline::at(0));
        world.server.notified(1);
        assert_eq!(world.server.stats().turns, 2 * turns);
    }
}

// attack 68 U: no router ever tells anything, and then frames are lost; they are sent again by themselves, and the address is renewed; broken: net-timers
#[test]
fn what_is_lost_is_due_though_no_router_tells_anything() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    world.run(60_000);
    let renews = world.server.turn(world.now).next.unwrap();
    assert!(renews <= world.now + Duration::from_secs(1_800), "{renews}");
    world.trouble.loss = 100;
    a.send(socket, b"lost");
    world.run(20);
    let next = world.server.turn(world.now).next.unwrap();
    assert!(next <= world.now + Duration::from_secs(3), "{next} at {}", world.now);
}
