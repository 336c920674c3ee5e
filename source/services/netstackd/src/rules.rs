//! Who may do what with the network: lines of the policy, and what no line lets.
//!
//! The ring says who asks; the image says which lines are its. An address is looked at when it is used, and a name is
//! none.

use nexus_sysdesc::{Description, Ip, NetDirection, NetProtocol, Permission, Reach, Sockets};

use crate::address::{inner, is_nobodys};

/// The lines of all services.
#[derive(Clone, Debug)]
pub struct Rules(Description);

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

    /// Everybody at any port that they have named.
    fn everybody(&self, protocol: NetProtocol) -> impl Iterator<Item = u32>;
}

impl Rules {
    /// Those of a description.
    #[must_use]
    pub const fn new(description: Description) -> Rules {
        Rules(description)
    }

    /// What a service may have of sockets.
    #[must_use]
    pub fn sockets(&self, service: u32) -> Sockets {
        let has = self.0.service(service).and_then(|service| service.sockets);
        has.unwrap_or(Sockets { count: 0, bytes: 0 })
    }

    /// True when a service may see what others have.
    #[must_use]
    pub fn may_view(&self, service: u32) -> bool {
        self.0.permits(service, Permission::View)
    }

    /// To have names resolved.
    ///
    /// # Errors
    /// It is denied.
    pub fn resolve(&self, service: u32) -> Result<(), Denial> {
        self.0.permits(service, Permission::Resolve).then_some(()).ok_or(Denial(0))
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
        let line = self.0.reach_of(service, protocol, NetDirection::Out, ip, port);
        let line = line.ok_or_else(|| self.near(service, protocol, NetDirection::Out))?;
        let may = self.may_reach(service, protocol, ip, port, here);
        may.then_some(()).ok_or(Denial(line))
    }

    /// To be reached at a port, by somebody.
    ///
    /// # Errors
    /// It is denied.
    pub fn at(&self, service: u32, protocol: NetProtocol, port: u16) -> Result<(), Denial> {
        let has = |reach: &Reach| {
            reach.ports.iter().any(|ports| (ports.first..=ports.last).contains(&port))
        };
        let line = self.alike(service, protocol, NetDirection::In, has);
        line.map(|_| ()).ok_or_else(|| self.near(service, protocol, NetDirection::In))
    }

    /// To send anything to anybody.
    ///
    /// # Errors
    /// It is denied.
    pub fn any_out(&self, service: u32, protocol: NetProtocol) -> Result<(), Denial> {
        let line = self.alike(service, protocol, NetDirection::Out, |_| true);
        line.map(|_| ()).ok_or(Denial(0))
    }

    /// True when this peer may reach a service at this port.
    #[must_use]
    pub fn takes(&self, service: u32, protocol: NetProtocol, peer: Ip, port: u16) -> bool {
        self.0.reach_of(service, protocol, NetDirection::In, peer, port).is_some()
    }

    /// True when a datagram of this peer, from that port, is for a service at its port: the peer may reach it, or it the
    /// peer, who answers.
    #[must_use]
    pub fn hears(&self, service: u32, peer: Ip, from: u16, port: u16) -> bool {
        let udp = NetProtocol::Udp;
        let answers = self.0.reach_of(service, udp, NetDirection::Out, peer, from).is_some();
        !is_nobodys(peer) && (answers || self.takes(service, udp, peer, port))
    }

    /// The number of the first line of a service of this kind that is so.
    fn alike(
        &self,
        service: u32,
        protocol: NetProtocol,
        direction: NetDirection,
        so: impl Fn(&Reach) -> bool,
    ) -> Option<u16> {
        let index = self.0.reaches().position(|(who, reach)| {
            let kind = (who, reach.protocol, reach.direction);
            kind == (service, protocol, direction) && so(reach)
        })?;
        self.0.line_of_reach(index)
    }

    /// A denial, beside the first line of this kind.
    fn near(&self, service: u32, protocol: NetProtocol, direction: NetDirection) -> Denial {
        Denial(self.alike(service, protocol, direction, |_| true).unwrap_or(0))
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
        let leads_back = |ip| self.0.network.as_ref().is_some_and(|net| net.is_this_machine(ip));
        let hides = |ip| is_nobodys(ip) || here.is_own(ip) || leads_back(ip);
        let calls = |other| self.0.may_call(service, other);
        if is_nobodys(ip) || inner(ip).is_some_and(hides) {
            return false;
        }
        if here.is_own(ip) {
            return here.at(protocol, port).is_some_and(calls);
        }
        !leads_back(ip) || here.everybody(protocol).all(calls)
    }
}
