//! The sockets of a client, as others may see them.

use nexus_proto::socket::{Kind, SocketInfo, Tcp};
use smoltcp::socket::{tcp, udp};
use smoltcp::wire::{IpEndpoint, IpListenEndpoint};

use super::{Session, Socket};
use crate::address::{NONE, to_wire};
use crate::stack::Stack;

impl<M> Session<M> {
    /// Each of them.
    pub fn rows(&self, stack: &Stack) -> impl Iterator<Item = SocketInfo> {
        self.held.all().map(|socket| row(self.service, socket, stack))
    }

    /// How many they are, with those that were let go and are not over.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.held.all().count() + self.held.store.left()
    }

    /// Sockets of smoltcp's that are counted for it, and bytes of their buffers.
    #[must_use]
    pub const fn counted(&self) -> (u32, u64) {
        let purse = &self.held.store.purse;
        (purse.count(), purse.bytes())
    }
}

fn row(service: u32, socket: &Socket, stack: &Stack) -> SocketInfo {
    match socket {
        Socket::Listener(one) => {
            let waiting = one.waiting(stack);
            info((service, Kind::Listener, Tcp::Listen), one.at(), None, (waiting, 0))
        }
        Socket::Connection(one) => {
            let stream = stack.streams.get(one.handle);
            let bytes = (stream.recv_queue(), stream.send_queue());
            let kind = (service, Kind::Connection, state(stream.state()));
            info(kind, one.local.into(), Some(one.peer), bytes)
        }
        Socket::Datagrams(one) => {
            let socket = stack.sockets.get::<udp::Socket<'_>>(one.handle);
            let bytes = (socket.recv_queue(), socket.send_queue());
            info((service, Kind::Datagrams, Tcp::Closed), socket.endpoint(), None, bytes)
        }
    }
}

fn info(
    (service, kind, tcp): (u32, Kind, Tcp),
    local: IpListenEndpoint,
    peer: Option<IpEndpoint>,
    (received, unsent): (usize, usize),
) -> SocketInfo {
    let number = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
    SocketInfo {
        kind,
        tcp,
        service,
        local_port: local.port,
        peer_port: peer.map_or(0, |peer| peer.port),
        peer: peer.map_or(NONE, |peer| to_wire(peer.addr)),
        local: local.addr.map_or(NONE, to_wire),
        received: number(received),
        unsent: number(unsent),
    }
}

const fn state(state: tcp::State) -> Tcp {
    match state {
        tcp::State::Closed => Tcp::Closed,
        tcp::State::Listen => Tcp::Listen,
        tcp::State::SynSent => Tcp::SynSent,
        tcp::State::SynReceived => Tcp::SynReceived,
        tcp::State::Established => Tcp::Established,
        tcp::State::FinWait1 => Tcp::FinWait1,
        tcp::State::FinWait2 => Tcp::FinWait2,
        tcp::State::CloseWait => Tcp::CloseWait,
        tcp::State::Closing => Tcp::Closing,
        tcp::State::LastAck => Tcp::LastAck,
        tcp::State::TimeWait => Tcp::TimeWait,
    }
}
