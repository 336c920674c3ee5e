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

    /// Asks in a call in which this process waits for what the server has to tell. None: the server has not taken it, and
    /// was told nothing: it has no room for it now, say.
    pub fn wait_in<O: Operation<Protocol = P, Reply = ()>>(
        &self,
        request: &O,
        deadline: Deadline,
    ) -> Option<Result<(), Error>> {
        waited(self.call(request, deadline))
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

/// What a call in which this process waits came to.
const fn waited(called: Result<(), CallError>) -> Option<Result<(), Error>> {
    match called {
        Ok(()) => Some(Ok(())),
        Err(CallError::Kernel(why @ (Error::TimedOut | Error::PeerGone))) => Some(Err(why)),
        Err(CallError::Service(ServiceError::Gone)) => Some(Err(Error::PeerGone)),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 92 U: a server ends in the call in which its client waits, is gone for good, or has not taken the call; the client is told of its end as if it had waited otherwise, and rings the bell when nothing was taken; broken: call-gone, call-untaken
    #[test]
    fn a_call_that_was_not_taken_is_no_wait() {
        let kernel = |why| waited(Err(CallError::Kernel(why)));
        let service = |why| waited(Err(CallError::Service(why)));
        assert_eq!(waited(Ok(())), Some(Ok(())));
        for why in [Error::TimedOut, Error::PeerGone] {
            assert_eq!(kernel(why), Some(Err(why)));
        }
        assert_eq!(service(ServiceError::Gone), Some(Err(Error::PeerGone)));
        for why in [ServiceError::Busy, ServiceError::Denied, ServiceError::Malformed] {
            assert_eq!(service(why), None);
        }
        for why in [Error::Busy, Error::TooDeep, Error::BadHandle] {
            assert_eq!(kernel(why), None);
        }
    }
}
