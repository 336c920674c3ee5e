//! How others are asked.

use nexus_proto::{Operation, Protocol, ServiceError};
use nexus_rt::{CallError, Client, Deadline, ns_of_ticks, startup};

/// Milliseconds that a service has for an answer. The page waits for nobody.
const ANSWER_MS: u64 = 100;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is no such thing, or no further one.
    NotFound,
    /// It refuses, or this process may not ask it.
    Refused,
    /// It does not answer in time, or with nothing that makes sense.
    Silent,
    /// The quota of this snapshot is used up.
    Spent,
}

/// Asks other services.
pub trait Ask {
    /// Asks the service with this id.
    ///
    /// # Errors
    /// Why there is no answer.
    fn ask<O: Operation>(&mut self, service: u32, op: &O) -> Result<O::Reply, NoAnswer>;

    /// Ticks since the machine started.
    fn ticks(&self) -> u64;

    /// So many ticks in milliseconds.
    fn ms(&self, ticks: u64) -> u64;
}

/// Asks by messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Messages;

impl Ask for Messages {
    fn ask<O: Operation>(&mut self, service: u32, op: &O) -> Result<O::Reply, NoAnswer> {
        call::<O::Protocol, O>(service, op).map_err(|error| match error {
            None | Some(CallError::Kernel(nexus_abi::Error::BadHandle)) => NoAnswer::Refused,
            Some(CallError::Service(ServiceError::NotFound | ServiceError::OutOfRange)) => {
                NoAnswer::NotFound
            }
            Some(CallError::Service(_)) => NoAnswer::Refused,
            Some(CallError::Kernel(_) | CallError::Malformed(_)) => NoAnswer::Silent,
        })
    }

    fn ticks(&self) -> u64 {
        nexus_rt::ticks()
    }

    fn ms(&self, ticks: u64) -> u64 {
        ns_of_ticks(ticks) / 1_000_000
    }
}

fn call<P: Protocol, O: Operation<Protocol = P>>(
    service: u32,
    op: &O,
) -> Result<O::Reply, Option<CallError>> {
    let client: Client<P> = startup().client(service).map_err(|_| None)?;
    client.call(op, Deadline::after_ms(ANSWER_MS)).map_err(Some)
}
