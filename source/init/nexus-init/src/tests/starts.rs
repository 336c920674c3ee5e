//! The first life of a service.

use nexus_abi::{EndReason, Error, KindCode, Role, StartupCap};
use nexus_loader::LoadError;
use nexus_proto::Subject;
use nexus_proto::init::{OwnerState, ServiceState};
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::{Reason, Verdict};

use super::*;
use crate::grant::Piece;
use crate::start::LoadFailure;
use crate::testing::Policyd;

/// Where rngd and the shell stand in the description.
const PLACE: usize = 2;
const SHELLS: usize = 4;

/// Everybody runs but rngd, which was not started yet.
fn waiting() -> Init<Fake> {
    waiting_for(7)
}

fn waiting_for(id: u32) -> Init<Fake> {
    let mut init = started();
    let endpoint = init.machine.object(KindCode::Endpoint, 0);
    let record = init.registry.service_mut(id).unwrap();
    (record.state, record.process, record.incarnation) = (ServiceState::Waiting, None, 0);
    record.endpoint = endpoint;
    init.machine.ends.retain(|(_, sender, _)| sender.service_id != id);
    init
}

#[test]
fn a_service_is_started_with_its_device() {
    let mut init = waiting();
    init.start_first(PLACE);
    let record = init.registry.service(7).unwrap();
    assert_eq!((record.state, record.lives), (ServiceState::Started, 1));
    assert_eq!((record.incarnation, record.born, record.since), (1, 777, 777));
    let [(7, process, block)] = init.machine.started[..] else { panic!("rngd") };
    assert_eq!(record.process, Some(process));
    let device = init.registry.device(RNG).unwrap();
    assert_eq!(device.owner, RNGD_ID.into());
    let memory = device.memory.unwrap();
    let told = |role| {
        let mut caps = block.with_role(role);
        let StartupCap { index, handle, base, len, .. } = *caps.next().unwrap();
        (index, Handle(handle), base, len)
    };
    let held = |piece| device.pieces.held(piece).unwrap();
    let rng = RNG.into();
    assert_eq!(told(Role::Window), (rng, held(Piece::Window), 0, 0x1000));
    assert_eq!(told(Role::Pool), (rng, held(Piece::Pool), 0xf, memory.pool));
    assert_eq!(told(Role::Used), (rng, held(Piece::Used), 0, memory.used));
    assert_eq!(init.machine.said, [""; 0]);
}

/// The grant of a device says so of the others.
#[test]
fn a_later_life_without_a_device_is_on_record_and_a_first_one_is_not() {
    let mut init = waiting_for(10);
    init.start_first(SHELLS);
    assert_eq!((init.registry.subject(10).incarnation, init.machine.ledger.len()), (1, 0));
    init.start_first(SHELLS);
    let [start] = init.machine.ledger[..] else { panic!("one: {:?}", init.machine.ledger) };
    let subject = Subject { id: 10, incarnation: 2 };
    assert_eq!(start, Entry::about(Event::Start, Outcome::None, subject));
}

/// People are told why, whatever logd does.
#[test]
fn who_cannot_be_loaded_for_the_first_time_is_never_started() {
    let failures = [
        (LoadFailure::Missing, "the boot archive has no program for it"),
        (LoadFailure::Program(LoadError::NotElf), "its program is malformed: NotElf"),
        (LoadFailure::Kernel(Error::NoMemory), "the kernel refused: NoMemory"),
        (LoadFailure::TooMuch, "its startup block is full"),
    ];
    for (why, text) in failures {
        let mut init = waiting();
        let endpoint = init.registry.service(7).unwrap().endpoint;
        init.machine.load_fails = Some(why);
        init.start_first(PLACE);
        assert_eq!(init.machine.said, [format!("init: rngd is not started: {text}")]);
        let record = init.registry.service(7).unwrap();
        assert_eq!((record.state, record.end, record.last), (ServiceState::NotLoaded, None, None));
        assert_eq!((record.lives, record.process, record.endpoint), (0, None, Handle::NONE));
        assert!(init.machine.cap(endpoint).is_none(), "whoever calls it is told so");
        assert_eq!(init.next_start(), None);
        let refusal = init.registry.device(RNG).unwrap().refusal.as_deref();
        assert_eq!(refusal, Some("not-loaded"));
    }
}

#[test]
fn who_is_denied_its_device_waits_for_ever() {
    let mut init = waiting();
    init.machine.policyd = Policyd::Edited(|_, answer| {
        (answer.verdict, answer.reason) = (Verdict::Deny, Reason::NoRule);
    });
    init.start_first(PLACE);
    let record = init.registry.service(7).unwrap();
    assert_eq!((record.state, record.end, record.last), (ServiceState::Waiting, None, None));
    assert_eq!((record.process, record.endpoint), (None, Handle::NONE));
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::Denied);
    assert_eq!((init.machine.owners(), init.next_start()), (0, None));
    let (.., end) = init.machine.ends.last().unwrap();
    assert_eq!(*end, Some(EndReason::Killed(0)), "its process is gone");
}
