//! What is given, and what is not.

use nexus_abi::{Error, Handle, KindCode};
use nexus_proto::init::{OwnerState, Refusal};
use nexus_proto::log::{Event, NO_DEVICE};
use nexus_proto::policy::{Reason, Verdict};

use super::*;
use crate::grant::{Piece, Pieces};
use crate::init::SECOND_QUESTIONS;
use crate::testing::Policyd;

#[test]
fn a_device_goes_to_its_owner_and_the_ledger_says_so() {
    let mut init = started();
    let window = init.give(7, RNGD, &need(RNG)).unwrap();
    assert_eq!(
        init.machine.cap(window.pieces.held(Piece::Window).unwrap()).unwrap().base,
        0x1000_6000,
        "by its DeviceID"
    );
    let record = init.registry.device(RNG).unwrap();
    assert_eq!((record.state, record.owner), (OwnerState::Held, RNGD_ID.into()));
    let grant = init.machine.ledger.last().unwrap();
    assert_eq!((grant.event, grant.device, grant.base), (Event::Grant, RNG, 0x1000_6000));
    assert_eq!(init.registry.held(), 1);
}

// attack 8 U: a service asks for a device of the kernel; refused, and recorded
#[test]
fn what_is_not_there_or_out_of_reach_is_refused_unasked_and_recorded() {
    let mut init = started();
    let before = init.machine.calls.len();
    assert!(init.give(8, Handle(80), &need(GONE)).is_err());
    assert!(init.give(8, Handle(80), &need(CLINT)).is_err());
    let calls = &init.machine.calls[before..];
    assert!(calls.iter().all(|call| *call == "record"), "{calls:?}");
    let reasons: Vec<u8> = init.machine.ledger.iter().map(|entry| entry.reason).collect();
    let expected = [Refusal::Absent, Refusal::OutOfReach];
    assert_eq!(reasons, expected.map(|refusal| refusal.code()));
    assert!(init.machine.ledger.iter().all(|entry| entry.event == Event::Refusal));
    assert_eq!(init.registry.device(GONE).unwrap().refusal.as_deref(), Some("absent"));
    assert_eq!(init.registry.device(GONE).unwrap().state, OwnerState::NotFound);
}

#[test]
fn a_denial_shows_its_reason() {
    let mut init = started();
    init.machine.policyd = Policyd::Edited(|_, answer| {
        answer.verdict = Verdict::Deny;
        answer.reason = Reason::NoRule;
    });
    assert!(init.give(8, Handle(80), &need(UART)).is_err());
    let record = init.registry.device(UART).unwrap();
    assert_eq!(record.state, OwnerState::Denied);
    assert_eq!(record.refusal.as_deref(), Some("denied:no-rule"));
    assert_eq!(init.machine.owners(), 0);
}

// attack 39 U: a device is asked for twice; it is given once
#[test]
fn a_device_is_given_once() {
    let mut init = started();
    assert!(init.give(7, RNGD, &need(RNG)).is_ok());
    assert!(init.give(8, Handle(80), &need(RNG)).is_err());
    assert_eq!(init.machine.owners(), 1);
}

// attack 26 U: a device is asked for after distribution; init has nothing left to give it from; broken: init-keeps-roots
#[test]
fn after_distribution_nothing_is_left_to_give() {
    let roots = started().roots;
    let mut init = distributed();
    assert_eq!(init.machine.dropped, [roots[0].handle]);
    let drop = init.machine.ledger.last().unwrap();
    assert_eq!((drop.event, drop.base, drop.len), (Event::Drop, ROOT_BASE, 0x1000));
    assert_eq!(drop.detail, KindCode::DeviceMmio.code());
    assert!(init.give(8, Handle(80), &need(UART)).is_err());
    let refusal = init.registry.device(UART).unwrap().refusal.as_deref();
    assert_eq!(refusal, Some("out-of-reach"));
    assert_eq!(init.machine.owners(), 1, "what was given stays given");
}

// attack 39 U: a second service asks for a window that is given; refused, and its owner stays; broken: init-forgets-owner
#[test]
fn a_refusal_to_another_leaves_the_owner_on_record() {
    let mut init = started();
    init.give(7, RNGD, &need(RNG)).unwrap();
    let held = init.registry.device(RNG).unwrap().clone();
    assert!(init.give(8, Handle(80), &need(RNG)).is_err());
    assert_eq!(init.registry.device(RNG), Some(&held));
    end(&mut init, RNGD, EndReason::Exit(0));
    init.notified(1 << 2);
    assert!(init.give(8, Handle(80), &need(RNG)).is_err());
    let record = init.registry.device(RNG).unwrap();
    assert_eq!((record.state, record.pieces), (OwnerState::OwnerEnded, Pieces::NONE));
}

// attack 83 F: policyd is late for one device of a boot, then for every one; the first is given, and the others cost one pause; broken: init-second-question
#[test]
fn a_boot_waits_for_who_comes_back_and_once_for_who_does_not() {
    let mut init = started();
    init.machine.policyd = Policyd::Fails(Error::TimedOut);
    init.machine.recovers = true;
    assert!(init.give(7, RNGD, &need(RNG)).is_ok(), "one stall costs no device");
    assert_eq!(init.second_questions, SECOND_QUESTIONS - 1);

    init.machine.policyd = Policyd::Fails(Error::TimedOut);
    for _ in 0..2 {
        assert!(init.give(8, Handle(80), &need(UART)).is_err());
    }
    assert_eq!(init.second_questions, 0);
    let pauses = init.machine.calls.iter().filter(|call| **call == "wait").count();
    assert_eq!(pauses, 2);
}

#[test]
fn nobody_waits_once_everything_is_given_out() {
    let init = distributed();
    assert_eq!(init.second_questions, 0);
}

// attack 80 U: more devices of a kind than are described; each that nobody gets is on record; broken: unnamed-untold
#[test]
fn devices_that_nobody_gets_are_on_record() {
    let mut init = started();
    let (ambiguous, serial) = (Refusal::Ambiguous, Refusal::WrongSerial);
    let one = Range::new(0x1000_1000, 0x1000);
    init.unnamed = vec![("one".into(), one, ambiguous), ("two".into(), None, serial)];
    init.refuse_unnamed();
    let records = init.machine.ledger.iter().map(|entry| (entry.event, entry.device, entry.base));
    let refused = (Event::Refusal, NO_DEVICE);
    let expected = [(refused.0, refused.1, 0x1000_1000), (refused.0, refused.1, 0)];
    assert_eq!(records.collect::<Vec<_>>(), expected);
    let reasons = init.machine.ledger.iter().map(|entry| entry.reason).collect::<Vec<_>>();
    assert_eq!(reasons, [ambiguous.code(), serial.code()]);
}
