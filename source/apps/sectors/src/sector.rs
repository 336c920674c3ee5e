//! A sector that says what it is.
//!
//! Numbers are little endian. The host reads it with code of its own (`tools/nexus/src/qemu/disk/sector.rs`).
//!
//! ```text
//!   0  "NXSECTOR"
//!   8  number of the run
//!  16  number of the write that it is of, from 1
//!  24  its number on the disk
//!  32  which of the sectors of that write it is, and how many there are (4 bytes each)
//!  40  up to which write all were acknowledged by a flush when it was written
//!  48  bytes that follow from the numbers of write and sector
//! 504  FNV-1a (64 bits) of all before
//! ```

use nexus_proto::disk::SECTOR;

/// Bytes of a sector.
pub(crate) const BYTES: usize = SECTOR as usize;
/// Where its sum is.
const SUM: usize = BYTES - 8;

/// A sector of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sector {
    /// Number of the run.
    pub(crate) nonce: u64,
    /// Number of the write.
    pub(crate) write: u64,
    /// Number of the sector.
    pub(crate) sector: u64,
    /// Which of the sectors of the write.
    pub(crate) index: u32,
    /// How many it has.
    pub(crate) count: u32,
    /// Up to here all writes were acknowledged by a flush.
    pub(crate) flushed: u64,
}

impl Sector {
    /// As it is on the disk.
    pub(crate) fn bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let Sector { nonce, write, sector, index, count, flushed } = self;
        let numbers = [
            *b"NXSECTOR",
            nonce.to_le_bytes(),
            write.to_le_bytes(),
            sector.to_le_bytes(),
            (u64::from(*count) << 32 | u64::from(*index)).to_le_bytes(),
            flushed.to_le_bytes(),
        ];
        let (numbers, filled) = (numbers.as_flattened(), write.wrapping_mul(31) ^ sector);
        for (at, byte) in bytes.iter_mut().enumerate().take(SUM) {
            let fill = (filled.wrapping_add(at as u64).wrapping_mul(167) >> 3) as u8;
            *byte = numbers.get(at).copied().unwrap_or(fill);
        }
        let sum = sum(&bytes).to_le_bytes();
        bytes.iter_mut().skip(SUM).zip(sum).for_each(|(byte, sum)| *byte = sum);
        bytes
    }
}

/// FNV-1a, 64 bits, of all but the place of the sum (RFC 9923, 2 and 5).
fn sum(bytes: &[u8; BYTES]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().take(SUM).fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_has_its_numbers_in_their_places() {
        let sector = Sector { nonce: 1, write: 7, sector: 40, index: 1, count: 3, flushed: 5 };
        let bytes = sector.bytes();
        assert_eq!(&bytes[..8], b"NXSECTOR");
        let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        assert_eq!([8, 16, 24, 32, 40].map(number), [1, 7, 40, 3 << 32 | 1, 5]);
        // The reader on the host is held against the same number.
        assert_eq!(number(504), 0xd031_1ed4_00a7_8bec);
    }
}
