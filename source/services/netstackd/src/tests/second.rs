//! Segments within a connection that would be the first of one.

use smoltcp::wire::{Ipv4Address, TcpControl, TcpPacket, TcpSeqNumber};

use super::hostile::segment;
use super::peer::own;
use super::*;

/// A connection to port 80, by hand: the peer's own stack sees nothing of it.
#[derive(Clone, Copy, Debug)]
struct Talk {
    port: u16,
    /// The next number of the peer's, and of this machine's.
    seq: i32,
    ack: i32,
}

impl Talk {
    /// One that was asked for, from this port, by which this machine has answered.
    fn begin(world: &mut World, port: u16) -> Talk {
        let seq = 1000 + i32::from(port);
        let mut talk = Talk { port, seq, ack: 0 };
        let answers = talk.says(world, TcpControl::Syn, None);
        let (_, first) = answers.into_iter().find(|(flags, _)| *flags & 2 != 0).expect("an answer");
        (talk.seq, talk.ack) = (seq + 1, (TcpSeqNumber(first) + 1).0);
        talk
    }

    /// One that stands.
    fn open(world: &mut World, port: u16) -> Talk {
        let talk = Talk::begin(world, port);
        talk.says(world, TcpControl::None, Some(talk.ack));
        talk
    }

    fn frame(&self, control: TcpControl, ack: Option<i32>) -> Vec<u8> {
        segment((Ipv4Address::from_octets(PEER), self.port), own(80), control, (self.seq, ack))
    }

    /// Flags and number of each segment of this machine's that comes of it.
    fn says(&self, world: &mut World, control: TcpControl, ack: Option<i32>) -> Vec<(u8, i32)> {
        world.seen = Some(Vec::new());
        world.coming.push_back(self.frame(control, ack));
        world.run(5);
        let seen = world.seen.take().unwrap();
        seen.iter().filter_map(|frame| self.of(frame)).collect()
    }

    fn of(&self, frame: &[u8]) -> Option<(u8, i32)> {
        let tcp = frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&6);
        let segment = TcpPacket::new_checked(frame.get(34..).filter(|_| tcp)?).ok()?;
        let flags = segment.syn() as u8 * 2 + segment.rst() as u8 * 4;
        (segment.dst_port() == self.port).then_some((flags, segment.seq_number().0))
    }
}

/// A client that listens at port 80, and whose peer is known to be where it is, and is not heard from.
fn listens() -> (World, super::Client, u64) {
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, Target { port: 4, ..at(80) }).socket;
    assert_eq!(world.ask(&mut a, wire::PING, 0, to(PEER, 0).as_bytes()).0, DONE);
    world.trouble.loss = 100;
    (world, a, listener)
}

fn accept(world: &mut World, a: &mut super::Client, listener: u64) -> (u64, u16) {
    let (status, bytes) = world.ask(a, wire::ACCEPT, listener, &[]);
    assert_eq!(status, DONE);
    let opened = read_payload::<Opened>(&bytes).unwrap().0;
    (opened.socket, opened.peer_port)
}

/// How a connection is let go whose peer is to be told so.
const RESET: Target = Target { address: [0; 16], port: 0, n: 1, len: 0 };

// attack 109 U: go on with a connection that is gone, whose place is nobody's; its sender is told so
#[test]
fn a_connection_that_is_gone_is_unknown() {
    let (mut world, mut a, listener) = listens();
    let talk = Talk::open(&mut world, 3001);
    let (socket, _) = accept(&mut world, &mut a, listener);
    assert_eq!(world.ask(&mut a, wire::CLOSE, socket, RESET.as_bytes()).0, DONE);
    assert_eq!(world.ask(&mut a, wire::CLOSE, listener, &[]).0, DONE);
    world.run(3_000);
    assert_eq!(world.server.stack().unwrap().streams.iter().count(), 0);
    let answers = talk.says(&mut world, TcpControl::None, Some(talk.ack));
    assert_eq!(answers, [(4, talk.ack)]);
}

// attack 109 U: ask for a connection under the four numbers of one that stands, while a socket listens that is found first; there is no second, and the first goes on; broken: net-second
#[test]
fn no_second_connection_is_under_the_same_numbers() {
    let (mut world, mut a, listener) = listens();
    let (first, second) = (Talk::open(&mut world, 3001), Talk::open(&mut world, 3002));
    let (socket, port) = accept(&mut world, &mut a, listener);
    let (stands, other) = accept(&mut world, &mut a, listener);
    assert_eq!((port, other), (first.port, second.port));
    // Its place among the sockets is the first that is free: there somebody listens when all others are taken.
    assert_eq!(world.ask(&mut a, wire::CLOSE, socket, RESET.as_bytes()).0, DONE);
    world.run(1_500);
    (3003..3005).for_each(|port| {
        Talk::open(&mut world, port);
    });
    let (dropped, again) = (world.server.stats().dropped, Talk { seq: 77, ..second });
    assert_eq!(again.says(&mut world, TcpControl::Syn, None), []);
    assert_eq!(world.server.stats().dropped - dropped, 1);
    world.coming.push_back(second.frame(TcpControl::Fin, Some(second.ack)));
    assert_eq!(world.ask(&mut a, wire::RECEIVE, stands, &[]), (DONE, Vec::new()), "its end");
}

// attack 109 U: a reset without an acknowledgement, beside the window of a connection, and in it; the first ends nothing, the second ends it, though others listen at its port
#[test]
fn a_plain_reset_ends_a_connection_within_its_window() {
    let (mut world, mut a, listener) = listens();
    let talk = Talk::open(&mut world, 3001);
    let (socket, _) = accept(&mut world, &mut a, listener);
    for seq in [talk.seq - 1, talk.seq.wrapping_add(1_000_000)] {
        assert_eq!(Talk { seq, ..talk }.says(&mut world, TcpControl::Rst, None), []);
        let receives = a.ask(wire::RECEIVE, socket, &[]);
        world.run(10);
        assert_eq!(a.take(receives), None, "{seq}");
    }
    assert_eq!(talk.says(&mut world, TcpControl::Rst, None), []);
    assert_eq!(world.ask(&mut a, wire::RECEIVE, socket, &[]).0, wire::RESET);
    // The same numbers are free then.
    let again = Talk::open(&mut world, 3001);
    assert_eq!(accept(&mut world, &mut a, listener).1, again.port);
}

/// The first numbers of connections in.
fn numbers(world: &mut World, ports: std::ops::Range<u16>) -> Vec<i32> {
    ports.map(|port| Talk::begin(world, port).ack).collect()
}

// attack 93 U: see the first numbers of many connections in, and compute the next; none is of smoltcp's generator, nor of a few; broken: net-number-in, net-number-seeds
#[test]
fn no_number_of_a_connection_in_is_computed() {
    let (mut world, _, _) = listens();
    let few = numbers(&mut world, 3000..3004);
    let mut all = few.clone();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), few.len());
    // The same secret, and other numbers of smoltcp's: more were drawn for the address, which took longer.
    let mut other = World::new();
    other.peer.gives = false;
    other.run(60_000);
    other.peer.gives = true;
    other.until(|world| world.has_address());
    let mut a = other.client(A);
    other.opens(&mut a, wire::LISTEN, Target { port: 4, ..at(80) });
    other.run(100);
    assert_eq!(other.ask(&mut a, wire::PING, 0, to(PEER, 0).as_bytes()).0, DONE);
    other.trouble.loss = 100;
    assert_eq!(numbers(&mut other, 3000..3004), few);
}

// attack 69 U: ask for connections without end; rngd is not called for them
#[test]
fn a_flood_draws_no_number_of_rngd() {
    let (mut world, _, _) = listens();
    let before = format!("{:?}", world.server.numbers());
    for port in 0..500 {
        let talk = Talk { port: 10_000 + port, seq: 1, ack: 0 };
        world.coming.push_back(talk.frame(TcpControl::Syn, None));
    }
    world.until(|world| world.coming.is_empty());
    world.run(3_000);
    assert_eq!(format!("{:?}", world.server.numbers()), before);
}
