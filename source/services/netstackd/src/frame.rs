//! Frames as they are looked at before smoltcp sees them: who sends what to whom.

use smoltcp::wire::{
    ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, Icmpv6Message, Icmpv6Packet, IpAddress,
    IpProtocol, Ipv4Packet, Ipv6Packet, NdiscRepr, TcpPacket, UdpPacket,
};

/// What a frame says of itself. Its sums were not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The address that it comes from; of ARP the one that is told.
    pub(crate) from: IpAddress,
    /// The address that it goes to; of ARP the one that is asked for, or told.
    pub(crate) to: IpAddress,
    /// It goes to more than one card.
    pub(crate) many: bool,
    /// What is in it.
    pub(crate) what: What,
}

/// What is in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A question, or an answer, of ARP.
    Arp,
    /// A message of ICMP.
    Icmp,
    /// A segment of TCP, from a port to a port.
    Segment {
        from: u16,
        to: u16,
        /// It asks for a connection.
        asks: bool,
    },
    /// A datagram, from a port to a port.
    Datagram { from: u16, to: u16 },
}

impl Head {
    /// Of a frame of which something may be made: it speaks a protocol that is spoken here.
    ///
    /// Nothing is made of a router's word with a prefix for many: smoltcp 0.14 would make an address of it that nobody can
    /// have, and ends with it (`Interface::update_ip_addrs`); nor of one with more bits than an address has, with which it
    /// ends at once (`Ipv6Cidr::new`). Nor of a packet of IPv6 with headers between, behind which such a word could hide:
    /// nothing here needs them. Nor of a part of a packet of IPv4, of which nothing is put together.
    #[must_use]
    pub(crate) fn of(frame: &[u8]) -> Option<Head> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        // The address of everybody is one of many, too.
        let many = frame.dst_addr().is_multicast();
        let (from, to, what): (IpAddress, IpAddress, What) = match frame.ethertype() {
            EthernetProtocol::Arp => {
                let said = ArpRepr::parse(&ArpPacket::new_checked(frame.payload()).ok()?).ok()?;
                let ArpRepr::EthernetIpv4 { source_protocol_addr, target_protocol_addr, .. } = said
                else {
                    return None;
                };
                (source_protocol_addr.into(), target_protocol_addr.into(), What::Arp)
            }
            EthernetProtocol::Ipv4 => {
                let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
                let whole = !packet.more_frags() && packet.frag_offset() == 0;
                let what = What::of(packet.next_header(), packet.payload(), false)?;
                whole.then_some((packet.src_addr().into(), packet.dst_addr().into(), what))?
            }
            EthernetProtocol::Ipv6 => {
                let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
                let what = What::of(packet.next_header(), packet.payload(), true)?;
                (packet.src_addr().into(), packet.dst_addr().into(), what)
            }
            EthernetProtocol::Unknown(_) => return None,
        };
        Some(Head { from, to, many, what })
    }
}

impl What {
    /// What a packet has, of IPv6 or of IPv4.
    fn of(protocol: IpProtocol, payload: &[u8], six: bool) -> Option<What> {
        match protocol {
            IpProtocol::Icmp if !six => Some(What::Icmp),
            IpProtocol::Icmpv6 if six => is_sane(payload).then_some(What::Icmp),
            IpProtocol::Tcp => {
                let segment = TcpPacket::new_checked(payload).ok()?;
                let asks = segment.syn() && !segment.ack();
                Some(What::Segment { from: segment.src_port(), to: segment.dst_port(), asks })
            }
            IpProtocol::Udp => {
                let datagram = UdpPacket::new_checked(payload).ok()?;
                Some(What::Datagram { from: datagram.src_port(), to: datagram.dst_port() })
            }
            _ => None,
        }
    }
}

/// True when no address is made of this that nobody can have.
fn is_sane(message: &[u8]) -> bool {
    let Ok(packet) = Icmpv6Packet::new_checked(message) else { return false };
    if packet.msg_type() != Icmpv6Message::RouterAdvert {
        return true;
    }
    match NdiscRepr::parse(&packet) {
        Ok(NdiscRepr::RouterAdvert { prefix_info: Some(prefix), .. }) => {
            let [first, ..] = prefix.prefix.octets();
            first != 0xff && first != 0 && prefix.prefix_len <= 128
        }
        parsed => parsed.is_ok(),
    }
}

/// True for a frame of this machine's that is for this machine: it goes to the card that it comes from, or asks for
/// the address that it comes from.
#[must_use]
pub(crate) fn is_to_itself(frame: &[u8]) -> bool {
    let Ok(ethernet) = EthernetFrame::new_checked(frame) else { return false };
    if !ethernet.dst_addr().is_multicast() && !ethernet.dst_addr().is_broadcast() {
        return ethernet.dst_addr() == ethernet.src_addr();
    }
    match (Head::of(frame), ethernet.ethertype()) {
        (Some(Head { from, to, what: What::Arp, .. }), _) => from == to,
        (Some(Head { what: What::Icmp, .. }), EthernetProtocol::Ipv6) => {
            let packet = Ipv6Packet::new_unchecked(ethernet.payload());
            // Whose length was looked at, as one of its kind.
            let message = Icmpv6Packet::new_unchecked(packet.payload());
            message.msg_type() == Icmpv6Message::NeighborSolicit
                && message.target_addr() == packet.src_addr()
        }
        _ => false,
    }
}
