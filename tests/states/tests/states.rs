//! All states to a bound.

use std::env;
use std::fmt::Debug;
use std::hash::Hash;
use std::thread;

use nexus_states::lives::Lives;
use nexus_states::model::Bound;
use nexus_states::outside::Outside;
use stateright::{Checker, Expectation, Model};

/// Events and states of two grants.
const TWO_GRANTS: [(u8, usize); 2] = [(2, 95_524), (3, 1_591_146)];
/// The same while services are started again, and with one of them in its last life.
const LIVES: [(u8, usize); 2] = [(2, 1_666), (3, 103_388)];
const LAST_LIVES: [(u8, usize); 2] = [(2, 1_027), (3, 45_131)];

/// Explores everything within `bound`. Fewer than `least` states mean that something can no longer
/// happen that could. `outside` is what surrounds init in a state.
fn explore<M>(bound: M, least: usize, outside: fn(&M::State) -> &Outside)
where
    M: Model + Debug + Send + Sync + 'static,
    M::State: Clone + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (text, properties) = (format!("{bound:?}"), bound.properties());
    let checker = bound.checker().threads(threads).spawn_bfs().join();
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    println!("states {states}, steps {steps}, depth {}: {text}", checker.max_depth());
    for property in properties {
        let found = checker.discovery(property.name);
        if property.expectation == Expectation::Sometimes {
            assert!(found.is_some(), "never reached: {}", property.name);
        } else if let Some(path) = found {
            let wrong = outside(path.last_state()).wrong;
            let actions = path.into_actions();
            panic!("not true: {} ({wrong:?}), after {actions:?}", property.name);
        }
    }
    assert!(checker.is_done());
    assert!(states >= least, "{states} states, expected at least {least}");
}

/// The count that is known for as many events as `NEXUS_STATES_EVENTS` asks for: 2 when it does not.
fn known(counts: [(u8, usize); 2]) -> (u8, usize) {
    let events = env::var("NEXUS_STATES_EVENTS").ok().and_then(|text| text.parse().ok());
    let events = events.unwrap_or(2);
    let known = counts.into_iter().find(|known| known.0 == events);
    known.unwrap_or_else(|| panic!("no count is known for {events} events"))
}

fn two_grants(bound: Bound, least: usize) {
    explore(bound, least, |state| &state.init.machine);
}

fn lives(tired: bool, counts: [(u8, usize); 2]) {
    let (events, least) = known(counts);
    explore(Lives { events, tired }, least, |state| &state.init.machine);
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
    let (events, least) = known(TWO_GRANTS);
    two_grants(Bound { grants: 2, events, room: 64 }, least);
}

// attack 45 M: logd has no room, or is gone, at any point; no grant; broken: init-record, logd-full
#[test]
fn a_ledger_that_fills_up() {
    two_grants(Bound { grants: 2, events: 1, room: 5 }, 3_506);
}

// attack 57 M: a driver, policyd, logd or busd dies at any call of a take-back or of a start; init goes on, and whoever may comes back with its device; broken: init-want-is-final
// attack 59 M: any life ends at any point; the next one alone has its device, after a decision and a record of its own
// attack 60 M: policyd, logd or busd is gone, late or wrong at any call; from every state init comes to one in which nothing is left to do
// attack 61 M: a driver dies at any call of its own start; no orphan; broken: init-start-undone, init-process-left
// attack 91 M: anybody dies during the restart of another; every call is answered by a life, one to come, or init; broken: init-answers-twice
#[test]
fn lives_while_anybody_dies() {
    lives(false, LIVES);
}

// attack 58 M: the next death of a driver is its last one, while anything happens; it is given up, and init answers for it
#[test]
fn the_last_life_while_anybody_dies() {
    lives(true, LAST_LIVES);
}
