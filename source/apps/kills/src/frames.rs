//! The frames of this load: who has the address of the gateway (RFC 826), and echoes (RFC 792).

use alloc::vec;
use alloc::vec::Vec;

/// This side, as QEMU's user network numbers its guest, and the gateway.
const OWN: [u8; 4] = [10, 0, 2, 15];
const GATEWAY: [u8; 4] = [10, 0, 2, 2];
const EVERYBODY: [u8; 6] = [0xff; 6];
const ARP: [u8; 2] = [0x08, 0x06];
const IPV4: [u8; 2] = [0x08, 0x00];
/// Bytes before the data of an echo: its header, and that of its packet.
const HEADERS: usize = 28;
/// Where the data of an echo begins in its frame.
const DATA: usize = 14 + HEADERS;

/// A hardware address.
pub(crate) type Mac = [u8; 6];

/// Who has the address of the gateway?
pub(crate) fn arp_request(own: Mac) -> Vec<u8> {
    let asked = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &own, &OWN, &[0; 6], &GATEWAY].concat();
    [&EVERYBODY[..], &own, &ARP, &asked].concat()
}

/// The address of the gateway, if this frame tells it.
pub(crate) fn gateway(frame: &[u8]) -> Option<Mac> {
    let told =
        frame.get(12..14)? == ARP && frame.get(20..22)? == [0, 2] && frame.get(28..32)? == GATEWAY;
    frame.get(22..28).filter(|_| told)?.try_into().ok()
}

/// An echo request with a number, in its header and in its data.
pub(crate) fn echo(own: Mac, gateway: Mac, number: u64, length: usize) -> Vec<u8> {
    let data = data(number, length);
    let [low, high, ..] = number.to_le_bytes();
    let mut echo = [&[8, 0, 0, 0, 0x4e, 0x58, high, low][..], &data].concat();
    let check = sum(&echo).to_be_bytes();
    put(&mut echo, 2, check);
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0];
    header.extend([OWN, GATEWAY].concat());
    put(&mut header, 2, ((HEADERS + data.len()) as u16).to_be_bytes());
    let check = sum(&header).to_be_bytes();
    put(&mut header, 10, check);
    [&gateway[..], &own, &IPV4, &header, &echo].concat()
}

/// The number of the echo that this frame answers, and whether it is whole; `None` for another frame.
pub(crate) fn answered(frame: &[u8], length: usize) -> Option<(u64, bool)> {
    let is_answer = frame.get(12..14)? == IPV4 && frame.get(23)? == &1 && frame.get(34)? == &0;
    let seen = frame.get(DATA..DATA + length).filter(|_| is_answer)?;
    let number = u64::from_le_bytes(*seen.first_chunk::<8>()?);
    Some((number, seen == data(number, length)))
}

fn data(number: u64, length: usize) -> Vec<u8> {
    let mut data: Vec<u8> = (0..length as u64).map(|at| (at * 7 + number) as u8).collect();
    data.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    data
}

fn put(bytes: &mut [u8], at: usize, two: [u8; 2]) {
    bytes.iter_mut().skip(at).zip(two).for_each(|(to, from)| *to = from);
}

/// The check sum of the internet (RFC 1071), of whole words.
fn sum(bytes: &[u8]) -> u16 {
    let (pairs, _) = bytes.as_chunks::<2>();
    let mut sum: u32 = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Mac = [2, 0, 0, 0, 0, 1];
    const THEIRS: Mac = [2, 0, 0, 0, 0, 2];

    #[test]
    fn an_answer_has_the_number_of_its_request_and_all_its_data() {
        let mut frame = echo(OURS, THEIRS, 0x1234_5678, 40);
        assert_eq!((sum(&frame[14..34]), sum(&frame[34..])), (0, 0));
        assert_eq!(answered(&frame, 40), None, "it is the request");
        frame[34] = 0;
        assert_eq!(answered(&frame, 40), Some((0x1234_5678, true)));
        frame[60] ^= 1;
        assert_eq!(answered(&frame, 40), Some((0x1234_5678, false)));
        assert_eq!(answered(&frame[..60], 40), None);
    }

    #[test]
    fn the_gateway_tells_its_address() {
        let mut frame = arp_request(OURS);
        assert_eq!((frame.len(), gateway(&frame)), (42, None));
        frame[21] = 2;
        frame[22..28].copy_from_slice(&THEIRS);
        frame[28..32].copy_from_slice(&GATEWAY);
        assert_eq!(gateway(&frame), Some(THEIRS));
    }
}
