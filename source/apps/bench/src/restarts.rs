//! Drivers that die, and their next lives: from the order to die to the first answer.

use nexus_abi::{Handle, Message, NO_DEADLINE};
use nexus_proto::disk::{Disk, Read};
use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::init::{Init, Kill};
use nexus_proto::net::{Attach, Net};
use nexus_proto::{Zero, ids};
use nexus_rt::{CallError, Client, Deadline, startup};

use crate::count::{between, call, instret};
use crate::measure::{LAST_END, words};
use crate::samples::Samples;

/// What one death takes, in instructions.
pub(crate) struct Restart {
    /// From the order to the first answer of the next life.
    pub(crate) all: Samples,
    /// Of which from the first revoke to the device at rest, with its memory zeroed.
    pub(crate) quiet: Samples,
}

/// Milliseconds in which a next life answers.
const READY_MS: u64 = 60_000;

/// The drivers, by the names of their figures.
pub(crate) const DRIVERS: [(&str, u32); 3] =
    [("rng", ids::RNGD), ("blk", ids::VIRTIOBLKD), ("net", ids::VIRTIONETD)];

/// Has the driver die again and again.
pub(crate) fn restarts(init: Handle, service: u32) -> Result<Restart, CallError> {
    let client: Client<Init> = Client::new(init);
    let kill = Kill { service, zero: Zero::ZERO };
    let [all, quiet] = Samples::take_two(|| {
        let start = instret();
        client.call(&kill, Deadline::NEVER)?;
        first_answer(service)?;
        let end = instret();
        let answer = call(init, &Message::new(LAST_END, &[]), NO_DEADLINE);
        let [quiet, _] =
            answer.and_then(|answer| words(&answer.message)).map_err(CallError::Kernel)?;
        Ok::<_, CallError>([between(start, end), quiet])
    })?;
    Ok(Restart { all, quiet })
}

/// Asks what the driver answers only when its device works: the life before may be asked, and end with it.
fn first_answer(service: u32) -> Result<(), CallError> {
    let start = startup();
    let handle =
        start.service(service).map_err(|_| CallError::Kernel(nexus_abi::Error::BadHandle))?;
    let deadline = Deadline::after_ms(READY_MS);
    match service {
        ids::RNGD => Client::<Entropy>::new(handle).call(&Random { len: 32 }, deadline).map(drop),
        ids::VIRTIOBLKD => {
            let read = Read { offset: 0, len: 48, zero: Zero::ZERO };
            Client::<Disk>::new(handle).call(&read, deadline).map(drop)
        }
        _ => Client::<Net>::new(handle).call(&Attach {}, deadline),
    }
}
