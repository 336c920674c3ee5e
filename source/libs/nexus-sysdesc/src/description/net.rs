//! What services may do with the network, and how the network is.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::bounds::{MAX_LEADS_BACK, MAX_NET_LIST, MAX_SERVERS, SOCKET_BYTES, SOCKETS};
use super::{ip_addr, is_one};

/// An address of IPv6, most significant byte first; one of IPv4 is as IPv6 maps it (RFC 4291, 2.5.5.2).
pub type Ip = [u8; 16];

/// What the bits before an address of IPv4 are.
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/// Bits before an address of IPv4.
pub const MAPPED_BITS: u8 = 96;

/// An address of IPv4 as IPv6 maps it.
#[must_use]
pub fn mapped(v4: [u8; 4]) -> Ip {
    let mut ip = [0; 16];
    for (to, from) in ip.iter_mut().zip(MAPPED.iter().chain(&v4)) {
        *to = *from;
    }
    ip
}

/// The address of IPv4 that IPv6 maps so.
#[must_use]
pub fn v4(ip: Ip) -> Option<[u8; 4]> {
    let (before, v4) = ip.split_first_chunk::<12>()?;
    if *before == MAPPED { v4.try_into().ok() } else { None }
}

/// What a service may have of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sockets {
    /// Most sockets at one time.
    pub count: u32,
    /// Most bytes of their buffers.
    pub bytes: u64,
}

impl Sockets {
    /// True when both are within their bounds.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        SOCKETS.contains(&self.count) && SOCKET_BYTES.contains(&self.bytes)
    }
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NetProtocol {
    /// Connections (RFC 9293).
    Tcp,
    /// Datagrams (RFC 768).
    Udp,
    /// Requests for an echo (RFC 792, RFC 4443). No ports.
    Echo,
}

impl NetProtocol {
    /// Every protocol.
    pub const ALL: [NetProtocol; 3] = [NetProtocol::Tcp, NetProtocol::Udp, NetProtocol::Echo];

    /// Its name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            NetProtocol::Tcp => "tcp",
            NetProtocol::Udp => "udp",
            NetProtocol::Echo => "echo",
        }
    }
}

/// Who begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NetDirection {
    /// The service.
    Out,
    /// A peer.
    In,
}

impl NetDirection {
    /// Both.
    pub const ALL: [NetDirection; 2] = [NetDirection::Out, NetDirection::In];

    /// Its name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            NetDirection::Out => "out",
            NetDirection::In => "in",
        }
    }
}

/// Ports, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ports {
    /// The first. Never 0.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Network {
    /// One of them, whose other bits are 0.
    pub address: Ip,
    /// Bits that they have in common: 0 to 128; of IPv4 96 at least.
    pub bits: u8,
}

impl Network {
    /// True when the address is one of them.
    #[must_use]
    pub fn has(&self, ip: Ip) -> bool {
        let shift = 128_u32.saturating_sub(u32::from(self.bits));
        let high = |ip| u128::from_be_bytes(ip).checked_shr(shift).unwrap_or(0);
        // `::/0` is every address of IPv6, and `0.0.0.0/0` of IPv4.
        v4(ip).is_some() == self.is_v4() && high(ip) == high(self.address)
    }

    /// True when it is of IPv4.
    #[must_use]
    pub fn is_v4(&self) -> bool {
        self.bits >= MAPPED_BITS && v4(self.address).is_some()
    }

    /// True when its other bits are 0.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let low = u128::MAX.checked_shr(u32::from(self.bits)).unwrap_or(0);
        self.bits <= 128 && u128::from_be_bytes(self.address) & low == 0
    }
}

/// Lets one service reach others by the network, or be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reach {
    /// What is spoken.
    pub protocol: NetProtocol,
    /// Who begins.
    pub direction: NetDirection,
    /// Whoever begins connects to these ports. Ascending and apart; none for [`NetProtocol::Echo`] alone.
    pub ports: Vec<Ports>,
    /// The peers. Ascending; never none.
    pub addresses: Vec<Network>,
    /// Its name in `policy.toml`.
    pub id: String,
    /// Why it is permitted, in the words of `policy.toml`.
    pub reason: String,
}

impl Reach {
    /// True when it lets a service do that with a peer at `ip`, by `port`, which counts for nothing with an echo.
    #[must_use]
    pub fn lets(&self, protocol: NetProtocol, direction: NetDirection, ip: Ip, port: u16) -> bool {
        let named = self.addresses.iter().any(|network| network.has(ip));
        named && self.lets_some(protocol, direction, port)
    }

    /// True when it lets a service do that with some peer.
    #[must_use]
    pub fn lets_some(&self, protocol: NetProtocol, direction: NetDirection, port: u16) -> bool {
        let port = || self.ports.iter().any(|ports| (ports.first..=ports.last).contains(&port));
        self.protocol == protocol
            && self.direction == direction
            && (protocol == NetProtocol::Echo || port())
    }

    /// True when its lists are in order and within their bounds. Nobody is asked for an echo but the stack, which answers
    /// by itself.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let (ports, addresses) = (self.ports.as_slice(), self.addresses.as_slice());
        let apart = ports.windows(2).all(|pair| matches!(pair, [a, b] if a.last < b.first));
        let ranges = ports.iter().all(|ports| ports.first > 0 && ports.first <= ports.last);
        let few = ports.len() <= MAX_NET_LIST && addresses.len() <= MAX_NET_LIST;
        let rises = addresses.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        let some =
            !addresses.is_empty() && ports.is_empty() == (self.protocol == NetProtocol::Echo);
        let asked = self.protocol == NetProtocol::Echo && self.direction == NetDirection::In;
        few && some
            && !asked
            && apart
            && ranges
            && rises
            && addresses.iter().all(Network::is_possible)
    }
}

/// How the network of the board is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkSays {
    /// How the stack comes by an address of IPv4.
    pub address: Address,
    /// Addresses through which this machine can be reached again, as those of a host that forwards. Ascending.
    pub leads_back: Vec<Ip>,
}

/// How the stack comes by an address of IPv4.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Address {
    /// It asks for one (RFC 2131).
    Dhcp,
    /// It has this one.
    Static {
        /// The address, of IPv4.
        address: [u8; 4],
        /// Bits of it that the network has: 1 to 32.
        bits: u8,
        /// The router.
        gateway: Option<[u8; 4]>,
        /// Servers of names.
        dns: Vec<Ip>,
    },
}

impl NetworkSays {
    /// True when it is within its bounds.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let back = self.leads_back.as_slice();
        let rises = back.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        rises && back.len() <= MAX_LEADS_BACK && self.address.is_possible()
    }

    /// True for an address of this machine, as far as the description says: of loopback, the one that the board
    /// gives it, and each that leads back.
    #[must_use]
    pub fn is_this_machine(&self, ip: Ip) -> bool {
        let own = matches!(self.address, Address::Static { address, .. } if mapped(address) == ip);
        own || ip_addr(ip).is_loopback() || self.leads_back.contains(&ip)
    }
}

impl Address {
    /// True when each address is one machine's, the router in the same network as this machine and another.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let Address::Static { address, bits, gateway, dns } = self else { return true };
        let high = |v4: [u8; 4]| {
            let shift = 32_u32.saturating_sub(u32::from(*bits));
            u32::from_be_bytes(v4).checked_shr(shift).unwrap_or(0)
        };
        let near = |v4: [u8; 4]| v4 != *address && high(v4) == high(*address);
        (1..=32).contains(bits)
            && is_one(mapped(*address))
            && gateway.is_none_or(|v4| near(v4) && is_one(mapped(v4)))
            && dns.len() <= MAX_SERVERS
            && dns.iter().all(|ip| is_one(*ip))
    }
}
