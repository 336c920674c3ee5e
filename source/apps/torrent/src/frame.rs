//! A frame for the stack, as long as frames are, of which it makes little: nobody listens at its port.

use alloc::vec;
use alloc::vec::Vec;

use nexus_proto::net::MAX_FRAME;

/// The address of the card that there is not.
pub(crate) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];
/// Who sends it, and to whom: the address that the board gives.
const FROM: [u8; 4] = [10, 0, 2, 2];
const TO: [u8; 4] = [10, 0, 2, 15];
/// Bytes of the header of Ethernet, and of IPv4.
const ETHERNET: usize = 14;
const IPV4: usize = 20;

/// A datagram of UDP in a packet of IPv4 (RFC 768, RFC 791), without a sum over its data.
pub(crate) fn datagram() -> Vec<u8> {
    let total = ((MAX_FRAME - ETHERNET) as u16).to_be_bytes();
    let len = ((MAX_FRAME - ETHERNET - IPV4) as u16).to_be_bytes();
    let mut ip = vec![0x45, 0, total[0], total[1], 0, 1, 0, 0, 64, 17, 0, 0];
    ip.extend(FROM.into_iter().chain(TO));
    let sum = sum(&ip).to_be_bytes();
    ip[10..12].copy_from_slice(&sum);
    let mut frame = MAC.to_vec();
    frame.extend([2, 0, 0, 0, 0, 2, 8, 0]);
    frame.extend(ip);
    // From port 9 to port 9, which discards (RFC 863).
    frame.extend([0, 9, 0, 9, len[0], len[1], 0, 0]);
    frame.resize(MAX_FRAME, 0x5a);
    frame
}

/// The sum of a header (RFC 1071).
fn sum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let all: u32 = words.sum();
    !((all & 0xffff) + (all >> 16)) as u16
}
