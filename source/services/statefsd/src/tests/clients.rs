//! What a client is promised: its calls, and what it is told when statefsd ends.

use nexus_proto::state::Standing;
use nexus_proto::state::ring as wire;
use nexus_ring::DONE;
use nexus_state::{Change, Error, Expect, OWN};

use super::{A, ANSWER, B, World, answer, head};

#[test]
fn what_is_put_is_there_and_durable_once_that_is_answered() {
    let world = World::new();
    let mut client = world.client(A);
    let first = client.put("a/b", b"one", Expect::Absent).unwrap();
    assert_eq!(client.get(OWN, "a/b").unwrap().unwrap().bytes, b"one");
    assert_eq!(client.put("a/b", b"two", Expect::Absent), Err(Error::Conflict(Some(first))));
    let second = client.put_sync("a/b", b"two", Expect::Version(first)).unwrap();
    assert!(second > first);
    client.put("a/c", b"lost", Expect::Any).unwrap();
    world.restart();
    assert_eq!(client.get(OWN, "a/b"), Err(Error::Lost), "told once");
    assert_eq!(client.get(OWN, "a/b").unwrap().unwrap().version, second);
    assert_eq!(client.get(OWN, "a/c"), Ok(None));
    assert_eq!(world.with(|server| server.info()).standing, Standing::Ready);
}

#[test]
fn a_batch_and_a_value_in_pieces_are_there_as_a_whole() {
    let world = World::new();
    let mut client = world.client(A);
    let change = |key, value| Change { key, value, expect: Expect::Any };
    let version = client.batch(OWN, &[change("x", Some(b"1")), change("y", Some(b"2"))], true);
    let version = version.unwrap();
    assert_eq!(client.stat(OWN, "y").unwrap().unwrap().version, version);
    let wrong = Change { key: "y", value: None, expect: Expect::Absent };
    assert!(client.batch(OWN, &[change("x", None), wrong], true).is_err());
    assert!(client.stat(OWN, "x").unwrap().is_some());
    let large: Vec<u8> = (0..200_000_u32).map(|byte| byte as u8).collect();
    assert!(matches!(client.put("l", &large, Expect::Any), Err(Error::NoRoom { .. })));
    let version = client.put_pieces(OWN, "l", &large, Expect::Absent, true).unwrap();
    let found = client.get_all(OWN, "l", 1 << 20).unwrap().unwrap();
    assert_eq!((found.version, found.bytes), (version, large));
    assert_eq!(client.get_all(OWN, "l", 199_999), Err(Error::TooLarge));
    let checked = client.check(|flaw| panic!("{flaw}")).unwrap();
    assert_eq!((checked.keys, checked.objects, checked.trees, checked.orphans), (3, 1, 1, 0));
}

#[test]
fn a_ring_of_one_page_of_data_is_enough() {
    let world = World::on(super::formatted(256, 1024), 4096);
    let mut client = world.client(A);
    let value = vec![7; 20_000];
    client.put_pieces(OWN, "large", &value, Expect::Any, true).unwrap();
    assert_eq!(client.get_all(OWN, "large", 1 << 20).unwrap().unwrap().bytes, value);
    let names: Vec<String> = (0..100).map(|name| format!("list/{name:03}")).collect();
    for name in &names {
        client.put(name, name.as_bytes(), Expect::Any).unwrap();
    }
    let (mut seen, mut pages) = (Vec::<String>::new(), 0);
    loop {
        let page = client.list(OWN, "list", seen.last().map(|key| &**key), 1000, true).unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.key));
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, names);
    assert!(pages > 1);
}

#[test]
fn a_whole_value_that_a_small_ring_cannot_carry_is_read_in_parts() {
    let world = World::on(super::formatted(256, 1024), 4096);
    let mut client = world.client(A);
    let value: Vec<u8> = (0..60_000_u32).map(|byte| byte as u8).collect();
    let key = nexus_store::Key::new("whole").unwrap();
    world.with(|server| {
        use nexus_store::Store;
        let store = server.store().unwrap();
        store.put(super::tree(A), key, &value, nexus_store::Expect::Any).unwrap();
    });
    assert_eq!(client.get(OWN, "whole").unwrap().unwrap().bytes, value);
}

// attack 92 U: statefsd ends at each of the turns of a put; the put is unknown, and whether it was made is found out by the version that was wanted; broken: state-unknown
#[test]
fn a_change_that_was_in_flight_is_unknown_and_decidable() {
    for dies in 0..3 {
        let world = World::new();
        let mut client = world.client(A);
        let first = client.put_sync("key", b"first", Expect::Absent).unwrap();
        world.dies.set(Some(dies));
        let put = client.put_sync("key", b"second", Expect::Version(first));
        let made = client.was_made(OWN, "key", Expect::Version(first)).unwrap();
        match put {
            Ok(version) => assert_eq!((made, dies > 0), (Some(Some(version)), true)),
            Err(Error::Unknown) => assert_eq!(made, None, "it died before its turn"),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.was_made(OWN, "key", Expect::Any), Err(Error::Unknown));
    }
}

// attack 92 U: statefsd ends between a put that was answered and the sync; the sync says that it may be gone, and no later put stands without it unnoticed; broken: state-lost
#[test]
fn a_sync_of_the_next_life_is_none_of_what_the_last_one_lost() {
    for ask in 0..3 {
        let world = World::new();
        let mut client = world.client(A);
        client.put("first", b"1", Expect::Any).unwrap();
        world.restart();
        let told = match ask {
            0 => client.sync(),
            1 => client.put("second", b"2", Expect::Any).map(|_| ()),
            _ => client.list(OWN, "", None, 10, false).map(|_| ()),
        };
        let expected = if ask == 1 { Error::Unknown } else { Error::Lost };
        assert_eq!(told, Err(expected));
        assert_eq!(client.get(OWN, "first"), Ok(None));
        assert_eq!(client.get(OWN, "second"), Ok(None));
        client.put_sync("second", b"2", Expect::Absent).unwrap();
        client.sync().unwrap();
    }
}

#[test]
fn a_cursor_goes_on_over_lives_and_changes() {
    let world = World::new();
    let mut client = world.client(A);
    for key in ["a", "b", "c", "d", "e"] {
        client.put(key, key.as_bytes(), Expect::Any).unwrap();
    }
    client.sync().unwrap();
    let page = client.list(OWN, "", None, 2, false).unwrap();
    assert_eq!((page.rows.len(), page.more), (2, true));
    client.delete(OWN, "b", Expect::Any, true).unwrap();
    client.put_sync("bb", b"", Expect::Any).unwrap();
    world.restart();
    let rest = client.list(OWN, "", Some("b"), 10, false).unwrap();
    let keys: Vec<&str> = rest.rows.iter().map(|row| &*row.key).collect();
    assert_eq!((keys, rest.more), (vec!["bb", "c", "d", "e"], false));
}

#[test]
fn one_sync_is_for_all_who_wait_and_reads_do_not_wait_for_it() {
    let world = World::new();
    let (mut a, mut b) = (world.raw(A, 1), world.raw(B, 1));
    world.turn();
    world.disk.record();
    let before = world.with(|server| server.stats());
    a.put("x", b"1", wire::FLAG_SYNC);
    b.put("x", b"2", wire::FLAG_SYNC);
    b.ask(wire::SYNC, wire::Head::default(), &[], 0);
    let get = a.get("x");
    world.turn();
    let done = a.done();
    assert_eq!(done[0].0.id, get, "what waits for nothing is answered first");
    assert_eq!(done.len(), 2);
    assert_eq!(b.statuses(), [DONE, DONE]);
    let after = world.with(|server| server.stats());
    assert_eq!((after.syncs - before.syncs, after.waited - before.waited), (1, 3));
    assert_eq!((after.flushes - before.flushes, after.writes - before.writes), (1, 1));
}

#[test]
fn a_life_that_begins_anew_gets_nothing_of_the_last_one() {
    let world = World::new();
    let mut first = world.raw(A, 1);
    first.put("x", b"1", wire::FLAG_SYNC);
    let mut second = world.raw(A, 2);
    world.turn();
    assert_eq!(second.statuses(), []);
    let get = second.get("x");
    world.turn();
    let done = second.done();
    assert_eq!((done[0].0.id, done[0].0.status), (get, wire::ABSENT), "nobody asked for it");
}

#[test]
fn a_version_that_is_read_in_parts_is_one_version() {
    let world = World::new();
    let mut raw = world.raw(A, 1);
    raw.put("x", b"0123456789", 0);
    world.turn();
    let version = answer(&raw.done()[0].1).version;
    let part = |raw: &mut super::Raw, version, from| {
        let asked = wire::Head { expect: version, ..head("x", &[]) };
        raw.ask(wire::GET, asked, b"x", from);
        world.turn();
        raw.done().remove(0)
    };
    let (done, bytes) = part(&mut raw, version, 4);
    assert_eq!((done.status, &bytes[ANSWER..]), (DONE, &b"456789"[..]));
    let (done, bytes) = part(&mut raw, version, 99);
    assert_eq!((done.status, answer(&bytes).len, answer(&bytes).more), (DONE, 0, false));
    let (done, bytes) = part(&mut raw, version + 1, 0);
    assert_eq!((done.status, answer(&bytes).version), (wire::CONFLICT, version));
}

#[test]
fn what_fits_is_given_whole_and_said_to_be_all() {
    let world = World::new();
    let mut client = world.client(A);
    let room = super::DATA / nexus_proto::state::ring::ENTRIES - ANSWER;
    client.put("fits", &vec![7; room], Expect::Any).unwrap();
    client.put("more", &vec![7; room + 1], Expect::Any).unwrap();
    for name in 0..40 {
        client.put(&format!("rows/{name:02}"), b"", Expect::Any).unwrap();
    }
    // The largest there is, with the longest key.
    let key = "k".repeat(255);
    let large = vec![7; 64 << 10];
    client.put(&key, &large, Expect::Any).unwrap();
    assert_eq!(client.get(OWN, &key).unwrap().unwrap().bytes, large);
    let mut raw = world.raw(A, 2);
    for (key, more) in [("fits", false), ("more", true)] {
        raw.get(key);
        world.turn();
        let told = answer(&raw.done()[0].1);
        assert_eq!((told.len as usize, told.more), (room, more), "{key}");
    }
    raw.ask(wire::LIST, wire::Head { n: 64, ..head("rows", &[]) }, b"rows", 0);
    world.turn();
    let told = answer(&raw.done()[0].1);
    let row = size_of::<wire::Row>() + "rows/00".len().next_multiple_of(wire::ROW_ALIGN);
    assert_eq!((told.n as usize, told.more), (room / row, true));
}

// attack 66 U: list rows of any lengths, folded and not, after another's list in the same memory; of that nothing comes, and between what is asked for are zeros; broken: state-rows-used, store-span-end
#[test]
fn a_list_has_nothing_but_what_was_asked_for() {
    let world = World::new();
    let (mut other, mut client) = (world.client(B), world.client(A));
    // Keys and values of each length, in the order of the keys.
    let key = |at: usize| format!("{at:02}{}", "x".repeat(at));
    let values = |fill: u8| (0..40_usize).map(move |at| (key(at), vec![fill; at]));
    for (owner, fill) in [(&mut client, 7), (&mut other, 0xee)] {
        for (key, value) in values(fill) {
            owner.put(&key, &value, Expect::Any).unwrap();
        }
        owner.sync().unwrap();
        assert_eq!(owner.list(OWN, "", None, 100, true).unwrap().rows.len(), 40);
    }
    let mut raw = world.raw(A, 2);
    let mut after = String::new();
    for (key, value) in values(7) {
        let flags = wire::FLAG_VALUES;
        let head = wire::Head { n: 1, flags, ..head("", after.as_bytes()) };
        raw.ask(wire::LIST, head, after.as_bytes(), 0);
        world.turn();
        let bytes = raw.done().remove(0).1;
        assert_eq!(answer(&bytes).len as usize, bytes.len() - ANSWER);
        let (row, rest) = nexus_proto::read_payload::<wire::Row>(&bytes[ANSWER..]).unwrap();
        assert_eq!((row.key, row.value as usize), (key.len() as u64, value.len()));
        let mut wanted = key.clone().into_bytes();
        wanted.resize(wanted.len().next_multiple_of(wire::ROW_ALIGN), 0);
        wanted.extend(value);
        wanted.resize(wanted.len().next_multiple_of(wire::ROW_ALIGN), 0);
        assert_eq!(rest, wanted, "{key}");
        after = key;
    }
}

#[test]
fn each_of_many_values_is_put_under_its_own_key() {
    let world = World::new();
    let mut client = world.client(A);
    let values: Vec<(String, Vec<u8>)> =
        (0..150_u8).map(|at| (format!("{at}"), vec![at; 900 + usize::from(at)])).collect();
    let asked: Vec<(&str, &[u8])> = values.iter().map(|(key, value)| (&**key, &**value)).collect();
    let outcomes = client.put_each(OWN, &asked).unwrap();
    assert!(outcomes.len() == 150 && outcomes.iter().all(Result::is_ok));
    for (key, value) in &values {
        assert_eq!(client.get(OWN, key).unwrap().unwrap().bytes, *value, "{key}");
    }
}

// attack 92 U: statefsd ends at each of the turns of a value in pieces; it is put as a whole, or not at all, and that is known
#[test]
fn a_value_in_pieces_is_whole_whenever_statefsd_ends() {
    let (mut put, large) = (0, vec![7; 200_000]);
    for dies in 0..12 {
        let world = World::new();
        let mut client = world.client(A);
        world.dies.set(Some(dies));
        let made = client.put_pieces(OWN, "large", &large, Expect::Absent, true);
        world.dies.set(None);
        assert!(dies > 0 || made == Err(Error::NoDraft), "in the next life nothing was begun");
        let found = client.get_all(OWN, "large", 1 << 20);
        match made {
            Ok(_) => {
                assert_eq!(found.unwrap().unwrap().bytes, large);
                put += 1;
            }
            Err(Error::NoDraft) => assert_eq!(found, Ok(None), "{dies}"),
            Err(Error::Unknown) => assert!(found.unwrap().is_none_or(|found| found.bytes == large)),
            other => panic!("{other:?}"),
        }
    }
    assert!(put > 0 && put < 12, "{put}");
}

#[test]
fn a_row_is_shown_with_its_value_where_that_fits() {
    let world = World::new();
    let mut client = world.client(A);
    for (key, len) in [("a", 100), ("b", 1000), ("c", 2000)] {
        client.put(key, &vec![7; len], Expect::Any).unwrap();
    }
    let mut raw = world.raw(A, 2);
    let list = |raw: &mut super::Raw, after: &str| {
        let flags = wire::FLAG_VALUES;
        let head = wire::Head { n: 64, flags, ..head("", after.as_bytes()) };
        raw.ask(wire::LIST, head, after.as_bytes(), 0);
        world.turn();
        let (done, bytes) = raw.done().remove(0);
        let head = answer(&bytes);
        let (row, _) = nexus_proto::read_payload::<wire::Row>(&bytes[ANSWER..]).unwrap();
        (done.status, head.n, head.more, row.size, row.value)
    };
    assert_eq!(list(&mut raw, ""), (DONE, 1, true, 100, 100));
    assert_eq!(list(&mut raw, "a"), (DONE, 1, true, 1000, 1000), "it is the next page's");
    assert_eq!(list(&mut raw, "b"), (DONE, 1, false, 2000, 0), "no page has room for it");
    let len = (ANSWER + size_of::<wire::Row>() + wire::ROW_ALIGN - 1) as u32;
    let bytes = [zerocopy::IntoBytes::as_bytes(&wire::Head { n: 64, ..head("", &[]) })].concat();
    raw.side().write(0, &bytes).unwrap();
    let op = wire::LIST;
    for (len, status) in [(len, wire::MALFORMED), (len + 1, DONE)] {
        raw.side().submit(nexus_ring::Submission { id: 0, op, len, offset: 0, arg: 0 }).unwrap();
        world.turn();
        assert_eq!(raw.side().pop().unwrap().unwrap().status, status, "{len}");
    }
}
