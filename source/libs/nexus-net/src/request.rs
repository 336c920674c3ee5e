//! What is asked, as it stands in the ring.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nexus_proto::socket::ring::{self as wire, Echo, Target};

use crate::Error;

/// A socket of netstackd: it means something in one attachment alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Socket {
    pub(crate) number: u64,
    /// Which attachment of this process.
    pub(crate) attachment: u32,
}

/// A request that was made, until its answer was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    pub(crate) id: u16,
    /// Which of those with this id.
    pub(crate) serial: u32,
}

/// Which addresses of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Of IPv4.
    V4,
    /// Of IPv6.
    V6,
}

/// What can be asked. What it means when the answer is lost, because netstackd ended ([`Error::Gone`]), stands with
/// each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Connects to a peer by TCP, from the local port, 0 for any. Lost: the connection may have stood; it is gone.
    Connect {
        /// The peer.
        to: SocketAddr,
        /// The local port.
        from: u16,
    },
    /// Listens for connections, of which `backlog` may wait that nobody has accepted, at least 1. Lost: nobody
    /// listens.
    Listen {
        /// The local address, unspecified for each, and the port.
        at: SocketAddr,
        /// How many may wait.
        backlog: u16,
    },
    /// The next connection of a listening socket. Lost: the connection is gone, and the peer is told by a reset.
    Accept {
        /// The listening socket.
        of: Socket,
        /// So many of its first bytes come with it, at most, if they are there.
        most: usize,
    },
    /// Sends bytes, all of them: it is done when netstackd has taken the last. One at a time for each connection.
    /// Lost: the peer may have had any first part of them, and what was done before may not have reached it.
    Send {
        /// The connection.
        of: Socket,
        /// At least one byte.
        bytes: &'a [u8],
    },
    /// Receives at most so many bytes. One at a time for each connection. Lost: what the peer was told has come
    /// may be lost with it.
    Receive {
        /// The connection.
        of: Socket,
        /// How many; fewer where there is less room.
        most: usize,
    },
    /// Sends no more. Lost: the connection is gone, and is reset where it was not over.
    Finish {
        /// The connection.
        of: Socket,
    },
    /// Lets a socket go. Lost: it is gone.
    Close {
        /// The socket.
        of: Socket,
        /// The connection is reset; else what was taken is still sent.
        reset: bool,
    },
    /// A socket for datagrams at a local port, 0 for any. Lost: there is none.
    Bind {
        /// The local port.
        port: u16,
    },
    /// Sends a datagram. Lost: it went, or it did not.
    SendTo {
        /// The socket.
        of: Socket,
        /// To whom.
        to: SocketAddr,
        /// What.
        bytes: &'a [u8],
    },
    /// The next datagram. Lost: one that had come may be lost with it.
    ReceiveFrom {
        /// The socket.
        of: Socket,
        /// Bytes that are kept of it.
        most: usize,
    },
    /// The addresses of a name, at most [`MOST_ADDRESSES`]. Lost: nothing was done.
    Resolve {
        /// 1 to 255 bytes.
        name: &'a str,
        /// Which.
        family: Family,
    },
    /// Asks for an echo. Lost: it went, or it did not.
    Ping {
        /// Whom.
        to: IpAddr,
        /// What is to come back.
        bytes: &'a [u8],
    },
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Class {
    /// That netstackd does it, in a time of its own.
    #[default]
    Soon,
    /// That something comes from the peer, for as long as that likes.
    Comes,
    /// That the peer takes something, for as long as that likes.
    Goes,
    /// That what is being sent has gone, for as long as that takes: it needs no data.
    Ends,
}

impl Class {
    /// Requests of it that there are at one time, at most.
    pub(crate) const fn most(self) -> u32 {
        match self {
            Class::Soon => 64,
            Class::Comes => 40,
            Class::Goes | Class::Ends => 16,
        }
    }

    /// Of so many bytes those that they have together.
    pub(crate) const fn most_bytes(self, all: u32) -> u32 {
        match self {
            Class::Soon | Class::Ends => all,
            Class::Comes | Class::Goes => all / 8 * 3,
        }
    }

    /// Of `spare` bytes those that the next one has: a peer that is slow takes little from the others.
    pub(crate) const fn share(self, spare: u32) -> u32 {
        match self {
            Class::Soon | Class::Ends => spare,
            Class::Comes | Class::Goes => spare / 2,
        }
    }
}

/// Most addresses of a name that are asked for.
pub const MOST_ADDRESSES: usize = 8;
/// Bytes of an address.
pub(crate) const ADDRESS: usize = 16;
/// Bytes of what stands before others.
pub(crate) const TARGET: usize = size_of::<Target>();
/// Bytes of what is answered when a socket was opened.
pub(crate) const OPENED: usize = size_of::<wire::Opened>();
/// Bytes of the longest name.
const LONGEST_NAME: usize = 255;
/// Nobody.
const NONE: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

impl Ask<'_> {
    pub(crate) const fn op(&self) -> u8 {
        match self {
            Ask::Connect { .. } => wire::CONNECT,
            Ask::Listen { .. } => wire::LISTEN,
            Ask::Accept { .. } => wire::ACCEPT,
            Ask::Send { .. } => wire::SEND,
            Ask::Receive { .. } => wire::RECEIVE,
            Ask::Finish { .. } => wire::FINISH,
            Ask::Close { .. } => wire::CLOSE,
            Ask::Bind { .. } => wire::BIND,
            Ask::SendTo { .. } => wire::SEND_TO,
            Ask::ReceiveFrom { .. } => wire::RECEIVE_FROM,
            Ask::Resolve { .. } => wire::RESOLVE,
            Ask::Ping { .. } => wire::PING,
        }
    }

    /// The socket that it is of; none where it opens one, or needs none.
    pub(crate) const fn socket(&self) -> Option<Socket> {
        match *self {
            Ask::Accept { of, .. }
            | Ask::Send { of, .. }
            | Ask::Receive { of, .. }
            | Ask::Finish { of }
            | Ask::Close { of, .. }
            | Ask::SendTo { of, .. }
            | Ask::ReceiveFrom { of, .. } => Some(of),
            Ask::Connect { .. }
            | Ask::Listen { .. }
            | Ask::Bind { .. }
            | Ask::Resolve { .. }
            | Ask::Ping { .. } => None,
        }
    }

    /// The bytes that follow the head, or stand there without one.
    pub(crate) const fn bytes(&self) -> &[u8] {
        match self {
            Ask::Send { bytes, .. } | Ask::SendTo { bytes, .. } | Ask::Ping { bytes, .. } => bytes,
            Ask::Resolve { name, .. } => name.as_bytes(),
            _ => &[],
        }
    }

    /// What stands before the bytes, where something does.
    pub(crate) fn head(&self) -> Option<Target> {
        let (to, n) = match *self {
            Ask::Connect { to, from } => (to, from),
            // How many may wait stands where the peer's port would.
            Ask::Listen { at, backlog } => (SocketAddr::new(at.ip(), backlog.max(1)), at.port()),
            Ask::Close { reset, .. } => (NONE, reset.into()),
            Ask::Bind { port } => (NONE, port),
            Ask::SendTo { to, .. } => (to, 0),
            Ask::Resolve { family: Family::V4, .. } => (NONE, 4),
            Ask::Resolve { family: Family::V6, .. } => (NONE, 6),
            Ask::Ping { to, .. } => (SocketAddr::new(to, 0), 0),
            Ask::Send { .. } => (NONE, 0),
            Ask::Accept { .. }
            | Ask::Receive { .. }
            | Ask::Finish { .. }
            | Ask::ReceiveFrom { .. } => return None,
        };
        let len = u32::try_from(self.bytes().len()).unwrap_or(u32::MAX);
        Some(Target { address: octets(to.ip()), port: to.port(), n, len })
    }

    /// Bytes of data that it needs, with its answer; 0: none.
    pub(crate) fn needs(&self) -> usize {
        let head = if self.head().is_some() { TARGET } else { 0 };
        let answer = match *self {
            Ask::Connect { .. } | Ask::Listen { .. } | Ask::Bind { .. } => OPENED,
            Ask::Accept { most, .. } => most.saturating_add(OPENED),
            Ask::Receive { most, .. } => most.max(1),
            Ask::ReceiveFrom { most, .. } => most.saturating_add(TARGET),
            Ask::Resolve { .. } => MOST_ADDRESSES * ADDRESS,
            Ask::Ping { .. } => size_of::<Echo>(),
            Ask::Send { .. } | Ask::Finish { .. } | Ask::Close { .. } | Ask::SendTo { .. } => 0,
        };
        answer.max(head.saturating_add(self.bytes().len()))
    }

    /// What it waits for.
    pub(crate) const fn class(&self) -> Class {
        match self {
            Ask::Accept { .. } | Ask::Receive { .. } | Ask::ReceiveFrom { .. } => Class::Comes,
            Ask::Send { .. } => Class::Goes,
            Ask::Finish { .. } => Class::Ends,
            _ => Class::Soon,
        }
    }

    /// Whether a socket has one at a time: of two, the bytes could come in another order.
    pub(crate) const fn is_alone(&self) -> bool {
        matches!(self, Ask::Send { .. } | Ask::Receive { .. })
    }

    /// That it can be.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Ask::Send { bytes: [], .. } => Err(Error::Malformed),
            Ask::Resolve { name, .. } if name.is_empty() || name.len() > LONGEST_NAME => {
                Err(Error::NoName)
            }
            _ => Ok(()),
        }
    }
}

/// An address as it stands in a ring: of IPv4 as IPv6 maps it; an unspecified one is zeros.
pub(crate) fn octets(address: IpAddr) -> [u8; ADDRESS] {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => [0; ADDRESS],
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The other way round.
#[must_use]
pub fn address(octets: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(octets).to_canonical()
}
