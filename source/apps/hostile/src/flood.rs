//! A flood of lines to the log.

use nexus_proto::log::{Level, Write};
use nexus_proto::{ServiceError, Text, Zero, ids};
use nexus_rt::proto::log::Log;
use nexus_rt::{CallError, Client, Deadline, startup};
use nexus_test::SAFETY_MS;

use crate::talk::Outcome;

/// Lines in a flood: many times what one sender may write at once.
pub const LINES: u64 = 20_000;

/// Writes the flood. Tells how many lines were taken and how many were refused.
#[must_use]
pub fn run() -> Outcome {
    let Ok(logd) = startup().client::<Log>(ids::LOGD) else {
        return Outcome::NotBegun { step: 1, error: 0 };
    };
    let mut counts = [0; 2];
    for _ in 0..LINES {
        match write(logd) {
            Ok(()) => counts[0] += 1,
            Err(CallError::Service(ServiceError::Full)) => counts[1] += 1,
            Err(CallError::Kernel(error)) => return Outcome::not_begun(2, error),
            Err(_) => return Outcome::NotBegun { step: 2, error: 0 },
        }
    }
    Outcome::Done(counts)
}

fn write(logd: Client<Log>) -> Result<(), CallError> {
    let text = Text::piece(b"flood");
    logd.call(&Write { level: Level::Debug, zero: Zero::ZERO, text }, Deadline::after_ms(SAFETY_MS))
}
