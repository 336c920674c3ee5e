//! What opens a socket, and what waits for somebody outside.

use nexus_mmio::SharedMut;
use nexus_proto::log::Access;
use nexus_proto::socket::ring::{self as wire, Echo};
use nexus_ring::Request;
use nexus_sysdesc::{Ip, NetProtocol};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpEndpoint, IpListenEndpoint};
use zerocopy::IntoBytes;

use super::ask::{Ask, HEAD, Peer};
use super::held::{Datagrams, Socket};
use super::listener::Listener;
use super::steps::{Job, Step, most};
use super::{Pending, Waiting};
use crate::address::{NONE, of_wire};
use crate::numbers::Source;
use crate::stack::WAITED;

/// For so long a peer may take to accept a connection.
const CONNECTS: Duration = Duration::from_secs(10);
/// For so long an echo is waited for.
const ECHOES: Duration = Duration::from_secs(5);
/// Echoes that a client waits for at one time.
const PINGS: usize = 8;
/// Bytes of the header of an echo.
const ICMP_HEADER: usize = 8;

impl<M: SharedMut, S: Source> Job<'_, '_, M, S> {
    /// Begins what is not done at once.
    ///
    /// # Errors
    /// The status with which it failed.
    pub(super) fn begin(&mut self, request: &Request, ask: Ask) -> Result<Step, u8> {
        match ask {
            Ask::Connect { to, from } => self.connect(to, from).map(Step::Wait),
            Ask::Listen { local, port, backlog } => {
                self.listen(request, local, port, backlog).map(Step::Done)
            }
            Ask::Bind { local, port } => self.bind(request, local, port).map(Step::Done),
            Ask::Resolve { len, six, room } => {
                self.resolve(request, len, six, room).map(Step::Wait)
            }
            Ask::Ping { to, len } => self.ping(request, to, len).map(Step::Wait),
            // Those are steps of a socket.
            _ => Err(wire::MALFORMED),
        }
    }

    /// Goes on with what was begun.
    ///
    /// # Errors
    /// The status with which it failed.
    pub(super) fn go_on(&mut self, request: &Request, begun: Pending) -> Result<Step, u8> {
        match begun {
            Pending::Connecting { handle, until } => self.connecting(request, handle, until),
            Pending::Resolving { query, room, asked } => {
                self.resolving(request, query, room, asked)
            }
            Pending::Pinging { ident, until } => self.pinging(request, ident, until),
            Pending::Fresh(ask) => self.step(request, Pending::Fresh(ask)),
        }
    }

    fn connect(&mut self, to: Peer, from: u16) -> Result<Pending, u8> {
        let kind = (NetProtocol::Tcp, Access::Connect);
        self.desk.out(self.service, kind, to.ip, to.port)?;
        let address = of_wire(to.ip);
        let local = self.desk.stack.source(address).map_err(|_| wire::UNREACHABLE)?;
        let port = self.port(from)?;
        let number = self.desk.numbers.draw().ok_or(wire::UNREACHABLE)?;
        let stream = self.held.store.stream(self.desk.stack)?;
        let ends = (IpEndpoint::new(local, port), IpEndpoint::new(address, to.port));
        let now = self.desk.now;
        let handle = self.desk.stack.connect(stream, ends, number, now).map_err(|_| {
            self.held.store.purse.give();
            wire::UNREACHABLE
        })?;
        let until = now + CONNECTS;
        self.desk.wake(until);
        Ok(Pending::Connecting { handle, until })
    }

    /// A port of this machine for a connection: this one, or one that nobody guesses.
    fn port(&mut self, wanted: u16) -> Result<u16, u8> {
        let desk = &mut *self.desk;
        let free = |port| !desk.ports.has(NetProtocol::Tcp, port) && !desk.stack.has_local(port);
        if wanted > 0 {
            return free(wanted).then_some(wanted).ok_or(wire::IN_USE);
        }
        desk.numbers.port(free).ok_or(wire::UNREACHABLE)
    }

    fn connecting(
        &mut self,
        request: &Request,
        handle: SocketHandle,
        until: Instant,
    ) -> Result<Step, u8> {
        let socket = self.desk.stack.sockets.get::<tcp::Socket<'_>>(handle);
        let (state, peer) = (socket.state(), socket.remote_endpoint().map(|peer| peer.addr));
        let failed = match state {
            tcp::State::SynSent | tcp::State::SynReceived if self.desk.now < until => {
                self.seek(until, CONNECTS, peer);
                return Ok(Step::Wait(Pending::Connecting { handle, until }));
            }
            tcp::State::SynSent | tcp::State::SynReceived => wire::TIMED_OUT,
            tcp::State::Closed => wire::PEER_REFUSED,
            _ => return self.stood(request, handle).map(Step::Done),
        };
        self.held.store.leave(handle, true, self.desk.stack, self.desk.now);
        Err(failed)
    }

    /// Goes on waiting for a peer until then, for which it has so long; one that waits for long asks where it is.
    fn seek(&mut self, until: Instant, all: Duration, peer: Option<IpAddress>) {
        let (now, asks) = (self.desk.now, until - all + WAITED);
        self.desk.wake(if now < asks { asks } else { until });
        if let Some(peer) = peer.filter(|_| now >= asks) {
            self.desk.stack.seek(peer, now);
        }
    }

    fn listen(
        &mut self,
        request: &Request,
        local: Ip,
        port: u16,
        backlog: u16,
    ) -> Result<usize, u8> {
        let may = self.desk.rules.at(self.service, NetProtocol::Tcp, port);
        self.desk.noted(self.service, Access::Listen, may)?;
        let at = self.local(local, port)?;
        self.seeded()?;
        if !self.desk.ports.take(NetProtocol::Tcp, at, self.service, true) {
            return Err(wire::IN_USE);
        }
        let listener = Listener::new(at, backlog, &mut self.held.store, self.desk.stack);
        let listener = listener.inspect_err(|_| self.desk.ports.give(NetProtocol::Tcp, port))?;
        let number = self.held.add(Socket::Listener(listener));
        self.opened(request, number, at, None)
    }

    fn bind(&mut self, request: &Request, local: Ip, port: u16) -> Result<usize, u8> {
        let rules = self.desk.rules;
        let may = match port {
            0 => rules.any_out(self.service, NetProtocol::Udp),
            port => rules.at(self.service, NetProtocol::Udp, port),
        };
        self.desk.noted(self.service, Access::Bind, may)?;
        let at = self.local(local, port)?;
        self.seeded()?;
        let desk = &mut *self.desk;
        let free = |port| !desk.ports.has(NetProtocol::Udp, port);
        let named = port > 0;
        let port = match port {
            0 => desk.numbers.port(free).ok_or(wire::UNREACHABLE)?,
            port => free(port).then_some(port).ok_or(wire::IN_USE)?,
        };
        let mut socket = self.held.store.datagrams(desk.stack)?;
        let at = IpListenEndpoint { port, ..at };
        // It is new, and the port is not 0.
        let _ = socket.bind(at);
        desk.ports.take(NetProtocol::Udp, at, self.service, named);
        let handle = desk.stack.sockets.add(socket);
        let number = self.held.add(Socket::Datagrams(Datagrams::new(handle, port)));
        self.opened(request, number, at, None)
    }

    /// A place here.
    fn local(&self, ip: Ip, port: u16) -> Result<IpListenEndpoint, u8> {
        if ip == NONE {
            return Ok(IpListenEndpoint { addr: None, port });
        }
        let own = self.desk.stack.addresses().any(|(own, _, _)| own == ip);
        let addr = Some(of_wire(ip));
        own.then_some(IpListenEndpoint { addr, port }).ok_or(wire::UNREACHABLE)
    }

    /// That there are numbers that nobody guesses: without them nothing is opened.
    fn seeded(&mut self) -> Result<(), u8> {
        self.desk.numbers.draw().map(|_| ()).ok_or(wire::UNREACHABLE)
    }

    fn ping(&mut self, request: &Request, to: Ip, len: usize) -> Result<Pending, u8> {
        self.desk.out(self.service, (NetProtocol::Echo, Access::Echo), to, 0)?;
        let address = of_wire(to);
        let local = self.desk.stack.source(address).map_err(|_| wire::UNREACHABLE)?;
        let pings = |one: &&Waiting| matches!(one.pending, Pending::Pinging { .. });
        if len > most(address, ICMP_HEADER) || self.waiting.iter().filter(pings).count() >= PINGS {
            return Err(wire::TOO_MUCH);
        }
        let number = self.desk.numbers.draw().ok_or(wire::UNREACHABLE)?;
        let mut data = crate::stack::buffer(len);
        self.side.read(request, HEAD, &mut data).map_err(|_| wire::MALFORMED)?;
        let desk = &mut *self.desk;
        let stack = &mut *desk.stack;
        let ends = (local, address);
        let asked = stack.echoes.ask(&mut stack.sockets, ends, data, number, desk.now);
        let (ident, until) = (asked.ok_or(wire::TOO_MUCH)?, desk.now + ECHOES);
        desk.wake(until);
        Ok(Pending::Pinging { ident, until })
    }

    fn pinging(&mut self, request: &Request, ident: u16, until: Instant) -> Result<Step, u8> {
        let stack = &mut *self.desk.stack;
        let came = stack.echoes.get(ident).and_then(|ping| ping.came());
        if came.is_none() && self.desk.now < until {
            let peer = stack.echoes.get(ident).map(|ping| ping.to());
            self.seek(until, ECHOES, peer);
            return Ok(Step::Wait(Pending::Pinging { ident, until }));
        }
        stack.echoes.forget(&mut stack.sockets, ident);
        let (micros, bytes) = came.ok_or(wire::TIMED_OUT)?;
        let echo = Echo { micros, len: bytes as u64 };
        self.put(request, 0, echo.as_bytes())?;
        Ok(Step::Done(size_of::<Echo>()))
    }
}
