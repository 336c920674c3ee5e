//! Addresses (DHCP, RFC 2131): given by the peer, and by another server that nobody asked.

use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress, Ipv4Address};

use crate::peer::{GUEST, GUEST_MAC, PEER, PEER_MAC, STRANGER_MAC};
use crate::raw::{self, ALL, Came, Mac, Way};

/// The other server, and what it gives.
pub const OTHER: Ipv4Address = Ipv4Address::new(10, 0, 2, 65);
/// The address that nobody is to have.
pub const WRONG: Ipv4Address = Ipv4Address::new(10, 0, 2, 99);

/// A message of the guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it is.
    pub kind: DhcpMessageType,
    /// The server that it is for.
    pub server: Option<Ipv4Address>,
    /// The address that it wants.
    pub wants: Option<Ipv4Address>,
    /// The address that it has.
    pub has: Ipv4Address,
    /// Where it was sent to.
    pub to: Ipv4Address,
}

/// The servers.
#[derive(Debug)]
pub struct Dhcp {
    /// Seconds for which an address is given.
    pub lease: u32,
    /// The next that the guest wants is denied.
    pub denies: bool,
    /// What the guest has asked.
    pub asked: Vec<Asked>,
}

impl Default for Dhcp {
    fn default() -> Dhcp {
        Dhcp { lease: 4, denies: false, asked: Vec::new() }
    }
}

/// Who says something, of which address.
#[derive(Clone, Copy)]
struct Says {
    kind: DhcpMessageType,
    server: (Mac, Ipv4Address),
    gives: Ipv4Address,
}

impl Dhcp {
    /// Takes what the guest asks; the answers, in their order.
    pub(crate) fn take(&mut self, came: &Came) -> Vec<Vec<u8>> {
        let Came::Udp4(_, to, (68, 67), data) = came else { return Vec::new() };
        let Ok(packet) = DhcpPacket::new_checked(data.as_slice()) else { return Vec::new() };
        let Ok(asked) = DhcpRepr::parse(&packet) else { return Vec::new() };
        self.asked.push(Asked {
            kind: asked.message_type,
            server: asked.server_identifier,
            wants: asked.requested_ip,
            has: asked.client_ip,
            to: *to,
        });
        let (own, other) = ((PEER_MAC, PEER), (STRANGER_MAC, OTHER));
        let says = |kind, server, gives| Says { kind, server, gives };
        match asked.message_type {
            DhcpMessageType::Discover => vec![
                self.says(&asked, says(DhcpMessageType::Offer, own, GUEST)),
                self.says(&asked, says(DhcpMessageType::Offer, other, WRONG)),
            ],
            DhcpMessageType::Request if std::mem::take(&mut self.denies) => {
                vec![self.says(&asked, says(DhcpMessageType::Nak, own, Ipv4Address::UNSPECIFIED))]
            }
            DhcpMessageType::Request => {
                let given = says(DhcpMessageType::Ack, own, GUEST);
                let foreign = says(DhcpMessageType::Ack, own, WRONG);
                let transaction_id = asked.transaction_id ^ 1;
                let another = EthernetAddress(PEER_MAC);
                vec![
                    // Of another request, and for another card: before the right one, and after it.
                    self.says(&DhcpRepr { transaction_id, ..asked.clone() }, foreign),
                    self.says(
                        &DhcpRepr { client_hardware_address: another, ..asked.clone() },
                        foreign,
                    ),
                    self.says(&asked, given),
                    self.says(&DhcpRepr { transaction_id, ..asked.clone() }, foreign),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn says(&self, asked: &DhcpRepr<'_>, Says { kind, server, gives }: Says) -> Vec<u8> {
        let refused = kind == DhcpMessageType::Nak;
        let answer = DhcpRepr {
            message_type: kind,
            your_ip: gives,
            server_ip: server.1,
            router: (!refused).then_some(server.1),
            subnet_mask: (!refused).then_some(Ipv4Address::new(255, 255, 255, 0)),
            server_identifier: Some(server.1),
            lease_duration: (!refused).then_some(self.lease),
            dns_servers: (!refused).then(|| [server.1].into_iter().collect()),
            client_ip: if refused { Ipv4Address::UNSPECIFIED } else { asked.client_ip },
            requested_ip: None,
            client_identifier: None,
            parameter_request_list: None,
            max_size: None,
            additional_options: &[],
            ..asked.clone()
        };
        let mut bytes = vec![0; answer.buffer_len()];
        // The room is what it says that it needs.
        let _ = answer.emit(&mut DhcpPacket::new_unchecked(&mut bytes));
        let unicast = asked.client_ip == GUEST && !refused;
        let (to_mac, to) = if unicast { (GUEST_MAC, GUEST) } else { (ALL, Ipv4Address::BROADCAST) };
        let way = Way { from_mac: server.0, to_mac, from: server.1, to };
        raw::udp(way, 67, 68, &bytes)
    }
}
