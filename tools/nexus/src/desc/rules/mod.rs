//! What must hold in a system. One file for each part of it.

mod board;
mod calls;
mod dma;
mod look_alike;
mod names;
mod permits;
mod policy;
mod profiles;
mod services;

use super::model::System;
use super::report::Reporter;

/// Reports everything that does not hold.
pub(crate) fn check(system: &System, reporter: &Reporter) {
    names::check(system, reporter);
    board::check(&system.board, reporter);
    dma::check(&system.board, reporter);
    services::check(system, reporter);
    calls::check(system, reporter);
    policy::check(system, reporter);
    permits::check(system, reporter);
    profiles::check(system, reporter);
}
