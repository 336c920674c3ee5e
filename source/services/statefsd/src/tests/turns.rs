//! Turns: who is served when, what is left for later, and what is counted and told.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nexus_proto::log::Level;
use nexus_proto::state::ring as wire;
use nexus_ring::DONE;
use nexus_rt::abi::{Error, Handle, Message};
use nexus_rt::{Deadline, Inbox, Service, host};
use nexus_state::{Expect, OWN};
use nexus_store::fake::{Event, Faults};

use super::{
    A, B, C, Fake, GUID, Raw, Told, World, answer, description, formatted, head, open, step,
};
use crate::open::Why;
use crate::reason;
use crate::road::SharedInbox;
use crate::server::Server;
use crate::session::{SHARE, SHARE_BYTES};
use crate::trees::Trees;

/// It has nothing to do until it is told.
fn rests(world: &World) -> bool {
    world.with(|server| server.deadline()) == Deadline::NEVER
}

fn until_it_rests(world: &World) {
    let begun = Instant::now();
    while !rests(world) {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never rests");
        world.with(Service::tick);
    }
}

// attack 92 U: ask at any moment of a turn; either that turn answers, or the next one comes of itself, or statefsd is told; broken: state-asked-meanwhile
#[test]
fn who_asks_in_the_middle_of_a_turn_is_not_forgotten() {
    let mut late = 0;
    for loads in 0..40_u32 {
        let world = World::new();
        let b = Rc::new(RefCell::new(world.raw(B, 1)));
        until_it_rests(&world);
        let (asked, left) = (Rc::new(Cell::new(false)), Cell::new(loads));
        let (client, is_asked) = (Rc::clone(&b), Rc::clone(&asked));
        let ask = move || match left.get() {
            0 if !is_asked.get() => {
                is_asked.set(true);
                client.borrow_mut().get("x");
            }
            count => left.set(count.saturating_sub(1)),
        };
        world.memory(B).after_each_load(ask);
        world.turn();
        world.memory(B).after_each_load(|| ());
        if asked.get() {
            let told = b.borrow().told;
            let is_answered = !b.borrow_mut().statuses().is_empty();
            assert!(is_answered || told || !rests(&world), "after {loads} loads");
            late += u32::from(!is_answered && !rests(&world));
        }
    }
    assert!(late > 0, "none came between the look and the rest");
}

// attack 92 U: two clients ask the same in each turn; none of them is always the first
#[test]
fn who_is_first_goes_round() {
    let world = World::new();
    let (mut a, mut b) = (world.raw(A, 1), world.raw(B, 1));
    let (mut first, key) = ([false; 2], "in/x");
    for _ in 0..3 {
        a.put(key, b"a", 0);
        b.ask(wire::PUT, wire::Head { owner: A, ..head(key, b"b") }, b"in/xb", 0);
        world.turn();
        let [a, b] = [&mut a, &mut b].map(|one| answer(&one.done()[0].1).version);
        first[usize::from(b < a)] = true;
    }
    assert_eq!(first, [true, true]);
}

#[test]
fn what_is_done_is_counted() {
    let world = World::new();
    let mut a = world.client(A);
    for key in 0..60 {
        a.put(&format!("{key}"), &[7; 3000], Expect::Any).unwrap();
    }
    a.sync().unwrap();
    let stats = world.with(|server| server.stats());
    assert_eq!((stats.changes, stats.looks, stats.waited, stats.syncs), (60, 1, 1, 1));
    until_it_rests(&world);
    world.restart();
    for key in 0..60 {
        a.get(OWN, &format!("{key}")).unwrap();
    }
    let stats = world.with(|server| server.stats());
    assert_eq!((stats.changes, stats.looks, stats.denied), (0, 60, 0));
    assert!(stats.reads > 0, "the pass at its opening");
    let partition = 512 * nexus_store::BlockDevice::sectors(&world.disk);
    assert_eq!(world.with(|server| server.info()).bytes, partition);
}

#[test]
fn the_background_waits_for_who_asks_and_then_comes_to_an_end() {
    let world = World::new();
    let mut a = world.client(A);
    let filled = |world: &World| world.with(|server| server.store().unwrap().log_pages().0) >= 66;
    let mut key = 0;
    while !filled(&world) {
        a.put_sync(&format!("{}", key % 150), &[7; 3000], Expect::Any).unwrap();
        key += 1;
        // As many in between as there would be.
        assert!(key < 1000);
    }
    drop(a);
    let mut a = world.raw(A, 2);
    let writes =
        || world.disk.trace().iter().filter(|event| matches!(event, Event::Write { .. })).count();
    world.disk.record();
    for _ in 0..3 {
        a.get("0");
        world.turn();
        assert_eq!(a.statuses(), [DONE]);
        assert!(writes() == 0 && !rests(&world), "somebody asked");
    }
    until_it_rests(&world);
    assert!(writes() > 0);
    a.get("0");
    world.turn();
    assert!(rests(&world), "whoever looks leaves nothing to do");
}

#[test]
fn a_share_that_is_used_up_is_gone_on_with_at_once() {
    let world = World::new();
    let mut a = world.client(A);
    let len = 60_000;
    a.put_sync("large", &vec![7; len], Expect::Any).unwrap();
    a.delete(OWN, "gone", Expect::Any, true).unwrap();
    until_it_rests(&world);
    drop(a);
    let mut a = world.raw(A, 2);
    let steps: Vec<u8> = (0..32).flat_map(|key| step(&key.to_string(), Some(b"1"), 0)).collect();
    let batch = |a: &mut Raw| {
        let head = wire::Head { n: 32, value: steps.len() as u32, ..head("", &[]) };
        a.ask(wire::BATCH, head, &steps, 0)
    };
    assert_eq!(SHARE_BYTES, 128 << 10);
    // A changed row counts as 2 KiB.
    let rows = SHARE_BYTES / (32 * 2048);
    type Ask<'a> = &'a dyn Fn(&mut Raw) -> u16;
    let cases: [(Ask<'_>, usize); 4] = [
        (&|a| a.get("gone"), SHARE),
        (&|a| a.put("small", b"1", 0), SHARE),
        (&|a| a.get("large"), SHARE_BYTES.div_ceil(len)),
        (&batch, rows),
    ];
    for (number, (ask, most)) in cases.into_iter().enumerate() {
        for _ in 0..SHARE + 2 {
            ask(&mut a);
        }
        world.turn();
        assert_eq!(a.statuses().len(), most, "{number}");
        assert!(!rests(&world));
        until_it_rests(&world);
        assert_eq!(a.statuses().len(), SHARE + 2 - most);
    }
}

// attack 66 U: an index from nowhere, in a ring beside one that nobody has attached to; that the first is given up is told, once, and nothing of the other
#[test]
fn what_goes_wrong_is_told_once() {
    let logd = host::logd();
    let world = World::new();
    let mut a = world.client(A);
    a.put_sync("x", b"1", Expect::Any).unwrap();
    world.memory(A).device_write(0, &30_000_u16.to_le_bytes());
    (0..3).for_each(|_| world.turn());
    let of = |level| {
        let lines = logd.lines().into_iter();
        lines.filter(|(of, _)| *of == level).map(|(_, line)| line).collect::<Vec<String>>()
    };
    let told = of(Level::Warn);
    assert!(
        told.len() == 1 && told[0].contains(&format!("of service {A} is given up")),
        "{told:?}"
    );
    world.disk.set_faults(Faults { writes_left: Some(0), ..Faults::default() });
    assert!(of(Level::Error).is_empty());
    let mut b = world.client(B);
    b.put_sync("x", b"1", Expect::Any).unwrap_err();
    (0..3).for_each(|_| world.turn());
    let told = of(Level::Error);
    assert!(told.len() == 1 && told[0].contains("the store is read-only: "), "{told:?}");
    assert!(world.client(C).get(OWN, "x").is_err());
}

#[test]
fn what_came_while_the_disk_was_waited_for_is_handed_on() {
    let inbox = SharedInbox::new(Inbox::new(Handle(1), 4));
    let call = host::received(A, Handle(9), Message::default());
    let delivery = host::deliver([Ok(call), Err(Error::TimedOut)]);
    assert_eq!(inbox.wait(1, Deadline::at(0)), Ok(false));
    let (trees, sessions) = (Trees::new(&description()), Vec::new());
    let store = open(&formatted(16, 64)).map_err(|why| reason::failed(Why::Store(why)));
    let told = Told::default();
    let mut server: Fake = Server::new(store, GUID, trees, sessions, told, Some(inbox));
    let kept = server.kept().map(|call| (call.sender.service_id, call.reply));
    assert_eq!((kept, server.kept().is_none()), (Some((A, Handle(9))), true));
    drop(delivery);
}
