//! Connections by their four numbers, so that the next frame of one is found however many there are.

use alloc::collections::BTreeMap;

use smoltcp::wire::{IpAddress, IpEndpoint};

use super::{Stack, Stream};

/// Address and port here, and those of the peer.
pub(crate) type Ends = (IpEndpoint, IpEndpoint);

/// The same in numbers, of which the first tells most of them apart: both ports; the addresses; true for those of IPv6.
type Key = (u32, [u128; 2], [bool; 2]);

/// Which socket has a connection, or had it last. Both maps have the same pairs.
#[derive(Debug, Default)]
pub(super) struct Known {
    by_ends: BTreeMap<Key, Stream>,
    by_handle: BTreeMap<Stream, Key>,
}

fn key((local, peer): Ends) -> Key {
    let number = |address| match address {
        IpAddress::Ipv4(four) => u128::from(four.to_bits()),
        IpAddress::Ipv6(six) => six.to_bits(),
    };
    let addresses = [local.addr, peer.addr];
    let six = addresses.map(|address| matches!(address, IpAddress::Ipv6(_)));
    (u32::from(peer.port) << 16 | u32::from(local.port), addresses.map(number), six)
}

impl Known {
    /// The socket has this connection from now on, and no other.
    pub(super) fn put(&mut self, handle: Stream, ends: Ends) {
        let ends = key(ends);
        self.forget(handle);
        if let Some(other) = self.by_ends.insert(ends, handle) {
            self.by_handle.remove(&other);
        }
        self.by_handle.insert(handle, ends);
    }

    /// There is no such socket any more.
    pub(super) fn forget(&mut self, handle: Stream) {
        if let Some(ends) = self.by_handle.remove(&handle) {
            self.by_ends.remove(&ends);
        }
    }
}

impl Stack {
    /// That a socket has a connection, if it has one: a peer took it, or was asked for one.
    pub(crate) fn knows(&mut self, handle: Stream) {
        let socket = self.streams.get(handle);
        if let (Some(local), Some(peer)) = (socket.local_endpoint(), socket.remote_endpoint()) {
            self.known.put(handle, (local, peer));
        }
    }

    /// The socket that has the connection between these.
    pub(super) fn connection(&self, ends: Ends) -> Option<Stream> {
        let stream = *self.known.by_ends.get(&key(ends))?;
        // Of one that is over its socket knows nothing.
        let socket = self.streams.get(stream);
        let has = (socket.local_endpoint(), socket.remote_endpoint());
        (has == (Some(ends.0), Some(ends.1))).then_some(stream)
    }
}
