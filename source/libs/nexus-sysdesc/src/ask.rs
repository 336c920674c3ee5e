//! How a disk that was set up is asked for its serial number (virtio 1.2, 5.2.6): by the head of its queue
//! that has the pieces for it, when nobody else has the device. One request, and never another before the
//! device is reset.

use alloc::vec::Vec;
use core::fmt;

use crate::layout::{Layout, QueueLayout};
use crate::{SERIAL_LEN, Serial};

/// Bytes of a header: which request, four that are reserved, and the sector.
const HEADER: u32 = 16;
/// The request for the serial number (VIRTIO_BLK_T_GET_ID).
const GET_ID: u32 = 8;
/// Bytes of the beginning of a used ring: flags, index, and the first entry.
pub const ANSWER: usize = 12;
/// Bytes of the number, of what lies behind it up to the next piece, and of the status.
pub const TOLD: usize = STATUS + 1;
/// Where the status is, from where the number is: pieces lie at multiples of `layout::ALIGN`.
const STATUS: usize = SERIAL_LEN.next_multiple_of(8);
/// A status that no device writes, and what it writes when it has done what it was asked.
const UNWRITTEN: u8 = 0xff;
const DONE: u8 = 0;

/// Where in the memory of its device the request is, and its answer: offsets in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    head: u16,
    avail: u64,
    header: u64,
    /// Where the first [`ANSWER`] bytes of its used ring are, in the used rings.
    pub used: u64,
    /// Where the number and the status come to be, in the pool: [`TOLD`] bytes.
    pub data: u64,
    status: u64,
}

/// The device does not answer as a disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// It completed something else: its index, the head, and how many bytes it has written.
    Completed(u16, u32, u32),
    /// It could not do it, by this status.
    Status(u8),
    /// What it told is no serial number.
    NoSerial([u8; SERIAL_LEN]),
    /// It does not answer.
    Silent,
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Odd::Completed(index, head, len) => {
                write!(f, "it completed head {head} with {len} bytes, index {index}")
            }
            Odd::Status(status) => write!(f, "status {status}"),
            Odd::NoSerial(bytes) => write!(f, "it has none: \"{}\"", bytes.escape_ascii()),
            Odd::Silent => f.write_str("no answer"),
        }
    }
}

impl Ask {
    /// For a disk whose queue is laid out so; `None` when no head of it can be used for that.
    #[must_use]
    pub fn of(layout: &Layout) -> Option<Ask> {
        let QueueLayout { avail, used, heads, .. } = layout.queues.first()?;
        (0..).zip(heads).find_map(|(head, one)| {
            let [header, data, status] = one.segments.as_slice() else { return None };
            let pieces = [header, data, status].map(|piece| (piece.len, piece.writes));
            let wanted = [(HEADER, false), (len(), true), (1, true)];
            let [header, data, status] = [header, data, status].map(|piece| piece.offset);
            let behind = usize::try_from(status.checked_sub(data)?).ok()? == STATUS;
            let ask = Ask { head, avail: *avail, header, used: *used, data, status };
            (pieces == wanted && behind).then_some(ask)
        })
    }

    /// What is written to the pool, in this order, before the device is told of new heads: offsets and
    /// bytes. The pool was zeroes.
    #[must_use]
    pub fn request(&self) -> [(u64, Vec<u8>); 4] {
        let mut header = GET_ID.to_le_bytes().to_vec();
        header.resize(HEADER.try_into().unwrap_or(0), 0);
        // No interrupt, please: nobody waits for one. One head is available.
        let ring = [1u16.to_le_bytes(), 1u16.to_le_bytes()].concat();
        [
            (self.header, header),
            (self.status, [UNWRITTEN].to_vec()),
            (self.avail.saturating_add(4), self.head.to_le_bytes().to_vec()),
            (self.avail, ring),
        ]
    }

    /// True when it is answered, by the beginning of the used ring.
    ///
    /// # Errors
    /// Something else was completed; or it is not answered, and `must` be by now.
    pub fn is_answered(&self, used: [u8; ANSWER], must: bool) -> Result<bool, Odd> {
        let [_, _, i0, i1, h0, h1, h2, h3, l0, l1, l2, l3] = used;
        let (index, head) = (u16::from_le_bytes([i0, i1]), u32::from_le_bytes([h0, h1, h2, h3]));
        let written = u32::from_le_bytes([l0, l1, l2, l3]);
        match index {
            0 if must => Err(Odd::Silent),
            0 => Ok(false),
            1 if head == u32::from(self.head) && Some(written) == len().checked_add(1) => Ok(true),
            _ => Err(Odd::Completed(index, head, written)),
        }
    }
}

/// What the device told, once it has answered.
///
/// # Errors
/// It could not do it, or has told no serial number.
pub fn told(bytes: [u8; TOLD]) -> Result<Serial, Odd> {
    let data = bytes.first_chunk().copied().unwrap_or_default();
    match bytes.last().copied() {
        Some(DONE) => Serial::try_from(data).map_err(|_| Odd::NoSerial(data)),
        status => Err(Odd::Status(status.unwrap_or(UNWRITTEN))),
    }
}

fn len() -> u32 {
    u32::try_from(SERIAL_LEN).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{Queue, Shape};
    use std::vec;

    fn layout(shapes: &[(u16, &[u32], &[u32])]) -> Layout {
        let shape = |(heads, reads, writes): &(u16, &[u32], &[u32])| Shape {
            heads: *heads,
            reads: reads.to_vec(),
            writes: writes.to_vec(),
        };
        Layout::of(&[Queue { shapes: shapes.iter().map(shape).collect() }]).unwrap()
    }

    fn ask() -> Ask {
        Ask::of(&layout(&[(3, &[16], &[4096, 1]), (2, &[16], &[20, 1])])).unwrap()
    }

    fn used(index: u16, head: u32, len: u32) -> [u8; ANSWER] {
        let bytes = [&[0, 0][..], &index.to_le_bytes(), &head.to_le_bytes(), &len.to_le_bytes()];
        bytes.concat().try_into().unwrap()
    }

    #[test]
    fn the_first_head_with_the_pieces_for_it_asks() {
        let ask = ask();
        assert_eq!(ask.head, 3);
        let [header, status, entry, ring] = ask.request();
        let bytes = [&[8][..], &[0; 15]].concat();
        assert_eq!(header, (ask.header, bytes));
        assert_eq!(status, (ask.status, vec![0xff]));
        assert_eq!(entry, (4, vec![3, 0]), "the ring begins where the pool does");
        assert_eq!(ring, (0, vec![1, 0, 1, 0]), "last, and no interrupt");
    }

    #[test]
    fn no_other_head_asks() {
        for shape in [
            (1, &[16][..], &[21, 1][..]),
            (1, &[16], &[20]),
            (1, &[16, 20], &[1]),
            (1, &[15], &[20, 1]),
            (1, &[16], &[20, 2]),
            (1, &[16], &[20, 1, 1]),
        ] {
            assert_eq!(Ask::of(&layout(&[shape])), None, "{shape:?}");
        }
        assert_eq!(Ask::of(&Layout::of(&[]).unwrap()), None);
    }

    // attack 80 U: a disk completes another head, more than one, or with another length; that is no answer; broken: ask-completed
    #[test]
    fn an_answer_is_one_completion_of_that_head_with_all_bytes() {
        let ask = ask();
        assert_eq!(ask.is_answered(used(0, 3, 21), false), Ok(false), "not yet");
        assert_eq!(ask.is_answered(used(0, 3, 21), true), Err(Odd::Silent));
        assert_eq!(ask.is_answered(used(1, 3, 21), true), Ok(true));
        for (index, head, len) in [
            (2, 3, 21),
            (u16::MAX, 3, 21),
            (1, 2, 21),
            (1, 0x1_0003, 21),
            (1, 3, 20),
            (1, 3, 22),
            (1, 3, 0),
            (1, 3, u32::MAX),
        ] {
            let odd = Odd::Completed(index, head, len);
            assert_eq!(ask.is_answered(used(index, head, len), false), Err(odd));
        }
    }

    // attack 80 U: a disk says that it cannot, or nothing, or tells no text; it has no serial number; broken: ask-status
    #[test]
    fn what_is_told_counts_when_it_was_done() {
        let serial = Serial::new("nexus-1").unwrap();
        let bytes = |serial: [u8; SERIAL_LEN], status: u8| {
            [&serial[..], &[0xee; 4], &[status]].concat().try_into().unwrap()
        };
        assert_eq!(told(bytes(serial.into(), 0)), Ok(serial));
        for status in [1, 2, 3, 0x80, UNWRITTEN] {
            assert_eq!(told(bytes(serial.into(), status)), Err(Odd::Status(status)));
        }
        let none = [0; SERIAL_LEN];
        assert_eq!(told(bytes(none, 0)), Err(Odd::NoSerial(none)));
    }
}
