//! A client whose ring lies, beside one whose does not.

use std::cell::Cell;
use std::rc::Rc;

use nexus_mmio::fake::FakeMemory;
use nexus_proto::state::ring as wire;
use nexus_ring::{Consumer, DATA as DATA_AT, DONE, Ended, REFUSED, Submission, memory_len};
use nexus_rt::Tell;
use nexus_rt::abi::Handle;
use nexus_state::{Expect, OWN};
use nexus_store::Store;
use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::{A, B, DATA, World, description, formatted, head, open, step};
use crate::session::{Scratch, Session, side};
use crate::trees::Trees;

fn submit(world: &World, raw: &mut super::Raw, submission: Submission) -> Vec<u8> {
    raw.side().submit(submission).unwrap();
    world.turn();
    raw.side().pop().unwrap().into_iter().map(|done| done.status).collect()
}

// attack 66 U: data too short for a head, for an answer, for what the head says; refused, and answered as far as there is room; broken: state-answer-room
#[test]
fn a_request_without_room_is_refused() {
    let world = World::new();
    let mut raw = world.raw(A, 1);
    let put = [head("key", b"value").as_bytes(), b"keyvalue"].concat();
    raw.side().write(0, &put).unwrap();
    for (len, status) in [
        (0, wire::MALFORMED),
        (8, wire::MALFORMED),
        (31, wire::MALFORMED),
        (32, DONE),
        (4096, DONE),
    ] {
        let op = if len == 32 { wire::SYNC } else { wire::PUT };
        if len == 32 {
            raw.side().write(0, wire::Head::default().as_bytes()).unwrap();
        } else {
            raw.side().write(0, &put).unwrap();
        }
        let told = submit(&world, &mut raw, Submission { id: 1, op, len, offset: 0, arg: 0 });
        assert_eq!(told, [status], "{len} bytes");
    }
    let op = 40;
    let unknown = submit(&world, &mut raw, Submission { id: 1, op, len: 64, offset: 0, arg: 0 });
    assert_eq!(unknown, [REFUSED]);
}

// attack 66 U: change head, key and value after each load of them; what is put is what was loaded once, and as long as that said; broken: state-copy-once
#[test]
fn what_changes_meanwhile_is_looked_at_once() {
    let world = World::new();
    let mut raw = world.raw(A, 1);
    let good = [head("key", &[7; 100]).as_bytes(), b"key", &[7; 100]].concat();
    let lie = head("key", &[7; 200]);
    let mut lens = Vec::new();
    for loads in 0..12_u32 {
        let left = Rc::new(Cell::new(loads));
        raw.side().write(0, &good).unwrap();
        let (memory, counter) = (world.memory(A).clone(), Rc::clone(&left));
        world.memory(A).after_each_load(move || match counter.get() {
            0 => memory.device_write(DATA_AT, lie.as_bytes()),
            count => counter.set(count - 1),
        });
        let request = Submission { id: 0, op: wire::PUT, len: 60_000, offset: 0, arg: 0 };
        let told = submit(&world, &mut raw, request);
        world.memory(A).after_each_load(|| ());
        // One request or the other: not the length of one with the bytes of the other.
        assert_eq!(told, [DONE], "after {loads} loads");
        lens.push(world.client_in(A, 2 + 2 * loads).stat(OWN, "key").unwrap().unwrap().size);
        raw = world.raw(A, 3 + 2 * loads);
    }
    assert!(lens.contains(&100) && lens.contains(&200), "{lens:?}");
    assert!(lens.iter().all(|len| [100, 200].contains(len)), "{lens:?}");
}

// attack 66 U: the data of requests lies over each other, so that an answer is the next request's head; each is answered, and the tree of another is as it was
#[test]
fn requests_whose_data_overlaps_harm_nobody_else() {
    let world = World::new();
    world.client(B).put_sync("mine", b"mine", Expect::Any).unwrap();
    let mut raw = world.raw(A, 1);
    let put = [head("key", b"value").as_bytes(), b"keyvalue"].concat();
    raw.side().write(0, &put).unwrap();
    for id in 0..64_u16 {
        let op = wire::OPS[usize::from(id) % wire::OPS.len()];
        let offset = u32::from(id) % 9;
        let request = Submission { id, op, len: 500, offset, arg: u64::from(id) };
        raw.side().submit(request).unwrap();
    }
    (0..10).for_each(|_| world.turn());
    assert_eq!(raw.statuses().len(), 64);
    let mut b = world.client(B);
    assert_eq!(b.get(OWN, "mine").unwrap().unwrap().bytes, b"mine");
    assert_eq!(b.usage(OWN).unwrap().keys, 1);
}

// attack 66 U: an index from nowhere; the ring is given up, others go on, and its next attachment works
#[test]
fn a_ring_that_lies_is_given_up() {
    let world = World::new();
    let mut a = world.client(A);
    a.put_sync("x", b"1", Expect::Any).unwrap();
    world.memory(A).device_write(0, &30_000_u16.to_le_bytes());
    let mut b = world.client(B);
    for _ in 0..3 {
        world.turn();
        b.put_sync("x", b"2", Expect::Any).unwrap();
    }
    let mut again = world.client_in(A, 2);
    assert_eq!(again.get(OWN, "x").unwrap().unwrap().bytes, b"1");
}

// attack 66 U: an index from nowhere, just when statefsd is about to wait; the ring is given up, what was begun ends, and that is told; broken: state-ring-given-up
#[test]
fn a_ring_that_lies_before_the_wait_is_given_up_too() {
    let memory = FakeMemory::new(memory_len(DATA));
    let all = 0..memory_len(DATA);
    let mut consumer = Consumer::<_, { wire::ENTRIES }>::new(memory.peer(all.clone()), 1).unwrap();
    let trees = Trees::new(&description());
    let ring = side(memory.part(all)).unwrap();
    let mut session = Session::new(A, ring, Tell::new(Handle(1), 1), trees.access(A));
    let mut store = open(&formatted(256, 1024)).unwrap();
    session.attach(1, Some(&mut store)).unwrap();
    consumer.attached().unwrap();
    let mut take = |session: &mut Session<_>| {
        session.look(true);
        session.take(Ok(&mut store), &trees, &mut Scratch::default(), 0, |_| ()).ended
    };
    assert_eq!((take(&mut session), session.may_wait()), (None, true));
    memory.device_write(0, &30_000_u16.to_le_bytes());
    assert!(!session.may_wait(), "there is something to do");
    let ended = Some(Ended::Index { index: 30_000, room: 64 });
    assert_eq!((take(&mut session), take(&mut session)), (ended, None));
    assert!(session.may_wait());
}

#[derive(Clone, Debug)]
enum Lie {
    /// A request of anything, with a body near what it must be.
    Ask {
        op: u8,
        owner: u32,
        n: u32,
        key: u16,
        value: u32,
        flags: u16,
        arg: u64,
        body: Vec<u8>,
    },
    /// A batch that may be one.
    Batch(Vec<(u8, Option<Vec<u8>>)>),
    /// Bytes anywhere in the words and entries of the ring.
    Words(usize, u64),
    /// Another life.
    Attach,
    Turn,
}

fn lie() -> impl Strategy<Value = Lie> {
    let body = || proptest::collection::vec(any::<u8>(), 0..64);
    let ask = (
        0_u8..20,
        prop_oneof![Just(0), Just(A), Just(B), any::<u32>()],
        prop_oneof![0_u32..5, any::<u32>()],
        prop_oneof![0_u16..9, any::<u16>()],
        prop_oneof![0_u32..70, any::<u32>()],
        prop_oneof![0_u16..4, any::<u16>()],
        prop_oneof![0_u64..6, any::<u64>()],
        prop_oneof![body(), "[a-c/.]{0,9}".prop_map(String::into_bytes)],
    );
    let ask = ask.prop_map(|(op, owner, n, key, value, flags, arg, body)| Lie::Ask {
        op,
        owner,
        n,
        key,
        value,
        flags,
        arg,
        body,
    });
    let steps = proptest::collection::vec((any::<u8>(), proptest::option::of(body())), 0..6);
    prop_oneof![
        8 => ask,
        1 => steps.prop_map(Lie::Batch),
        2 => (0_usize..510, any::<u64>()).prop_map(|(word, value)| Lie::Words(8 * word, value)),
        1 => Just(Lie::Attach),
        2 => Just(Lie::Turn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 64 }, ..ProptestConfig::default() })]

    // attack 66 U: requests, words and entries of anything; statefsd goes on, and another client has what it put
    #[test]
    fn whatever_a_client_writes_another_has_what_it_put(
        lies in proptest::collection::vec(lie(), 1..60),
    ) {
        let world = World::new();
        let mut b = world.client(B);
        b.put_sync("mine", b"mine", Expect::Any).unwrap();
        let mut life = 1;
        let mut raw = world.raw(A, life);
        for one in lies {
            match one {
                Lie::Ask { op, owner, n, key, value, flags, arg, body } => {
                    let head = wire::Head { expect: arg, owner, n, value, key, flags };
                    let bytes = [head.as_bytes(), &body].concat();
                    if raw.side().free_id().is_some() && raw.side().attached().is_ok() {
                        raw.submit(op, &bytes, arg);
                    }
                }
                Lie::Batch(steps) => {
                    let bytes: Vec<u8> = steps
                        .iter()
                        .flat_map(|(key, value)| step(&key.to_string(), value.as_deref(), 0))
                        .collect();
                    let (n, value) = (steps.len() as u32, bytes.len() as u32);
                    let head = wire::Head { n, value, ..wire::Head::default() };
                    if raw.side().free_id().is_some() && raw.side().attached().is_ok() {
                        raw.ask(wire::BATCH, head, &bytes, 0);
                    }
                }
                Lie::Words(at, value) => world.memory(A).device_write(at, &value.to_le_bytes()),
                Lie::Attach => {
                    life += 1;
                    raw = world.raw_anew(A, life);
                }
                Lie::Turn => world.turn(),
            }
        }
        (0..6).for_each(|_| world.turn());
        prop_assert_eq!(b.get(OWN, "mine").unwrap().unwrap().bytes, b"mine");
        prop_assert_eq!(b.usage(OWN).unwrap().keys, 1);
        b.put_sync("more", b"", Expect::Absent).unwrap();
        let mut check = nexus_store::Check::default();
        world.with(|server| while server.store().unwrap().check(&mut check).unwrap() {});
    }
}
