//! What is told of frames and sockets.

use nexus_proto::socket::{Kind, SocketInfo, Tcp};

use super::peer::LOCAL;
use super::*;

const VIEWER: Sender = Sender { service_id: D, incarnation: 1 };

fn rows(world: &World) -> Vec<SocketInfo> {
    (0..).map_while(|index| world.server.row(VIEWER, index).ok()).collect()
}

#[test]
fn sockets_are_shown_to_those_who_may_view() {
    let mut world = World::up();
    let mut a = world.client(A);
    assert_eq!(world.server.info(world.now).sockets, 0);
    world.peer.listen_with(7, 100);
    let socket = world.connection(&mut a, 7);
    world.opens(&mut a, wire::LISTEN, Target { port: 3, ..at(80) });
    world.opens(&mut a, wire::BIND, at(5000));
    let waits: Vec<_> = (0..2).map(|port| world.peer.connect(80, 40_000 + port)).collect();
    world.run(100);
    let shown = rows(&world);
    let kinds: Vec<Kind> = shown.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [Kind::Connection, Kind::Listener, Kind::Datagrams]);
    assert_eq!((shown[1].received, shown[1].local_port, shown[1].tcp), (2, 80, Tcp::Listen));
    let connection = shown[0];
    assert_eq!((connection.peer_port, connection.peer), (7, mapped(PEER)));
    assert_eq!((connection.tcp, connection.local), (Tcp::Established, mapped(OWN)));
    assert_eq!((shown[2].local_port, shown[2].service), (5000, A));
    assert!(waits.into_iter().all(|wait| world.peer.tcp(wait).may_send()));
    assert_eq!(world.server.info(world.now).sockets, 3);
    // One that was let go, and of which something is to be sent, is there.
    let sends = a.send(socket, &[1; 4000]);
    world.wait(&mut a, sends);
    world.ask(&mut a, wire::CLOSE, socket, &[]);
    world.run(100);
    assert_eq!((rows(&world).len(), world.server.info(world.now).sockets), (2, 3));
    let other = Sender { service_id: A, incarnation: 1 };
    assert!(world.server.row(other, 0).is_err());
}

#[test]
fn frames_and_addresses_are_counted() {
    let mut world = World::up();
    let info = world.server.info(world.now);
    assert_eq!((info.mtu, info.addresses), (1500, 2));
    let ping = hostile::echo_request(smoltcp::wire::Ipv4Address::from_octets(OWN), 1);
    // Whoever asks is known from then on.
    world.sends([ping.clone()]);
    world.run(500);
    let before = world.server.stats();
    let len = ping.len() as u64;
    world.coming.extend(std::iter::repeat_n(ping, 64));
    world.step();
    let (after, frames) = (world.server.stats(), world.server.card().frames());
    assert_eq!(
        (after.frames_in - before.frames_in, after.bytes_in - before.bytes_in),
        (64, 64 * len)
    );
    assert_eq!(after.frames_out - before.frames_out, 32);
    assert_eq!(after.bytes_out - before.bytes_out, 32 * len);
    assert_eq!((frames.went_bytes, frames.no_room), (after.bytes_out, 32));
}

#[test]
fn peers_are_reached_by_ipv6() {
    let mut world = World::up();
    let mut a = world.client(A);
    let local = |port| Target { address: LOCAL.octets(), port, ..Target::default() };
    let data = [Target { len: 9, ..local(0) }.as_bytes(), &[7; 9]].concat();
    let (status, bytes) = world.ask(&mut a, wire::PING, 0, &data);
    assert_eq!((status, read_payload::<wire::Echo>(&bytes).unwrap().0.len), (DONE, 9));
    world.peer.listen(7);
    let opened = world.opens(&mut a, wire::CONNECT, local(7));
    assert_eq!((opened.peer, opened.local[0]), (LOCAL.octets(), 0xfe));
    let socket = world.opens(&mut a, wire::BIND, at(0)).socket;
    let sends = |len| Target { len, ..local(9) };
    for (len, status) in [(1452, DONE), (1453, wire::TOO_MUCH)] {
        assert_eq!(world.ask(&mut a, wire::SEND_TO, socket, sends(len).as_bytes()).0, status);
        assert_eq!(world.ask(&mut a, wire::PING, 0, sends(len).as_bytes()).0, status);
    }
    assert_eq!(
        world.ask(&mut a, wire::PING, 0, Target { len: 1472, ..to(PEER, 0) }.as_bytes()).0,
        DONE
    );
}
