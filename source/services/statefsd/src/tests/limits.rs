//! Nobody takes more than is theirs: quotas, what is begun and not finished, and the time of others.

use nexus_proto::ServiceError;
use nexus_proto::state::ring as wire;
use nexus_ring::DONE;
use nexus_rt::Service;
use nexus_rt::abi::{Handle, Sender};
use nexus_state::{Error, Expect, OWN};
use nexus_store::Store;

use super::{A, B, BYTES, KEYS, World, answer, head, tree};
use crate::session::SHARE;

// attack 92 U: fill the disk with keys of few bytes, and with few keys of many; the quota ends it, and others go on; broken: state-quotas
#[test]
fn quotas_of_keys_and_bytes_hold() {
    let world = World::new();
    let (mut a, mut b) = (world.client(A), world.client(B));
    for key in 0..KEYS {
        a.put(&format!("{key}"), b"", Expect::Absent).unwrap();
    }
    assert_eq!(a.put("more", b"", Expect::Any), Err(Error::QuotaKeys));
    b.put("more", b"", Expect::Any).unwrap();
    a.delete(OWN, "7", Expect::Any, false).unwrap();
    a.put("more", b"", Expect::Any).unwrap();
    let usage = a.usage(OWN).unwrap();
    assert_eq!((usage.keys, usage.most_keys, usage.most_bytes), (KEYS, KEYS, BYTES));
    let value = vec![0; 60_000];
    let puts = (0..20).map(|key| a.put(&format!("{key}"), &value, Expect::Any));
    let full = puts.filter(Result::is_err).count();
    assert!(full >= 20 - (BYTES / 60_000) as usize, "{full} were refused");
    b.put("large", &value, Expect::Any).unwrap();
}

// attack 92 U: fill the disk with pieces that are never finished; they are counted for the quota; broken: state-pieces-quota
#[test]
fn pieces_count_while_they_are_there() {
    let world = World::new();
    let mut a = world.raw(A, 1);
    let begin = |a: &mut super::Raw| {
        a.ask(wire::BEGIN, wire::Head::default(), &[], 0);
        world.turn();
        let (done, bytes) = a.done().remove(0);
        (done.status, answer(&bytes).version)
    };
    let drafts: Vec<u64> = (0..4).map(|_| begin(&mut a).1).collect();
    assert_eq!(begin(&mut a).0, wire::NO_DRAFT, "as many as there may be");
    let piece = vec![1; 900];
    let mut taken = 0;
    let last = loop {
        let head = wire::Head { value: 900, ..wire::Head::default() };
        a.ask(wire::PIECE, head, &piece, drafts[taken % 4]);
        world.turn();
        match a.statuses()[..] {
            [DONE] => taken += 1,
            [other] => break other,
            _ => panic!("one answer"),
        }
    };
    assert!(taken * 900 <= BYTES as usize, "{taken} pieces");
    assert_eq!((last, taken as u64), (wire::QUOTA_BYTES, BYTES / 900));
}

// attack 92 U: a client dies with values in pieces begun; nothing of them is left, and its next life has none of them; broken: state-drafts-end, state-drafts-over
#[test]
fn what_was_begun_ends_with_the_attachment() {
    let world = World::new();
    let mut first = world.raw(A, 1);
    first.ask(wire::BEGIN, wire::Head::default(), &[], 0);
    world.turn();
    let draft = answer(&first.done()[0].1).version;
    let piece = vec![1; 1000];
    for _ in 0..5 {
        first.ask(wire::PIECE, wire::Head { value: 1000, ..wire::Head::default() }, &piece, draft);
    }
    world.turn();
    assert_eq!(first.statuses(), [DONE; 5]);
    let mut second = world.raw(A, 2);
    second.ask(wire::FINISH, head("key", &[]), b"key", draft);
    second.get("key");
    world.turn();
    assert_eq!(second.statuses(), [wire::NO_DRAFT, wire::ABSENT]);
    let free = |world: &World| {
        let mut check = nexus_store::Check::default();
        world.with(|server| {
            let store = server.store().unwrap();
            store.sync().unwrap();
            while store.check(&mut check).unwrap() {}
        });
        check.found()
    };
    assert_eq!((free(&world).rows, free(&world).objects), (0, 0));
    let begun = world.with(|server| server.store().unwrap().begin()).unwrap();
    world.with(|server| server.store().unwrap().abandon(begun)).unwrap();
    // Its ring is given up: the same.
    second.ask(wire::BEGIN, wire::Head::default(), &[], 0);
    world.turn();
    second.done();
    world.memory(A).device_write(0, &999_u16.to_le_bytes());
    assert!(changes(&world, || world.turn()), "what it has begun is gone");
    let third = world.client_in(A, 3).put("key", b"1", Expect::Absent);
    third.unwrap();
}

// attack 92 U: one client asks without end; another is answered within a turn; broken: state-share
#[test]
fn a_flood_keeps_nobody_waiting() {
    let world = World::new();
    let (mut a, mut b) = (world.raw(A, 1), world.raw(B, 1));
    for round in 0..20 {
        while a.side().in_flight() < 64 {
            let key = format!("k{}", a.side().in_flight());
            a.put(&key, &[1; 100], wire::FLAG_SYNC);
        }
        b.get("x");
        world.turn();
        assert_eq!(b.statuses(), [wire::ABSENT], "in round {round}");
        let served = a.statuses().len();
        assert!(served <= SHARE && served > 0, "{served} in a turn");
    }
    // Large ones are fewer.
    while a.side().in_flight() > 0 {
        world.turn();
        a.statuses();
    }
}

/// Whether `work` changes what is stored.
fn changes(world: &World, work: impl FnOnce()) -> bool {
    let ticket = || world.with(|server| server.store().unwrap().ticket());
    let before = ticket();
    work();
    ticket() != before
}

// attack 92 U: a client with values in pieces begun ends, and no life of it follows; nothing of them is left; broken: state-drafts-over
#[test]
fn what_was_begun_ends_with_a_client_that_ends_for_good() {
    let world = World::new();
    let mut a = world.raw(A, 1);
    a.ask(wire::BEGIN, wire::Head::default(), &[], 0);
    world.turn();
    let told = || world.with(|server| server.notified(1));
    assert!(!changes(&world, told), "it may go on");
    let _over = nexus_rt::host::revoke(Handle(A.into()));
    assert!(changes(&world, told), "nobody finishes it");
    assert!(!changes(&world, told));
}

/// Most flushes that `server` asks for in one turn, of which `each` says what is asked before it.
fn most_flushes(world: &World, rounds: u32, mut each: impl FnMut(u32)) -> u64 {
    let flushes = || world.with(|server| server.stats().flushes);
    let turns = (0..rounds).map(|round| {
        each(round);
        let before = flushes();
        world.turn();
        flushes() - before
    });
    turns.max().unwrap_or(0)
}

/// A sync, and a step in the background.
const FLUSHES: u64 = 1 + 2;

// attack 92 U: one client asks without end, so that nothing is done in the background; another syncs, and never waits for all of that at once; broken: state-background
#[test]
fn a_flood_keeps_the_background_from_nothing() {
    let world = World::new();
    let (mut a, mut b) = (world.raw(A, 1), world.raw(B, 1));
    let mut log = 0;
    let most = most_flushes(&world, 2000, |round| {
        a.statuses();
        while a.side().in_flight() < 64 {
            a.get("x");
        }
        b.statuses();
        // What a quarter of the log has of it takes more than one step.
        for put in 0..4 {
            b.put(&format!("{}", (4 * round + put) % KEYS as u32), &[1; 800], wire::FLAG_SYNC);
        }
        log = log.max(world.with(|server| server.store().unwrap().log_pages().0));
    });
    assert!(log >= 64, "it was folded: {log}");
    assert!(most <= FLUSHES, "{most} flushes in a turn");
}

// attack 92 U: a client changes much and never syncs; it is folded step by step all the same; broken: state-background, state-background-unsynced
#[test]
fn what_nobody_waits_for_is_folded_step_by_step() {
    let world = World::new();
    let mut a = world.raw(A, 1);
    let mut round = 0;
    let most = most_flushes(&world, 1000, |_| {
        a.statuses();
        while a.side().in_flight() < 64 {
            round += 1;
            a.put(&format!("{}", round % KEYS), &[1; 800], 0);
        }
    });
    let writes = world.with(|server| server.stats().writes);
    assert!(writes > 1000, "it was folded: {writes}");
    assert!(most <= FLUSHES, "{most} flushes in a turn");
}

// attack 92 U: a client begins values in pieces and drops them, without end; what that leaves is folded step by step; broken: state-background, state-drafts-count
#[test]
fn what_is_begun_and_dropped_is_folded_step_by_step() {
    let world = World::new();
    let mut a = world.raw(A, 1);
    let (mut begun, mut log) = (0, 0);
    let most = most_flushes(&world, 2500, |_| {
        a.statuses();
        while a.side().in_flight() < 63 {
            begun += 1;
            a.ask(wire::BEGIN, wire::Head::default(), &[], 0);
            a.ask(wire::ABANDON, wire::Head::default(), &[], begun);
        }
        log = log.max(world.with(|server| server.store().unwrap().log_pages().0));
    });
    assert!((64..128).contains(&log), "it was folded before half of the log was used: {log}");
    assert!(most <= FLUSHES, "{most} flushes in a turn");
}

// attack 92 U: requests of few bytes for which much is read, one after the other; what is read is of the share of who asks; broken: state-share-reads
#[test]
fn what_is_read_for_a_request_counts() {
    let world = World::new();
    let mut a = world.client(A);
    for key in 0..150 {
        a.put(&format!("{key}"), &[1; 3000], Expect::Any).unwrap();
    }
    a.sync().unwrap();
    drop(a);
    world.restart();
    for _ in 0..100 {
        world.turn();
    }
    let mut a = world.raw(A, 2);
    let read = || world.with(|server| server.store().unwrap().counters().pages_read);
    let (mut most, before) = (0, read());
    for step in 0..100 {
        while a.side().in_flight() < 64 {
            a.ask(wire::CHECK, wire::Head { n: u32::from(step > 0), ..head("", &[]) }, &[], 0);
        }
        let before = read();
        world.turn();
        most = most.max(read() - before);
        a.statuses();
    }
    assert!(read() - before > 150, "{}", read() - before);
    // A share, and what the request that ends it reads.
    let share = (crate::session::SHARE_BYTES / nexus_store::PAGE) as u64;
    assert!(most < share + 64, "{most} pages in a turn");
}

// attack 39 U: attach without a ring; denied
#[test]
fn who_has_no_ring_has_nothing_to_attach() {
    let world = World::new();
    let attach =
        |service_id| world.with(|server| server.attach(Sender { service_id, incarnation: 1 }));
    assert_eq!(attach(10), Err(ServiceError::Denied));
    assert_eq!(attach(A), Err(ServiceError::BadState), "it has begun nothing");
}

// attack 92 U: the image has no service any more whose tree there is; it is kept, counted as an orphan, and denied to whoever asks; broken: state-orphan
#[test]
fn trees_that_no_service_has_are_kept_and_opened_to_nobody() {
    let world = World::new();
    let orphan = tree(99);
    let key = nexus_store::Key::new("x").unwrap();
    world.with(|server| {
        let store = server.store().unwrap();
        store.put(orphan, key, b"kept", nexus_store::Expect::Any).unwrap();
        store.sync().unwrap();
    });
    world.restart();
    let info = world.with(|server| server.info());
    assert_eq!((info.trees, info.orphans), (1, 1));
    let mut client = world.client(A);
    assert_eq!(client.check(|_| ()).unwrap().orphans, 1);
    assert_eq!(client.get(99, "x"), Err(Error::Denied));
    let mut out = Vec::new();
    world.with(|server| server.store().unwrap().get(orphan, key, &mut out)).unwrap();
    assert_eq!(out, b"kept");
}

/// How often the disk was flushed.
fn flushes(world: &World) -> u64 {
    world.with(|server| server.stats().flushes)
}

// attack 92 U: the disk tells of what statefsd has seen already, while one client puts; it waits for no work of the background; broken: state-quiet
#[test]
fn who_puts_alone_waits_for_no_fold() {
    let world = World::new();
    let mut client = world.client(A);
    let mut put = |count: u64| {
        let before = flushes(&world);
        for at in 0..count {
            client.put_sync("key", &at.to_le_bytes(), Expect::Any).unwrap();
            // The disk tells of what statefsd has seen already.
            world.with(|server| server.notified(0));
        }
        flushes(&world) - before
    };
    assert_eq!(put(85), 85, "a quarter of the log is used, and nothing is folded");
    let before = flushes(&world);
    world.turn();
    assert!(flushes(&world) > before, "it is when nobody asks");
    assert_eq!(put(64), 64);
    let pressed = put(40);
    assert!((42..=44).contains(&pressed), "three eighths of the log: {pressed}");
}
