//! Typed calls.

use core::marker::PhantomData;

use nexus_abi::{Error, Handle, Received};
use nexus_proto::{Malformed, Operation, Protocol, ReplyError, ServiceError};

use crate::{Deadline, sys};

/// How often a call is made that ends with its server, before the caller is told: a server that throws every
/// call away keeps nobody for ever.
pub(crate) const MOST: u32 = 8;

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
    /// The kernel refused or ended the call: `TimedOut`, `PeerGone`, … After `PeerGone` nobody knows whether it
    /// was done.
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

    /// Asks and waits for the answer, until `deadline` at most. When the server ends meanwhile, its next life is
    /// asked, where to be asked twice is the same as once ([`Operation::AGAIN`]).
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call<O: Operation<Protocol = P>>(
        &self,
        request: &O,
        deadline: Deadline,
    ) -> Result<O::Reply, CallError> {
        let mut received = sys::call(self.endpoint, &request.encode(), deadline.ticks());
        if O::AGAIN && matches!(received, Err(Error::PeerGone)) {
            received = self.again(request, deadline);
        }
        let received = received.map_err(CallError::Kernel)?;
        O::decode_reply(&received.message).map_err(|error| {
            crate::server::drop_caps(&received.message);
            match error {
                ReplyError::Service(error) => CallError::Service(error),
                ReplyError::Malformed(what) => CallError::Malformed(what),
            }
        })
    }

    /// Asks the lives that follow one that has ended with a call.
    #[cold]
    fn again<O: Operation<Protocol = P>>(
        &self,
        request: &O,
        deadline: Deadline,
    ) -> Result<Received, Error> {
        for _ in 1..MOST {
            if deadline.has_passed() {
                break;
            }
            match sys::call(self.endpoint, &request.encode(), deadline.ticks()) {
                Err(Error::PeerGone) => {}
                received => return received,
            }
        }
        Err(Error::PeerGone)
    }
}
