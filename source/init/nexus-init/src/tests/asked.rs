//! What policyd is asked, what of init's own is let go of, and what people are told.

use nexus_abi::{Error, KindCode};
use nexus_proto::init::{DmaState, OwnerState, Refusal, ServiceState, Try};
use nexus_proto::log::{Entry, Event};
use nexus_proto::policy::Reason;
use nexus_sysdesc::layout::Sizes;

use super::*;
use crate::grant::{Question, Refused};
use crate::testing::{LINES, Policyd, question};
use crate::words;

#[test]
fn policyd_is_asked_for_all_pages_of_the_window_and_of_the_memory() {
    let mut init = started();
    init.machine.policyd = Policyd::Edited(|ask, _| {
        assert_eq!(ask.pages, 1);
        assert_eq!(ask.pool, Sizes::of(&queues()).unwrap().pages());
    });
    assert!(init.give(7, RNGD, &need(RNG)).is_ok());
    ask(&mut init, NSH, Try { service: 7, device: RNG, rights: need(RNG).rights }).unwrap();

    let long = Question { len: 0x3000, ..question(1) };
    assert_eq!([question(1), long].map(|one| one.to_decide().pages), [1, 3]);
}

/// Also where busd has taken none of the others.
#[test]
fn what_init_keeps_of_windows_is_for_owners_of_devices_that_reach_no_memory() {
    for fails in [None, Some(Error::PeerGone)] {
        for asked in [true, false] {
            let mut description = description(&SHELL);
            if !asked {
                description.services[3].needs.clear();
            }
            let mut init = located_on(description, Fake::default());
            init.machine.busd.fails = fails;
            init.hand_over();
            let kept: Vec<u64> = init.roots.iter().map(|root| root.range.base).collect();
            assert_eq!(kept, if asked { vec![0x1000_0000] } else { vec![] });
        }
    }
}

#[test]
fn an_authority_that_is_let_go_of_is_gone_and_on_record() {
    let mut init = started();
    let dropped = init.registry.dropped;
    init.drop_authority(LINES, KindCode::Spawn);
    assert!(init.machine.cap(LINES).is_none());
    let entry = init.machine.ledger.last().unwrap();
    assert_eq!((entry.event, entry.detail), (Event::Drop, KindCode::Spawn.code()));
    assert_eq!(init.registry.dropped, dropped + 1);
}

#[test]
fn of_a_device_without_memory_there_is_nothing_to_be_cleared() {
    let mut init = started();
    let dma = |init: &Init<Fake>, device| init.registry.device(device).unwrap().dma;
    init.registry.released(RNG, DmaState::Quiet);
    assert_eq!(dma(&init, RNG), DmaState::None);
    init.registry.released(RNG, DmaState::Quarantined);
    assert_eq!(dma(&init, RNG), DmaState::Quarantined);

    let mut init = distributed();
    init.registry.released(RNG, DmaState::Quiet);
    assert_eq!(dma(&init, RNG), DmaState::Quiet);
}

/// The kernel says which services have ended; init does not look at the others.
#[test]
fn only_services_that_have_ended_are_looked_at() {
    let mut init = distributed();
    end(&mut init, RNGD, EndReason::Exit(0));
    let others = !(1 << 2);
    init.notified(others);
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::Held);
    init.notified(1 << 2);
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::OwnerEnded);
}

#[test]
fn people_are_told_names_and_reasons() {
    let init = started();
    assert_eq!(init.registry.device_name(RNG), "rng0");
    assert_eq!(init.registry.device_name(99), "?");
    let (refusal, released) = (Refusal::PolicyDenied, None);
    let denied = Refused { refusal, ruling: Some((Reason::NoRule, 0)), released };
    assert_eq!(words::sentence(&denied), Reason::NoRule.text());
    let silent = Refused { refusal, ruling: None, released };
    assert_eq!(words::sentence(&silent), Refusal::PolicyDenied.text());
    let absent = Refused { refusal: Refusal::Absent, ruling: Some((Reason::NoRule, 0)), released };
    assert_eq!(words::sentence(&absent), Refusal::Absent.text());
}

#[test]
fn a_revoke_says_what_the_grant_said() {
    let mut init = started();
    assert!(init.give(7, RNGD, &need(RNG)).is_ok());
    let grant = *init.machine.ledger.last().unwrap();
    init.abandon(7, ServiceState::NotLoaded);
    let revoke = init.machine.ledger.iter().find(|one| one.event == Event::Revoke).unwrap();
    let said = |one: &Entry| {
        let part = (one.base, one.len, one.rights, one.registers, one.line);
        (one.device, part, one.rule, one.epoch)
    };
    assert_eq!(said(revoke), said(&grant));
    assert!(grant.rule != 0 && grant.epoch != 0 && grant.base != 0);
}
