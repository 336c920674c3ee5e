//! Typed calls.

use core::marker::PhantomData;

use nexus_abi::{Error, Handle};
use nexus_proto::{Malformed, Operation, Protocol, ReplyError, ServiceError};

use crate::{Deadline, sys};

/// An endpoint whose server speaks `P`.
pub struct Client<P> {
    endpoint: Handle,
    protocol: PhantomData<fn() -> P>,
}

impl<P> Clone for Client<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Client<P> {}

impl<P: Protocol> core::fmt::Debug for Client<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Client({} at {:#x})", P::NAME, self.endpoint.0)
    }
}

/// Why a call has no typed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The kernel refused or ended the call: `TimedOut`, `PeerGone`, …
    Kernel(Error),
    /// The server refused.
    Service(ServiceError),
    /// The answer is not one that the protocol has.
    Malformed(Malformed),
}

impl CallError {
    /// What to tell one's own client: the server's refusal, `TimedOut`, or else `Unavailable`.
    #[must_use]
    pub const fn to_service_error(self) -> ServiceError {
        match self {
            CallError::Service(error) => error,
            CallError::Kernel(Error::TimedOut) => ServiceError::TimedOut,
            CallError::Kernel(_) | CallError::Malformed(_) => ServiceError::Unavailable,
        }
    }
}

impl<P: Protocol> Client<P> {
    /// A client that calls `endpoint` (SEND).
    #[must_use]
    pub const fn new(endpoint: Handle) -> Client<P> {
        Client { endpoint, protocol: PhantomData }
    }

    /// The endpoint.
    #[must_use]
    pub const fn endpoint(&self) -> Handle {
        self.endpoint
    }

    /// Asks and waits for the answer, until `deadline` at most.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call<O: Operation<Protocol = P>>(
        &self,
        request: &O,
        deadline: Deadline,
    ) -> Result<O::Reply, CallError> {
        let received = sys::call(self.endpoint, &request.encode(), deadline.ticks())
            .map_err(CallError::Kernel)?;
        O::decode_reply(&received.message).map_err(|error| {
            crate::server::drop_caps(&received.message);
            match error {
                ReplyError::Service(error) => CallError::Service(error),
                ReplyError::Malformed(what) => CallError::Malformed(what),
            }
        })
    }
}
