//! What happens when a service ends.

use nexus_abi::{EndReason, Handle};
use nexus_proto::init::{EndKind, Last, OwnerState, Refusal, ServiceState, killed};
use nexus_proto::log::Event;
use nexus_sysdesc::Restart;
use nexus_sysdesc::restart::FIRST_PAUSE;

use super::*;
use crate::grant::Piece;
use crate::records::{Order, Then};

// attack 61 U: an owner ends; its window is taken back and that is recorded, in this order; broken: init-end-first
#[test]
fn an_end_is_recorded_and_all_comes_back() {
    let mut init = distributed();
    let pieces = init.registry.device(RNG).unwrap().pieces;
    let [window, pool, used] =
        [Piece::Window, Piece::Pool, Piece::Used].map(|piece| pieces.kept(piece).unwrap());
    let fault = EndReason::Fault { cause: 12, address: 0x1000, pc: 0x10_0042 };
    end(&mut init, RNGD, fault);
    init.notified(1 << 2);
    let exit = init.machine.ledger.last().unwrap();
    assert_eq!((exit.event, exit.subject), (Event::Exit, RNGD_ID.into()));
    assert_eq!((exit.reason, exit.detail), (EndKind::Fault.code(), 12));
    assert_eq!((exit.len, exit.base), (0x1000, 0x10_0042));
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::OwnerEnded);
    assert_eq!(init.registry.service(7).unwrap().state, ServiceState::Ended);
    let (endpoint, memory) = (Handle(1007), Handle(2007));
    assert_eq!(init.machine.revoked, [window, pool, used, endpoint], "it has one life");
    assert!(init.machine.dropped.ends_with(&[window, pool, used, memory, endpoint]));
    assert_eq!(init.machine.gone, []);
    assert_eq!(init.machine.busd.released, [RNG], "last");
    let at = |call: &str| init.machine.calls.iter().rposition(|one| *one == call);
    assert!(at("release") < at("record"), "it says that all has come back");

    let records = init.machine.ledger.len();
    init.notified(1 << 2);
    assert_eq!(init.machine.ledger.len(), records, "once");
}

#[test]
fn bits_that_mean_nothing_change_nothing() {
    let mut init = distributed();
    let records = init.machine.ledger.len();
    init.notified(u64::MAX);
    assert_eq!(init.machine.ledger.len(), records, "all are alive, init too");
    init.notified(0);
}

// attack 45 F: an owner ends while logd is gone; people are told
#[test]
fn without_logd_people_are_told() {
    let mut init = distributed();
    init.machine.records_left = Some(0);
    end(&mut init, RNGD, EndReason::Exit(3));
    init.notified(1 << 2);
    assert_eq!(init.machine.said, ["rngd ended: exit code 3"]);
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::OwnerEnded);
}

#[test]
fn what_could_not_be_started_keeps_nothing() {
    let mut init = started();
    init.give(8, Handle(80), &need(UART)).unwrap();
    init.refuse_needs(8, Refusal::NotLoaded);
    init.abandon(8, ServiceState::NotLoaded);
    assert_eq!(init.machine.owners(), 0);
    assert!(init.machine.dropped.contains(&Handle(80)), "its process ends");
    let service = init.registry.service(8).unwrap();
    assert_eq!((service.state, service.process), (ServiceState::NotLoaded, None));
    assert_eq!(init.machine.ledger.last().unwrap().event, Event::Revoke);
    let refusal = |device| init.registry.device(device).unwrap().refusal.as_deref();
    assert_eq!((refusal(CLINT), refusal(GONE)), (Some("not-loaded"), Some("not-loaded")));
}

// attack 61 U: one of two owners ends; the other keeps its window
#[test]
fn only_the_windows_of_who_ended_come_back() {
    let mut init = started();
    assert_eq!(init.registry.held(), 0);
    init.give(7, Handle(70), &need(RNG)).unwrap();
    init.give(8, Handle(80), &need(UART)).unwrap();
    assert_eq!(init.registry.held(), 2);
    init.abandon(8, ServiceState::NotLoaded);
    let held = init.registry.devices().iter().zip(0..);
    let held = held.filter(|(device, _)| device.state == OwnerState::Held).map(|(_, id)| id);
    assert!(held.eq([RNG]), "rngd's");
    assert_eq!(init.registry.held(), 1);
}

/// What follows an end: at once (0), after a pause (1), or nothing, and why.
type Follows = Result<u64, Last>;

fn follows(restart: Restart, then: Option<Then>, end_reason: EndReason) -> Follows {
    let mut described = description(&SHELL);
    described.services[2].restart = restart;
    let mut init = started_as(described);
    init.give(7, RNGD, &need(RNG)).unwrap();
    let order = then.map(|then| Order { asker: NSH.into(), then });
    init.registry.service_mut(7).unwrap().order = order;
    end(&mut init, RNGD, end_reason);
    init.notified(1 << 2);
    let record = init.registry.service(7).unwrap();
    let state = match record.last {
        None => ServiceState::Restarting,
        Some(Last::Stopped) => ServiceState::Stopped,
        Some(_) => ServiceState::Ended,
    };
    assert_eq!((record.state, record.since), (state, init.machine.now));
    let tick = record.again.ok_or_else(|| record.last.unwrap())?;
    assert_eq!(init.next_start(), Some(tick));
    Ok((tick - init.machine.now) * 100 / FIRST_PAUSE)
}

/// RFC-0005: by what the service file says, by what was ordered, and by how it ended.
#[test]
fn what_follows_an_end() {
    use Restart::{Always, Never, OnFailure};
    let fault = EndReason::Fault { cause: 13, address: 0, pc: 0 };
    let well = EndReason::Exit(0);
    for reason in [well, EndReason::Exit(1), fault, EndReason::Killed(killed::LATE)] {
        let failed = if reason == well { Err(Last::EndedWell) } else { Ok(1) };
        let by_order = failed.map(|_| 0);
        for (restart, unordered, ruled) in [
            (Never, Err(Last::Never), Err(Last::Never)),
            (OnFailure, failed, by_order),
            (Always, Ok(1), Ok(0)),
        ] {
            let last = |then| follows(restart, then, reason);
            assert_eq!(last(None), unordered, "{restart:?}, {reason:?}");
            assert_eq!(last(Some(Then::AsRuled)), ruled, "{restart:?}, {reason:?}");
            let lasts = restart != Never;
            let stopped = if lasts { Last::Stopped } else { Last::Never };
            assert_eq!(last(Some(Then::Stop)), Err(stopped), "{restart:?}, {reason:?}");
            let again = if lasts { Ok(0) } else { Err(Last::Never) };
            assert_eq!(last(Some(Then::Again)), again, "{restart:?}, {reason:?}");
        }
    }
}
