//! Connections by their four numbers, so that the next frame of one is found however many there are.

use alloc::collections::BTreeMap;

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use smoltcp::wire::IpEndpoint;

use super::Stack;

/// Address and port here, and those of the peer.
pub(crate) type Ends = (IpEndpoint, IpEndpoint);

/// Which socket has a connection, or had it last. Both maps have the same pairs.
#[derive(Debug, Default)]
pub(super) struct Known {
    by_ends: BTreeMap<Ends, SocketHandle>,
    by_handle: BTreeMap<SocketHandle, Ends>,
}

impl Known {
    /// The socket has this connection from now on, and no other.
    pub(super) fn put(&mut self, handle: SocketHandle, ends: Ends) {
        self.forget(handle);
        if let Some(other) = self.by_ends.insert(ends, handle) {
            self.by_handle.remove(&other);
        }
        self.by_handle.insert(handle, ends);
    }

    /// There is no such socket any more.
    pub(super) fn forget(&mut self, handle: SocketHandle) {
        if let Some(ends) = self.by_handle.remove(&handle) {
            self.by_ends.remove(&ends);
        }
    }
}

impl Stack {
    /// That a socket has a connection, if it has one: a peer took it, or was asked for one.
    pub(crate) fn knows(&mut self, handle: SocketHandle) {
        let socket = self.sockets.get::<tcp::Socket<'_>>(handle);
        if let (Some(local), Some(peer)) = (socket.local_endpoint(), socket.remote_endpoint()) {
            self.known.put(handle, (local, peer));
        }
    }

    /// True when there is a connection between these.
    pub(super) fn has_connection(&self, ends: Ends) -> bool {
        let Some(handle) = self.known.by_ends.get(&ends) else { return false };
        // Of one that is over its socket knows nothing.
        let socket = self.sockets.get::<tcp::Socket<'_>>(*handle);
        (socket.local_endpoint(), socket.remote_endpoint()) == (Some(ends.0), Some(ends.1))
    }
}
