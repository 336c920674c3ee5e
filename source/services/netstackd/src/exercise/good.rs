//! Frames of each kind as they come to this machine from a peer who means well, to be changed.

use alloc::vec;
use alloc::vec::Vec;

/// This machine, as [`super::frames`] has it, and the peer: at the link, of IPv4, of IPv6.
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OWN: [u8; 4] = [10, 0, 2, 15];
const OWN6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1];
const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const PEER: [u8; 4] = [10, 0, 2, 2];
const PEER6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
const ALL: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Bytes of the header of Ethernet, and of the header of IPv6.
const ETHERNET: usize = 14;
const IPV6: usize = 40;

/// Numbers of protocols (RFC 791, RFC 8200).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Each, with its name.
#[must_use]
pub fn good() -> Vec<(&'static str, Vec<u8>)> {
    let mut all = of_v4();
    all.extend(of_v6());
    for (_, frame) in &mut all {
        mend(frame);
    }
    all
}

/// Sets every sum that stands in a frame to what it must be: of the header of IPv4, of TCP, UDP, ICMP and ICMPv6. What is
/// too short to have one stays.
pub fn mend(frame: &mut [u8]) {
    match frame.get(12..ETHERNET) {
        Some([8, 0]) => mend_v4(frame.get_mut(ETHERNET..).unwrap_or_default()),
        Some([0x86, 0xdd]) => mend_v6(frame.get_mut(ETHERNET..).unwrap_or_default()),
        _ => {}
    }
}

fn mend_v4(packet: &mut [u8]) {
    let Some(first) = packet.first() else { return };
    let (header, all) = (usize::from(first & 15) * 4, packet.len());
    let Some(head) = packet.get_mut(..header).filter(|head| head.len() >= 20) else { return };
    put(head, 10, 0);
    let own = sum(&[head]);
    put(head, 10, own);
    let (protocol, total) = (head[9], usize::from(u16::from_be_bytes([head[2], head[3]])));
    let ends = [head[12..20].as_ref(), &[0, protocol]].concat();
    if let Some(payload) = packet.get_mut(header..total.min(all)) {
        mend_payload(payload, protocol, &ends);
    }
}

fn mend_v6(packet: &mut [u8]) {
    let all = packet.len();
    let Some(head) = packet.get(..IPV6) else { return };
    let len = usize::from(u16::from_be_bytes([head[4], head[5]]));
    let (protocol, ends) = (head[6], [&head[8..IPV6], &[0, head[6]]].concat());
    if let Some(payload) = packet.get_mut(IPV6..(IPV6 + len).min(all)) {
        mend_payload(payload, protocol, &ends);
    }
}

/// The sum of what is in a packet, over it, and over both ends, protocol and length where the protocol has these in it.
fn mend_payload(payload: &mut [u8], protocol: u8, ends: &[u8]) {
    let at = match protocol {
        TCP => 16,
        UDP => 6,
        ICMP | ICMPV6 => 2,
        _ => return,
    };
    if payload.len() < at + 2 {
        return;
    }
    put(payload, at, 0);
    let len = u16::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    let own = if protocol == ICMP { sum(&[payload]) } else { sum(&[ends, &len, payload]) };
    put(payload, at, own);
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// The sum of the Internet (RFC 1071) of parts, each but the last of an even number of bytes.
fn sum(parts: &[&[u8]]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    let mut sum: u32 = parts.iter().flat_map(|part| part.chunks(2)).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn ethernet(to: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [&to[..], &PEER_MAC, &kind.to_be_bytes(), payload].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

/// A packet of IPv4 with these options.
fn v4_with(options: &[u8], flags: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let words = 5 + options.len() / 4;
    let len = (4 * words + payload.len()) as u16;
    let mut head = vec![0x40 | words as u8, 0];
    head.extend(len.to_be_bytes());
    head.extend([0, 1]);
    head.extend(flags.to_be_bytes());
    head.extend([64, protocol, 0, 0]);
    ethernet(MAC, 0x800, &[&head, &PEER[..], &OWN, options, payload].concat())
}

fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    v4_with(&[], 0, protocol, payload)
}

fn v6_to(to: [u8; 16], next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    let head = [&[0x60, 0, 0, 0], &len[..], &[next, 255], &PEER6, &to].concat();
    let mac = if to == ALL { [0x33, 0x33, 0, 0, 0, 1] } else { MAC };
    ethernet(mac, 0x86dd, &[&head, payload].concat())
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    v6_to(OWN6, next, payload)
}

/// A segment to port 80.
fn segment(flags: u8, options: &[u8], data: &[u8]) -> Vec<u8> {
    let words = 5 + options.len() as u8 / 4;
    let head = [0x1f, 0x90, 0, 80, 0, 0, 0, 9, 0, 0, 0, 7, words << 4, flags, 0xfa, 0, 0, 0, 0, 1];
    [&head, options, data].concat()
}

fn datagram(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let len = 8 + data.len() as u16;
    let head = [from, to, len, 0].map(u16::to_be_bytes).concat();
    [&head, data].concat()
}

fn arp(kind: u8, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, kind];
    let mac = if kind == 1 { [0xff; 6] } else { MAC };
    ethernet(mac, 0x806, &[&head[..], &PEER_MAC, &from, &mac, &to].concat())
}

fn of_v4() -> Vec<(&'static str, Vec<u8>)> {
    let mss = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];
    let unreachable = [&[3, 3, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 28][..], &[0; 24]].concat();
    vec![
        ("arp-asks", arp(1, PEER, OWN)),
        ("arp-answers", arp(2, PEER, OWN)),
        ("arp-tells", arp(1, OWN, OWN)),
        ("echo", v4(ICMP, &[8, 0, 0, 0, 0, 1, 0, 2, 1, 2, 3, 4])),
        ("echo-answer", v4(ICMP, &[0, 0, 0, 0, 0, 1, 0, 2, 1, 2, 3, 4])),
        ("unreachable", v4(ICMP, &unreachable)),
        ("connect", v4(TCP, &segment(2, &mss, &[]))),
        ("acknowledge", v4(TCP, &segment(0x10, &[], &[]))),
        ("urgent", v4(TCP, &segment(0x38, &[], b"data"))),
        ("finish", v4(TCP, &segment(0x11, &[], &[]))),
        ("reset", v4(TCP, &segment(4, &[], &[]))),
        ("datagram", v4(UDP, &datagram(9000, 5000, b"data"))),
        ("datagram-for-nobody", v4(UDP, &datagram(9000, 5001, b"data"))),
        ("address", v4(UDP, &datagram(67, 68, &lease()))),
        ("name", v4(UDP, &datagram(53, 50_000, &name()))),
        ("part", v4_with(&[], 0x2000, UDP, &datagram(9000, 5000, b"part"))),
        ("options", v4_with(&[1, 1, 1, 0], 0, TCP, &segment(2, &[], &[]))),
        ("group", v4(2, &[0x11, 10, 0, 0, 0, 0, 0, 0])),
        ("tagged", ethernet(MAC, 0x8100, &[0, 1, 8, 0, 0x45])),
    ]
}

fn of_v6() -> Vec<(&'static str, Vec<u8>)> {
    let about = |kind: u8, flags: u8, option: u8| {
        [&[kind, 0, 0, 0, flags, 0, 0, 0], &OWN6[..], &[option, 1], &PEER_MAC].concat()
    };
    let router = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let prefix = [3, 4, 64, 0xc0, 0, 0, 7, 8, 0, 0, 7, 8, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8];
    let prefix = [&prefix[..], &[0; 12]].concat();
    let (link, mtu) = ([&[1, 1][..], &PEER_MAC].concat(), [5, 1, 0, 0, 0, 0, 5, 0xdc]);
    let redirect = [&[137, 0, 0, 0, 0, 0, 0, 0][..], &PEER6, &OWN6].concat();
    let hops = [&[ICMPV6, 0, 5, 2, 0, 0, 1, 0, 130, 0, 0, 0, 0, 0, 0, 0][..], &[0; 16]].concat();
    vec![
        ("echo6", v6(ICMPV6, &[128, 0, 0, 0, 0, 1, 0, 2, 1, 2, 3, 4])),
        ("neighbour-asks", v6(ICMPV6, &about(135, 0, 1))),
        ("neighbour-answers", v6(ICMPV6, &about(136, 0x60, 2))),
        ("router", v6_to(ALL, ICMPV6, &[&router[..], &link, &mtu, &prefix].concat())),
        ("router-without-prefix", v6_to(ALL, ICMPV6, &router)),
        ("redirect", v6(ICMPV6, &redirect)),
        ("too-big", v6(ICMPV6, &[&[2, 0, 0, 0, 0, 0, 5, 0][..], &[0x60; 48]].concat())),
        ("unreachable6", v6(ICMPV6, &[&[1, 4, 0, 0, 0, 0, 0, 0][..], &[0x60; 48]].concat())),
        ("connect6", v6(TCP, &segment(2, &[2, 4, 5, 0xb4], &[]))),
        ("datagram6", v6(UDP, &datagram(9000, 5000, b"data"))),
        ("hops", v6_to(ALL, 0, &hops)),
        ("part6", v6(44, &[&[UDP, 0, 0, 1, 0, 0, 0, 1][..], &datagram(1, 5000, b"a")].concat())),
    ]
}

/// An offer of an address (RFC 2131).
fn lease() -> Vec<u8> {
    let mut message = vec![2, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend(OWN);
    message.extend(PEER);
    message.extend([0; 4]);
    message.extend(MAC);
    message.resize(236, 0);
    message.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 2, 54, 4, 10, 0, 2, 2, 51, 4, 0, 0, 14, 16]);
    message.extend([1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 4, 10, 0, 2, 2, 255]);
    message
}

/// An address of a name (RFC 1035).
fn name() -> Vec<u8> {
    let head = [0, 9, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    let asked = b"\x01a\x07example\0\0\x01\0\x01";
    let answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1];
    [&head[..], asked, &answer].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{EthernetFrame, Icmpv4Packet, Icmpv4Repr, Ipv4Packet, Ipv4Repr};

    /// What is changed is something, as the stack reads it.
    #[test]
    fn good_frames_are_good() {
        for (name, frame) in good() {
            let odd = ["part", "group", "tagged", "hops", "part6"].contains(&name);
            assert_eq!(crate::frame::Head::of(&frame).is_some(), !odd, "{name}");
        }
    }

    #[test]
    fn sums_are_mended() {
        let all = good();
        let (_, echo) = all.iter().find(|(name, _)| *name == "echo").unwrap();
        let mut other = echo.clone();
        other[42] ^= 0xff;
        let parsed = |frame: &[u8]| {
            let frame = EthernetFrame::new_checked(frame).unwrap();
            let packet = Ipv4Packet::new_checked(frame.payload()).unwrap();
            let sums = ChecksumCapabilities::default();
            Ipv4Repr::parse(&packet, &sums).unwrap();
            Icmpv4Repr::parse(&Icmpv4Packet::new_checked(packet.payload()).unwrap(), &sums).is_ok()
        };
        assert!(parsed(echo) && !parsed(&other));
        mend(&mut other);
        assert!(parsed(&other));
    }
}
