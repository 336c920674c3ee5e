//! What a client may have.

use super::*;

// attack 93 U: open sockets without end; as many as the description says, and others have theirs; broken: net-quota
#[test]
fn a_client_has_no_more_sockets_than_it_may() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    let sockets: Vec<u64> = (0..8).map(|_| world.opens(&mut a, wire::BIND, at(0)).socket).collect();
    assert_eq!(world.counted(A), (8, 1 << 20));
    assert_eq!(world.status(&mut a, wire::BIND, at(0)), wire::QUOTA_SOCKETS);
    assert_eq!(world.status(&mut a, wire::CONNECT, to(PEER, 7)), wire::QUOTA_SOCKETS);
    assert_eq!(world.status(&mut a, wire::LISTEN, at(80)), wire::QUOTA_SOCKETS);
    world.opens(&mut c, wire::BIND, at(0));
    world.ask(&mut a, wire::CLOSE, sockets[3], &[]);
    world.run(1);
    world.opens(&mut a, wire::BIND, at(0));
    assert_eq!(world.counted(A), (8, 1 << 20));
    // Who may have none has none.
    let mut d = world.client(D);
    assert_eq!(world.status(&mut d, wire::BIND, at(0)), wire::DENIED);
}

#[test]
fn bytes_are_counted_beside_sockets() {
    let mut narrow = description();
    narrow.services[0].sockets = Some(Sockets { count: 8, bytes: 5 * 8192 });
    let mut world = World::of(narrow);
    world.until(|world| world.has_address());
    let mut a = world.client(A);
    for _ in 0..5 {
        world.opens(&mut a, wire::BIND, at(0));
    }
    assert_eq!(world.counted(A), (5, 5 * 8192));
    assert_eq!(world.status(&mut a, wire::BIND, at(0)), wire::QUOTA_BYTES);
}

// attack 93 U: listen with as many places as there are, again and again; what peers take is counted for whoever listens; broken: net-quota-backlog
#[test]
fn what_waits_to_be_accepted_is_counted() {
    let mut world = World::up();
    let mut a = world.client(A);
    world.opens(&mut a, wire::LISTEN, Target { port: 200, ..at(80) });
    assert_eq!(world.counted(A).0, 8, "as many as it may have");
    assert_eq!(world.status(&mut a, wire::LISTEN, at(81)), wire::QUOTA_SOCKETS);
    for port in 0..12 {
        world.peer.connect(80, 40_000 + port);
    }
    world.run(100);
    assert_eq!(world.counted(A).0, 8);
}

// attack 93 U: leave unread what a peer sends; others receive theirs
#[test]
fn what_one_leaves_unread_costs_no_other() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    let (first, second) = (world.peer.listen(7), world.peer.listen(8));
    world.connection(&mut a, 7);
    let socket = world.connection(&mut c, 8);
    let mut taken = 0;
    let mut receives = None;
    world.until(|world| {
        let _ = world.peer.tcp(first).send_slice(&[1; 4096]);
        let _ = world.peer.tcp(second).send_slice(&[2; 4096]);
        let id = *receives.get_or_insert_with(|| c.ask(wire::RECEIVE, socket, &[]));
        if let Some((status, bytes)) = c.take(id) {
            assert_eq!(status, DONE);
            taken += bytes.len();
            receives = None;
        }
        taken > 300_000
    });
}

#[test]
fn time_wait_makes_room() {
    let mut world = World::up();
    let mut a = world.client(A);
    for round in 0..30 {
        let peer = world.peer.listen(7);
        let socket = world.connection(&mut a, 7);
        world.ask(&mut a, wire::CLOSE, socket, &[]);
        world.until(|world| !world.peer.tcp(peer).may_recv());
        world.peer.tcp(peer).close();
        world.run(5);
        assert!(world.counted(A).0 <= 8, "{round}");
    }
}
