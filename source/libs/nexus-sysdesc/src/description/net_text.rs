//! What may be done with the network, as people read and write it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Ip, MAPPED_BITS, NetProtocol, Network, Ports, Reach, mapped, v4};

/// The address as it is written.
#[must_use]
pub fn ip_addr(ip: Ip) -> IpAddr {
    match v4(ip) {
        Some(v4) => IpAddr::V4(Ipv4Addr::from(v4)),
        None => IpAddr::V6(Ipv6Addr::from(ip)),
    }
}

/// The address that is written so.
#[must_use]
pub fn ip_of(addr: IpAddr) -> Ip {
    match addr {
        IpAddr::V4(addr) => mapped(addr.octets()),
        IpAddr::V6(addr) => addr.octets(),
    }
}

/// True for the address of one machine: neither the unspecified one, nor one of a group, nor, of IPv4, the one for
/// everybody.
#[must_use]
pub fn is_one(ip: Ip) -> bool {
    let addr = ip_addr(ip);
    let all = addr == IpAddr::V4(Ipv4Addr::BROADCAST);
    !addr.is_unspecified() && !addr.is_multicast() && !all
}

impl NetProtocol {
    /// Its number in messages: its place in [`NetProtocol::ALL`], from 0.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            NetProtocol::Tcp => 0,
            NetProtocol::Udp => 1,
            NetProtocol::Echo => 2,
        }
    }

    /// The one with this number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<NetProtocol> {
        NetProtocol::ALL.get(usize::from(code)).copied()
    }
}

/// `80`, or `8000-8999`.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// `10.0.0.0/8`, or `fec0::/10`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match v4(self.address).filter(|_| self.is_v4()) {
            Some(v4) => {
                write!(f, "{}/{}", Ipv4Addr::from(v4), self.bits.saturating_sub(MAPPED_BITS))
            }
            None => write!(f, "{}/{}", Ipv6Addr::from(self.address), self.bits),
        }
    }
}

impl Reach {
    /// `80 8000-8999`; nothing for an echo.
    #[must_use]
    pub fn ports_text(&self) -> String {
        words(&self.ports)
    }

    /// `0.0.0.0/0 ::/0`.
    #[must_use]
    pub fn addresses_text(&self) -> String {
        words(&self.addresses)
    }
}

fn words<T: ToString>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<String>>().join(" ")
}
