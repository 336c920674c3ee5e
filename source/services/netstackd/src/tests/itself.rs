//! This machine, by its own addresses.

use super::*;

/// Bytes there and back by a connection of C's to A, who listens here.
fn talk(world: &mut World, here: Target) {
    let (mut a, mut c) = (world.client(A), world.client(C));
    let listener = world.opens(&mut a, wire::LISTEN, at(80)).socket;
    let accepts = a.ask(wire::ACCEPT, listener, &[]);
    let there = world.opens(&mut c, wire::CONNECT, here);
    let (status, bytes) = world.wait(&mut a, accepts);
    let back = read_payload::<Opened>(&bytes).unwrap().0;
    assert_eq!((status, back.peer, back.peer_port), (DONE, here.address, there.local_port));
    for round in 0..20_u8 {
        let sends = c.send(there.socket, &[round; 4000]);
        assert_eq!(world.wait(&mut c, sends).0, DONE);
        let mut came = Vec::new();
        while came.len() < 4000 {
            let (status, bytes) = world.ask(&mut a, wire::RECEIVE, back.socket, &[]);
            assert_eq!((status, bytes.is_empty()), (DONE, false));
            came.extend(bytes);
        }
        assert_eq!(came, [round; 4000]);
        let sends = a.send(back.socket, &came);
        assert_eq!(world.wait(&mut a, sends).0, DONE);
        let mut came = 0;
        while came < 4000 {
            came += world.ask(&mut c, wire::RECEIVE, there.socket, &[]).1.len();
        }
    }
    assert_eq!(world.ask(&mut c, wire::CLOSE, there.socket, &[]).0, DONE);
    assert_eq!(world.ask(&mut a, wire::RECEIVE, back.socket, &[]), (DONE, Vec::new()));
}

// attack 99 U: who may call who listens here reaches it by an address of this machine, of IPv4 or IPv6, and no card has a frame of it; who may not does not; broken: net-itself, net-own
#[test]
fn this_machine_reaches_itself_where_it_may() {
    let local = Target {
        address: [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1],
        ..to(OWN, 80)
    };
    for here in [to(OWN, 80), local] {
        let mut world = World::up();
        world.run(13_000);
        let before = world.server.stats().frames_out;
        talk(&mut world, here);
        assert_eq!(world.server.stats().frames_out, before);
        let mut b = world.client(B);
        assert_eq!(world.status(&mut b, wire::CONNECT, here), wire::DENIED);
    }
}

#[test]
fn datagrams_to_itself_come() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    let heard = world.opens(&mut a, wire::BIND, at(5000)).socket;
    let asks = world.opens(&mut c, wire::BIND, at(0));
    let data = [Target { len: 3, ..to(OWN, 5000) }.as_bytes(), b"ask"].concat();
    assert_eq!(world.ask(&mut c, wire::SEND_TO, asks.socket, &data).0, DONE);
    let (status, bytes) = world.ask(&mut a, wire::RECEIVE_FROM, heard, &[]);
    let (head, _) = read_payload::<Target>(&bytes).unwrap();
    assert_eq!((status, head.address, head.port), (DONE, mapped(OWN), asks.local_port));
    // Whoever was asked may answer, whom it may not call.
    let data = [Target { len: 6, ..to(OWN, asks.local_port) }.as_bytes(), b"answer"].concat();
    assert_eq!(world.ask(&mut a, wire::SEND_TO, heard, &data).0, DONE);
    let (status, bytes) = world.ask(&mut c, wire::RECEIVE_FROM, asks.socket, &[]);
    assert_eq!((status, &bytes[24..]), (DONE, &b"answer"[..]));
}

// attack 69 U: send frames to this machine itself as fast as they are taken; a turn sends so many; broken: net-itself-turn
#[test]
fn what_is_sent_to_itself_is_of_a_turn() {
    use smoltcp::phy::{Device, TxToken};
    let mut world = World::up();
    let now = world.now;
    let card = world.server.card();
    for _ in 0..2 {
        card.begin(now);
        let mut came = 0;
        while card.look(now).is_some() {
            let _ = card.receive(now);
            came += 1;
        }
        assert!(came <= 64, "{came}");
        let mut went = 0;
        for _ in 0..200 {
            let Some(goes) = card.transmit(now) else { continue };
            goes.consume(60, |frame| {
                frame[..12].copy_from_slice([MAC, MAC].as_flattened());
                frame[12..14].copy_from_slice(&[8, 6]);
            });
            went += 1;
        }
        assert_eq!(went, 64);
    }
}
