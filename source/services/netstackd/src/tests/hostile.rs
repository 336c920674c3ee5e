//! Frames and requests that anybody made up.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv4Packet, Icmpv4Repr,
    IpProtocol, Ipv4Address, Ipv4Packet, Ipv4Repr,
};

use super::peer::MAC as FROM;
use super::{MAC, PEER};

/// A frame of IPv4 from the peer, or whoever it says to be.
pub(super) fn ipv4(
    (from, to): (Ipv4Address, Ipv4Address),
    next_header: IpProtocol,
    payload: &[u8],
) -> Vec<u8> {
    let ip = Ipv4Repr {
        src_addr: from,
        dst_addr: to,
        next_header,
        payload_len: payload.len(),
        hop_limit: 64,
    };
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(FROM),
        dst_addr: EthernetAddress(MAC),
        ethertype: EthernetProtocol::Ipv4,
    };
    let mut frame = EthernetFrame::new_unchecked(vec![0; 34 + payload.len()]);
    ethernet.emit(&mut frame);
    let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet, &ChecksumCapabilities::default());
    packet.payload_mut().copy_from_slice(payload);
    frame.into_inner()
}

pub(super) fn echo_request(to: Ipv4Address, seq_no: u16) -> Vec<u8> {
    let ask = Icmpv4Repr::EchoRequest { ident: 1, seq_no, data: b"data" };
    let mut bytes = vec![0; ask.buffer_len()];
    let sums = ChecksumCapabilities::default();
    ask.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes), &sums);
    ipv4((Ipv4Address::from_octets(PEER), to), IpProtocol::Icmp, &bytes)
}
