//! The memory that this process shares with one other, for a ring, and how each tells the other.

use nexus_abi::{Error, Handle, Role, StartupCap};
use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::{Operation, ServiceError};

use crate::{CallError, Client, Deadline, Start, StartError, shared, sys};

/// A ring, as the startup block names it.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    memory: &'static StartupCap,
    tell: &'static StartupCap,
    told: Handle,
}

/// How the peer is told, with no more than a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tell {
    notification: Handle,
    bit: u64,
}

impl Tell {
    /// Sets `bit` of `notification`.
    #[must_use]
    pub const fn new(notification: Handle, bit: u64) -> Tell {
        Tell { notification, bit }
    }

    /// Tells the peer.
    ///
    /// # Errors
    /// As `signal`: `BadHandle` once the peer has ended.
    pub fn tell(self) -> Result<(), Error> {
        sys::signal(self.notification, self.bit)
    }

    /// True once the peer has ended: nobody is to be told, and nothing comes any more. init revokes what
    /// tells it, and then wakes whoever is left; no peer can make it look so.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(sys::cap_query(self.notification), Err(Error::BadHandle))
    }
}

impl Ring {
    /// With all that belongs to it.
    pub(crate) fn of(start: Start, memory: &'static StartupCap) -> Option<Ring> {
        let mut others = start.block().with_role(Role::Tell);
        let tell = others.find(|cap| cap.index == memory.index)?;
        Some(Ring { memory, tell, told: start.told()? })
    }

    /// Service id of the peer.
    #[must_use]
    pub const fn peer(self) -> u32 {
        self.memory.index
    }

    /// Bytes of the memory.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.memory.len
    }

    /// The bit by which this process is told of this ring.
    #[must_use]
    pub const fn bit(self) -> u64 {
        self.memory.base
    }

    /// How the peer is told.
    #[must_use]
    pub const fn tell(self) -> Tell {
        Tell::new(Handle(self.tell.handle), self.tell.base)
    }

    /// Maps the memory until the process ends, readable and writable. The peer, too, writes it at any
    /// time.
    ///
    /// # Errors
    /// `Kernel`: as `vmo_map`; `OutOfRange` when it is no whole pages.
    pub fn map(self) -> Result<SharedMemory<ReadWrite>, StartError> {
        Ok(shared::ring(self.memory)?)
    }

    /// Waits until this process is told of a ring, of this one or another: for one that serves no endpoint.
    /// Returns what it was told. It is told of the end of a peer, too: whoever finds nothing in the ring then
    /// waits once more, and has the error.
    ///
    /// # Errors
    /// `PeerGone` when the peer has ended: what is in the ring by now is all that comes. As `wait`:
    /// `TimedOut` at the deadline, `Busy` when it is bound to an endpoint.
    pub fn wait(self, deadline: Deadline) -> Result<u64, Error> {
        if self.tell().is_over() {
            return Err(Error::PeerGone);
        }
        sys::wait(self.told, deadline.ticks(), Handle::NONE)
    }

    /// Tells the peer, and waits until this process is told of something, by one call of the peer's protocol, which the
    /// peer answers then: a signal to a peer that is more important lets this process go on once more only to have it
    /// wait. Where the peer has not taken the call, it is told and waited for otherwise.
    ///
    /// # Errors
    /// As [`wait`](Self::wait) and [`Tell::tell`].
    pub fn tell_and_wait<O>(
        self,
        peer: &Client<O::Protocol>,
        call: &O,
        deadline: Deadline,
    ) -> Result<(), Error>
    where
        O: Operation<Reply = ()>,
    {
        if let Some(waited) = waited(peer.call(call, deadline)) {
            return waited;
        }
        self.tell().tell()?;
        self.wait(deadline).map(|_| ())
    }
}

/// What a call that tells and waits came to. None: the peer has not taken it, and was told nothing: it has no room for
/// the call now, say.
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
    use std::vec;

    use nexus_abi::Message;
    use nexus_proto::encode_error;
    use nexus_proto::state::Wait;

    use super::*;
    use crate::host;

    const MEMORY: StartupCap = cap(Role::Ring, 40, 2, 8192);
    const TELL: StartupCap = cap(Role::Tell, 41, 1, 0);

    const fn cap(role: Role, handle: u64, base: u64, len: u64) -> StartupCap {
        StartupCap { role: role.code(), index: 7, handle, base, len }
    }

    // attack 92 U: a peer ends, and whoever is left waits for it; the wait is over, before it begins; broken: ring-over
    #[test]
    fn whoever_waits_for_a_peer_that_has_ended_is_told() {
        let ring = Ring { memory: &MEMORY, tell: &TELL, told: Handle(42) };
        let waits = || ring.wait(Deadline::NEVER);
        assert!(!ring.tell().is_over());
        assert_eq!(waits(), Err(Error::BadSyscall), "there is no kernel to wait in");
        let other = host::revoke(Handle(40));
        assert!(!ring.tell().is_over(), "its memory stays");
        drop(other);
        let _revoked = host::revoke(Handle(41));
        assert!(ring.tell().is_over());
        assert_eq!(waits(), Err(Error::PeerGone));
    }

    // attack 92 U: a call that tells and waits comes to anything; when the peer has not taken it, the bell is rung, and when it has ended, or took too long, that is said; broken: state-call-untaken, net-call-gone
    #[test]
    fn a_call_that_was_not_taken_tells_nothing() {
        let ring = Ring { memory: &MEMORY, tell: &TELL, told: Handle(42) };
        let call = |answer: Result<Message, Error>| {
            let _answering = host::answer_calls(move |_, seen| {
                assert_eq!(*seen, Wait {}.encode());
                answer
            });
            let came = ring.tell_and_wait(&Client::new(Handle(9)), &Wait {}, Deadline::NEVER);
            (came, host::signals())
        };
        let service = |why| call(Ok(encode_error(why)));
        assert_eq!(call(Ok(Wait {}.answer(Ok(())))), (Ok(()), vec![]));
        for why in [Error::TimedOut, Error::PeerGone] {
            assert_eq!(call(Err(why)), (Err(why), vec![]));
        }
        assert_eq!(service(ServiceError::Gone), (Err(Error::PeerGone), vec![]));
        // Told otherwise; there is no kernel to wait in.
        let other = (Err(Error::BadSyscall), vec![(Handle(41), 1)]);
        for why in [ServiceError::Busy, ServiceError::Denied, ServiceError::Malformed] {
            assert_eq!(service(why), other);
        }
        for why in [Error::Busy, Error::TooDeep, Error::BadHandle] {
            assert_eq!(call(Err(why)), other);
        }
        let _revoked = host::revoke(Handle(41));
        assert_eq!(service(ServiceError::Busy).0, Err(Error::BadHandle), "it can be told no more");
    }
}
