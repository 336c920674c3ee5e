//! What is done for a request, as far as it can be done now.

use nexus_mmio::SharedMut;
use nexus_proto::Zero;
use nexus_proto::log::Access;
use nexus_proto::socket::ring::{self as wire, Opened, Target};
use nexus_ring::Request;
use nexus_sysdesc::NetProtocol;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::{tcp, udp};
use smoltcp::wire::{IpEndpoint, IpListenEndpoint};
use zerocopy::IntoBytes;

use super::ask::{Ask, HEAD, Peer};
use super::desk::Desk;
use super::held::{Connection, Datagrams, Held, Socket};
use super::{Pending, Side, Waiting};
use crate::address::{NONE, of_wire, to_wire};
use crate::numbers::Source;
use crate::stack::Stream;

/// One request, and all that it may need.
pub(super) struct Job<'a, 'd, M, S> {
    pub(super) service: u32,
    pub(super) side: &'a mut Side<M>,
    pub(super) held: &'a mut Held,
    pub(super) desk: &'a mut Desk<'d, S>,
    /// Requests before it that wait.
    pub(super) waiting: &'a [Waiting],
    /// Bytes that came, or were taken, of connections.
    pub(super) moved: usize,
}

/// How far it has come.
pub(super) enum Step {
    /// It is done, with so many bytes.
    Done(usize),
    /// It waits.
    Wait(Pending),
}

impl<M: SharedMut, S: Source> Job<'_, '_, M, S> {
    /// Goes on with a request.
    ///
    /// # Errors
    /// The status with which it failed.
    pub(super) fn step(&mut self, request: &Request, pending: Pending) -> Result<Step, u8> {
        let ask = match pending {
            Pending::Fresh(ask) => ask,
            begun => return self.go_on(request, begun),
        };
        let done = match ask {
            Ask::Accept { socket, room } => self.accept(request, socket, room)?,
            Ask::Send { socket, len } => return self.send(request, socket, len, 0),
            Ask::Receive { socket, room } => self.receive(request, socket, room)?,
            Ask::Finish { socket } => self.finish(socket)?,
            Ask::Close { socket, reset } => Some(self.close(socket, reset)?),
            Ask::SendTo { socket, to, len } => self.send_to(request, socket, to, len)?,
            Ask::ReceiveFrom { socket, room } => self.receive_from(request, socket, room)?,
            begins => return self.begin(request, begins),
        };
        Ok(done.map_or(Step::Wait(Pending::Fresh(ask)), Step::Done))
    }

    fn accept(&mut self, request: &Request, socket: u64, room: usize) -> Result<Option<usize>, u8> {
        let Some(Socket::Listener(listener)) = self.held.get(socket) else {
            return Err(self.none(socket));
        };
        let Some(handle) = listener.accept(self.desk.stack) else { return Ok(None) };
        let opened = self.stood(request, handle)?;
        let came = self.came(request, handle, opened, room)?;
        Ok(Some(opened + came))
    }

    /// A connection stands; the client is told of it.
    pub(super) fn stood(&mut self, request: &Request, handle: Stream) -> Result<usize, u8> {
        self.desk.stood += 1;
        // There may be room for one more who listens.
        self.desk.stack.streams.change();
        let socket = self.desk.stack.streams.get(handle);
        let none = IpEndpoint::new(of_wire(NONE), 0);
        let local = socket.local_endpoint().unwrap_or(none);
        let peer = socket.remote_endpoint().unwrap_or(none);
        let connection = Connection { handle, local, peer, finished: false };
        let number = self.held.add(Socket::Connection(connection));
        self.opened(request, number, local.into(), Some(peer))
    }

    /// Tells of a socket.
    pub(super) fn opened(
        &mut self,
        request: &Request,
        socket: u64,
        local: IpListenEndpoint,
        peer: Option<IpEndpoint>,
    ) -> Result<usize, u8> {
        let opened = Opened {
            socket,
            peer: peer.map_or(NONE, |peer| to_wire(peer.addr)),
            local: local.addr.map_or(NONE, to_wire),
            peer_port: peer.map_or(0, |peer| peer.port),
            local_port: local.port,
            zero: Zero::ZERO,
        };
        self.put(request, 0, opened.as_bytes())?;
        Ok(size_of::<Opened>())
    }

    /// Sends what was not taken yet, of so many bytes.
    ///
    /// # Errors
    /// The status with which it failed.
    pub(super) fn send(
        &mut self,
        request: &Request,
        socket: u64,
        len: usize,
        before: usize,
    ) -> Result<Step, u8> {
        let handle = match self.held.get(socket) {
            Some(Socket::Connection(one)) if one.finished => return Err(wire::CLOSED),
            Some(Socket::Connection(one)) => one.handle,
            _ => return Err(self.none(socket)),
        };
        let Job { side, desk, .. } = self;
        let stream = desk.stack.streams.get_mut(handle);
        let mut sent = before;
        // Twice: the room may go round the end of the buffer.
        for _ in 0..2 {
            let copied = stream.send(|room| {
                let some = room.len().min(len - sent);
                let room = room.get_mut(..some).unwrap_or_default();
                let copied = side.read(request, HEAD + sent, room);
                (copied.map_or(0, |()| some), copied.map(|()| some))
            });
            match copied {
                Ok(Ok(some)) => sent += some,
                Ok(Err(_)) => return Err(wire::MALFORMED),
                Err(_) => return Err(wire::RESET),
            }
        }
        self.moved += sent - before;
        let waits = Step::Wait(Pending::Sending { socket, len, sent });
        Ok(if sent == len { Step::Done(len) } else { waits })
    }

    fn receive(
        &mut self,
        request: &Request,
        socket: u64,
        room: usize,
    ) -> Result<Option<usize>, u8> {
        let handle = match self.held.get(socket) {
            Some(Socket::Connection(one)) => one.handle,
            _ => return Err(self.none(socket)),
        };
        let received = self.came(request, handle, 0, room)?;
        if received > 0 {
            return Ok(Some(received));
        }
        let stream = self.desk.stack.streams.get_mut(handle);
        match stream.recv(|_| (0, ())) {
            Ok(()) => Ok(None),
            Err(tcp::RecvError::Finished) => Ok(Some(0)),
            Err(tcp::RecvError::InvalidState) => Err(wire::RESET),
        }
    }

    /// Copies bytes that came behind the first `at` of an answer, at most `room`; how many.
    fn came(
        &mut self,
        request: &Request,
        handle: Stream,
        at: usize,
        room: usize,
    ) -> Result<usize, u8> {
        let Job { side, desk, .. } = self;
        let stream = desk.stack.streams.get_mut(handle);
        let mut received = 0;
        // Twice: the bytes may go round the end of the buffer.
        while stream.can_recv() && received < room {
            let copied = stream.recv(|bytes| {
                let some = bytes.len().min(room - received);
                let bytes = bytes.get(..some).unwrap_or_default();
                let copied = side.write(request, at + received, bytes);
                (copied.map_or(0, |()| some), copied.map(|()| some))
            });
            match copied {
                Ok(Ok(some)) => received += some,
                _ => return Err(wire::MALFORMED),
            }
        }
        self.moved += received;
        Ok(received)
    }

    /// None: something is to be sent before.
    fn finish(&mut self, socket: u64) -> Result<Option<usize>, u8> {
        let sends = |one: &Waiting| match one.pending {
            Pending::Fresh(Ask::Send { socket: of, .. }) | Pending::Sending { socket: of, .. } => {
                of == socket
            }
            _ => false,
        };
        let Some(Socket::Connection(one)) = self.held.get(socket) else {
            return Err(self.none(socket));
        };
        if self.waiting.iter().any(sends) {
            return Ok(None);
        }
        one.finished = true;
        let handle = one.handle;
        self.desk.stack.streams.get_mut(handle).close();
        Ok(Some(0))
    }

    fn close(&mut self, socket: u64, reset: bool) -> Result<usize, u8> {
        let Desk { stack, ports, now, .. } = self.desk;
        let closed = self.held.close(socket, reset, (stack, ports), *now);
        closed.then_some(0).ok_or(wire::NO_SOCKET)
    }

    /// The status for a socket that is not there: the one that a request waited for was let go.
    fn none(&self, socket: u64) -> u8 {
        if self.held.was(socket) { wire::CLOSED } else { wire::NO_SOCKET }
    }

    /// The handle and the port of a socket for datagrams, and whether this peer has asked it.
    fn datagrams(
        &mut self,
        socket: u64,
        peer: Option<Peer>,
    ) -> Result<(SocketHandle, u16, bool), u8> {
        let now = self.desk.now;
        match self.held.get(socket) {
            Some(Socket::Datagrams(one)) => {
                let asked = peer.is_some_and(|peer| one.askers.has(peer, now));
                Ok((one.handle, one.port, asked))
            }
            _ => Err(self.none(socket)),
        }
    }

    /// That something was done with a socket for datagrams.
    fn did(&mut self, socket: u64, what: impl FnOnce(&mut Datagrams)) {
        if let Some(Socket::Datagrams(one)) = self.held.get(socket) {
            what(one);
        }
    }

    #[inline(never)]
    fn send_to(
        &mut self,
        request: &Request,
        socket: u64,
        to: Peer,
        len: usize,
    ) -> Result<Option<usize>, u8> {
        let (handle, _, asked) = self.datagrams(socket, Some(to))?;
        let kind = (NetProtocol::Udp, Access::SendTo);
        if !asked {
            self.desk.out(self.service, kind, to.ip, to.port)?;
        }
        let address = of_wire(to.ip);
        self.desk.stack.source(address).map_err(|_| wire::UNREACHABLE)?;
        if len > most(address, UDP_HEADER) {
            return Err(wire::TOO_MUCH);
        }
        let Job { side, desk, .. } = self;
        let number = socket;
        let socket = desk.stack.sockets.get_mut::<udp::Socket<'_>>(handle);
        if socket.send_queue() + len > socket.payload_send_capacity() || !socket.can_send() {
            return Ok(None);
        }
        let mut data = crate::stack::buffer(len);
        side.read(request, HEAD, &mut data).map_err(|_| wire::MALFORMED)?;
        let to = IpEndpoint::new(address, to.port);
        match socket.send_slice(&data, to) {
            Ok(()) => {
                self.did(number, |one| {
                    one.given = one.given.saturating_add(len as u64);
                    one.to = Some(address);
                });
                Ok(Some(len))
            }
            Err(udp::SendError::BufferFull) => Ok(None),
            Err(udp::SendError::Unaddressable) => Err(wire::UNREACHABLE),
        }
    }

    #[inline(never)]
    fn receive_from(
        &mut self,
        request: &Request,
        socket: u64,
        room: usize,
    ) -> Result<Option<usize>, u8> {
        let (handle, port, _) = self.datagrams(socket, None)?;
        let (service, rules, now) = (self.service, self.desk.rules, self.desk.now);
        let Job { side, desk, .. } = self;
        let heard = desk.stack.sockets.get_mut::<udp::Socket<'_>>(handle);
        while let Ok((data, meta)) = heard.recv() {
            let IpEndpoint { addr, port: from } = meta.endpoint;
            let address = to_wire(addr);
            if !rules.hears(service, address, from, port) {
                // Nobody is told of what a peer sends whom no line lets.
                continue;
            }
            // As it came: a client sees that it was cut.
            let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let data = data.get(..room.min(data.len())).unwrap_or_default();
            let head = Target { address, port: from, n: 0, len };
            let written = side.write(request, 0, head.as_bytes());
            written.and_then(|()| side.write(request, HEAD, data)).map_err(|_| wire::MALFORMED)?;
            let len = HEAD + data.len();
            if rules.takes(service, NetProtocol::Udp, address, port) {
                self.did(socket, |one| one.askers.asked(Peer { ip: address, port: from }, now));
            }
            return Ok(Some(len));
        }
        Ok(None)
    }

    /// Writes a part of an answer. Nobody waits for it when the attachment is over.
    pub(super) fn put(&mut self, request: &Request, at: usize, bytes: &[u8]) -> Result<(), u8> {
        self.side.write(request, at, bytes).map_err(|_| wire::MALFORMED)
    }
}

/// Bytes of the header of a datagram.
const UDP_HEADER: usize = 8;

/// Most bytes that a packet to this address has behind a header of so many.
pub(super) const fn most(to: smoltcp::wire::IpAddress, header: usize) -> usize {
    const MTU: usize = 1500;
    match to {
        smoltcp::wire::IpAddress::Ipv4(_) => MTU - 20 - header,
        smoltcp::wire::IpAddress::Ipv6(_) => MTU - 40 - header,
    }
}
