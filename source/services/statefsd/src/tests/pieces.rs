//! Values in pieces, as a client begins, drops and finishes them.

use nexus_proto::state::ring as wire;
use nexus_ring::DONE;
use nexus_rt::Service;
use nexus_rt::abi::Handle;
use nexus_rt::host;

use super::{A, B, BYTES, Raw, World, answer, formatted, head};

const NONE: wire::Head = wire::Head { expect: 0, owner: 0, n: 0, value: 0, key: 0, flags: 0 };

fn ask(world: &World, raw: &mut Raw, op: u8, head: wire::Head, body: &[u8], arg: u64) -> u8 {
    raw.ask(op, head, body, arg);
    world.turn();
    raw.statuses()[0]
}

fn begin(world: &World, raw: &mut Raw) -> u64 {
    raw.ask(wire::BEGIN, NONE, &[], 0);
    world.turn();
    answer(&raw.done()[0].1).version
}

fn piece(world: &World, raw: &mut Raw, draft: u64, len: usize) -> u8 {
    let head = wire::Head { value: len as u32, ..NONE };
    ask(world, raw, wire::PIECE, head, &vec![7; len], draft)
}

#[test]
fn what_is_dropped_is_no_more_and_what_cannot_be_finished_can_be_once_more() {
    let world = World::new();
    let mut a = world.raw(A, 1);
    let [one, two] = [begin(&world, &mut a), begin(&world, &mut a)];
    for draft in [one, two] {
        assert_eq!(piece(&world, &mut a, draft, 1000), DONE);
    }
    assert_eq!(ask(&world, &mut a, wire::ABANDON, NONE, &[], one), DONE);
    assert_eq!(ask(&world, &mut a, wire::ABANDON, NONE, &[], one), wire::NO_DRAFT);
    assert_eq!(piece(&world, &mut a, one, 1000), wire::NO_DRAFT);
    let finish = |a: &mut Raw, draft, expect| {
        ask(&world, a, wire::FINISH, wire::Head { expect, ..head("x", &[]) }, b"x", draft)
    };
    assert_eq!(finish(&mut a, one, wire::ANY), wire::NO_DRAFT);
    assert_eq!(finish(&mut a, two, 77), wire::CONFLICT, "no such version is there");
    assert_eq!(finish(&mut a, two, wire::ABSENT_WANTED), DONE);
    assert_eq!(finish(&mut a, two, wire::ANY), wire::NO_DRAFT, "it is finished");
    a.ask(wire::STAT, head("x", &[]), b"x", 0);
    world.turn();
    let found = answer(&a.done()[0].1);
    assert_eq!((found.size, found.pieces), (1000, 1));
    let get = wire::Head { expect: found.version, ..head("x", &[]) };
    a.ask(wire::GET_PIECE, get, b"x", 0);
    world.turn();
    let (done, bytes) = a.done().remove(0);
    assert_eq!((done.status, answer(&bytes).version), (DONE, found.version));
}

#[test]
fn pieces_may_fill_the_quota_to_the_last_byte() {
    let world = World::on(formatted(1024, 4096), super::DATA);
    let mut a = world.raw(A, 1);
    // One value has fewer pieces.
    let drafts = [0; 4].map(|_| begin(&world, &mut a));
    for number in 0..BYTES / 1024 {
        assert_eq!(piece(&world, &mut a, drafts[number as usize % 4], 1024), DONE);
    }
    assert_eq!(piece(&world, &mut a, drafts[0], 1), wire::QUOTA_BYTES);
}

// attack 92 U: with a line that opens a tree for reading alone, begin a value in pieces for it; denied
#[test]
fn pieces_are_begun_for_a_tree_that_may_be_put_to() {
    let world = World::new();
    let mut a = world.raw(A, 1);
    let of = |owner| wire::Head { owner, ..NONE };
    assert_eq!(ask(&world, &mut a, wire::BEGIN, of(B), &[], 0), wire::DENIED);
    let mut b = world.raw(B, 1);
    assert_eq!(ask(&world, &mut b, wire::BEGIN, of(A), &[], 0), DONE);
}

// attack 92 U: a client ends for good with the disk full of pieces that it has begun; statefsd is told, and others have the room; broken: state-drafts-over
#[test]
fn what_was_begun_by_who_ended_for_good_takes_no_room() {
    let world = World::on(formatted(16, 64), super::DATA);
    let (mut a, mut b) = (world.raw(A, 1), world.client(B));
    let draft = begin(&world, &mut a);
    let full = (0..1000).map(|_| piece(&world, &mut a, draft, 1024)).find(|status| *status != DONE);
    assert_eq!(full, Some(wire::NO_SPACE));
    let value = vec![7; 10_000];
    let put = |b: &mut super::Client| {
        let put = b.put_sync("x", &value, nexus_state::Expect::Any);
        (0..100).for_each(|_| world.turn());
        put
    };
    assert_eq!(put(&mut b), Err(nexus_state::Error::NoSpace));
    world.with(|server| server.notified(0));
    assert_eq!(put(&mut b), Err(nexus_state::Error::NoSpace), "it lives");
    let revoked = host::revoke(Handle(A.into()));
    world.with(|server| server.notified(0));
    put(&mut b).unwrap();
    drop(revoked);
    assert_eq!(piece(&world, &mut a, draft, 1), wire::NO_DRAFT);
}
