//! The stack: smoltcp's interface and its sockets, addresses, and who is asked for names.

mod echo;
mod heard;
mod known;
mod lease;
mod nowhere;
mod router;
mod seek;
mod streams;

use alloc::vec;
use alloc::vec::Vec;

pub use echo::{Echoes, Ping};
use nexus_proto::socket::Source as From;
use nexus_sysdesc::{Address, Ip, NetworkSays};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::{dns, tcp};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpListenEndpoint, Ipv4Address,
    Ipv4Cidr, Ipv6Address, Ipv6Cidr,
};

use crate::address::{of_wire, to_wire};
use crate::numbers::Seeds;
pub(crate) use heard::Way;
use router::Told;
pub(crate) use seek::WAITED;
pub use streams::{Stream, Streams};

/// Most servers of names that are asked.
const SERVERS: usize = 4;
/// Most routes of IPv6: one less than smoltcp has room for.
const ROUTES_V6: usize = 7;
/// After so long a router that tells nothing is waited for no more: it was asked three times, four seconds apart.
const NO_ROUTER: Duration = Duration::from_secs(12);

/// At least so often it is looked for what is over of what routers told.
const MAINTAIN: Duration = Duration::from_millis(100);

/// Why something has no way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoWay;

/// A name that was asked for.
#[derive(Clone, Copy)]
pub struct Query(dns::QueryHandle);

impl core::fmt::Debug for Query {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Query")
    }
}

/// The stack.
pub struct Stack {
    iface: Interface,
    /// Says when sockets are due where `iface` does not: it speaks with nobody.
    timers: Interface,
    /// The sockets of all but those of TCP.
    pub sockets: SocketSet<'static>,
    /// Those of TCP, each in a set of its own.
    pub streams: Streams,
    /// Since the turn began none of `sockets` had nothing to send.
    others: bool,
    known: known::Known,
    /// Echoes that are waited for.
    pub echoes: Echoes,
    lease: Option<lease::Lease>,
    names: SocketHandle,
    servers: Vec<IpAddress>,
    /// Until then a router is waited for.
    router_until: Option<Instant>,
    fixed: bool,
    /// A router may have told something since [`maintain`](Self::maintain), which was called then.
    told: bool,
    maintained: Instant,
    seeds: Seeds,
    seek: seek::Seek,
}

impl core::fmt::Debug for Stack {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stack").field("addresses", &self.iface.ip_addrs()).finish_non_exhaustive()
    }
}

impl Stack {
    /// For a card with this address, which is of one card alone, as the description says. The secret of `seeds` is
    /// nobody's to guess.
    #[must_use]
    pub fn new(mac: [u8; 6], says: &NetworkSays, mut seeds: Seeds, now: Instant) -> Stack {
        let hardware = HardwareAddress::Ethernet(EthernetAddress(mac));
        let seed = seeds.draw();
        let mut iface = Interface::new(config(hardware, seed), &mut Told(Vec::new()), now);
        let timers = Interface::new(Config::new(hardware), &mut Told(Vec::new()), now);
        let local = Ipv6Cidr::new(Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64);
        let local = Ipv6Cidr::from_link_prefix(&local, hardware);
        iface.update_ip_addrs(|all| all.extend(local.map(IpCidr::Ipv6)));
        let mut sockets = SocketSet::new(Vec::new());
        let names = sockets.add(dns::Socket::new(&[], Vec::new()));
        let mut stack = Stack {
            iface,
            timers,
            sockets,
            streams: Streams::default(),
            others: true,
            known: known::Known::default(),
            echoes: Echoes::default(),
            lease: None,
            names,
            servers: Vec::new(),
            router_until: Some(now + NO_ROUTER),
            fixed: false,
            told: true,
            maintained: now,
            seeds,
            seek: seek::Seek::default(),
        };
        match &says.address {
            Address::Dhcp => stack.lease = Some(lease::Lease::new(&mut stack.sockets)),
            Address::Static { address, bits, gateway, dns } => {
                stack.fixed = true;
                let servers = dns.iter().copied().map(of_wire).collect();
                stack.set_v4(Some(Ipv4Cidr::new(v4(*address), *bits)), gateway.map(v4), servers);
            }
        }
        stack
    }

    /// Does what is due by time alone.
    pub fn maintain(&mut self, now: Instant) {
        if self.told || now >= self.maintained + MAINTAIN {
            self.maintain_now(now);
        }
    }

    #[cold]
    fn maintain_now(&mut self, now: Instant) {
        (self.told, self.maintained) = (false, now);
        // smoltcp 0.14 adds no route of IPv6 where there is one of IPv4 (smoltcp#1191).
        let route = self.iface.routes_mut().remove_default_ipv4_route();
        let own = self.iface.ip_addrs().to_vec();
        self.iface.poll_maintenance(now);
        if *own != *self.iface.ip_addrs() {
            self.streams.wake_all();
        }
        // However many routers there say they are, there is room for the one of IPv4.
        self.iface.routes_mut().update(|routes| routes.truncate(ROUTES_V6));
        if let Some(IpAddress::Ipv4(via)) = route.map(|route| route.via_router) {
            let _ = self.iface.routes_mut().add_default_ipv4_route(via);
        }
        if self.router_until.is_some_and(|until| until <= now) {
            self.router_until = None;
            self.give_up_router(now);
        }
    }

    /// Begins a turn.
    pub fn begin(&mut self, now: Instant) {
        self.others = true;
        self.streams.begin(now);
    }

    /// Sends a frame of each socket that has one. False when none had. Of those that are not of TCP none is looked at
    /// again in a turn in which none had anything.
    pub fn egress(&mut self, now: Instant, card: &mut impl Device) -> bool {
        let Stack { iface, timers, sockets, streams, others, .. } = self;
        *others = *others && iface.poll_egress(now, card, sockets) != PollResult::None;
        streams.egress(now, (iface, timers), card) || *others
    }

    /// Takes what DHCP has come to, and the echoes that came.
    pub fn settle(&mut self, now: Instant) {
        if let Some(lease) = &mut self.lease
            && let Some(told) = lease.take(&mut self.sockets, now)
        {
            self.set_v4(told.address, told.router, told.servers);
        }
        self.echoes.take(&mut self.sockets, now);
    }

    /// When there is something to do again by time alone.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let Stack { iface, timers, sockets, streams, router_until, .. } = self;
        // smoltcp 0.14 forgets when sockets are due where SLAAC has nothing to do (`Interface::poll_at`: of `None` and
        // a time the less is `None`).
        let polled = iface.poll_at(now, sockets).or_else(|| timers.poll_at(now, sockets));
        let due = polled.into_iter().chain(*router_until).chain(streams.next(now)).min();
        due.into_iter().chain(self.seeks_at(now)).min()
    }

    /// Addresses of this machine, how many bits of them the network has, and how they were come by.
    pub fn addresses(&self) -> impl Iterator<Item = (Ip, u8, From)> {
        self.iface.ip_addrs().iter().map(|cidr| {
            let from = match cidr.address() {
                IpAddress::Ipv4(_) if self.fixed => From::Static,
                IpAddress::Ipv4(_) => From::Dhcp,
                IpAddress::Ipv6(address) if address.segments()[0] == 0xfe80 => From::LinkLocal,
                IpAddress::Ipv6(_) => From::Slaac,
            };
            (to_wire(cidr.address()), cidr.prefix_len(), from)
        })
    }

    /// True for an address of this machine, and for that of all in a network of it.
    #[must_use]
    pub fn is_own(&self, ip: Ip) -> bool {
        let address = of_wire(ip);
        self.iface.ip_addrs().iter().any(|cidr| match cidr {
            IpCidr::Ipv4(cidr) => {
                let all = cidr.broadcast().map(IpAddress::Ipv4);
                let first = IpAddress::Ipv4(cidr.network().address());
                let whole = cidr.prefix_len() < 31 && first == address;
                IpAddress::Ipv4(cidr.address()) == address || all == Some(address) || whole
            }
            IpCidr::Ipv6(cidr) => IpAddress::Ipv6(cidr.address()) == address,
        })
    }

    /// True when there is an address of IPv4.
    #[must_use]
    pub fn has_v4(&self) -> bool {
        self.iface.ipv4_addr().is_some()
    }

    /// The routers, of IPv4 and of IPv6.
    #[must_use]
    pub fn routers(&self) -> (Option<IpAddress>, Option<IpAddress>) {
        let routes = self.iface.routes();
        let (four, six) = (routes.get_default_ipv4_route(), routes.get_default_ipv6_route());
        (four.map(|route| route.via_router), six.map(|route| route.via_router))
    }

    /// Servers of names.
    #[must_use]
    pub fn servers(&self) -> &[IpAddress] {
        &self.servers
    }

    /// True when there is a way to one of them.
    #[must_use]
    pub fn reaches_names(&self) -> bool {
        self.servers.iter().any(|server| self.source(*server).is_ok())
    }

    /// Who gave the address, and for how many seconds it still holds.
    #[must_use]
    pub fn lease(&self, now: Instant) -> Option<(IpAddress, u32)> {
        self.lease.as_ref()?.holds(now)
    }

    /// The address that something to `to` is sent from, which is not of loopback.
    ///
    /// # Errors
    /// There is none, or no way there.
    pub fn source(&self, to: IpAddress) -> Result<IpAddress, NoWay> {
        let own = self.iface.get_source_address(&to).ok_or(NoWay)?;
        let near = self.iface.ip_addrs().iter().any(|cidr| cidr.contains_addr(&to));
        let (four, six) = self.routers();
        let route = if matches!(to, IpAddress::Ipv4(_)) { four } else { six };
        (near || route.is_some()).then_some(own).ok_or(NoWay)
    }

    /// Opens a connection from `local`, whose first sequence number is drawn from `number`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn connect(
        &mut self,
        mut socket: tcp::Socket<'static>,
        (local, to): (IpEndpoint, IpEndpoint),
        number: u64,
        now: Instant,
    ) -> Result<Stream, NoWay> {
        let mut drawn = self.drawn(number, now);
        let from = IpListenEndpoint { addr: Some(local.addr), port: local.port };
        socket.connect(drawn.context(), to, from).map_err(|_| NoWay)?;
        let stream = self.streams.add(socket);
        self.knows(stream);
        Ok(stream)
    }

    /// Takes a socket of TCP out.
    pub fn remove(&mut self, stream: Stream) -> tcp::Socket<'static> {
        self.known.forget(stream);
        self.streams.remove(stream)
    }

    /// True when a connection has this port here.
    #[must_use]
    pub fn has_local(&self, port: u16) -> bool {
        let mut all = self.streams.iter().map(|(_, socket)| socket);
        all.any(|socket| socket.local_endpoint().is_some_and(|end| end.port == port))
    }

    /// Asks for the addresses of a name, by a number drawn from `number`.
    ///
    /// # Errors
    /// It is no name.
    pub fn ask(
        &mut self,
        name: &str,
        kind: smoltcp::wire::DnsQueryType,
        number: u64,
        now: Instant,
    ) -> Result<Query, NoWay> {
        let mut drawn = self.drawn(number, now);
        let names = self.sockets.get_mut::<dns::Socket<'_>>(self.names);
        names.start_query(drawn.context(), name, kind).map(Query).map_err(|_| NoWay)
    }

    /// What has come of it; `None` when nothing has yet. An error: nobody knows one.
    pub fn answer(&mut self, Query(query): Query) -> Option<Result<Vec<IpAddress>, NoWay>> {
        let names = self.sockets.get_mut::<dns::Socket<'_>>(self.names);
        match names.get_query_result(query) {
            Ok(addresses) => Some(Ok(addresses.iter().copied().collect())),
            Err(dns::GetQueryResultError::Pending) => None,
            Err(dns::GetQueryResultError::Failed) => Some(Err(NoWay)),
        }
    }

    /// Nobody waits for it any more.
    pub fn forget(&mut self, Query(query): Query) {
        self.sockets.get_mut::<dns::Socket<'_>>(self.names).cancel_query(query);
    }

    /// What gives smoltcp numbers that are drawn from this one: its own follow from those before, which peers see.
    fn drawn(&self, number: u64, now: Instant) -> Interface {
        Interface::new(config(self.iface.hardware_addr(), number), &mut Told(Vec::new()), now)
    }

    fn set_v4(&mut self, own: Option<Ipv4Cidr>, via: Option<Ipv4Address>, names: Vec<IpAddress>) {
        // smoltcp ends with an address that nobody can have.
        let own = own.filter(|cidr| is_usable(cidr.address()));
        self.iface.update_ip_addrs(|all| {
            all.retain(|cidr| matches!(cidr, IpCidr::Ipv6(_)));
            // There is room: of IPv6 there are one, and as many as prefixes.
            let _ = own.map(|cidr| all.insert(0, IpCidr::Ipv4(cidr)));
        });
        self.streams.wake_all();
        let routes = self.iface.routes_mut();
        routes.remove_default_ipv4_route();
        if let Some(via) = via.filter(|via| is_usable(*via) && own.is_some()) {
            // As above.
            let _ = routes.add_default_ipv4_route(via);
        }
        self.servers = names;
        self.servers.truncate(SERVERS);
        self.sockets.get_mut::<dns::Socket<'_>>(self.names).update_servers(&self.servers);
    }

    /// smoltcp 0.14 says for ever that it is due when no router has told anything (`Slaac::poll_at`). It hears of one
    /// now that routes nothing and knows no prefix.
    fn give_up_router(&mut self, now: Instant) {
        let Stack { iface, sockets, .. } = self;
        iface.poll_ingress_single(now, &mut Told::nothing(), sockets);
    }
}

fn config(hardware: HardwareAddress, seed: u64) -> Config {
    let mut config = Config::new(hardware);
    config.random_seed = seed;
    config.slaac = true;
    config
}

const fn v4(bytes: [u8; 4]) -> Ipv4Address {
    let [a, b, c, d] = bytes;
    Ipv4Address::new(a, b, c, d)
}

/// True when one machine can have it.
fn is_usable(address: Ipv4Address) -> bool {
    !crate::address::is_nobodys(nexus_sysdesc::mapped(address.octets()))
}

/// A buffer of so many bytes.
#[must_use]
pub fn buffer(bytes: usize) -> Vec<u8> {
    vec![0; bytes]
}
