//! Malformed packets: good ones of every kind, of which something is changed.

use anyhow::Result;
use smoltcp::wire::{
    ArpOperation, Icmpv4Repr, Icmpv6Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv6Address,
    NdiscRepr, RawHardwareAddress, TcpPacket, UdpPacket,
};

use super::Stage;
use super::host::local;
use crate::client::{ASKS, ECHO};
use crate::peer::{GUEST, GUEST_MAC, Peer, STRANGE, STRANGER, STRANGER_LOCAL, STRANGER_MAC};
use crate::raw::{self, Segment, flag};
use crate::talk::Talk;

/// Between two looks at whether the guest still answers.
const BATCH: u32 = 128;
/// Bytes that a connection has taken of them at most, and that are counted nowhere: fewer than its window.
const MOST_TAKEN: u32 = 4096;

/// So many malformed packets; the guest answers all the while.
pub(super) fn malformed(stage: &mut Stage) -> Result<u32> {
    let Stage { peer, packets, .. } = stage;
    peer.settle()?;
    let mut talk = Talk::open(peer)?;
    let mut batches = 0;
    for number in 0..*packets {
        let mut frame = good(peer, &talk);
        change(peer, &mut frame);
        peer.send(&frame);
        if number % BATCH == BATCH - 1 {
            peer.settle()?;
            peer.came.clear();
            batches += 1;
            if batches % 16 == 0 {
                // One that no packet has ended would keep its socket for ever, of a few that there are.
                talk.reset_beyond(peer, MOST_TAKEN);
                talk = Talk::open(peer)?;
            }
        }
    }
    peer.settle()?;
    stage.said.push(format!("{packets} malformed packets", packets = stage.packets));
    Ok(stage.packets)
}

/// A frame that the guest would take.
fn good(peer: &mut Peer, talk: &Talk) -> Vec<u8> {
    let len = peer.random.usize(0..64);
    let data: Vec<u8> = (0..len).map(|_| peer.random.u8(..)).collect();
    let seen = (GUEST_MAC, local());
    let own = (STRANGER_MAC, STRANGER_LOCAL);
    let six = |message: &Icmpv6Repr<'_>| {
        raw::ipv6(own, seen, IpProtocol::Icmpv6, &raw::icmp6(&own.1, &seen.1, message))
    };
    match peer.random.u8(0..10) {
        0 => raw::arp(ArpOperation::Request, (STRANGER_MAC, STRANGER), (GUEST_MAC, GUEST)),
        1 => raw::arp(ArpOperation::Reply, (STRANGER_MAC, STRANGER), (GUEST_MAC, GUEST)),
        2 => {
            let ask = Icmpv4Repr::EchoRequest { ident: 3, seq_no: 3, data: &data };
            raw::ipv4(STRANGE, IpProtocol::Icmp, &raw::icmp4(&ask))
        }
        3 => raw::udp(STRANGE, 3000, ECHO, &data),
        4 => raw::udp(STRANGE, 67, 68, &[data.as_slice(), &[2, 1, 6, 0], &[0; 250]].concat()),
        5 => raw::udp(STRANGE, 53, peer.random.u16(49_152..), &data),
        6 => {
            let (from, seq) = (peer.random.u16(1..), peer.random.u32(..));
            let to = if peer.random.bool() { ECHO } else { ASKS };
            let (flags, window) = (peer.random.u8(..64), peer.random.u16(..));
            raw::tcp(STRANGE, &Segment { from, to, seq, ack: 0, flags, window, urgent: 1, data })
        }
        7 => {
            let mut segment = talk.segment(flag::ACK, &data);
            segment.seq = segment.seq.wrapping_add(peer.random.u32(0..64));
            raw::tcp(STRANGE, &segment)
        }
        8 => six(&Icmpv6Repr::EchoRequest { ident: 3, seq_no: 3, data: &data }),
        _ => {
            let lladdr = Some(RawHardwareAddress::from_bytes(&STRANGER_MAC));
            let prefix = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
            let target_addr = if peer.random.bool() { local() } else { prefix };
            six(&Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr }))
        }
    }
}

/// Changes something: bits, bytes, lengths, the end; in half of them the sums are right afterwards.
fn change(peer: &mut Peer, frame: &mut Vec<u8>) {
    let random = &mut peer.random;
    for _ in 0..random.u8(1..4) {
        // The card's address stays: frames for others end at the driver.
        let at = random.usize(6..frame.len().max(7)).min(frame.len() - 1);
        match random.u8(0..6) {
            0 => frame[at] ^= 1 << random.u8(0..8),
            1 => frame[at] = random.u8(..),
            2 => frame[at] = [0, 1, 0x7f, 0x80, 0xff][random.usize(0..5)],
            // In the headers there is more to find.
            3 => {
                let at = random.usize(12..frame.len().clamp(13, 60)).min(frame.len() - 1);
                frame[at] = random.u8(..);
            }
            4 => frame.truncate(at.max(14)),
            _ => frame.extend((0..random.usize(0..40)).map(|_| 0xee)),
        }
    }
    if random.bool() {
        mend(frame);
    }
    frame.truncate(1514);
}

/// Makes the sums of a packet of IPv4 right, as far as there is one.
fn mend(frame: &mut [u8]) {
    let Some(packet) = frame.get_mut(14..) else { return };
    let Ok(mut packet) = Ipv4Packet::new_checked(packet) else { return };
    let (from, to) = (IpAddress::Ipv4(packet.src_addr()), IpAddress::Ipv4(packet.dst_addr()));
    packet.fill_checksum();
    match packet.next_header() {
        IpProtocol::Tcp => {
            if let Ok(mut segment) = TcpPacket::new_checked(packet.payload_mut()) {
                segment.fill_checksum(&from, &to);
            }
        }
        IpProtocol::Udp => {
            if let Ok(mut datagram) = UdpPacket::new_checked(packet.payload_mut()) {
                datagram.fill_checksum(&from, &to);
            }
        }
        _ => {}
    }
}
