//! Lives of clients, of virtionetd, and of the source of numbers.

use super::*;

// attack 93 U: use the number of a socket in another ring, or in another attachment; it is none; broken: net-attachment
#[test]
fn a_socket_means_nothing_elsewhere() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    for op in [wire::SEND, wire::RECEIVE, wire::CLOSE, wire::FINISH, wire::ACCEPT] {
        let data = [Target { len: 1, ..Target::default() }.as_bytes(), b"x"].concat();
        assert_eq!(world.ask(&mut c, op, socket, &data).0, wire::NO_SOCKET, "{op}");
    }
    // Of another kind.
    assert_eq!(world.ask(&mut a, wire::ACCEPT, socket, &[]).0, wire::NO_SOCKET);
    assert_eq!(world.ask(&mut a, wire::RECEIVE_FROM, socket, &[]).0, wire::NO_SOCKET);
    let mut again = world.client_in(A, 2);
    for number in 0..4 {
        assert_eq!(world.ask(&mut again, wire::RECEIVE, number, &[]).0, wire::NO_SOCKET);
    }
    world.peer.listen(8);
    assert_ne!(world.connection(&mut again, 8), socket, "no number is given twice");
}

// attack 93 U: end with connections, listening sockets, names and echoes under way; all end, peers are told, and others go on; broken: net-end
#[test]
fn what_a_client_had_ends_with_its_attachment() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    let (first, second) = (world.peer.listen(7), world.peer.listen(8));
    world.connection(&mut a, 7);
    let other = world.connection(&mut c, 8);
    world.opens(&mut a, wire::LISTEN, at(80));
    world.opens(&mut a, wire::BIND, at(5000));
    a.ask(wire::CONNECT, 0, to([10, 0, 2, 9], 7).as_bytes());
    a.ask(wire::PING, 0, to([10, 0, 2, 9], 0).as_bytes());
    c.ask(wire::RESOLVE, 0, &[Target { len: 1, ..Target::default() }.as_bytes(), b"a"].concat());
    world.run(5);
    assert_eq!(world.counted(A).0, 4);
    let mut again = world.client_in(A, 2);
    world.run(20);
    assert!(!world.peer.tcp(first).is_open(), "its peer was told");
    world.run(1_500);
    assert_eq!(world.counted(A), (0, 0));
    world.opens(&mut again, wire::LISTEN, at(80));
    world.opens(&mut again, wire::BIND, at(5000));
    world.peer.tcp(second).send_slice(b"still").unwrap();
    assert_eq!(world.ask(&mut c, wire::RECEIVE, other, &[]), (DONE, b"still".into()));
}

// attack 91 U: virtionetd ends in the middle of a connection, many times; the next life is attached to, and the connection goes on; broken: net-card-again
#[test]
fn connections_outlive_the_driver() {
    let mut world = World::up();
    let mut a = world.client(A);
    let peer = world.peer.listen(7);
    let socket = world.connection(&mut a, 7);
    let listener = world.opens(&mut a, wire::LISTEN, at(80)).socket;
    for life in 1..=10_u32 {
        world.peer.tcp(peer).send_slice(&[9; 20_000]).unwrap();
        let sends = a.send(socket, &[life as u8; 4000]);
        world.step();
        world.netd.borrow_mut().restart();
        world.netd.borrow_mut().answers = false;
        world.run(250);
        world.netd.borrow_mut().answers = true;
        assert_eq!(world.wait(&mut a, sends).0, DONE);
        let mut seen = 0;
        world.until(|world| {
            let other = world.peer.tcp(peer);
            while other.can_recv() {
                seen += other.recv(|bytes| (bytes.len(), bytes.len())).unwrap();
            }
            seen == 4000
        });
        let mut taken = 0;
        while taken < 20_000 {
            let (status, bytes) = world.ask(&mut a, wire::RECEIVE, socket, &[]);
            assert_eq!(status, DONE);
            taken += bytes.len();
        }
        assert_eq!(world.server.stats().lives, life);
    }
    world.peer.connect(80, 40_000);
    assert_eq!(world.ask(&mut a, wire::ACCEPT, listener, &[]).0, DONE);
}

// attack 93 U: there are no random numbers; nothing is opened, and nothing is sent; broken: net-no-numbers
#[test]
fn without_numbers_nothing_is_opened() {
    let mut world = World::new();
    world.server.numbers().source().has = false;
    world.run(2_000);
    assert!(!world.has_address());
    assert_eq!(world.server.stats().frames_out, 0);
    let mut a = world.client(A);
    assert_eq!(world.status(&mut a, wire::LISTEN, at(80)), wire::UNREACHABLE);
    world.server.numbers().source().has = true;
    world.until(|world| world.has_address());
    world.opens(&mut a, wire::LISTEN, at(80));
    // They end later.
    world.server.numbers().source().has = false;
    while world.server.numbers().draw().is_some() {}
    world.peer.listen(7);
    let before = world.server.stats().frames_out;
    for (op, head) in [
        (wire::CONNECT, to(PEER, 7)),
        (wire::CONNECT, Target { n: 50_000, ..to(PEER, 7) }),
        (wire::LISTEN, at(81)),
        (wire::BIND, at(0)),
        (wire::BIND, at(5000)),
        (wire::PING, to(PEER, 0)),
    ] {
        assert_eq!(world.status(&mut a, op, head), wire::UNREACHABLE, "{op}");
    }
    assert_eq!(world.server.stats().frames_out, before);
}

// attack 93 U: look at the ports and first numbers of many connections; they are of no order; broken: net-port-order, net-number
#[test]
fn ports_and_sequences_are_not_guessed() {
    let mut world = World::up();
    let mut a = world.client(A);
    let mut ports = Vec::new();
    for _ in 0..40 {
        let opened = world.opens(&mut a, wire::BIND, at(0));
        ports.push(opened.local_port);
        world.ask(&mut a, wire::CLOSE, opened.socket, &[]);
        world.run(1);
    }
    assert!(ports.iter().all(|port| *port >= crate::numbers::FIRST_PORT));
    let steps: Vec<i32> =
        ports.windows(2).map(|pair| i32::from(pair[1]) - i32::from(pair[0])).collect();
    assert!(steps.iter().filter(|step| step.abs() < 64).count() < 5, "{steps:?}");
    let mut sequences = Vec::new();
    for _ in 0..8 {
        let id = a.ask(wire::CONNECT, 0, to(PEER, 9).as_bytes());
        world.wait(&mut a, id);
        sequences.push(world.asked.last().unwrap().1);
    }
    let near = |pair: &[u32]| pair[1].wrapping_sub(pair[0]) as i32;
    assert!(sequences.windows(2).all(|pair| near(pair).abs() > 100_000), "{sequences:?}");
}

#[test]
fn a_card_without_a_link_is_down() {
    use nexus_proto::socket::Link;
    let mut world = World::new();
    world.netd.borrow_mut().answers = false;
    world.run(300);
    assert_eq!(world.server.info(world.now).link, Link::NoCard);
    world.netd.borrow_mut().answers = true;
    world.netd.borrow_mut().link = false;
    world.run(300);
    assert_eq!(world.server.info(world.now).link, Link::Down);
    world.netd.borrow_mut().link = true;
    world.until(|world| world.server.info(world.now).link == Link::Up);
}
