//! What must hold in a system. One file for each part of it.

mod board;
mod calls;
mod dma;
mod lines;
mod look_alike;
mod names;
mod net;
mod permits;
mod policy;
mod profiles;
mod proofs;
mod qemu;
mod queues;
mod restart;
mod rings;
mod services;
mod state;

use super::model::System;
use super::report::Reporter;

/// Refuses a system in which something does not hold: each part by itself, and how the parts fit
/// together. One mistake is reported once: a rule says nothing of what another one, or the reader of
/// a file, has refused already.
pub(crate) fn check(system: &System, reporter: &Reporter) {
    names::check(system, reporter);
    board::check(system, reporter);
    dma::check(&system.board, reporter);
    qemu::check(system, reporter);
    services::check(system, reporter);
    restart::check(system, reporter);
    calls::check(system, reporter);
    policy::check(system, reporter);
    permits::check(system, reporter);
    rings::check(system, reporter);
    state::check(system, reporter);
    net::check(system, reporter);
    profiles::check(system, reporter);
}
