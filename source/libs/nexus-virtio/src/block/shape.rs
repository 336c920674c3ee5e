//! What a head can be used for: the pieces of its slot say it (virtio 1.2, 5.2.6).
//!
//! | pieces | for |
//! |---|---|
//! | header; data in whole sectors, written by the device; status | reads of that length |
//! | header; data in whole sectors, read by the device; status | writes of that length |
//! | header; status | flushes |
//! | header; range; status | discards, and writes of zeroes |
//! | header; serial number; status | the serial number |

use super::Op;

/// Bytes of a sector.
pub const SECTOR: u32 = 512;
/// Bytes of a header.
pub const HEADER: u32 = 16;
/// Bytes of a range of sectors.
pub const RANGE: u32 = 16;
/// Bytes of a serial number.
pub const SERIAL: u32 = 20;

/// What a head is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Flushes.
    Flush,
    /// Discards and writes of zeroes.
    Range,
    /// The serial number.
    Serial,
}

impl Use {
    /// What an operation needs.
    #[must_use]
    pub const fn of(op: Op) -> Use {
        match op {
            Op::Read => Use::Read,
            Op::Write => Use::Write,
            Op::Flush => Use::Flush,
            Op::Discard | Op::Zeroes => Use::Range,
            Op::Serial => Use::Serial,
        }
    }
}

/// The shape of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What it is for.
    pub used_for: Use,
    /// Bytes of its data.
    pub len: u32,
}

impl Shape {
    /// The shape of a slot with these pieces: bytes of each, and whether the device writes them. `None` when
    /// it is of no use for a disk.
    #[must_use]
    pub fn of(pieces: &[(u32, bool)]) -> Option<Shape> {
        let [(HEADER, false), data @ .., (1, true)] = pieces else { return None };
        let (used_for, len) = match data {
            [] => (Use::Flush, 0),
            [(RANGE, false)] => (Use::Range, RANGE),
            [(SERIAL, true)] => (Use::Serial, SERIAL),
            [(len, writes)] if *len > 0 && len.is_multiple_of(SECTOR) => {
                (if *writes { Use::Read } else { Use::Write }, *len)
            }
            _ => return None,
        };
        Some(Shape { used_for, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_has_its_pieces() {
        for len in [512, 4096, 65_536, 131_072] {
            let read = Shape::of(&[(16, false), (len, true), (1, true)]);
            assert_eq!(read, Some(Shape { used_for: Use::Read, len }));
            let write = Shape::of(&[(16, false), (len, false), (1, true)]);
            assert_eq!(write, Some(Shape { used_for: Use::Write, len }));
        }
        let flush = Some(Shape { used_for: Use::Flush, len: 0 });
        assert_eq!(Shape::of(&[(16, false), (1, true)]), flush);
        let range = Some(Shape { used_for: Use::Range, len: 16 });
        assert_eq!(Shape::of(&[(16, false), (16, false), (1, true)]), range);
        let serial = Some(Shape { used_for: Use::Serial, len: 20 });
        assert_eq!(Shape::of(&[(16, false), (20, true), (1, true)]), serial);
    }

    #[test]
    fn other_pieces_are_of_no_use() {
        for pieces in [
            &[][..],
            &[(16, false)],
            &[(1, true)],
            &[(15, false), (1, true)],
            &[(16, true), (1, true)],
            &[(16, false), (2, true)],
            &[(16, false), (1, false)],
            &[(16, false), (0, true), (1, true)],
            &[(16, false), (511, true), (1, true)],
            &[(16, false), (20, false), (1, true)],
            &[(16, false), (16, true), (1, true)],
            &[(16, false), (512, true), (512, true), (1, true)],
            &[(8, false), (512, true), (1, true)],
        ] {
            assert_eq!(Shape::of(pieces), None, "{pieces:?}");
        }
    }
}
