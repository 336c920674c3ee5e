//! A service that is killed.

use nexus_proto::init::{Init, Kill};
use nexus_proto::{Zero, ids};
use nexus_rt::{Client, Deadline, startup};
use nexus_test::SAFETY_MS;

use crate::failed::Failed;

/// A service that is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Victim {
    init: Client<Init>,
    service: u32,
}

impl Victim {
    pub(crate) fn new(service: u32) -> Result<Victim, Failed> {
        Ok(Victim { init: startup().client(ids::INIT)?, service })
    }

    /// Has this life of it end. The next one follows by itself.
    pub(crate) fn kill(&self) -> Result<(), Failed> {
        let kill = Kill { service: self.service, zero: Zero::ZERO };
        Ok(self.init.call(&kill, soon())?)
    }
}

/// Until when everything must have come: a safety net, and no part of what is shown.
pub(crate) fn soon() -> Deadline {
    Deadline::after_ms(SAFETY_MS)
}
