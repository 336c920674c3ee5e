//! What sessions share: the stack, who has which port, and what a turn comes to.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use nexus_proto::log::Access;
use nexus_proto::socket::ring as wire;
use nexus_rt::refusals::Denied;
use nexus_sysdesc::{Ip, NetProtocol};
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint, IpListenEndpoint};

use crate::numbers::Numbers;
use crate::rules::{Denial, Here, Rules};
use crate::stack::Stack;

/// Who has which port.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    tcp: BTreeMap<u16, Owner>,
    udp: BTreeMap<u16, Owner>,
}

/// Who has a port.
#[derive(Clone, Copy, Debug)]
struct Owner {
    service: u32,
    /// The address here that it is reached by; `None`: by each.
    address: Option<IpAddress>,
    /// It is known by the port, which it has named: others than those it has sent something reach it there.
    named: bool,
}

impl Ports {
    fn of(&self, protocol: NetProtocol) -> Option<&BTreeMap<u16, Owner>> {
        match protocol {
            NetProtocol::Tcp => Some(&self.tcp),
            NetProtocol::Udp => Some(&self.udp),
            NetProtocol::Echo => None,
        }
    }

    /// The service has it, from now on, and has named it or not. False when it is somebody's.
    pub fn take(
        &mut self,
        protocol: NetProtocol,
        at: IpListenEndpoint,
        service: u32,
        named: bool,
    ) -> bool {
        let all = if protocol == NetProtocol::Udp { &mut self.udp } else { &mut self.tcp };
        let free = !all.contains_key(&at.port);
        if free {
            all.insert(at.port, Owner { service, address: at.addr, named });
        }
        free
    }

    /// Nobody has it any more.
    pub fn give(&mut self, protocol: NetProtocol, port: u16) {
        let all = if protocol == NetProtocol::Udp { &mut self.udp } else { &mut self.tcp };
        all.remove(&port);
    }

    /// True when somebody listens there.
    #[must_use]
    pub fn listens(&self, at: IpEndpoint) -> bool {
        let owner = self.tcp.get(&at.port);
        owner.is_some_and(|owner| owner.address.is_none_or(|address| address == at.addr))
    }

    /// True when somebody has it.
    #[must_use]
    pub fn has(&self, protocol: NetProtocol, port: u16) -> bool {
        self.of(protocol).is_some_and(|all| all.contains_key(&port))
    }
}

/// This machine, as rules see it.
struct Now<'a>(&'a Stack, &'a Ports);

impl Here for Now<'_> {
    fn is_own(&self, ip: Ip) -> bool {
        self.0.is_own(ip)
    }

    fn at(&self, protocol: NetProtocol, port: u16) -> Option<u32> {
        self.1.of(protocol)?.get(&port).map(|owner| owner.service)
    }

    fn everybody(&self, protocol: NetProtocol) -> impl Iterator<Item = u32> {
        let all = self.1.of(protocol).into_iter().flat_map(BTreeMap::values);
        all.filter(|owner| owner.named).map(|owner| owner.service)
    }
}

/// What a turn works with.
pub struct Desk<'a, S> {
    /// The stack.
    pub stack: &'a mut Stack,
    /// Who has which port.
    pub ports: &'a mut Ports,
    /// Who may do what.
    pub rules: &'a Rules,
    /// Numbers that nobody guesses.
    pub numbers: &'a mut Numbers<S>,
    /// What was denied in this turn.
    pub denied: &'a mut Vec<Denied>,
    /// The time.
    pub now: Instant,
    /// When something is due again.
    pub due: Option<Instant>,
    /// Connections that stood.
    pub stood: u64,
}

impl<S> Desk<'_, S> {
    /// That something is due then.
    pub fn wake(&mut self, at: Instant) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// That a service may reach a peer.
    ///
    /// # Errors
    /// The status of what is denied.
    pub fn out(
        &mut self,
        service: u32,
        (protocol, access): (NetProtocol, Access),
        ip: Ip,
        port: u16,
    ) -> Result<(), u8> {
        let may = self.rules.out(service, protocol, ip, port, &Now(self.stack, self.ports));
        self.noted(service, access, may)
    }

    /// That it may do what it may, or not.
    ///
    /// # Errors
    /// The status of what is denied.
    pub fn noted(
        &mut self,
        service: u32,
        access: Access,
        may: Result<(), Denial>,
    ) -> Result<(), u8> {
        may.map_err(|Denial(rule)| {
            self.denied.push(Denied { service, rule, access });
            wire::DENIED
        })
    }
}
