//! The lives of services.

use nexus_proto::Zero;
use nexus_proto::init::{Init, Kill, Lives};
use nexus_rt::{CallError, Client, Deadline};
use nexus_test::SAFETY_MS;

/// How many lives a service had.
pub(crate) fn lives(init: Client<Init>, service: u32) -> Result<u32, CallError> {
    let mut cursor = 0;
    loop {
        let info = init.call(&Lives { cursor }, Deadline::after_ms(SAFETY_MS))?;
        if info.service.id == service {
            return Ok(info.lives);
        }
        cursor = info.next.into();
    }
}

/// Ends a life of a service.
pub(crate) fn kill(init: Client<Init>, service: u32) -> Result<(), CallError> {
    init.call(&Kill { service, zero: Zero::ZERO }, Deadline::after_ms(SAFETY_MS))
}
