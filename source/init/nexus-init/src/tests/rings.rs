//! Memory that two services share.

use nexus_abi::{Error, KindCode, Role, StartupCap};
use nexus_proto::init::ServiceState;
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::{Asker, Subject};
use nexus_sysdesc::Ring;

use super::*;
use crate::records::RingRecord;
use crate::testing::Cap;

const NSH_PROCESS: Handle = Handle(90);
const MEMORY: Handle = Handle(3000);
const LEN: u64 = 65 * 4096;
const TOLD: u64 = 3100;

/// The shell has rings with rngd, number 7, and busd, number 11.
fn ringed() -> Init<Fake> {
    with_rings(&[(10, 7, "ring-7"), (10, 11, "ring-11")])
}

/// rngd, the service of number 8 and the shell each have a ring with busd, which owns no device.
fn served() -> Init<Fake> {
    with_rings(&[(7, 11, "ring-of-7"), (8, 11, "ring-of-8"), (10, 11, "ring-of-10")])
}

/// These have rings: consumer, server, and the line.
fn with_rings(rings: &[(u32, u32, &str)]) -> Init<Fake> {
    let mut description = description(&SHELL);
    for (consumer, server, id) in rings {
        let (id, reason) = ((*id).into(), "a test".into());
        let ring = Ring { server: *server, pages: 65, id, reason };
        let mut services = description.services.iter_mut();
        let service = services.find(|service| service.id == *consumer).unwrap();
        service.talks_to.push(*server);
        service.rings.push(ring);
    }
    description.validate().unwrap();
    let mut init = started_as(description);
    let object = |kind, handle, rights| Cap {
        holder: None,
        kind,
        rights,
        base: 0,
        len: if kind == KindCode::Vmo { LEN } else { 0 },
        limit: None,
        parent: None,
        handle,
    };
    for (consumer, server, _) in rings.iter().copied() {
        let of = if consumer == 10 { server } else { consumer };
        let (memory, recorded) = (Handle(MEMORY.0 + u64::from(of)), false);
        let record = RingRecord { consumer, server, memory, len: LEN, recorded, over: false };
        init.rings.push(record);
        init.machine.caps.push(object(KindCode::Vmo, memory, Rights::all()));
    }
    let of_ring = |id: &u32| rings.iter().any(|(one, other, _)| [one, other].contains(&id));
    for id in [7, 8, 10, 11].into_iter().filter(of_ring) {
        let told = Handle(TOLD + u64::from(id));
        init.registry.service_mut(id).unwrap().told = told;
        init.machine.caps.push(object(KindCode::Notification, told, Rights::all()));
    }
    init
}

/// Of each entry: its role, index, base and bytes; and of which capability of init its handle is a child,
/// with which rights.
fn told(init: &Init<Fake>, caps: &[StartupCap]) -> Vec<(u32, u32, u64, u64, Handle, Rights)> {
    let of = |cap: &StartupCap| {
        let known = init.machine.cap(Handle(cap.handle)).unwrap();
        (cap.role, cap.index, cap.base, cap.len, known.parent.unwrap(), known.rights)
    };
    caps.iter().map(of).collect()
}

const SHARED: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);
const BOTH: Rights = Rights::SEND.union(Rights::RECV);

// attack 92 U: whoever has memory of a ring passes it on, or runs what is in it; it has no right to; broken: init-ring-rights
#[test]
fn both_are_given_the_memory_and_what_tells_the_other() {
    let mut init = ringed();
    let (ring, tell, own) = (Role::Ring.code(), Role::Tell.code(), Role::Told.code());
    let part = |id: u64| Handle(MEMORY.0 + id);
    let bell = |id: u64| Handle(TOLD + id);
    let caps = init.share(7, RNGD).unwrap();
    let expected = [
        (ring, 10, 1, LEN, part(7), SHARED),
        (tell, 10, 1, 0, bell(10), Rights::SEND),
        (own, 0, 0, 0, bell(7), BOTH),
    ];
    assert_eq!(told(&init, &caps), expected);
    let caps = init.share(10, NSH_PROCESS).unwrap();
    let expected = [
        (ring, 7, 1, LEN, part(7), SHARED),
        (tell, 7, 1, 0, bell(7), Rights::SEND),
        (ring, 11, 2, LEN, part(11), SHARED),
        (tell, 11, 1, 0, bell(11), Rights::SEND),
        (own, 0, 0, 0, bell(10), BOTH),
    ];
    assert_eq!(told(&init, &caps), expected);
    let caps = init.share(11, BUSD).unwrap();
    assert_eq!(told(&init, &caps)[1], (tell, 10, 2, 0, bell(10), Rights::SEND));
    assert_eq!(init.share(8, Handle(80)).unwrap().len(), 0, "it has no ring");
}

#[test]
fn each_ring_is_recorded_once() {
    let mut init = ringed();
    init.share(7, RNGD).unwrap();
    init.share(10, NSH_PROCESS).unwrap();
    init.share(11, BUSD).unwrap();
    let records: Vec<_> = init.machine.ledger.iter().collect();
    let about: Vec<_> = records
        .iter()
        .map(|entry| (entry.event, entry.outcome, entry.subject, entry.asker))
        .collect();
    let nsh = Subject { id: 10, incarnation: 0 };
    let share = |driver| (Event::Share, Outcome::Allow, nsh, Asker::new(driver));
    assert_eq!(about, [share(7), share(11)]);
    let description = init.registry.description();
    let lines = records.iter().map(|entry| description.line(entry.rule).unwrap().0);
    assert!(lines.eq(["ring-7", "ring-11"]));
    assert!(records.iter().all(|entry| (entry.len, entry.rights) == (LEN, SHARED.bits())));
    assert!(records.iter().all(|entry| entry.epoch == description.epoch));
}

// attack 92 U: memory is shared and logd does not record it; nobody has it, until it is recorded; broken: init-ring-record
#[test]
fn what_is_not_recorded_is_not_shared() {
    let mut init = ringed();
    init.machine.records_left = Some(0);
    assert_eq!(init.share(7, RNGD).unwrap().len(), 0);
    assert_eq!(init.machine.holders(KindCode::Vmo), 0);
    init.machine.records_left = Some(1);
    // The first is recorded now, the second is not.
    assert_eq!(init.share(10, NSH_PROCESS).unwrap().len(), 3);
    assert_eq!(init.machine.holders(KindCode::Vmo), 1);
}

#[test]
fn what_the_kernel_refuses_is_an_error() {
    let mut init = ringed();
    init.machine.install_fails = Some(Error::NoMemory);
    assert_eq!(init.share(7, RNGD).err(), Some(Error::NoMemory));
}

/// Both rings are given, and rngd ends.
fn a_driver_ends() -> Init<Fake> {
    let mut init = ringed();
    for (service, process) in [(7, RNGD), (10, NSH_PROCESS), (11, BUSD)] {
        init.share(service, process).unwrap();
    }
    end(&mut init, RNGD, EndReason::Killed(0));
    init.notified(1 << 2);
    init
}

// attack 92 U: a driver ends; its peer keeps what it has mapped, finds that it can tell it nothing, and is woken to find it; broken: init-ring-told, init-ring-woken
#[test]
fn a_peer_keeps_the_memory_and_is_told_of_the_end() {
    let init = a_driver_ends();
    let kept = [7, 11].map(|id| Handle(MEMORY.0 + id));
    assert!(kept.iter().all(|cap| init.machine.cap(*cap).is_some()));
    assert!(!kept.iter().any(|cap| init.machine.revoked.contains(cap)));
    let told = [7, 10, 11].map(|id| init.machine.cap(Handle(TOLD + id)).is_some());
    assert_eq!(told, [false, true, true], "what told rngd is gone");
    let calls = &init.machine.calls;
    let [revoked, signalled] =
        ["revoke", "signal"].map(|call| calls.iter().rposition(|one| *one == call).unwrap());
    assert!(revoked < signalled, "it is gone when the shell looks");
    // By the bit of the first ring of the shell.
    assert_eq!(init.machine.signalled, [(Handle(TOLD + 10), 1)]);
    assert_eq!(init.registry.service(7).unwrap().told, Handle::NONE);
}

// attack 92 U: memory of a ring whose driver has ended, for a service that is started after it; it is given to nobody; broken: init-ring-again
#[test]
fn a_ring_that_is_over_is_given_to_nobody() {
    let mut init = a_driver_ends();
    init.machine.live = true;
    let before = init.machine.holders(KindCode::Vmo);
    assert_eq!(init.share(7, RNGD).unwrap().len(), 0);
    let caps = init.share(10, NSH_PROCESS).unwrap();
    let peers: Vec<_> = caps.iter().map(|cap| (cap.role, cap.index)).collect();
    let [ring, tell, own] = [Role::Ring, Role::Tell, Role::Told].map(Role::code);
    assert_eq!(peers, [(ring, 11), (tell, 11), (own, 0)], "only that with busd");
    assert_eq!(init.machine.holders(KindCode::Vmo), before + 1);
}

// attack 92 U: a ring is over, and nobody can say since when; it is recorded, once, after the end; broken: init-ring-end-record
#[test]
fn the_end_of_a_ring_is_recorded_once() {
    let mut init = a_driver_ends();
    let ledger = &init.machine.ledger;
    let of = |event| ledger.iter().filter(move |entry| entry.event == event);
    let first = *of(Event::Share).next().unwrap();
    let over = Entry { event: Event::Unshare, outcome: Outcome::None, ..first };
    assert!(of(Event::Unshare).eq([&over]));
    assert_eq!(ledger.last(), Some(&over));
    assert!(ledger.iter().rev().skip(1).any(|entry| entry.event == Event::Exit), "before it");

    // Its peer ends as well: the other ring is over by that, and the first was before.
    let records = init.machine.ledger.len();
    end(&mut init, NSH_PROCESS, EndReason::Exit(0));
    init.notified(u64::MAX);
    let after: Vec<_> = init.machine.ledger[records..].iter().map(|entry| entry.event).collect();
    assert_eq!(after, [Event::Exit, Event::Unshare]);
    assert_eq!(init.machine.ledger.last().map(|entry| entry.asker), Some(Asker::new(11)));
    assert_eq!(init.machine.signalled.last(), Some(&(Handle(TOLD + 11), 1)));
}

// attack 92 F: a service that could not be started has a part in a ring; nobody waits for it, and nothing is recorded that was not given
#[test]
fn a_ring_of_whoever_could_not_be_started_is_over() {
    let mut init = ringed();
    init.abandon(7, ServiceState::NotLoaded);
    assert_eq!(init.share(10, NSH_PROCESS).unwrap().len(), 3, "that with busd, alone");
    assert!(!init.machine.ledger.iter().any(|entry| entry.event == Event::Unshare));
}

// attack 59 U: a driver whose rings are over is started again; it shares memory that is new, and its peer has it from its own next life on; broken: init-ring-renewed
#[test]
fn who_is_started_after_its_end_shares_new_memory() {
    let mut init = a_driver_ends();
    init.machine.live = true;
    init.renew(7).unwrap();
    let old = Handle(MEMORY.0 + 7);
    let ring = init.rings.iter().find(|ring| ring.server == 7).copied().unwrap();
    assert!(ring.memory != old && !ring.over && init.machine.dropped.contains(&old));
    assert_eq!(init.machine.cap(ring.memory).unwrap().len, LEN);
    let caps = init.share(7, RNGD).unwrap();
    let [memory, _, told] = caps.as_slice() else { panic!("a ring: {caps:?}") };
    assert_eq!(init.machine.cap(Handle(memory.handle)).unwrap().parent, Some(ring.memory));
    let own = init.registry.service(7).unwrap().told;
    assert_eq!(init.machine.cap(Handle(told.handle)).unwrap().parent, Some(own));
    let shares = init.machine.ledger.iter().filter(|entry| entry.event == Event::Share).count();
    assert_eq!(shares, 3, "both, and the first one anew");
    init.renew(7).unwrap();
    assert_eq!(init.registry.service(7).unwrap().told, own, "once");
}

#[test]
fn a_ring_of_others_that_is_over_stays_so() {
    let mut init = a_driver_ends();
    end(&mut init, BUSD, EndReason::Exit(0));
    init.notified(u64::MAX);
    let over = |init: &Init<Fake>| init.rings.iter().map(|ring| ring.over).collect::<Vec<_>>();
    assert_eq!(over(&init), [true, true]);
    init.renew(7).unwrap();
    assert_eq!(over(&init), [false, true]);
    assert_eq!(init.rings[1].memory, Handle(MEMORY.0 + 11));
}

/// With a ring or without: by the notification that asks it, and one to answer to.
#[test]
fn who_is_asked_whether_it_answers_is_told_how() {
    let answers = Handle(3200);
    let answer = (Role::Answer.code(), 0, 4, 0, answers, Rights::SEND);
    let own = |id| (Role::Told.code(), 0, 0, 0, Handle(TOLD + id), BOTH);
    for (id, asked_by, expected) in [
        (7, Handle(TOLD + 7), vec![answer, own(7)]),
        (8, Handle(TOLD + 11), vec![answer, own(11)]),
        (8, Handle::NONE, vec![]),
    ] {
        let mut init = ringed();
        let likeness = init.machine.cap(Handle(TOLD + 7)).unwrap().clone();
        init.machine.caps.push(Cap { handle: answers, ..likeness });
        init.machine.answers = Some((id, answers, 4));
        init.registry.service_mut(id).unwrap().told = asked_by;
        let process = init.registry.service(id).unwrap().process.unwrap();
        let caps = init.share(id, process).unwrap();
        let rings = if id == 7 { 2 } else { 0 };
        assert_eq!(told(&init, &caps)[rings..], expected);
    }
}

/// The memory of the ring of one of the consumers of busd.
fn memory_of(consumer: u64) -> Handle {
    Handle(MEMORY.0 + if consumer == 10 { 11 } else { consumer })
}

/// Everybody of [`served`] has its part of every ring.
fn all_served() -> Init<Fake> {
    let mut init = served();
    for (service, process) in [(11, BUSD), (7, RNGD), (8, Handle(80)), (10, NSH_PROCESS)] {
        init.share(service, process).unwrap();
    }
    init
}

// attack 92 U: a server shares memory with many; each has its own, and tells the server by its own bit; broken: init-ring-bit
#[test]
fn each_consumer_of_a_server_has_memory_and_a_bit_of_its_own() {
    let mut init = served();
    let (ring, tell, own) = (Role::Ring.code(), Role::Tell.code(), Role::Told.code());
    let bell = |id: u64| Handle(TOLD + id);
    let caps = init.share(11, BUSD).unwrap();
    let part = |id: u32, bit| {
        let (memory, peer) = (memory_of(u64::from(id)), bell(u64::from(id)));
        [(ring, id, bit, LEN, memory, SHARED), (tell, id, 1, 0, peer, Rights::SEND)]
    };
    let parts = [part(7, 1), part(8, 2), part(10, 4)].concat();
    let expected = [parts, vec![(own, 0, 0, 0, bell(11), BOTH)]].concat();
    assert_eq!(told(&init, &caps), expected);
    for (id, process, bit) in [(7, RNGD, 1), (8, Handle(80), 2), (10, NSH_PROCESS, 4)] {
        let caps = init.share(id, process).unwrap();
        let expected = [
            (ring, 11, 1, LEN, memory_of(u64::from(id)), SHARED),
            (tell, 11, bit, 0, bell(11), Rights::SEND),
            (own, 0, 0, 0, bell(u64::from(id)), BOTH),
        ];
        assert_eq!(told(&init, &caps), expected);
    }
    let shares = init.machine.ledger.iter().filter(|entry| entry.event == Event::Share);
    let about: Vec<_> = shares.map(|entry| (entry.subject.id, entry.asker)).collect();
    assert_eq!(about, [7, 8, 10].map(|consumer| (consumer, Asker::new(11))));
}

// attack 92 U: one of the consumers of a server ends; the server is told which, and the others have what they had
#[test]
fn the_end_of_one_consumer_is_no_end_for_the_others() {
    let mut init = all_served();
    end(&mut init, Handle(80), EndReason::Killed(0));
    init.notified(u64::MAX);
    init.machine.live = true;
    assert_eq!(init.machine.signalled, [(Handle(TOLD + 11), 2)], "by the bit of that ring");
    let over: Vec<_> = init.rings.iter().map(|ring| (ring.consumer, ring.over)).collect();
    assert_eq!(over, [(7, false), (8, true), (10, false)]);
    let ends = init.machine.ledger.iter().filter(|entry| entry.event == Event::Unshare);
    assert_eq!(ends.map(|entry| entry.subject.id).collect::<Vec<_>>(), [8]);
    let told = [7, 10, 11].map(|id| init.machine.cap(Handle(TOLD + id)).is_some());
    assert_eq!(told, [true; 3]);
    // The next life of the server has the rest, by the bits of before.
    let caps = init.share(11, BUSD).unwrap();
    let rings: Vec<_> = caps.iter().filter(|cap| cap.role == Role::Ring.code()).collect();
    let bits: Vec<_> = rings.iter().map(|cap| (cap.index, cap.base)).collect();
    assert_eq!(bits, [(7, 1), (10, 4)]);

    // Whoever is started again by order shares new memory with it, and the others keep theirs.
    let before = init.rings.clone();
    init.renew(8).unwrap();
    let kept = [0, 2].map(|index| init.rings[index] == before[index]);
    assert_eq!(kept, [true, true]);
    assert!(init.rings[1].memory != before[1].memory && !init.rings[1].over);
    let caps = init.share(8, Handle(80)).unwrap();
    let parent = |cap: &StartupCap| init.machine.cap(Handle(cap.handle)).unwrap().parent;
    assert_eq!(parent(&caps[0]), Some(init.rings[1].memory));
    assert_eq!(caps[1].base, 2);
}

// attack 92 U: a server of many ends for good; each consumer is told, and all its rings are over, on record; broken: init-ring-woken
#[test]
fn the_end_of_a_server_is_told_to_each_consumer() {
    let mut init = all_served();
    end(&mut init, BUSD, EndReason::Killed(0));
    init.notified(u64::MAX);
    let signalled = [7, 8, 10].map(|id| (Handle(TOLD + id), 1));
    assert_eq!(init.machine.signalled, signalled);
    assert!(init.rings.iter().all(|ring| ring.over));
    let ends = init.machine.ledger.iter().filter(|entry| entry.event == Event::Unshare);
    assert_eq!(ends.map(|entry| entry.subject.id).collect::<Vec<_>>(), [7, 8, 10]);
    assert!(init.machine.cap(Handle(TOLD + 11)).is_none(), "nobody can tell it anything");
}
