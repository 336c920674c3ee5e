//! Who may do what with the network: lines of the policy, and what no line lets.
//!
//! The ring says who asks; the image says which lines are its. An address is looked at when it is used, and a name is
//! none.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use nexus_sysdesc::{
    Description, Ip, NetDirection, NetProtocol, Permission, Reach, Service, Sockets,
};

use crate::address::{inner, is_nobodys};

/// What one service may.
#[derive(Clone, Debug)]
struct Client {
    /// Numbers in the description, and what they let.
    lines: Vec<(u16, Reach)>,
    /// Whom it may call.
    calls: Vec<u32>,
    resolve: bool,
    sockets: Option<Sockets>,
    view: bool,
}

/// The lines of all services.
#[derive(Clone, Debug)]
pub struct Rules {
    services: BTreeMap<u32, Client>,
    leads_back: Vec<Ip>,
}

/// It is denied. The number of a line that lets something like it, or that lets it, were it not this machine; 0 where
/// there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial(pub u16);

/// What this machine is now, as far as rules have to do with it.
pub trait Here {
    /// True for an address of this machine, and for that of all in a network of it.
    fn is_own(&self, ip: Ip) -> bool;

    /// Whose connections to this port are accepted, or whose datagrams to it are taken.
    fn at(&self, protocol: NetProtocol, port: u16) -> Option<u32>;

    /// Everybody at any port.
    fn everybody(&self, protocol: NetProtocol) -> impl Iterator<Item = u32>;
}

impl Rules {
    /// Those of a description.
    #[must_use]
    pub fn new(description: &Description) -> Rules {
        let before = |one: &Service| one.permits.len() + one.rings.len() + one.opens.len();
        let first =
            description.services.iter().map(before).sum::<usize>() + description.rules.len();
        let mut number = u16::try_from(first).unwrap_or(u16::MAX);
        let services = description.services.iter().map(|service| {
            let line = |reach: &Reach| {
                number = number.saturating_add(1);
                (number, reach.clone())
            };
            let client = Client {
                lines: service.reaches.iter().map(line).collect(),
                calls: service.talks_to.clone(),
                resolve: service.has(Permission::Resolve),
                sockets: service.sockets,
                view: service.has(Permission::View),
            };
            (service.id, client)
        });
        let services = services.collect();
        let network = description.network.as_ref();
        let leads_back = network.map(|says| says.leads_back.clone()).unwrap_or_default();
        Rules { services, leads_back }
    }

    /// What a service may have of sockets.
    #[must_use]
    pub fn sockets(&self, service: u32) -> Sockets {
        let has = self.services.get(&service).and_then(|client| client.sockets);
        has.unwrap_or(Sockets { count: 0, bytes: 0 })
    }

    /// True when a service may see what others have.
    #[must_use]
    pub fn may_view(&self, service: u32) -> bool {
        self.services.get(&service).is_some_and(|client| client.view)
    }

    /// To have names resolved.
    ///
    /// # Errors
    /// It is denied.
    pub fn resolve(&self, service: u32) -> Result<(), Denial> {
        let may = self.services.get(&service).is_some_and(|client| client.resolve);
        may.then_some(()).ok_or(Denial(0))
    }

    /// To send something to a peer, or to connect to it.
    ///
    /// # Errors
    /// It is denied.
    pub fn out(
        &self,
        service: u32,
        protocol: NetProtocol,
        ip: Ip,
        port: u16,
        here: &impl Here,
    ) -> Result<(), Denial> {
        let line = self.line(service, protocol, NetDirection::Out, |reach| {
            reach.lets(protocol, NetDirection::Out, ip, port)
        })?;
        let may = self.may_reach(service, protocol, ip, port, here);
        may.then_some(()).ok_or(Denial(line))
    }

    /// To be reached at a port, by anybody.
    ///
    /// # Errors
    /// It is denied.
    pub fn at(&self, service: u32, protocol: NetProtocol, port: u16) -> Result<(), Denial> {
        let has = |reach: &Reach| {
            reach.ports.iter().any(|ports| (ports.first..=ports.last).contains(&port))
        };
        self.line(service, protocol, NetDirection::In, has).map(|_| ())
    }

    /// To send anything to anybody.
    ///
    /// # Errors
    /// It is denied.
    pub fn any_out(&self, service: u32, protocol: NetProtocol) -> Result<(), Denial> {
        self.line(service, protocol, NetDirection::Out, |_| true).map(|_| ())
    }

    /// True when this peer may reach a service at this port.
    #[must_use]
    pub fn takes(&self, service: u32, protocol: NetProtocol, peer: Ip, port: u16) -> bool {
        let lets = |reach: &Reach| reach.lets(protocol, NetDirection::In, peer, port);
        self.line(service, protocol, NetDirection::In, lets).is_ok()
    }

    /// True when a datagram of this peer, from that port, is for a service at its port: the peer may reach it, or it the
    /// peer, who answers.
    #[must_use]
    pub fn hears(&self, service: u32, peer: Ip, from: u16, port: u16) -> bool {
        let answers = |reach: &Reach| reach.lets(NetProtocol::Udp, NetDirection::Out, peer, from);
        let (udp, out) = (NetProtocol::Udp, NetDirection::Out);
        let hears = self.takes(service, udp, peer, port);
        !is_nobodys(peer) && (hears || self.line(service, udp, out, answers).is_ok())
    }

    /// The number of the first line of this kind that lets it.
    fn line(
        &self,
        service: u32,
        protocol: NetProtocol,
        direction: NetDirection,
        lets: impl Fn(&Reach) -> bool,
    ) -> Result<u16, Denial> {
        let lines = self.services.get(&service).map_or(&[][..], |client| client.lines.as_slice());
        let alike =
            |(_, reach): &&(u16, Reach)| (reach.protocol, reach.direction) == (protocol, direction);
        let mut of_kind = lines.iter().filter(alike);
        let near = of_kind.clone().next().map_or(0, |(number, _)| *number);
        of_kind.find(|(_, reach)| lets(reach)).map(|(number, _)| *number).ok_or(Denial(near))
    }

    /// False when that is this machine, and the service may not call whoever would be reached.
    fn may_reach(
        &self,
        service: u32,
        protocol: NetProtocol,
        ip: Ip,
        port: u16,
        here: &impl Here,
    ) -> bool {
        // What a router would make of it.
        if let Some(inner) = inner(ip)
            && !is_nobodys(ip)
            && (is_nobodys(inner) || here.is_own(inner) || self.leads_back.contains(&inner))
        {
            return false;
        }
        let calls =
            |other| self.services.get(&service).is_some_and(|client| client.calls.contains(&other));
        if is_nobodys(ip) {
            false
        } else if here.is_own(ip) {
            here.at(protocol, port).is_some_and(calls)
        } else if self.leads_back.contains(&ip) {
            here.everybody(protocol).all(calls)
        } else {
            true
        }
    }
}
