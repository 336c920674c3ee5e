//! What init has given to others, and what came back.

use alloc::format;

use nexus_proto::init::{Init, Mem, MemInfo, ServiceStat, Stat};
use nexus_proto::{Zero, ids};
use nexus_rt::{CallError, Client, Deadline, StartError, startup};

use crate::{Check, Failed, SAFETY_MS, Waiter};

/// Looks, a millisecond apart, until init has seen that a process has ended: not time, of which it may
/// have had none.
const LOOKS: u32 = 10_000;

/// Asks init how services stand.
#[derive(Clone, Copy, Debug)]
pub struct Budgets {
    init: Client<Init>,
    waiter: Waiter,
}

impl Budgets {
    /// From the startup block: needs init.
    ///
    /// # Errors
    /// What is missing in it.
    pub fn new() -> Result<Budgets, StartError> {
        Ok(Budgets { init: startup().client(ids::INIT)?, waiter: Waiter::new()? })
    }

    /// How a service stands.
    ///
    /// # Errors
    /// init did not answer in time.
    pub fn stat(&self, service: u32) -> Result<ServiceStat, CallError> {
        self.init.call(&Stat { service, zero: Zero::ZERO }, Deadline::after_ms(SAFETY_MS))
    }

    /// How memory and kernel objects are divided.
    ///
    /// # Errors
    /// init did not answer in time.
    pub fn mem(&self) -> Result<MemInfo, CallError> {
        self.init.call(&Mem {}, Deadline::after_ms(SAFETY_MS))
    }

    /// Waits until a service has ended, not without end, and tells how it stands then.
    ///
    /// # Errors
    /// init did not answer in time.
    pub fn ended(&self, service: u32) -> Result<ServiceStat, CallError> {
        for _ in 0..LOOKS {
            let stat = self.stat(service)?;
            if !stat.state.lives() {
                return Ok(stat);
            }
            // It has threads left, maybe, that are less important.
            self.waiter.pause(1);
        }
        self.stat(service)
    }

    /// Frames and objects that were cut off for these services.
    ///
    /// # Errors
    /// init did not answer in time.
    pub fn held(&self, services: impl IntoIterator<Item = u32>) -> Result<[u64; 2], Failed> {
        let mut held = [0; 2];
        for service in services {
            let stat = self.stat(service)?;
            held[0] += u64::from(stat.frames_limit);
            held[1] += u64::from(stat.objects_limit);
        }
        Ok(held)
    }
}

/// Holds how things stood `before` and `after` the end of services against each other: all
/// `frames` and `objects` that were cut off for them are free again.
///
/// # Errors
/// What did not come back.
pub fn comes_back(before: &MemInfo, after: &MemInfo, [frames, objects]: [u64; 2]) -> Check {
    let given = |one: u64, two: u64| one.saturating_sub(two);
    let mut checks = 0;
    for (what, expected, no_longer_given, free) in [
        (
            "frames",
            frames,
            given(before.frames_given, after.frames_given),
            given(after.frames_free, before.frames_free),
        ),
        (
            "objects",
            objects,
            given(before.objects_given, after.objects_given),
            given(after.objects_free, before.objects_free),
        ),
    ] {
        if expected == 0 || no_longer_given != expected || free < expected {
            return Err(format!("{no_longer_given} {what} came back, {free} free, of {expected}"));
        }
        checks += 2;
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: MemInfo = MemInfo {
        frames: 5,
        frames_free: 100,
        frames_given: 40,
        objects: 5,
        objects_free: 50,
        objects_given: 20,
    };
    const AFTER: MemInfo = MemInfo {
        frames_free: 130,
        frames_given: 10,
        objects_free: 60,
        objects_given: 10,
        ..BEFORE
    };

    #[test]
    fn all_must_come_back_and_be_free() {
        assert_eq!(comes_back(&BEFORE, &AFTER, [30, 10]), Ok(4));
        for wrong in [
            MemInfo { frames_free: 129, ..AFTER },
            MemInfo { frames_given: 11, ..AFTER },
            MemInfo { objects_free: 59, ..AFTER },
            MemInfo { objects_given: 11, ..AFTER },
        ] {
            assert!(comes_back(&BEFORE, &wrong, [30, 10]).is_err(), "{wrong:?}");
        }
        assert!(comes_back(&BEFORE, &BEFORE, [0, 0]).is_err(), "nothing was to come back");
    }
}
