//! All states to a bound.

use std::env;
use std::thread;

use nexus_states::lives::Lives;
use nexus_states::model::Bound;
use stateright::{Checker, Expectation, Model};

/// Events and states of two grants, as `NEXUS_STATES_EVENTS` asks: 2 when it does not.
const TWO_GRANTS: [(u8, usize); 2] = [(2, 410_206), (3, 3_120_036)];

/// Explores everything within `bound`. Fewer than `least` states mean that something can no longer
/// happen that could.
fn explore(bound: Bound, least: usize) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let checker = bound.checker().threads(threads).spawn_bfs().join();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!("states {states}, steps {steps}, depth {}: {bound:?}", checker.max_depth());
    for property in bound.properties() {
        let found = checker.discovery(property.name);
        // One late answer is no refusal: it takes two.
        let reachable = property.name != "PolicyLate" || bound.events > 1;
        if property.expectation == Expectation::Sometimes && reachable {
            assert!(found.is_some(), "never reached: {}", property.name);
        } else if let Some(path) = found.filter(|_| property.expectation == Expectation::Always) {
            let wrong = path.last_state().init.machine.wrong;
            let actions = path.into_actions();
            panic!("not true: {} ({wrong:?}), after {actions:?}", property.name);
        }
    }
    assert!(checker.is_done());
    assert!(states >= least, "{states} states, expected at least {least}");
}

// attack 26 M: a window or a line in the hands of its owner at any point; limited as recorded; broken: init-mask, init-mask-late, init-interval-unset
// attack 28 M: an answer of another life of policyd; refused
// attack 29 M: a late, lost, crossed or foreign answer; no grant; broken: init-echo
// attack 30 M: a service asks policyd, or has init ask; nothing is given; broken: policyd-asker
// attack 36 M: rules change between decision and grant; refused; broken: init-epoch, init-epoch-echo
// attack 37 M: an old allow is replayed; refused; broken: init-echo, policyd-nonce
// attack 38 M: an answer for another question or window; refused; broken: init-echo
// attack 39 M: a second owner for a window; refused, and the first stays; broken: init-forgets-owner
// attack 57 F: an owner is killed at any message of its grant; init, policyd and logd go on
// attack 59 M: an owner ends, at any point; nothing that it had is left for a next life; broken: init-take-back
// attack 60 M: policyd, logd or an owner never answers; every grant ends within thirty-nine calls; broken: init-asks-again
// attack 83 M: policyd or logd is late at any call, or twice; one late answer costs no device, a second question is the last; broken: init-second-question, init-third-question
// attack 85 M: busd hands over another window, more registers, rights or memory, at any point; no owner gets any of it; broken: bus-mask, bus-window-rights, bus-memory-rights, bus-memory-len, bus-unrecorded
// attack 88 M: busd refuses, is late, lies or dies, and owners end, at any point; a device that nobody has is at rest or in quarantine, and is reset only when nobody has a part of it; broken: bus-never-released, bus-release-early, bus-quarantine-forgotten
// attack 61 M: the target dies at any point of its grant; no orphan; broken: init-take-back, init-line-stays
#[test]
fn two_grants_while_anything_happens() {
    let events = env::var("NEXUS_STATES_EVENTS").ok().and_then(|text| text.parse().ok());
    let events = events.unwrap_or(2);
    let known = TWO_GRANTS.iter().find(|known| known.0 == events);
    let least = known.unwrap_or_else(|| panic!("no count is known for {events} events")).1;
    explore(Bound { grants: 2, events, room: 64 }, least);
}

// attack 45 M: logd has no room, or is gone, at any point; no grant; broken: init-record, logd-full
#[test]
fn a_ledger_that_fills_up() {
    explore(Bound { grants: 2, events: 1, room: 5 }, 16_442);
}

/// Events while services are started again, as `NEXUS_STATES_EVENTS` asks: 2 when it does not. States
/// of [`lives_while_anybody_dies`], and of [`the_last_life_while_anybody_dies`].
const LIVES: [(u8, (usize, usize)); 2] = [(2, (1_674, 1_035)), (3, (10_000, 47_374))];

fn lives() -> (u8, (usize, usize)) {
    let events = env::var("NEXUS_STATES_EVENTS").ok().and_then(|text| text.parse().ok());
    let events = events.unwrap_or(2);
    let known = LIVES.into_iter().find(|known| known.0 == events);
    known.unwrap_or_else(|| panic!("no count is known for {events} events"))
}

/// Explores everything while services are started again, to the bound.
fn explore_lives(bound: Lives, least: usize) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let checker = bound.checker().threads(threads).spawn_bfs().join();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!("states {states}, steps {steps}, depth {}: {bound:?}", checker.max_depth());
    for property in bound.properties() {
        let found = checker.discovery(property.name);
        if property.expectation == Expectation::Sometimes {
            assert!(found.is_some(), "never reached: {}", property.name);
        } else if let Some(path) = found {
            let wrong = path.last_state().init.machine.wrong;
            let actions = path.into_actions();
            panic!("not true: {} ({wrong:?}), after {actions:?}", property.name);
        }
    }
    assert!(checker.is_done());
    assert!(states >= least, "{states} states, expected at least {least}");
}

// attack 57 M: a driver, policyd, logd or busd dies at any call of a take-back or of a start; init goes on, and whoever may comes back with its device; broken: init-want-is-final
// attack 59 M: any life ends at any point; the next one alone has its device, after a decision and a record of its own
// attack 60 M: policyd, logd or busd is gone, late or wrong at any call; from every state init comes to one in which nothing is left to do
// attack 61 M: a driver dies at any call of its own start; no orphan; broken: init-start-undone, init-process-left
// attack 91 M: anybody dies during the restart of another; every call is answered by a life, one to come, or init; broken: init-answers-twice
#[test]
fn lives_while_anybody_dies() {
    let (events, least) = lives();
    explore_lives(Lives { events, tired: false }, least.0);
}

// attack 58 M: the next death of a driver is its last one, while anything happens; it is given up, and init answers for it
#[test]
fn the_last_life_while_anybody_dies() {
    let (events, least) = lives();
    explore_lives(Lives { events, tired: true }, least.1);
}
