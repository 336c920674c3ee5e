//! What is told of how the network stands.

use nexus_mmio::SharedMut;
use nexus_proto::socket::{AddressInfo, Link, NetInfo, ServerInfo, SocketInfo};
use nexus_proto::{Name, ServiceError, Zero};
use nexus_rt::abi::Sender;
use nexus_rt::info;
use nexus_rt::refusals::Refusals;
use smoltcp::time::Instant;
use smoltcp::wire::IpAddress;

use super::{PROOF, Server};
use crate::address::{NONE, of_wire, to_wire};
use crate::card::capabilities;
use crate::numbers::Source;
use crate::road::Road;
use crate::session::Session;

impl<M: SharedMut, R: Road, S: Source, T: Refusals> Server<M, R, S, T> {
    /// How the network stands.
    #[must_use]
    pub fn info(&self, now: Instant) -> NetInfo {
        let stack = self.stack.as_ref();
        let (four, six) = stack.map(|stack| stack.routers()).unwrap_or_default();
        let lease = stack.and_then(|stack| stack.lease(now)).map_or(0, |(_, seconds)| seconds);
        NetInfo {
            link: self.link(),
            mtu: number(capabilities().ip_mtu()),
            mac: self.card.says().map_or([0; 6], |card| card.mac),
            zero: Zero::ZERO,
            gateway4: match four {
                Some(IpAddress::Ipv4(address)) => address.octets(),
                _ => [0; 4],
            },
            addresses: number(stack.map_or(0, |stack| stack.addresses().count())),
            gateway6: six.map_or(NONE, to_wire),
            lease,
            sockets: number(self.sessions.iter().map(Session::sockets).sum()),
        }
    }

    fn link(&self) -> Link {
        let up = self.card.says().is_some_and(|card| card.link);
        let address = self.stack.as_ref().is_some_and(|stack| stack.has_v4());
        match (self.card.is_attached() && self.stack.is_some(), up, address) {
            (false, _, _) => Link::NoCard,
            (true, false, _) => Link::Down,
            (true, true, false) => Link::Asking,
            (true, true, true) => Link::Up,
        }
    }

    /// An address of this machine.
    ///
    /// # Errors
    /// `OutOfRange` behind the last.
    pub fn address(&self, index: u64) -> Result<AddressInfo, ServiceError> {
        let stack = self.stack.as_ref().ok_or(ServiceError::OutOfRange)?;
        let (address, prefix, source) =
            nth(stack.addresses(), index).ok_or(ServiceError::OutOfRange)?;
        Ok(AddressInfo { address, prefix: prefix.into(), source })
    }

    /// A server that is known.
    ///
    /// # Errors
    /// `OutOfRange` behind the last.
    pub fn server(&self, index: u64, now: Instant) -> Result<ServerInfo, ServiceError> {
        let stack = self.stack.as_ref().ok_or(ServiceError::OutOfRange)?;
        let names = stack.servers().iter().map(|server| (*server, "dns"));
        let lease = stack.lease(now).map(|(server, _)| (server, "dhcp"));
        let (address, does) = nth(names.chain(lease), index).ok_or(ServiceError::OutOfRange)?;
        Ok(ServerInfo { address: to_wire(address), does: Name::new(does) })
    }

    /// A socket of anybody.
    ///
    /// # Errors
    /// `Denied` for whoever may not see what others have. `OutOfRange` behind the last.
    pub fn row(&self, who: Sender, index: u64) -> Result<SocketInfo, ServiceError> {
        if !self.rules.may_view(who.service_id) {
            return Err(ServiceError::Denied);
        }
        let stack = self.stack.as_ref().ok_or(ServiceError::OutOfRange)?;
        let rows = self.sessions.iter().flat_map(|session| session.rows(stack));
        nth(rows, index).ok_or(ServiceError::OutOfRange)
    }

    /// Tells once that there is an address.
    pub(super) fn tell(&mut self) {
        let Some(stack) = self.stack.as_ref().filter(|stack| !self.told && stack.has_v4()) else {
            return;
        };
        self.told = true;
        for (address, prefix, _) in stack.addresses() {
            info!("address {}/{prefix}", of_wire(address));
        }
        // Only a test run keeps it, and only a test run misses it.
        let _ = nexus_rt::proof(PROOF, 1);
    }
}

fn nth<T>(mut all: impl Iterator<Item = T>, index: u64) -> Option<T> {
    all.nth(usize::try_from(index).ok()?)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
