//! What comes back.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use nexus_mmio::SharedMut;
use nexus_proto::socket::ring::{self as wire, ENTRIES, Echo, Target};
use nexus_proto::{Payload, read_payload};
use nexus_ring::{Completion, Consumer, DONE};

use crate::Error;
use crate::request::{ADDRESS, MOST_ADDRESSES, OPENED, Socket, TARGET, address};

/// A socket that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The socket.
    pub socket: Socket,
    /// The address and port here; unspecified for each address.
    pub local: SocketAddr,
    /// The peer's; unspecified where there is none.
    pub peer: SocketAddr,
}

/// Addresses of a name: at most [`MOST_ADDRESSES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    list: [IpAddr; MOST_ADDRESSES],
    count: usize,
}

impl Addresses {
    /// Each, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.list.into_iter().take(self.count)
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A socket was opened: by connecting, listening, accepting, binding.
    Opened(Opened),
    /// A connection was accepted of which bytes have come already: take again, [`Outcome::Received`].
    Accepted(Opened),
    /// Sent, finished or closed: netstackd has all of it.
    Done,
    /// Bytes of a connection.
    Received {
        /// Bytes that were copied now. None, where there was room for some: the peer sends no more.
        len: usize,
        /// Bytes that there was no room for: take again.
        left: usize,
    },
    /// A datagram.
    Datagram {
        /// From whom.
        from: SocketAddr,
        /// Bytes that were copied. The rest is gone.
        len: usize,
        /// Bytes that it had.
        had: usize,
    },
    /// Addresses.
    Addresses(Addresses),
    /// An echo.
    Echo {
        /// Microseconds from sending to receiving, as netstackd says.
        micros: u64,
        /// Bytes that came back the same.
        len: u64,
    },
}

/// A good answer of which the bytes were not looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Opened(Opened),
    /// With bytes up to this one of its data.
    Accepted(Opened, u32),
    Done,
    /// From this byte of its data on, up to that.
    Bytes(u32, u32),
    /// From whom, how long, and how long it was.
    Datagram(SocketAddr, u32, u32),
    Addresses(u32),
    Echo(Echo),
}

/// What netstackd answers is no answer.
#[derive(Debug)]
pub(crate) struct Garbled;

/// What was answered to a request for `op`, whose data of `given` bytes begins at `offset`.
pub(crate) fn answer<M: SharedMut>(
    side: &Consumer<M, ENTRIES>,
    done: Completion,
    op: u8,
    (offset, given): (u32, u32),
    attachment: u32,
) -> Result<Result<Kept, Error>, Garbled> {
    if done.status != DONE {
        return Error::of(done.status).map(Err).ok_or(Garbled);
    }
    // The ring cuts it, too.
    let len = done.len.min(given);
    Ok(Ok(match op {
        wire::CONNECT | wire::LISTEN | wire::ACCEPT | wire::BIND => {
            let opened = opened(&read(side, offset, len)?, attachment);
            let with_bytes = op == wire::ACCEPT && len > OPENED as u32;
            if with_bytes { Kept::Accepted(opened, len) } else { Kept::Opened(opened) }
        }
        wire::SEND if len + TARGET as u32 != given => return Err(Garbled),
        wire::RECEIVE => Kept::Bytes(0, len),
        wire::RECEIVE_FROM => {
            let Target { address: from, port, len: had, .. } = read(side, offset, len)?;
            let here = len - TARGET as u32;
            if had < here {
                return Err(Garbled);
            }
            Kept::Datagram(SocketAddr::new(address(from), port), here, had)
        }
        wire::RESOLVE if !len.is_multiple_of(ADDRESS as u32) => return Err(Garbled),
        wire::RESOLVE => Kept::Addresses(len / ADDRESS as u32),
        wire::PING => {
            let echo: Echo = read(side, offset, len)?;
            // No more came back than went.
            if echo.len > u64::from(given.saturating_sub(TARGET as u32)) {
                return Err(Garbled);
            }
            Kept::Echo(echo)
        }
        _ => Kept::Done,
    }))
}

/// A payload at the beginning of data of which `len` bytes were filled.
fn read<P: Payload, M: SharedMut>(
    side: &Consumer<M, ENTRIES>,
    offset: u32,
    len: u32,
) -> Result<P, Garbled> {
    let mut bytes = [0; 64];
    let bytes = bytes.get_mut(..size_of::<P>()).filter(|bytes| bytes.len() <= len as usize);
    let bytes = bytes.ok_or(Garbled)?;
    side.read(offset, bytes).map_err(|_| Garbled)?;
    read_payload(bytes).map(|(payload, _)| payload).ok_or(Garbled)
}

fn opened(opened: &wire::Opened, attachment: u32) -> Opened {
    let wire::Opened { socket, peer, local, peer_port, local_port, .. } = *opened;
    Opened {
        socket: Socket { number: socket, attachment },
        local: SocketAddr::new(address(local), local_port),
        peer: SocketAddr::new(address(peer), peer_port),
    }
}

/// So many addresses, which stand at `offset`.
pub(crate) fn addresses<M: SharedMut>(
    side: &Consumer<M, ENTRIES>,
    offset: u32,
    count: u32,
) -> Addresses {
    let mut list = [IpAddr::V6(Ipv6Addr::UNSPECIFIED); MOST_ADDRESSES];
    let count = list.len().min(count as usize);
    let mut bytes = [0; ADDRESS * MOST_ADDRESSES];
    if let Some(bytes) = bytes.get_mut(..count * ADDRESS) {
        // They are inside: the data has room for the most.
        let _ = side.read(offset, bytes);
        for (to, octets) in list.iter_mut().zip(bytes.as_chunks::<ADDRESS>().0) {
            *to = address(*octets);
        }
    }
    Addresses { list, count }
}
