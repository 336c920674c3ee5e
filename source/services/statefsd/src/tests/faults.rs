//! A disk that fails, a disk that is full, and no disk.

use nexus_proto::state::{Reason, Standing, ring as wire};
use nexus_ring::DONE;
use nexus_state::{Error, Expect, OWN};
use nexus_store::fake::Faults;

use super::{A, B, World, answer, formatted, head};

// attack 92 U: the flush fails that three clients wait for; each is told, and nothing is written from then on; broken: state-waiters
#[test]
fn a_sync_that_fails_is_told_to_each_who_waits() {
    for faults in [
        Faults { writes_left: Some(0), ..Faults::default() },
        Faults { flushes_left: Some(0), ..Faults::default() },
    ] {
        let world = World::new();
        let (mut a, mut b) = (world.raw(A, 1), world.raw(B, 1));
        a.put("before", b"1", wire::FLAG_SYNC);
        world.turn();
        assert_eq!(a.statuses(), [DONE]);
        world.disk.set_faults(faults);
        a.put("x", b"1", wire::FLAG_SYNC);
        b.put("x", b"2", wire::FLAG_SYNC);
        b.ask(wire::SYNC, wire::Head::default(), &[], 0);
        world.turn();
        let told = [a.done(), b.done()].concat();
        assert_eq!(told.len(), 3);
        for (done, bytes) in told {
            assert_eq!(done.status, wire::READ_ONLY);
            assert_eq!(answer(&bytes).n, Reason::LogWrite.code());
        }
        a.put("y", b"1", 0);
        a.get("before");
        world.turn();
        assert_eq!(a.statuses(), [wire::READ_ONLY, DONE]);
        let info = world.with(|server| server.info());
        assert_eq!((info.standing, info.reason), (Standing::ReadOnly, Reason::LogWrite));
        world.disk.set_faults(Faults::default());
        world.restart();
        let mut client = world.client_in(A, 2);
        assert_eq!(client.get(OWN, "before").unwrap().unwrap().bytes, b"1");
        client.put_sync("y", b"1", Expect::Any).unwrap();
    }
}

#[test]
fn a_full_disk_says_so_and_deleting_helps() {
    let world = World::on(formatted(16, 64), super::DATA);
    let (mut a, mut b) = (world.client(A), world.client(B));
    let value = vec![7; 3000];
    let mut kept = Vec::new();
    let full = loop {
        let key = format!("k{:04}", kept.len());
        let put = a.put_sync(&key, &value, Expect::Absent);
        match put {
            Ok(_) => kept.push(key),
            Err(why) => break why,
        }
        assert!(kept.len() < KEPT);
    };
    assert_eq!(full, Error::NoSpace);
    assert_eq!(b.put("x", &value, Expect::Any), Err(Error::NoSpace), "it is full for everybody");
    for key in kept.iter().skip(1) {
        a.delete(OWN, key, Expect::Any, false).unwrap();
    }
    a.sync().unwrap();
    (0..100).for_each(|_| world.turn());
    assert_eq!(a.get(OWN, &kept[0]).unwrap().unwrap().bytes, value);
    b.put_sync("x", &value, Expect::Any).unwrap();
}

const KEPT: usize = 150;

#[test]
fn without_a_store_everything_is_answered_with_why() {
    let world = World::new();
    world.disk.tamper(|bytes| bytes[..8192].fill(0));
    world.restart();
    let info = world.with(|server| server.info());
    assert_eq!((info.standing, info.reason), (Standing::Failed, Reason::NotFormatted));
    assert_eq!((info.bytes, info.format, info.clients), (0, 0, 3));
    let mut client = world.client(A);
    let none = Error::NoStore(Reason::NotFormatted, 0);
    assert_eq!(client.get(OWN, "x"), Err(none.clone()));
    assert_eq!(client.put("x", b"", Expect::Any), Err(none.clone()));
    assert_eq!(client.sync(), Err(none));
    let mut raw = world.raw(A, 2);
    raw.ask(wire::GET, wire::Head { value: 7, ..head("x", &[]) }, b"x", 0);
    world.turn();
    assert_eq!(raw.statuses(), [wire::MALFORMED], "what is no request is none here, too");
}

#[test]
fn why_there_is_no_store_is_told_with_its_detail() {
    let world = World::new();
    let mut client = world.client(A);
    for _ in 0..3 {
        client.put_sync("x", &[7; 10_000], Expect::Any).unwrap();
    }
    // In the second frame of the log; the first one is the opening's.
    world.disk.tamper(|bytes| bytes[3 * 4096 + 100] ^= 1);
    world.restart();
    let none = Error::NoStore(Reason::LogFrame, 2);
    assert_eq!(client.get(OWN, "x"), Err(none));
    let info = world.with(|server| server.info());
    assert_eq!((info.reason, info.detail), (Reason::LogFrame, 2));
}

// attack 92 U: a page of the table changes under an open store; the key that is asked for is named, to whoever may ask for it
#[test]
fn damage_names_the_key_that_was_asked_for() {
    let world = World::new();
    let mut client = world.client(A);
    for name in 0..40 {
        client.put(&format!("key{name}"), &[name; 2000], Expect::Any).unwrap();
    }
    client.sync().unwrap();
    while world.with(|server| server.store().unwrap().log_pages().0) > 12 {
        world.turn();
        client.put_sync("other", b"", Expect::Any).unwrap();
    }
    world.restart();
    let len = world.disk.bytes().len();
    world.disk.tamper(|bytes| bytes[66 * 4096 + 4096..len].iter_mut().for_each(|byte| *byte ^= 1));
    let mut damaged = 0;
    for name in 0..40 {
        let key = format!("key{name}");
        match client.get(OWN, &key) {
            Ok(value) => assert_eq!(value.unwrap().bytes, [name; 2000]),
            Err(Error::Damaged(nexus_state::Damage::Key(named))) => {
                assert_eq!(named, key);
                damaged += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(damaged > 0, "nothing was read from the table");
    let mut named = 0;
    for name in 0..40 {
        let key = format!("key{name}");
        let damage = Error::Damaged(nexus_state::Damage::Key(key.clone()));
        let stat = client.stat(OWN, &key);
        assert!(stat.is_ok() || stat == Err(damage.clone()), "{stat:?}");
        named += usize::from(stat.is_err());
    }
    assert!(named > 0, "whatever is asked of it");
    // A check tells it to anybody, and to nobody which keys there are.
    let mut told = Vec::new();
    world.client(B).check(|flaw| told.push(flaw.to_owned())).unwrap();
    assert!(!told.is_empty() && told.iter().all(|flaw| !flaw.is_empty() && !flaw.contains("key3")));
    assert!(
        told.iter().any(|flaw| flaw == "keys cannot be read" || flaw == "a key is damaged"),
        "{told:?}"
    );
}
