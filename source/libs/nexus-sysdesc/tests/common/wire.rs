//! A network, and who is reached by it.

use nexus_sysdesc::{
    Address, Ip, MAPPED_BITS, NetDirection, NetProtocol, Network, NetworkSays, Ports, Reach, mapped,
};

/// Addresses that have the first `bits` bits of `address`.
pub(crate) fn net(address: Ip, bits: u8) -> Network {
    Network { address, bits }
}

/// A network that gives an address by DHCP, and of which nothing leads back.
pub(crate) fn network() -> NetworkSays {
    NetworkSays { address: Address::Dhcp, leads_back: vec![] }
}

/// Everybody can be reached by TCP at port 80.
pub(crate) fn reach() -> Reach {
    Reach {
        protocol: NetProtocol::Tcp,
        direction: NetDirection::Out,
        ports: vec![Ports { first: 80, last: 80 }],
        addresses: vec![net([0; 16], 0), net(mapped([0; 4]), MAPPED_BITS)],
        id: "net-http".into(),
        reason: "it fetches pages".into(),
    }
}
