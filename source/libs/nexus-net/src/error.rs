//! Why something was not done.

use core::fmt;

use nexus_proto::socket::ring as wire;
use nexus_rt::{CallError, StartError};

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// This service shares no ring with netstackd, or not one that can be used.
    NoRing(Option<StartError>),
    /// netstackd cannot be called, or does not attach.
    Call(CallError),
    /// The deadline of this call passed. What was asked is still asked: see the call.
    TimedOut,
    /// netstackd ended, or the socket is of an attachment that is over. Every socket of that is gone; the next
    /// call that opens one attaches anew.
    Gone,
    /// What netstackd answers is no answer. As with [`Error::Gone`], every socket is gone.
    Garbled,
    /// There is no room in the ring now: there will be once something is done, or taken.
    NoRoom,
    /// It is longer than the ring can ever have.
    TooLong,
    /// A socket has one such request at a time, and this one waits still.
    Already,
    /// No such request: its answer was taken already.
    NoRequest,
    /// The peer refused the connection.
    PeerRefused,
    /// The peer ended the connection without having finished.
    Reset,
    /// The peer, or the server of names, does not answer.
    NoAnswer,
    /// No line of the policy lets this service do that.
    Denied,
    /// The port is in use.
    InUse,
    /// This service has as many sockets as it may.
    QuotaSockets,
    /// This service has as many bytes of buffers as it may.
    QuotaBytes,
    /// The socket was let go, or this side of the connection was finished.
    Closed,
    /// netstackd knows no such socket, or one of another kind.
    NoSocket,
    /// netstackd refuses the request as one that cannot be.
    Malformed,
    /// There is no address to send from, no way there, or no network.
    Unreachable,
    /// There is no such name.
    NoName,
    /// The datagram is larger than the network takes, or as many requests of this kind wait as may.
    TooMuch,
}

impl Error {
    /// What a status says that is not that it was done; none for one that there is not.
    pub(crate) const fn of(status: u8) -> Option<Error> {
        Some(match status {
            wire::PEER_REFUSED => Error::PeerRefused,
            wire::RESET => Error::Reset,
            wire::TIMED_OUT => Error::NoAnswer,
            wire::DENIED => Error::Denied,
            wire::IN_USE => Error::InUse,
            wire::QUOTA_SOCKETS => Error::QuotaSockets,
            wire::QUOTA_BYTES => Error::QuotaBytes,
            wire::CLOSED => Error::Closed,
            wire::NO_SOCKET => Error::NoSocket,
            wire::MALFORMED | nexus_ring::REFUSED => Error::Malformed,
            wire::UNREACHABLE => Error::Unreachable,
            wire::NO_NAME => Error::NoName,
            wire::TOO_MUCH => Error::TooMuch,
            _ => return None,
        })
    }
}

impl From<CallError> for Error {
    fn from(why: CallError) -> Error {
        Error::Call(why)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Error::NoRing(None) => "this service shares no ring with netstackd",
            Error::NoRing(Some(why)) => return write!(out, "no ring with netstackd: {why:?}"),
            Error::Call(why) => return write!(out, "netstackd cannot be called: {why:?}"),
            Error::TimedOut => "it was not done in time",
            Error::Gone => "netstackd ended: every socket is gone",
            Error::Garbled => "what netstackd answers is no answer",
            Error::NoRoom => "there is no room in the ring now",
            Error::TooLong => "it is longer than the ring has room for",
            Error::Already => "such a request of this socket waits already",
            Error::NoRequest => "there is no such request",
            Error::PeerRefused => "the peer refused the connection",
            Error::Reset => "the peer broke the connection off",
            Error::NoAnswer => "there was no answer",
            Error::Denied => "no line of the policy allows it",
            Error::InUse => "the port is in use",
            Error::QuotaSockets => "this service has as many sockets as it may",
            Error::QuotaBytes => "this service has as many bytes of buffers as it may",
            Error::Closed => "the connection is closed",
            Error::NoSocket => "there is no such socket",
            Error::Malformed => "netstackd refuses the request as one that cannot be",
            Error::Unreachable => "there is no way there",
            Error::NoName => "there is no such name",
            Error::TooMuch => "it is too large for the network, or too many wait",
        };
        out.write_str(text)
    }
}

impl core::error::Error for Error {}
