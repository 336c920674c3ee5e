//! The checksum of TCP: verified and computed here, eight bytes at a time, where smoltcp takes two.
//!
//! smoltcp is told that the card does it, so nothing else looks at it: what smoltcp takes for a segment of TCP is what
//! [`segment`] finds, by the same reading of the same bytes (`smoltcp::wire`), and every other protocol is left to it.

use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv6Packet};
use zerocopy::IntoBytes;

/// Bytes of a word.
const WORD: usize = size_of::<u64>();
/// Words that are added without a branch in between.
const RUN: usize = 8;
/// Bytes of the header of Ethernet.
const ETHERNET: usize = 14;
/// Where the checksum stands in a segment (RFC 9293, 3.1).
const FIELD: usize = 16;

/// Memory of a frame, at whole words, of which it has so many bytes.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    words: alloc::vec::Vec<u64>,
    bytes: usize,
}

/// Where a segment of TCP is in its frame, and what is summed beside it: its pseudo-header (RFC 9293, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    start: usize,
    end: usize,
    pseudo: u64,
}

impl Frame {
    /// Room for so many bytes, of zeroes.
    pub(crate) fn new(bytes: usize) -> Frame {
        Frame { words: alloc::vec![0; bytes.div_ceil(WORD)], bytes }
    }

    /// Its first bytes; none when it has fewer.
    pub(crate) fn get(&self, len: usize) -> Option<&[u8]> {
        self.words.as_bytes().get(..self.bytes)?.get(..len)
    }

    /// The same, to be written.
    pub(crate) fn get_mut(&mut self, len: usize) -> Option<&mut [u8]> {
        self.words.as_mut_bytes().get_mut(..self.bytes)?.get_mut(..len)
    }

    /// True unless the frame of its first `len` bytes has a segment of TCP whose checksum is wrong.
    pub(crate) fn is_right(&self, len: usize) -> bool {
        let Some(segment) = self.get(len).and_then(segment) else { return true };
        // With the checksum it is all ones.
        self.sum(segment) == u16::MAX
    }

    /// Writes the checksum of the segment of TCP in the frame of its first `len` bytes, if there is one, whose field has
    /// zeroes.
    pub(crate) fn fill(&mut self, len: usize) {
        let Some(segment) = self.get(len).and_then(segment) else { return };
        let sum = !self.sum(segment);
        let field = segment.start + FIELD;
        if let Some(field) = self.get_mut(len).and_then(|frame| frame.get_mut(field..field + 2)) {
            field.copy_from_slice(&sum.to_ne_bytes());
        }
    }

    /// The sum of 16-bit words in the order of this machine, not complemented (RFC 1071, 2).
    fn sum(&self, Segment { start, end, pseudo }: Segment) -> u16 {
        let (first, last) = (start / WORD, end.div_ceil(WORD));
        let words = self.words.get(first..last).unwrap_or_default();
        // What stands before the segment in its first word, and behind it in its last.
        let before = words.first().map_or(0, |word| low(*word, start % WORD));
        let rest = words.last().filter(|_| !end.is_multiple_of(WORD));
        let behind = rest.map_or(0, |word| word & !low(u64::MAX, end % WORD));
        let (runs, few) = words.as_chunks::<RUN>();
        let mut sum = pseudo;
        for run in runs {
            sum = run.iter().fold(sum, |sum, word| add(sum, *word));
        }
        sum = few.iter().fold(sum, |sum, word| add(sum, *word));
        // Taken away: a complement is added.
        fold(add(add(sum, !before), !behind))
    }
}

/// The first bytes of a word, in memory; the others are zero.
const fn low(word: u64, bytes: usize) -> u64 {
    let mask = u64::from_le((1 << (8 * bytes as u64)) - 1);
    word & mask
}

/// Adds with the carry that goes round.
const fn add(sum: u64, word: u64) -> u64 {
    let (sum, carry) = sum.overflowing_add(word);
    sum + carry as u64
}

/// Of four 16-bit words the sum.
const fn fold(sum: u64) -> u16 {
    let mut sum = sum;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The segment of TCP in a frame, where smoltcp finds it.
fn segment(frame: &[u8]) -> Option<Segment> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    let (from, to, pseudo) = match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let range = (usize::from(packet.header_len()), usize::from(packet.total_len()));
            let ends = [packet.src_addr().octets(), packet.dst_addr().octets()];
            let tcp = packet.next_header() == IpProtocol::Tcp;
            tcp.then(|| (range.0, range.1, words(ends.as_flattened())))?
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            let range = (packet.header_len(), packet.total_len());
            let ends = [packet.src_addr().octets(), packet.dst_addr().octets()];
            let tcp = packet.next_header() == IpProtocol::Tcp;
            tcp.then(|| (range.0, range.1, words(ends.as_flattened())))?
        }
        _ => return None,
    };
    let len = u16::try_from(to.checked_sub(from)?).ok()?;
    let rest = [0, IpProtocol::Tcp.into()];
    let pseudo = add(pseudo, u64::from(u16::from_ne_bytes(rest)));
    let pseudo = add(pseudo, u64::from(len.to_be()));
    Some(Segment { start: ETHERNET + from, end: ETHERNET + to, pseudo })
}

/// Addresses, as words of 32 bits in the order of this machine.
fn words(addresses: &[u8]) -> u64 {
    let (words, _) = addresses.as_chunks::<4>();
    words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use smoltcp::wire::{Ipv4Address, Ipv6Address, TcpPacket};
    use std::vec::Vec;

    /// Bytes of the headers of IP and TCP, the least of each.
    const V4: usize = 20;
    const V6: usize = 40;
    const TCP: usize = 20;

    /// A frame with a segment of TCP, which has `data`, options of so many words in each header, and no checksum.
    fn frame(v6: bool, words: [usize; 2], data: &[u8]) -> (Vec<u8>, usize) {
        let [ip_words, tcp_words] = words;
        let ip = if v6 { V6 } else { V4 + 4 * ip_words };
        let start = ETHERNET + ip;
        let mut all = vec![0; start + TCP + 4 * tcp_words + data.len()];
        let mut ethernet = EthernetFrame::new_unchecked(all.as_mut_slice());
        ethernet.set_ethertype(if v6 { EthernetProtocol::Ipv6 } else { EthernetProtocol::Ipv4 });
        let payload = ethernet.payload_mut();
        let len = (payload.len() - ip) as u16;
        if v6 {
            let mut packet = Ipv6Packet::new_unchecked(&mut *payload);
            packet.set_version(6);
            packet.set_payload_len(len);
            packet.set_next_header(IpProtocol::Tcp);
            packet.set_src_addr(Ipv6Address::new(0xfe80, 0, 0, 0, 1, 2, 3, 0xfffe));
            packet.set_dst_addr(Ipv6Address::new(0xfec0, 0, 0, 0, 0x5054, 0xff, 0xfe12, 0x3456));
        } else {
            let mut packet = Ipv4Packet::new_unchecked(&mut *payload);
            packet.set_version(4);
            packet.set_header_len(ip as u8);
            packet.set_total_len(len + ip as u16);
            packet.set_next_header(IpProtocol::Tcp);
            packet.set_src_addr(Ipv4Address::new(255, 254, 2, 2));
            packet.set_dst_addr(Ipv4Address::new(10, 0, 2, 15));
        }
        let mut segment = TcpPacket::new_unchecked(&mut payload[ip..]);
        segment.set_src_port(0xffff);
        segment.set_header_len((TCP + 4 * tcp_words) as u8);
        segment.payload_mut().copy_from_slice(data);
        (all, start)
    }

    /// As smoltcp has them.
    fn right(frame: &[u8]) -> bool {
        let frame = EthernetFrame::new_checked(frame).unwrap();
        let payload = frame.payload();
        if frame.ethertype() == EthernetProtocol::Ipv4 {
            let packet = Ipv4Packet::new_checked(payload).unwrap();
            let ends = (packet.src_addr().into(), packet.dst_addr().into());
            TcpPacket::new_checked(packet.payload()).unwrap().verify_checksum(&ends.0, &ends.1)
        } else {
            let packet = Ipv6Packet::new_checked(payload).unwrap();
            let ends = (packet.src_addr().into(), packet.dst_addr().into());
            TcpPacket::new_checked(packet.payload()).unwrap().verify_checksum(&ends.0, &ends.1)
        }
    }

    fn placed(bytes: &[u8]) -> Frame {
        let mut frame = Frame::new(1600);
        // What was there before is of no frame.
        frame.get_mut(1600).unwrap().fill(0xa5);
        frame.get_mut(bytes.len()).unwrap().copy_from_slice(bytes);
        frame
    }

    // attack 68 U: segments of TCP with any bit changed on the way; none is taken, of IPv4 and IPv6, of any length; broken: net-sum, net-sum-end
    #[test]
    fn what_was_changed_on_the_way_is_not_right() {
        for v6 in [false, true] {
            for len in (0..40).chain([1000, 1459, 1460]).filter(|len| !v6 || *len <= 1440) {
                let data: Vec<u8> = (0..len).map(|byte| (byte * 7 + 3) as u8).collect();
                let (bytes, start) = frame(v6, [0, 0], &data);
                let mut frame = placed(&bytes);
                frame.fill(bytes.len());
                let sent = frame.get(bytes.len()).unwrap().to_vec();
                assert!(right(&sent), "{len} bytes");
                assert!(frame.is_right(bytes.len()), "{len} bytes");
                for at in [start, start + 13, start + FIELD, bytes.len() - 1] {
                    let mut changed = sent.clone();
                    changed[at] ^= 0x40;
                    assert!(!placed(&changed).is_right(changed.len()), "{len} bytes, byte {at}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_segment_is_left_to_others() {
        let (bytes, start) = frame(false, [0, 0], b"data");
        for at in [12, 23] {
            let mut other = bytes.clone();
            other[at] ^= 0x11;
            let mut frame = placed(&other);
            assert!(frame.is_right(other.len()));
            frame.fill(other.len());
            assert_eq!(frame.get(other.len()).unwrap(), other);
        }
        // Behind its end stands what pads a frame.
        let padded = [bytes.as_slice(), &[7; 9]].concat();
        let mut frame = placed(&padded);
        frame.fill(padded.len());
        let sent = frame.get(padded.len()).unwrap();
        assert!(right(sent) && placed(sent).is_right(padded.len()));
        assert_ne!(sent[start + FIELD..start + FIELD + 2], [0, 0]);
        assert!(placed(&bytes[..40]).is_right(40), "smoltcp finds none in it");
    }

    proptest! {
        #[test]
        fn it_is_what_smoltcp_computes(
            v6: bool,
            words in [0..=10_usize, 0..=10_usize],
            data in prop::collection::vec(any::<u8>(), 0..1400),
            changed in any::<prop::sample::Index>(),
            bit in 0..8,
        ) {
            let (bytes, start) = frame(v6, words, &data);
            let mut frame = placed(&bytes);
            frame.fill(bytes.len());
            let mut sent = frame.get(bytes.len()).unwrap().to_vec();
            prop_assert!(right(&sent) && frame.is_right(bytes.len()));
            let at = start + changed.index(bytes.len() - start);
            // Whose length of header is another is no segment for smoltcp.
            prop_assume!(at != start + 12);
            sent[at] ^= 1_u8 << bit;
            prop_assert_eq!(placed(&sent).is_right(sent.len()), right(&sent));
        }
    }
}
