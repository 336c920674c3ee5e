//! Frames that are looked at before smoltcp sees them: those that are for nobody here, and those that it must not see.

use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, Icmpv6Message, Icmpv6Packet, IpProtocol, Ipv4Packet,
    Ipv6Packet, NdiscRepr, TcpPacket,
};

/// True when something may be made of a frame: it speaks a protocol that is spoken here.
///
/// Not of a router's word with a prefix for many: smoltcp 0.14 would make an address of it that nobody can have, and
/// ends with it (`Interface::update_ip_addrs`); nor of one with more bits than an address has, with which it ends at once
/// (`Ipv6Cidr::new`). Nor of a packet of IPv6 with headers between, behind which such a word
/// could hide: nothing here needs them. Nor of a part of a packet of IPv4, of which nothing is put together.
#[must_use]
pub(crate) fn is_spoken(frame: &[u8]) -> bool {
    let Ok(frame) = EthernetFrame::new_checked(frame) else { return false };
    match frame.ethertype() {
        EthernetProtocol::Arp => true,
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(frame.payload())
            .is_ok_and(|packet| !packet.more_frags() && packet.frag_offset() == 0),
        EthernetProtocol::Ipv6 => Ipv6Packet::new_checked(frame.payload()).is_ok_and(|packet| {
            match packet.next_header() {
                IpProtocol::Tcp | IpProtocol::Udp => true,
                IpProtocol::Icmpv6 => is_sane(packet.payload()),
                _ => false,
            }
        }),
        EthernetProtocol::Unknown(_) => false,
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
        Ok(_) => true,
        Err(_) => false,
    }
}

/// The port that a frame asks for a connection to.
#[must_use]
pub(crate) fn connects_to(frame: &[u8]) -> Option<u16> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let port = |protocol, payload: &[u8]| {
        let segment = TcpPacket::new_checked(payload).ok()?;
        let asks = protocol == IpProtocol::Tcp && segment.syn() && !segment.ack();
        asks.then(|| segment.dst_port())
    };
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            port(packet.next_header(), packet.payload())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            port(packet.next_header(), packet.payload())
        }
        _ => None,
    }
}
