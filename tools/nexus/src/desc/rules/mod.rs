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
use super::report::{Report, Reporter};

/// Refuses a system in which something does not hold: first each part by itself, then how the
/// parts fit together, so that one mistake is reported once.
///
/// # Errors
/// Everything that does not hold.
pub(crate) fn check(system: &System, reporter: &Reporter) -> Result<(), Report> {
    names::check(system, reporter);
    board::check(&system.board, reporter);
    dma::check(&system.board, reporter);
    services::check(system, reporter);
    reporter.stop_if_refused()?;
    calls::check(system, reporter);
    policy::check(system, reporter);
    permits::check(system, reporter);
    profiles::check(system, reporter);
    reporter.stop_if_refused()
}
