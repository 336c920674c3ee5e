//! Packets by hand, right ones and wrong ones, and what the guest sends, taken apart.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpProtocol, Ipv4Address,
    Ipv4Packet, Ipv6Address, Ipv6Packet, TcpPacket, TcpSeqNumber, UdpPacket,
};

/// A card's address.
pub type Mac = [u8; 6];
/// The address of every card.
pub const ALL: Mac = [0xff; 6];

/// Flags of a segment (RFC 9293, 3.1).
pub mod flag {
    /// No more data.
    pub const FIN: u8 = 1;
    /// Sequence numbers begin.
    pub const SYN: u8 = 2;
    /// The connection is over.
    pub const RST: u8 = 4;
    /// Data is to be given on.
    pub const PSH: u8 = 8;
    /// The acknowledgement counts.
    pub const ACK: u8 = 16;
    /// The urgent pointer counts.
    pub const URG: u8 = 32;
}

/// Who sends a packet of IPv4, and to whom.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The sender's card.
    pub from_mac: Mac,
    /// The receiver's card.
    pub to_mac: Mac,
    /// The sender.
    pub from: Ipv4Address,
    /// The receiver.
    pub to: Ipv4Address,
}

/// A segment of TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The sender's port.
    pub from: u16,
    /// The receiver's.
    pub to: u16,
    /// Number of its first byte.
    pub seq: u32,
    /// Number of the next that is expected.
    pub ack: u32,
    /// As in [`flag`].
    pub flags: u8,
    /// Bytes that may be sent behind `ack`.
    pub window: u16,
    /// Where urgent data ends.
    pub urgent: u16,
    /// Its data.
    pub data: Vec<u8>,
}

/// A frame.
#[must_use]
pub fn ethernet(from: Mac, to: Mac, kind: EthernetProtocol, packet: &[u8]) -> Vec<u8> {
    let mut frame = EthernetFrame::new_unchecked(vec![0; 14 + packet.len()]);
    frame.set_src_addr(EthernetAddress(from));
    frame.set_dst_addr(EthernetAddress(to));
    frame.set_ethertype(kind);
    frame.payload_mut().copy_from_slice(packet);
    frame.into_inner()
}

/// Asks for, or tells, whose an address is.
#[must_use]
pub fn arp(operation: ArpOperation, from: (Mac, Ipv4Address), to: (Mac, Ipv4Address)) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: EthernetAddress(from.0),
        source_protocol_addr: from.1,
        target_hardware_addr: EthernetAddress(to.0),
        target_protocol_addr: to.1,
    };
    let mut packet = vec![0; repr.buffer_len()];
    repr.emit(&mut ArpPacket::new_unchecked(&mut packet));
    ethernet(from.0, to.0, EthernetProtocol::Arp, &packet)
}

/// A packet of IPv4 in a frame.
#[must_use]
pub fn ipv4(way: Way, protocol: IpProtocol, data: &[u8]) -> Vec<u8> {
    part(way, protocol, data, (0, false))
}

/// A part of a packet of IPv4: from which byte on, and whether more follow.
#[must_use]
pub fn part(way: Way, protocol: IpProtocol, data: &[u8], (at, more): (u16, bool)) -> Vec<u8> {
    let len = 20 + data.len();
    let mut packet = Ipv4Packet::new_unchecked(vec![0; len]);
    packet.set_version(4);
    packet.set_header_len(20);
    packet.set_total_len(u16::try_from(len).unwrap_or(u16::MAX));
    packet.set_ident(0x5a5a);
    packet.set_hop_limit(64);
    packet.set_next_header(protocol);
    packet.set_src_addr(way.from);
    packet.set_dst_addr(way.to);
    packet.set_frag_offset(at);
    packet.set_more_frags(more);
    packet.payload_mut().copy_from_slice(data);
    packet.fill_checksum();
    ethernet(way.from_mac, way.to_mac, EthernetProtocol::Ipv4, &packet.into_inner())
}

/// A packet of IPv6 in a frame.
#[must_use]
pub fn ipv6(
    (from_mac, from): (Mac, Ipv6Address),
    (to_mac, to): (Mac, Ipv6Address),
    protocol: IpProtocol,
    data: &[u8],
) -> Vec<u8> {
    let mut packet = Ipv6Packet::new_unchecked(vec![0; 40 + data.len()]);
    packet.set_version(6);
    packet.set_payload_len(u16::try_from(data.len()).unwrap_or(u16::MAX));
    packet.set_next_header(protocol);
    packet.set_hop_limit(255);
    packet.set_src_addr(from);
    packet.set_dst_addr(to);
    packet.payload_mut().copy_from_slice(data);
    ethernet(from_mac, to_mac, EthernetProtocol::Ipv6, &packet.into_inner())
}

/// A message of ICMP.
#[must_use]
pub fn icmp4(message: &Icmpv4Repr<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes), &ChecksumCapabilities::default());
    bytes
}

/// A message of ICMPv6.
#[must_use]
pub fn icmp6(from: &Ipv6Address, to: &Ipv6Address, message: &Icmpv6Repr<'_>) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    let sums = ChecksumCapabilities::default();
    message.emit(from, to, &mut Icmpv6Packet::new_unchecked(&mut bytes), &sums);
    bytes
}

/// A datagram of UDP.
#[must_use]
pub fn udp(way: Way, from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let mut packet = UdpPacket::new_unchecked(vec![0; 8 + data.len()]);
    packet.set_src_port(from);
    packet.set_dst_port(to);
    packet.set_len(u16::try_from(8 + data.len()).unwrap_or(u16::MAX));
    packet.payload_mut().copy_from_slice(data);
    packet.fill_checksum(&IpAddress::Ipv4(way.from), &IpAddress::Ipv4(way.to));
    ipv4(way, IpProtocol::Udp, &packet.into_inner())
}

/// A segment of TCP.
#[must_use]
pub fn tcp(way: Way, segment: &Segment) -> Vec<u8> {
    ipv4(way, IpProtocol::Tcp, &tcp_bytes(way.from.into(), way.to.into(), segment))
}

/// The bytes of a segment of TCP between these two.
#[must_use]
pub fn tcp_bytes(from: IpAddress, to: IpAddress, segment: &Segment) -> Vec<u8> {
    let seq = |number: u32| TcpSeqNumber(i32::from_le_bytes(number.to_le_bytes()));
    let has = |flag| segment.flags & flag != 0;
    let mut packet = TcpPacket::new_unchecked(vec![0; 20 + segment.data.len()]);
    packet.set_header_len(20);
    packet.set_src_port(segment.from);
    packet.set_dst_port(segment.to);
    packet.set_seq_number(seq(segment.seq));
    packet.set_ack_number(seq(segment.ack));
    packet.set_window_len(segment.window);
    packet.set_urgent_at(segment.urgent);
    packet.set_fin(has(flag::FIN));
    packet.set_syn(has(flag::SYN));
    packet.set_rst(has(flag::RST));
    packet.set_psh(has(flag::PSH));
    packet.set_ack(has(flag::ACK));
    packet.set_urg(has(flag::URG));
    packet.payload_mut().copy_from_slice(&segment.data);
    packet.fill_checksum(&from, &to);
    packet.into_inner()
}

/// What a frame of the guest's is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// It asks for, or tells, whose an address is: the operation, the sender, and the target.
    Arp(ArpOperation, Ipv4Address, Ipv4Address),
    /// ICMP: from, to, the message.
    Icmp4(Ipv4Address, Ipv4Address, Vec<u8>),
    /// ICMPv6: from, to, the message.
    Icmp6(Ipv6Address, Ipv6Address, Vec<u8>),
    /// UDP over IPv4: from, to, both ports, the data.
    Udp4(Ipv4Address, Ipv4Address, (u16, u16), Vec<u8>),
    /// TCP: from, to, the segment.
    Tcp(IpAddress, IpAddress, Segment),
    /// Something else.
    Other,
}

/// Takes a frame apart. `None`: it is malformed, or a sum in it is wrong.
#[must_use]
pub fn parse(frame: &[u8]) -> Option<Came> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    match frame.ethertype() {
        EthernetProtocol::Arp => {
            let packet = ArpPacket::new_checked(frame.payload()).ok()?;
            let ArpRepr::EthernetIpv4 {
                operation, source_protocol_addr, target_protocol_addr, ..
            } = ArpRepr::parse(&packet).ok()?
            else {
                return None;
            };
            Some(Came::Arp(operation, source_protocol_addr, target_protocol_addr))
        }
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let (from, to) = (packet.src_addr(), packet.dst_addr());
            if !packet.verify_checksum() || packet.more_frags() || packet.frag_offset() != 0 {
                return None;
            }
            inside(from.into(), to.into(), packet.next_header(), packet.payload())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let (from, to) = (packet.src_addr(), packet.dst_addr());
            inside(from.into(), to.into(), packet.next_header(), packet.payload())
        }
        EthernetProtocol::Unknown(_) => Some(Came::Other),
    }
}

fn inside(from: IpAddress, to: IpAddress, protocol: IpProtocol, data: &[u8]) -> Option<Came> {
    match (protocol, from, to) {
        (IpProtocol::Icmp, IpAddress::Ipv4(from), IpAddress::Ipv4(to)) => {
            let packet = Icmpv4Packet::new_checked(data).ok()?;
            packet.verify_checksum().then(|| Came::Icmp4(from, to, data.to_vec()))
        }
        (IpProtocol::Icmpv6, IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
            let packet = Icmpv6Packet::new_checked(data).ok()?;
            packet.verify_checksum(&from, &to).then(|| Came::Icmp6(from, to, data.to_vec()))
        }
        (IpProtocol::Udp, IpAddress::Ipv4(v4), IpAddress::Ipv4(v4_to)) => {
            let packet = UdpPacket::new_checked(data).ok()?;
            let ports = (packet.src_port(), packet.dst_port());
            let whole = packet.verify_checksum(&from, &to);
            whole.then(|| Came::Udp4(v4, v4_to, ports, packet.payload().to_vec()))
        }
        (IpProtocol::Tcp, _, _) => {
            let packet = TcpPacket::new_checked(data).ok()?;
            packet.verify_checksum(&from, &to).then(|| Came::Tcp(from, to, segment(&packet)))
        }
        _ => Some(Came::Other),
    }
}

fn segment(packet: &TcpPacket<&[u8]>) -> Segment {
    let number = |seq: TcpSeqNumber| u32::from_le_bytes(seq.0.to_le_bytes());
    let flags = [
        (packet.fin(), flag::FIN),
        (packet.syn(), flag::SYN),
        (packet.rst(), flag::RST),
        (packet.psh(), flag::PSH),
        (packet.ack(), flag::ACK),
        (packet.urg(), flag::URG),
    ];
    Segment {
        from: packet.src_port(),
        to: packet.dst_port(),
        seq: number(packet.seq_number()),
        ack: number(packet.ack_number()),
        flags: flags.iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag),
        window: packet.window_len(),
        urgent: packet.urgent_at(),
        data: packet.payload().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAY: Way = Way {
        from_mac: [2; 6],
        to_mac: [4; 6],
        from: Ipv4Address::new(10, 0, 2, 64),
        to: Ipv4Address::new(10, 0, 2, 15),
    };

    #[test]
    fn what_is_made_is_what_is_read() {
        let sent = Segment {
            from: 4000,
            to: 7,
            seq: 0xffff_fff0,
            ack: 9,
            flags: flag::ACK | flag::URG,
            window: 512,
            urgent: 3,
            data: b"bytes".to_vec(),
        };
        let read = parse(&tcp(WAY, &sent));
        assert_eq!(read, Some(Came::Tcp(WAY.from.into(), WAY.to.into(), sent)));
        let read = parse(&udp(WAY, 1, 2, b"data"));
        assert_eq!(read, Some(Came::Udp4(WAY.from, WAY.to, (1, 2), b"data".to_vec())));
    }

    #[test]
    fn a_wrong_sum_is_seen() {
        for at in [16, 30, 36, 50] {
            let mut frame = udp(WAY, 1, 2, b"even");
            frame[at.min(45)] ^= 1;
            assert_eq!(parse(&frame), None, "byte {at}");
        }
        assert_eq!(parse(&part(WAY, IpProtocol::Udp, &[0; 16], (8, false))), None);
    }
}
