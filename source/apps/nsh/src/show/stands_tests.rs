use super::*;
use crate::fixture::{SECOND, life, names, owner};
use crate::table::{columns, width};

fn ended(state: ServiceState, last: Last) -> LifeInfo {
    let (code, deaths) = (3, 8);
    LifeInfo { end: EndKind::Exit, code, last, deaths, ..life(7, 8, state) }
}

fn text(life: &LifeInfo, state: OwnerState, dma: DmaState) -> String {
    let owner = owner(3, life.service.id, state);
    let device = Device { owner: &owner, dma: Some(dma), life: Some(life) };
    stands(life, &[device], 12 * SECOND, &names())
}

#[test]
fn who_runs_needs_nothing() {
    let ready = life(7, 3, ServiceState::Ready);
    assert_eq!(
        text(&ready, OwnerState::Held, DmaState::InUse),
        "\
rngd is ready in life 3, for 12 s
  device     rngd holds rng0
"
    );
}

#[test]
fn given_up_says_why_and_what_starts_it() {
    let given_up = ended(ServiceState::GivenUp, Last::TooOften);
    assert_eq!(
        text(&given_up, OwnerState::OwnerEnded, DmaState::Quiet),
        "\
rngd ended 12 s ago in life 8, and is not started again: it has ended too often
in too short a time
  last end   exit 3
  deaths     8 in the last minute; 8 are too many
  device     rng0 is with nobody: rngd ended, and is not started again: it has
             ended too often in too short a time
  to change  `restart rngd` starts it again; `log rngd` tells more
"
    );
}

#[test]
fn a_device_in_quarantine_is_lost_for_this_run() {
    let given_up = ended(ServiceState::GivenUp, Last::NoDevice);
    assert_eq!(
        text(&given_up, OwnerState::OwnerEnded, DmaState::Quarantined),
        "\
rngd ended 12 s ago in life 8, and is not started again: a device that it needs
could not be given to it again
  last end   exit 3
  deaths     8 in the last minute; 8 are too many
  device     rng0 did not come to rest when rngd ended, or nobody could tell: it
             is in quarantine, and is given to nobody until the machine starts
             anew
  to change  nothing in this run: `reboot` starts all anew
"
    );
}

#[test]
fn who_is_started_again_says_when() {
    let again = 12 * SECOND + SECOND / 10;
    let restarting = LifeInfo { again, ..ended(ServiceState::Restarting, Last::None) };
    let text = text(&restarting, OwnerState::OwnerEnded, DmaState::Quiet);
    assert!(text.starts_with("rngd ended 12 s ago in life 8, and is started again in 100 ms\n"));
    assert!(text.contains("rng0 is with nobody: rngd ended, and is started again in 100 ms\n"));
    assert!(text.ends_with("  to change  `restart rngd` starts it now\n"), "{text}");
}

#[test]
fn who_waits_for_who_decides_says_so() {
    let waits = ended(ServiceState::Restarting, Last::None);
    let text = text(&waits, OwnerState::OwnerEnded, DmaState::Quiet);
    assert!(text.contains("and is started again once policyd and logd run\n"), "{text}");
    assert!(text.contains("  to change  `restart policyd` and `restart logd` start"), "{text}");
}

#[test]
fn who_decides_and_records_is_missed() {
    for id in [ids::POLICYD, ids::LOGD, ids::BUSD] {
        let gone = LifeInfo { last: Last::Never, ..life(id, 1, ServiceState::Ended) };
        let text = stands(&gone, &[], 0, &names());
        assert!(text.contains("  meanwhile  "), "{text}");
        assert!(text.ends_with("  to change  `reboot` starts all anew\n"), "{text}");
        let there = life(id, 1, ServiceState::Started);
        assert_eq!(stands(&there, &[], 0, &names()).lines().count(), 1);
    }
}

#[test]
fn every_state_has_words_that_fit() {
    for state in ServiceState::ALL {
        for last in Last::ALL {
            for held in OwnerState::ALL {
                let text = text(&ended(*state, *last), *held, DmaState::Quiet);
                assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
                let runs = matches!(state, ServiceState::Started | ServiceState::Ready);
                assert_eq!(text.contains("to change"), !runs, "{text}");
            }
        }
    }
}
