//! Every order in which small programs can get in each other's way, on the real kernel and a
//! simulated machine: the calls of two or three processes, cut into steps wherever the kernel lets
//! others in; the end of a process at any moment; deadlines that pass at any moment. `stateright`
//! goes through all states and counts them.
//!
//! `NEURON_STATES=large` cuts long work into the smallest steps, and ends both processes; `small`
//! ends none.
// Miri looks at single runs; all of these would take it days.
#![cfg(not(miri))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

mod program;
mod scenarios;
mod space;

use neuron_core::sim::World;
use space::{Bound, Cast, Space};
use stateright::{Checker, Model};

fn explore(name: &str, build: fn(&mut World<'_>) -> Cast) {
    explore_with(name, 0, build);
}

/// With so many frames set aside for devices.
fn explore_with(name: &str, device: u32, build: fn(&mut World<'_>) -> Cast) {
    let size = std::env::var("NEURON_STATES");
    let bound = match size.as_deref() {
        Ok("large") => Bound { step: 3, kills: 2 },
        Ok("small") => Bound { step: 4, kills: 0 },
        _ => Bound { step: 4, kills: 1 },
    };
    let checker = Space { device, build, bound }.checker().spawn_bfs().join();
    println!(
        "{name}: {} states, {} transitions, at most {} steps deep, {bound:?}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
    );
    checker.assert_properties();
}

// attack 18 M: a window is derived, passed on, mapped and taken back in every order; rights never grow
// attack 20 M: revoke in steps against map and pass; no leaf is left of what was revoked
// attack 22 M: B passes its window to C in a message; one of them has it mapped at a time
// attack 39 M: init gives a window it takes back to C while B holds it; one owner in every state
// attack 61 M: B or C ends at any moment of the grant; nothing is left, the checker is content
#[test]
fn a_window_taken_back_while_it_is_mapped_and_passed_on() {
    explore("window", scenarios::window);
}

// attack 29 M: an answer used twice, used by init, used after its call; good once, and only for its server
// attack 30 M: calls by several in every order; the sender of each is who the kernel says
// attack 32 M: the server ends at any moment of a call; the caller gets an error
#[test]
fn answers_that_are_used_twice_or_stolen() {
    explore("reply", scenarios::reply);
}

// attack 19 M: handles of what was dropped and revoked, in slots used again; dead for ever
// attack 20 M: revoke in steps while another derives and maps below; nothing is left
#[test]
fn a_tree_taken_back_while_it_grows() {
    explore("tree", scenarios::tree);
}

// attack 76 M: derive from what is half dropped, and revoke above it, between any two steps; one owner, and the drop succeeds
#[test]
fn a_window_used_while_it_is_half_dropped() {
    explore("halves", scenarios::halves);
}

// attack 13 M: map, protect and seal in every order; no frame is writable here and executable there
#[test]
fn memory_sealed_while_it_is_mapped() {
    explore("seal", scenarios::seal);
}

// attack 77 M: calls by a foreign, a stale and a too weak handle in every order, beside good ones; none reaches the server that waits; broken: fast-owner, fast-generation, fast-right
#[test]
fn handles_that_are_not_good_beside_a_server_that_waits() {
    explore("stale", scenarios::stale);
}

// attack 60 M: the server of init and of B receives one call and hangs; every call ends at its deadline
// attack 63 M: a call waits behind another's at a server that never answers; it ends in every order
#[test]
fn a_server_that_never_answers() {
    explore("held", scenarios::held);
}

// attack 28 M: B ends in its call and begins a new life; old handles and old answers reach nobody
#[test]
fn a_process_that_begins_again() {
    explore("restart", scenarios::restart);
}

// attack 97 M: registers written, mapped writable and passed on, while the window is taken back and given again with fewer; none that a mask left out is ever written; broken: mask-ignored, mask-mapped, mask-dropped
#[test]
fn a_window_of_which_single_registers_are_written() {
    explore("registers", scenarios::registers);
}

// attack 54 M: a line passed from B to C while either binds, waits and acknowledges; one of them hears of it at a time
// attack 56 M: B or C ends, or lets go of line or notification, with it armed, delivered or held; disabled, nothing is left claimed
// attack 89 M: the device acts at any moment, before the line is bound too; enabled and claimed is what somebody receives
#[test]
fn a_line_taken_back_while_it_is_served() {
    explore("line", scenarios::line);
}

// attack 56 M: the window of a register is taken back, or let go of, or its holder ends, while a line names it; free, and nobody writes it but who holds it
// attack 89 M: acknowledged with a value at any moment, twice, and when the window is gone; written by the calls that say so
#[test]
fn a_register_taken_back_while_a_line_names_it() {
    explore("register", scenarios::register);
}

// attack 49 M: a device is said to be quiet, in steps, while its driver has memory of it, then its window, and ends at any moment; only when neither is left; broken: dma-quiet-owned, dma-quiet-memory
#[test]
fn a_device_that_is_cleared_while_its_driver_lives() {
    explore_with("quiet", 300, scenarios::quiet);
}
