//! What a client asks, out of bytes that it may have made up.
//!
//! The bytes are a copy: a client changes them no more. What it sends, and what it is given, is copied once, and
//! nothing in it is looked at.

use nexus_proto::read_payload;
use nexus_proto::socket::ring::{self as wire, Opened, Target};
use nexus_sysdesc::Ip;

/// Bytes of the head of a request.
pub(crate) const HEAD: usize = size_of::<Target>();
/// Bytes of what is answered when a socket was opened.
const OPENED: usize = size_of::<Opened>();

/// A request, as it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Connect { to: Peer, from: u16 },
    Listen { local: Ip, port: u16, backlog: u16 },
    Accept { socket: u64, room: usize },
    Send { socket: u64, len: usize },
    Receive { socket: u64, room: usize },
    Finish { socket: u64 },
    Close { socket: u64, reset: bool },
    Bind { local: Ip, port: u16 },
    SendTo { socket: u64, to: Peer, len: usize },
    ReceiveFrom { socket: u64, room: usize },
    Resolve { len: usize, six: bool, room: usize },
    Ping { to: Ip, len: usize },
}

/// Who is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) ip: Ip,
    pub(crate) port: u16,
}

/// It is none: too short for its head or for its answer, or with a head that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Most bytes of a name (RFC 1035, 2.3.4), with a dot behind it.
pub(crate) const NAME: usize = 254;

impl Ask {
    /// The request with this operation and argument, of `len` bytes, that begin with `head`: [`HEAD`] of them, or all where
    /// they are fewer.
    pub(crate) fn parse(op: u8, arg: u64, head: &[u8], len: usize) -> Result<Ask, Malformed> {
        let ask = match op {
            wire::ACCEPT => {
                room(len, OPENED).map(|()| Ask::Accept { socket: arg, room: len - OPENED })?
            }
            wire::RECEIVE => room(len, 1).map(|()| Ask::Receive { socket: arg, room: len })?,
            wire::FINISH => Ask::Finish { socket: arg },
            wire::CLOSE if len == 0 => Ask::Close { socket: arg, reset: false },
            wire::RECEIVE_FROM => {
                room(len, HEAD).map(|()| Ask::ReceiveFrom { socket: arg, room: len - HEAD })?
            }
            _ => Ask::with_head(op, arg, Head::parse(head, len)?, len)?,
        };
        Ok(ask)
    }

    fn with_head(op: u8, arg: u64, head: Head, len: usize) -> Result<Ask, Malformed> {
        let Head { ip, port, n, len: behind } = head;
        let to = Peer { ip, port };
        match op {
            wire::CONNECT => {
                room(len, OPENED)?;
                (port > 0).then_some(Ask::Connect { to, from: n }).ok_or(Malformed)
            }
            wire::LISTEN => {
                room(len, OPENED)?;
                let backlog = port.max(1);
                (n > 0).then_some(Ask::Listen { local: ip, port: n, backlog }).ok_or(Malformed)
            }
            wire::BIND => {
                room(len, OPENED)?;
                Ok(Ask::Bind { local: ip, port: n })
            }
            wire::SEND => {
                (behind > 0).then_some(Ask::Send { socket: arg, len: behind }).ok_or(Malformed)
            }
            wire::CLOSE if n <= 1 => Ok(Ask::Close { socket: arg, reset: n == 1 }),
            wire::SEND_TO => {
                let ask = Ask::SendTo { socket: arg, to, len: behind };
                (port > 0).then_some(ask).ok_or(Malformed)
            }
            wire::RESOLVE => {
                room(len, size_of::<Ip>())?;
                let ask = Ask::Resolve { len: behind, six: n == 6, room: len };
                (1..=NAME).contains(&behind).then_some(ask).ok_or(Malformed)
            }
            wire::PING => Ok(Ask::Ping { to: ip, len: behind }),
            _ => Err(Malformed),
        }
    }
}

/// What stands in the head of a request: as many bytes behind it as there are.
struct Head {
    ip: Ip,
    port: u16,
    n: u16,
    len: usize,
}

impl Head {
    fn parse(head: &[u8], len: usize) -> Result<Head, Malformed> {
        let (target, _) = read_payload::<Target>(head).ok_or(Malformed)?;
        let Target { address, port, n, len: behind } = target;
        let behind = usize::try_from(behind).map_err(|_| Malformed)?;
        let fits = len.checked_sub(HEAD).is_some_and(|has| behind <= has);
        fits.then_some(Head { ip: address, port, n, len: behind }).ok_or(Malformed)
    }
}

/// That there is room for an answer.
fn room(len: usize, needs: usize) -> Result<(), Malformed> {
    if len >= needs { Ok(()) } else { Err(Malformed) }
}
