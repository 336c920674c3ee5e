//! Frames and requests that anybody made up.

use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::time::Duration;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv4Packet, Icmpv4Repr,
    Icmpv6Packet, Icmpv6Repr, IpEndpoint, IpProtocol, Ipv4Address, Ipv4Packet, Ipv4Repr,
    Ipv6Address, Ipv6Packet, Ipv6Repr, NdiscPrefixInfoFlags, NdiscPrefixInformation, NdiscRepr,
    NdiscRouterFlags, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};

use super::peer::MAC as FROM;
use super::*;

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

/// A frame of IPv6.
pub(super) fn ipv6(
    (from, to): (Ipv6Address, Ipv6Address),
    next_header: IpProtocol,
    payload: &[u8],
) -> Vec<u8> {
    let (src_addr, dst_addr, payload_len) = (from, to, payload.len());
    let ip = Ipv6Repr { src_addr, dst_addr, next_header, payload_len, hop_limit: 255 };
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(FROM),
        dst_addr: EthernetAddress(MAC),
        ethertype: EthernetProtocol::Ipv6,
    };
    let mut frame = EthernetFrame::new_unchecked(vec![0; 54 + payload.len()]);
    ethernet.emit(&mut frame);
    let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet);
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

/// A segment of TCP from somebody, with a sequence number and perhaps an acknowledgement.
pub(super) fn segment(
    (from, src_port): (Ipv4Address, u16),
    to: IpEndpoint,
    control: TcpControl,
    (seq, ack): (i32, Option<i32>),
) -> Vec<u8> {
    let repr = TcpRepr {
        src_port,
        dst_port: to.port,
        control,
        seq_number: TcpSeqNumber(seq),
        ack_number: ack.map(TcpSeqNumber),
        window_len: 64_000,
        window_scale: None,
        max_seg_size: Some(1460),
        sack_permitted: false,
        sack_ranges: [None, None, None],
        timestamp: None,
        payload: &[],
    };
    let mut bytes = vec![0; repr.buffer_len()];
    let sums = ChecksumCapabilities::default();
    repr.emit(&mut TcpPacket::new_unchecked(&mut bytes), &from.into(), &to.addr, &sums);
    ipv4((from, Ipv4Address::from_octets(OWN)), IpProtocol::Tcp, &bytes)
}

/// A datagram from somebody.
pub(super) fn datagram(
    (from, src_port): (Ipv4Address, u16),
    to: IpEndpoint,
    data: &[u8],
) -> Vec<u8> {
    let repr = UdpRepr { src_port, dst_port: to.port };
    let mut bytes = vec![0; repr.header_len() + data.len()];
    let sums = ChecksumCapabilities::default();
    let mut packet = UdpPacket::new_unchecked(&mut bytes);
    let put = |room: &mut [u8]| room.copy_from_slice(data);
    repr.emit(&mut packet, &from.into(), &to.addr, data.len(), put, &sums);
    ipv4((from, Ipv4Address::from_octets(OWN)), IpProtocol::Udp, &bytes)
}

/// What a router says: for how many seconds it routes, and of which prefix.
pub(super) fn router(number: u16, prefix: Option<[u8; 8]>, seconds: u64) -> Vec<u8> {
    let from = Ipv6Address::new(0xfe80, 0, 0, 0, 0, 0, 0, number);
    let to = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let info = |first: [u8; 8]| {
        let mut address = [0; 16];
        address[..8].copy_from_slice(&first);
        NdiscPrefixInformation {
            prefix_len: 64,
            flags: NdiscPrefixInfoFlags::ADDRCONF | NdiscPrefixInfoFlags::ON_LINK,
            valid_lifetime: Duration::from_secs(seconds),
            preferred_lifetime: Duration::from_secs(seconds),
            prefix: Ipv6Address::from_octets(address),
        }
    };
    let word = Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
        hop_limit: 64,
        flags: NdiscRouterFlags::empty(),
        router_lifetime: Duration::from_secs(seconds),
        reachable_time: Duration::ZERO,
        retrans_time: Duration::ZERO,
        lladdr: None,
        mtu: None,
        prefix_info: prefix.map(info),
    });
    let ip = Ipv6Repr {
        src_addr: from,
        dst_addr: to,
        next_header: IpProtocol::Icmpv6,
        payload_len: word.buffer_len(),
        hop_limit: 255,
    };
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress(FROM),
        dst_addr: EthernetAddress([0x33, 0x33, 0, 0, 0, 1]),
        ethertype: EthernetProtocol::Ipv6,
    };
    let mut frame = EthernetFrame::new_unchecked(vec![0; 54 + word.buffer_len()]);
    ethernet.emit(&mut frame);
    let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet);
    let mut message = Icmpv6Packet::new_unchecked(packet.payload_mut());
    word.emit(&from, &to, &mut message, &ChecksumCapabilities::default());
    frame.into_inner()
}

/// Frames that are something, to be changed.
fn something() -> Vec<Vec<u8>> {
    let own = super::peer::own;
    let peer = Ipv4Address::from_octets(PEER);
    vec![
        echo_request(Ipv4Address::from_octets(OWN), 1),
        segment((peer, 1000), own(80), TcpControl::Syn, (1, None)),
        segment((peer, 1000), own(80), TcpControl::None, (2, Some(1))),
        segment((peer, 1000), own(80), TcpControl::Rst, (2, None)),
        datagram((peer, 67), own(68), &[2; 300]),
        datagram((peer, 53), own(50_000), &[2; 60]),
        datagram((peer, 9000), own(5000), b"data"),
        router(2, Some([0x20, 1, 0xd, 0xb8, 0, 0, 0, 2]), 1800),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // attack 68 U: frames that are not what they say, in every field; the stack goes on, and records nothing
    #[test]
    fn malformed_frames_end_nothing(
        seeds in prop::collection::vec((0..9_usize, prop::collection::vec((any::<u16>(), any::<u8>()), 0..6), 0..1600_usize), 1..60)
    ) {
        let mut world = World::up();
        let mut a = world.client(A);
        world.opens(&mut a, wire::LISTEN, at(80));
        world.opens(&mut a, wire::BIND, at(5000));
        let some = something();
        for (which, changes, len) in seeds {
            let mut frame = some.get(which).cloned().unwrap_or_else(|| vec![0x45; len]);
            for (place, byte) in changes {
                let place = usize::from(place) % frame.len().max(1);
                if let Some(at) = frame.get_mut(place) {
                    *at = byte;
                }
            }
            if len % 3 == 0 {
                frame.truncate(len);
            }
            world.coming.push_back(frame);
        }
        world.run(30);
        world.until(|world| world.coming.is_empty());
        let peer = world.peer.listen(7);
        world.connection(&mut a, 7);
        prop_assert!(world.peer.tcp(peer).is_open());
        prop_assert!(world.denied().is_empty());
    }

    // attack 93 U: a request of any bytes: operation, socket, length, head; it is within its bytes, or none; broken: net-head
    #[test]
    fn any_bytes_are_a_request_or_none(data in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = crate::exercise::request(&data);
        // One that has a head, of every operation.
        for op in 0..14 {
            let asked = [&[op][..], &7_u64.to_le_bytes(), &400_u16.to_le_bytes(), &data].concat();
            let _ = crate::exercise::request(&asked);
        }
    }

    // attack 68 U: frames with any byte of theirs another; the stack goes on
    #[test]
    fn any_bytes_are_frames(
        changes in prop::collection::vec((0..8_usize, any::<u16>(), any::<u8>()), 1..40)
    ) {
        let some = something();
        let frame = |(which, place, byte): (usize, u16, u8)| {
            let mut frame = some[which].clone();
            let place = usize::from(place) % frame.len();
            frame[place] = byte;
            [&(frame.len() as u16).to_le_bytes()[..], &frame].concat()
        };
        let _ = crate::exercise::frames(&changes.into_iter().map(frame).collect::<Vec<_>>().concat());
    }

    // attack 93 U: requests of any operation, socket, length and head; each is answered or waits, and nobody else notices
    #[test]
    fn hostile_requests_end_nothing(
        asks in prop::collection::vec((0..20_u8, 0..6_u64, prop::collection::vec(any::<u8>(), 0..64), 0..5000_u32, 0..300_000_u32), 1..60)
    ) {
        let mut world = World::up();
        let (mut a, mut c) = (world.client(A), world.client(C));
        world.peer.listen(7);
        let socket = world.connection(&mut c, 7);
        for (op, arg, bytes, len, offset) in asks {
            let Some(id) = a.side.free_id() else {
                world.run(1);
                a.look();
                continue;
            };
            let _ = a.side.write(offset, &bytes);
            let _ = a.side.submit(Submission { id, op, len, offset, arg });
            a.tell();
        }
        world.run(20);
        let (count, bytes) = world.counted(A);
        prop_assert!(count <= 8 && bytes <= 1 << 20);
        let sends = c.send(socket, b"still");
        prop_assert_eq!(world.wait(&mut c, sends).0, DONE);
        let mut again = world.client_in(A, 2);
        world.run(31_000);
        prop_assert_eq!(world.counted(A), (0, 0));
        world.opens(&mut again, wire::LISTEN, at(80));
    }
}

// attack 93 U: write anything anywhere in the ring; it is given up, and others go on
#[test]
fn a_ring_that_lies_is_given_up() {
    let mut world = World::up();
    let (mut a, mut c) = (world.client(A), world.client(C));
    world.opens(&mut a, wire::LISTEN, at(80));
    world.rings[&A].device_write(0, &[0xff; 2]);
    world.bell.set(true);
    world.run(10);
    world.run(1_500);
    assert_eq!(world.counted(A), (0, 0));
    world.peer.listen(7);
    world.connection(&mut c, 7);
    let mut again = world.client_in(A, 2);
    world.opens(&mut again, wire::LISTEN, at(80));
}
