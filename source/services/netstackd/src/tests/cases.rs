//! Addresses: how this machine comes by one, and answers.

use nexus_proto::socket::{Link, Source as From};
use nexus_sysdesc::{Address, NetworkSays, mapped};
use smoltcp::wire::Ipv4Address;

use super::*;

#[test]
fn an_address_comes_by_dhcp() {
    let mut world = World::new();
    world.peer.gives = false;
    world.run(2000);
    assert_eq!(world.server.info(world.now).link, Link::Asking);
    world.peer.gives = true;
    world.until(|world| world.has_address());
    let info = world.server.info(world.now);
    assert_eq!((info.link, info.gateway4, info.mac), (Link::Up, PEER, MAC));
    assert!((3590..=3600).contains(&info.lease), "{}", info.lease);
    let first = world.server.address(0).unwrap();
    assert_eq!((first.address, first.prefix), (mapped(OWN), 24));
    assert_eq!(first.source, From::Dhcp);
    let local = world.server.address(1).unwrap();
    assert_eq!((local.source, local.prefix), (From::LinkLocal, 64));
    assert!(world.server.address(2).is_err());
    let servers = [0, 1].map(|index| world.server.server(index, world.now).unwrap());
    assert_eq!(servers.map(|one| one.does.as_str().to_owned()), ["dns", "dhcp"]);
    assert!(servers.iter().all(|one| one.address == mapped(PEER)));
    assert!(world.server.server(2, world.now).is_err());
}

#[test]
fn an_address_is_what_the_description_says() {
    let address = Address::Static {
        address: [10, 0, 2, 40],
        bits: 24,
        gateway: Some(PEER),
        dns: vec![mapped(PEER)],
    };
    let network = NetworkSays { address, leads_back: Vec::new() };
    let mut world = World::of(Description { network: Some(network), ..description() });
    world.run(10);
    let info = world.server.info(world.now);
    assert_eq!((info.link, info.gateway4, info.lease), (Link::Up, PEER, 0));
    let own = world.server.address(0).unwrap();
    assert_eq!((own.address, own.source), (mapped([10, 0, 2, 40]), From::Static));
    let mut a = world.client(A);
    world.peer.listen(7);
    world.connection(&mut a, 7);
}

// attack 68 U: no router ever tells anything; nothing is done for that; broken: net-no-router
#[test]
fn it_waits_when_there_is_nothing_to_do() {
    let mut world = World::up();
    world.run(60_000);
    let before = world.server.stats().turns;
    world.run(60_000);
    // The world steps at least twice a second.
    let turns = world.server.stats().turns - before;
    assert!(turns <= 130, "{turns} turns in a minute in which nothing happens");
}

#[test]
fn an_echo_is_answered_and_asked_for() {
    let mut world = World::up();
    let mut a = world.client(A);
    let head = Target { len: 100, ..to(PEER, 0) };
    let data = [head.as_bytes(), &[7; 100]].concat();
    let (status, bytes) = world.ask(&mut a, wire::PING, 0, &data);
    let (echo, _): (wire::Echo, _) = read_payload(&bytes).unwrap();
    assert_eq!((status, echo.len), (DONE, 100));
    assert!(echo.micros > 0 && echo.micros < 100_000, "{}", echo.micros);
    // Nobody has that address.
    let id = a.ask(wire::PING, 0, Target { len: 1, ..to([10, 0, 2, 9], 0) }.as_bytes());
    assert_eq!(world.wait(&mut a, id).0, wire::TIMED_OUT);
    // Of as many bytes as there is no room for.
    let id = a.ask(wire::PING, 0, Target { len: 1473, ..to(PEER, 0) }.as_bytes());
    assert_eq!(world.wait(&mut a, id).0, wire::TOO_MUCH);
    let frame = hostile::echo_request(Ipv4Address::from_octets(OWN), 3);
    assert_eq!(world.sends([frame]), 1, "one answer");
}
