//! Drivers that die, and their next lives: from the order to the first answer.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_proto::disk::{Disk, Read};
use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::init::{Init, Kill};
use nexus_proto::net::{Attach, Net};
use nexus_proto::{Zero, ids};
use nexus_rt::{CallError, Client, Deadline, startup};

use crate::count::{between, call, instret};
use crate::measure::{LAST_END, words};
use crate::samples::Samples;

/// Milliseconds in which a next life answers.
const READY_MS: u64 = 60_000;
/// Deaths before the last measurement, with those that were measured: a thousand.
pub(crate) const MANY: u32 = 927;

/// The drivers, by the names of their figures.
pub(crate) const DRIVERS: [(&str, u32); 3] =
    [("rng", ids::RNGD), ("blk", ids::VIRTIOBLKD), ("net", ids::VIRTIONETD)];

/// Has a driver die again and again: what it takes from the order to the first answer of the next life, and
/// what init takes of that until the device is at rest and the end is on record.
pub(crate) fn restart(init: Handle, service: u32) -> Result<[Samples; 2], CallError> {
    Samples::take_two(|| {
        let start = instret();
        once(init, service)?;
        let end = instret();
        let answer = call(init, &Message::new(LAST_END, &[]), NO_DEADLINE);
        let words = answer.and_then(|answer| words(&answer.message));
        let [quiet, _] = words.map_err(CallError::Kernel)?;
        Ok::<_, CallError>([between(start, end), quiet])
    })
}

/// Has it die so many times.
pub(crate) fn die(init: Handle, service: u32, times: u32) -> Result<(), CallError> {
    (0..times).try_for_each(|_| once(init, service))
}

fn once(init: Handle, service: u32) -> Result<(), CallError> {
    let client: Client<Init> = Client::new(init);
    client.call(&Kill { service, zero: Zero::ZERO }, Deadline::NEVER)?;
    first_answer(service)
}

/// Asks what the driver answers only when its device works.
fn first_answer(service: u32) -> Result<(), CallError> {
    let endpoint = startup().service(service);
    let endpoint = endpoint.map_err(|_| CallError::Kernel(Error::BadHandle))?;
    let deadline = Deadline::after_ms(READY_MS);
    match service {
        ids::RNGD => Client::<Entropy>::new(endpoint).call(&Random { len: 32 }, deadline).map(drop),
        ids::VIRTIOBLKD => {
            let read = Read { offset: 0, len: 48, zero: Zero::ZERO };
            Client::<Disk>::new(endpoint).call(&read, deadline).map(drop)
        }
        _ => Client::<Net>::new(endpoint).call(&Attach {}, deadline),
    }
}
