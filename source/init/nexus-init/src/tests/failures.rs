//! A restart at each call of which something goes wrong, in every way that it can: what must be true then,
//! and once everything goes well again.

use nexus_abi::{EndReason, KindCode, Role};
use nexus_proto::init::{DmaState, Last, OwnerState, Restart as Again, Stop};
use nexus_proto::log::Event;
use nexus_proto::{Subject, Zero, ids};
use nexus_sysdesc::restart::LIMIT;
use nexus_sysdesc::{Restart, Ring, Rule};

use super::*;
use crate::grant::Piece;
use crate::init::Lines;
use crate::records::RingRecord;
use crate::testing::{At, Cap, INTERVAL, LINE_COUNT, LINES, Wrong};

const RING: Handle = Handle(3000);
const PAGES: u16 = 65;

/// Everybody is started again but busd: logd, rngd with a device that reaches memory, its line and a ring
/// with the shell, and greedy with a window.
fn restarting() -> Init<Fake> {
    let mut described = description(&[&SHELL[..], &[Permission::Supervise]].concat());
    described.services.insert(2, service(ids::LOGD, "logd", &[], &[]));
    for service in described.services.iter_mut().filter(|one| ![1, ids::BUSD].contains(&one.id)) {
        service.restart = Restart::Always;
    }
    described.devices[usize::from(RNG)].irq = true;
    described.services[3].needs = vec![Need { irq: true, ..need(RNG) }];
    described.services[4].needs = vec![need(UART)];
    let (id, reason) = ("ring".into(), "a test".into());
    described.services[5].talks_to = vec![7];
    described.services[5].rings = vec![Ring { server: 7, pages: PAGES, id, reason }];
    let uart = Rule { number: 2, id: "uart".into(), subject: 8, device: UART, ..rule() };
    let uart = Rule { registers: None, queues: Vec::new(), ..uart };
    described.rules = vec![Rule { irq: true, interval: INTERVAL, ..rule() }, uart];
    described.validate().unwrap();
    let mut init = started_as(described);
    init.lines =
        vec![Lines { handle: LINES, first: 1, count: LINE_COUNT, timebase_hz: init.timebase_hz }];
    let logd = init.registry.service_mut(ids::LOGD).unwrap();
    (logd.process, logd.incarnation, logd.state) = (Some(Handle(30)), 1, ServiceState::Started);
    logd.endpoint = Handle(1003);
    init.machine.ends.push((Handle(30), Sender { service_id: ids::LOGD, incarnation: 1 }, None));
    let endpoints = [1, 2, 3, 7, 8, 10, 11].map(|id| (KindCode::Endpoint, 1000 + id));
    let memory = [1, 2, 7, 8, 10, 11].map(|id| (KindCode::Vmo, 2000 + id));
    let told = [7, 10].map(|id| (KindCode::Notification, 3100 + id));
    let objects = endpoints.into_iter().chain(memory).chain(told);
    for (kind, handle) in objects.chain([(KindCode::Vmo, RING.0)]) {
        let (rights, handle, len) = (Rights::all(), Handle(handle), u64::from(PAGES) * 4096);
        let (holder, base, limit, parent) = (None, 0, None, None);
        init.machine.caps.push(Cap { holder, kind, rights, base, len, limit, parent, handle });
    }
    for id in [7, 10] {
        init.registry.service_mut(id).unwrap().told = Handle(3100 + u64::from(id));
    }
    let (memory, len) = (RING, u64::from(PAGES) * 4096);
    init.rings =
        vec![RingRecord { consumer: 10, server: 7, memory, len, recorded: false, over: false }];
    init.registry.service_mut(11).unwrap().endpoint = Handle(1011);
    init.part_lines();
    init.give(7, RNGD, &Need { irq: true, ..need(RNG) }).unwrap();
    init.share(7, RNGD).unwrap();
    init.give(8, Handle(80), &need(UART)).unwrap();
    init.share(10, Handle(90)).unwrap();
    init.drop_roots();
    check(&init);
    init.machine.ledger.clear();
    init.machine.calls.clear();
    init
}

/// Init hears of every end that it can hear of.
fn hears(init: &mut Init<Fake>) {
    let is_dead = |id: u32| init.machine.is_dead(id);
    let services = init.registry.services().iter();
    let dead = services.enumerate().filter(|(_, record)| is_dead(record.id));
    let bits = dead.fold(0, |bits, (index, _)| bits | 1 << index);
    init.notified(bits);
}

/// All that follows, until nothing is to come.
fn settle(init: &mut Init<Fake>) {
    for _ in 0..8 * LIMIT {
        hears(init);
        let Some(tick) = init.next_start() else { return };
        init.machine.now = init.machine.now.max(tick);
        init.start_due();
    }
    panic!("it comes to nothing: {:?}", init.machine.calls);
}

/// These die, init hears of it, and starts them again when it is time, once.
fn restart(init: &mut Init<Fake>, dead: &[u32]) {
    for id in dead {
        init.machine.dies(*id, EndReason::Exit(3));
    }
    hears(init);
    init.machine.now = init.next_start().unwrap_or(init.machine.now);
    init.start_due();
}

/// What must be true whenever init waits.
fn check(init: &Init<Fake>) {
    check_own(init);
    check_processes(init);
    check_endpoints(init);
    check_device(init);
}

/// Init has what it knows of, and knows of what it has.
fn check_own(init: &Init<Fake>) {
    let registry = &init.registry;
    let services = registry.services().iter();
    let of_services = services
        .flat_map(|record| record.memory.iter().copied().chain([record.endpoint, record.told]));
    let kept = registry
        .devices()
        .iter()
        .flat_map(|device| Piece::ALL.map(|piece| device.pieces.kept(piece)).into_iter().flatten());
    let roots = init.roots.iter().map(|root| root.handle);
    let lines = init.lines.iter().map(|lines| lines.handle);
    let rings = init.rings.iter().map(|ring| ring.memory);
    let mut known: Vec<Handle> = of_services.chain(kept).chain(roots).chain(lines).collect();
    known.extend(rings);
    known.retain(|handle| *handle != Handle::NONE);
    known.sort_unstable_by_key(|handle| handle.0);
    let own = init.machine.caps.iter().filter(|cap| cap.holder.is_none());
    let mut own: Vec<Handle> = own.map(|cap| cap.handle).collect();
    own.sort_unstable_by_key(|handle| handle.0);
    assert_eq!(own, known);
}

/// Every process that init has is that of a service, and nobody else holds anything.
fn check_processes(init: &Init<Fake>) {
    let machine = &init.machine;
    let processes = machine.ends.iter().map(|(process, ..)| *process);
    let own: Vec<Handle> = processes.filter(|process| !machine.dropped.contains(process)).collect();
    let mut known: Vec<Handle> =
        init.registry.services().iter().filter_map(|record| record.process).collect();
    known.sort_unstable_by_key(|handle| own.iter().position(|one| one == handle));
    assert_eq!(own, known);
    for held in machine.caps.iter().filter_map(|cap| cap.holder) {
        assert!(known.contains(&held) && !machine.has_died(held), "an orphan");
    }
}

/// Of a life, of one to come, and of init exactly one answers whoever calls.
fn check_endpoints(init: &Init<Fake>) {
    for record in init.registry.services().iter().filter(|record| record.id != 1) {
        let answers = init.machine.gone.iter().filter(|(id, _)| *id == record.id).count();
        let is_final = matches!(
            record.state,
            ServiceState::Ended | ServiceState::GivenUp | ServiceState::Stopped
        );
        let (id, state) = (record.id, record.state);
        // Who has one life is gone for the kernel.
        let has_one = record.last == Some(Last::Never);
        assert_eq!(answers, usize::from(is_final && !has_one), "{id}: {state:?}");
        assert_eq!(record.endpoint == Handle::NONE, has_one, "{id}: {state:?}");
        assert_eq!(record.last.is_some(), is_final, "{id}: {state:?}");
        assert_eq!(record.again.is_some(), state == ServiceState::Restarting, "{id}: {state:?}");
    }
}

/// Who has rng0 has all of it, and nobody a part of it: then it is at rest, or in quarantine.
fn check_device(init: &Init<Fake>) {
    let record = init.registry.device(RNG).unwrap();
    let process = init.registry.service(7).unwrap().process;
    let holders = |piece: Piece| {
        let held = record.pieces.held(piece).and_then(|held| init.machine.cap(held));
        held.and_then(|cap| cap.holder)
    };
    let dead = init.machine.is_dead(7);
    if record.state == OwnerState::Held && !dead {
        assert_eq!(Piece::ALL.map(holders), [process; 4]);
        assert_eq!(record.owner, init.registry.subject(7));
        assert_eq!(record.dma, DmaState::InUse);
    } else if !dead {
        assert_eq!(record.pieces, crate::grant::Pieces::NONE);
        assert_ne!(record.dma, DmaState::InUse);
        assert!(record.dma == DmaState::Quarantined || init.machine.busd.set_up.is_empty());
        let range = record.window.unwrap();
        let windows = init.machine.caps.iter().filter(|cap| cap.kind == KindCode::DeviceMmio);
        assert_eq!(windows.filter(|cap| cap.base == range.base).count(), 1, "busd's");
    }
}

/// What can go wrong.
fn wrongs() -> Vec<Wrong> {
    let deaths = [ids::POLICYD, ids::LOGD, 7, 8, 10].map(Wrong::Dies);
    let calls =
        [Wrong::Refused, Wrong::Gone, Wrong::Lost, Wrong::Late, Wrong::Stranger, Wrong::Garbled];
    calls.into_iter().chain(deaths).chain([Wrong::Dies(ids::BUSD)]).collect()
}

/// What is left of a service: it runs, or does not and there is a reason, which is in words. With `on`, what
/// went wrong still does: its start may have been ordered, and refused.
fn check_outcome(init: &Init<Fake>, id: u32, on: bool) {
    let record = init.registry.service(id).unwrap();
    match record.state {
        ServiceState::Started => {
            assert!(!init.machine.is_dead(id));
            let ring = init.rings.first().unwrap();
            let peers = [ring.consumer, ring.server].map(|id| runs(init, id));
            assert!(!ring.over || peers != [true; 2], "both run, and share nothing any more");
        }
        ServiceState::GivenUp => {
            let why = record.last.unwrap();
            assert!(matches!(why, Last::TooOften | Last::NoDevice), "{id}: {why:?}");
        }
        ServiceState::Ended => assert_eq!((id, record.last), (ids::BUSD, Some(Last::Never))),
        ServiceState::Restarting => assert!(!is_able(init, id), "{id} waits for nobody"),
        ServiceState::Stopped => assert!(on, "{id} was started by order"),
        state => panic!("{id}: {state:?}"),
    }
}

/// Those run whom it needs to be started again.
fn is_able(init: &Init<Fake>, id: u32) -> bool {
    let (logd, policyd) = (runs(init, ids::LOGD), runs(init, ids::POLICYD));
    match id {
        7 | 8 => logd && policyd,
        id => id != ids::POLICYD || logd,
    }
}

/// Every life that has ended is on record, or people were told.
fn check_told(init: &Init<Fake>) {
    let ends = init.machine.ends.iter().filter(|(_, _, end)| *end == Some(EndReason::Exit(3)));
    let ran = |subject: Subject| {
        let mut started = init.machine.started.iter();
        let life = |block: &nexus_abi::Startup| (block.service_id, block.incarnation);
        subject.incarnation == 1
            || started.any(|(.., block)| life(block) == (subject.id, subject.incarnation))
    };
    for subject in ends.map(|(_, id, _)| Subject::from(*id)).filter(|subject| ran(*subject)) {
        let ledger = &init.machine.ledger;
        let mut exits = ledger.iter().filter(|entry| entry.event == Event::Exit);
        let said = init.machine.said.iter();
        let name = init.registry.name(subject.id);
        let mut said = said.filter(|line| line.starts_with(&format!("{name} ended")));
        assert!(
            exits.any(|entry| entry.subject == subject) || said.next().is_some(),
            "{subject:?}: {:?}",
            init.machine.said
        );
    }
}

/// Orders the start of a service, and once more when that is refused.
fn order_start(init: &mut Init<Fake>, service: u32) {
    let zero = Zero::ZERO;
    if ask(init, NSH, Again { service, zero }) == Err(ServiceError::Unavailable) {
        hears(init);
        let _ = ask(init, NSH, Again { service, zero });
    }
}

/// How a restart comes about.
type Act = fn(&mut Init<Fake>);

/// Each call of what follows `act` goes wrong in each way, once or from there on.
fn every_failure(act: Act, least: usize) {
    let fresh = restarting();
    let mut good = fresh.clone();
    act(&mut good);
    settle(&mut good);
    check(&good);
    let calls = good.machine.calls.len();
    let mut failures = 0;
    for call in 0..calls {
        for wrong in wrongs() {
            for on in [false, true] {
                failures += usize::from(fails_at(fresh.clone(), act, At { call, wrong, on }));
            }
        }
    }
    println!("{failures} failures at {calls} calls");
    assert!(failures >= least, "{failures} at {calls} calls");
}

fn runs(init: &Init<Fake>, id: u32) -> bool {
    init.registry.service(id).is_some_and(|one| one.state == ServiceState::Started)
}

/// True for what is no want of time or room: busd is no good, or not believed, or policyd is not.
fn costs_a_device(wrong: Wrong, call: &str) -> bool {
    match call {
        "prepare" | "release" | "query" => true,
        "decide" | "epoch" => {
            matches!(wrong, Wrong::Refused | Wrong::Stranger | Wrong::Garbled)
        }
        _ => false,
    }
    .max(wrong == Wrong::Dies(ids::BUSD))
}

/// False when nothing can go wrong like that.
fn fails_at(mut init: Init<Fake>, act: Act, at: At) -> bool {
    init.machine.wrong = Some(at);
    act(&mut init);
    settle(&mut init);
    if !init.machine.happened {
        return false;
    }
    println!("{at:?}: {:?}", init.machine.calls.get(at.call));
    check(&init);
    check_told(&init);
    for id in [2, 3, 7, 8, 10, 11] {
        check_outcome(&init, id, at.on);
    }
    if !at.on && !costs_a_device(at.wrong, init.machine.calls[at.call]) {
        assert!([2, 3, 7, 8, 10].iter().all(|id| runs(&init, *id)), "for good");
    }
    // Nothing goes wrong any more: who was to be started is, and whoever runs dies, and comes back.
    init.machine.wrong = None;
    let stopped = init.registry.services().iter().filter(|one| one.state == ServiceState::Stopped);
    for id in stopped.map(|one| one.id).collect::<Vec<_>>() {
        order_start(&mut init, id);
        assert_ne!(init.registry.service(id).unwrap().state, ServiceState::Stopped);
    }
    init.machine.now += nexus_sysdesc::restart::PERIOD;
    let able = [2, 3, 8, 10].into_iter().chain(Some(7).filter(|_| runs(&init, ids::BUSD)));
    let alive: Vec<u32> = able.filter(|id| runs(&init, *id)).collect();
    restart(&mut init, &alive);
    settle(&mut init);
    check(&init);
    for id in alive.iter().filter(|id| is_able(&init, **id)) {
        assert!(runs(&init, *id), "{id} is not started again");
    }
    true
}

// attack 56 F: the owner of a line dies, and anything goes wrong at any call of what follows; the line is taken back before anything else, and nobody but the next life has it
// attack 57 F: anything goes wrong at any call of init while a driver is started again, or somebody dies; it comes back later, or is given up with a reason, and nothing is left over; broken: init-end-unseen, init-want-is-final, init-life-left
// attack 61 F: a driver dies at any call of its own grant; nothing of it is left, and its next life has its device; broken: init-start-undone, init-process-left
// attack 91 F: anybody dies at any call of the restart of another; init goes on, and the rest comes back; broken: init-answers-twice
#[test]
fn a_driver_comes_back_whatever_goes_wrong_on_the_way() {
    every_failure(|init| restart(init, &[7]), 650);
}

// attack 60 F: policyd, logd or busd is gone, late, wrong or dies at any call of the restart of a driver and of themselves; init gets on
#[test]
fn policyd_and_logd_come_back_whatever_goes_wrong_on_the_way() {
    every_failure(|init| restart(init, &[2]), 130);
    every_failure(|init| restart(init, &[3]), 110);
    every_failure(|init| restart(init, &[2, 3, 7, 8]), 1300);
}

// attack 59 F: anything goes wrong while a driver that was stopped is started by order; it has its device and new rings, or is given up with a reason; broken: init-ring-half-renewed
#[test]
fn a_driver_that_was_stopped_comes_back_whatever_goes_wrong_on_the_way() {
    let act = |init: &mut Init<Fake>| {
        let (service, zero) = (7, Zero::ZERO);
        let _ = ask(init, NSH, Stop { service, zero });
        hears(init);
        order_start(init, service);
        init.start_due();
    };
    every_failure(act, 700);
}

// attack 91 F: anything goes wrong while a driver and its client that were stopped are started by order; both come back, and share a ring again
#[test]
fn both_ends_of_a_ring_come_back_whatever_goes_wrong_on_the_way() {
    let act = |init: &mut Init<Fake>| {
        let zero = Zero::ZERO;
        for service in [10, 7] {
            let _ = ask(init, NSH, Stop { service, zero });
            hears(init);
        }
        for service in [7, 10, 7] {
            order_start(init, service);
            hears(init);
            init.start_due();
        }
    };
    every_failure(act, 700);
}

// attack 91 U: a driver is started by order whose client stays away; it runs, and shares a ring with nobody; broken: init-ring-without-peer
#[test]
fn whose_peer_stays_away_is_started_without_the_ring() {
    let mut init = restarting();
    let zero = Zero::ZERO;
    for service in [10, 7] {
        ask(&mut init, NSH, Stop { service, zero }).unwrap();
        hears(&mut init);
    }
    ask(&mut init, NSH, Again { service: 7, zero }).unwrap();
    init.start_due();
    assert!(runs(&init, 7));
    let (.., block) = init.machine.started.last().unwrap();
    assert_eq!(block.with_role(Role::Ring).count(), 0);
    check(&init);
}
