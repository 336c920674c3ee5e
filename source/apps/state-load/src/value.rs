//! A value that says what it is.
//!
//! Numbers are little endian. The host reads it with code of its own (`tools/nexus/src/qemu/disk/kept.rs`). A value is
//! so many equal parts as follow from its number, of which at least one lies whole in a sector.
//!
//! ```text
//!   0  "NXVALUE1"
//!   8  number of the run
//!  16  who put it (4 bytes), and how many parts there are (4 bytes)
//!  24  number of the change that it is of, from 1
//!  32  up to which change all were acknowledged by a sync when it was put
//!  40  FNV-1a (64 bits) of all before
//! ```

use alloc::vec::Vec;

/// Bytes of a part.
const PART: usize = 48;

/// A value that was put by a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// Number of the run.
    pub(crate) nonce: u64,
    /// Who put it.
    pub(crate) who: u32,
    /// Number of the change.
    pub(crate) number: u64,
    /// Up to here all changes were acknowledged by a sync.
    pub(crate) synced: u64,
}

impl Value {
    /// As it is put.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Value { nonce, who, number, synced } = *self;
        let parts = parts(number);
        let both = u64::from(parts) << 32 | u64::from(who);
        let head = [*b"NXVALUE1", nonce.to_le_bytes(), both.to_le_bytes()];
        let words = [number.to_le_bytes(), synced.to_le_bytes()];
        let mut part = Vec::with_capacity(PART);
        part.extend_from_slice(head.as_flattened());
        part.extend_from_slice(words.as_flattened());
        let sum = sum(&part);
        part.extend_from_slice(&sum.to_le_bytes());
        part.repeat(parts as usize)
    }
}

/// Parts of a value: from 2 to 21, and more than a page of them now and then.
const fn parts(number: u64) -> u32 {
    if number.is_multiple_of(29) { 120 } else { 2 + (number * 7 % 20) as u32 }
}

/// FNV-1a, 64 bits (RFC 9923, 2 and 5).
fn sum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_its_numbers_in_their_places() {
        let bytes = Value { nonce: 1, who: 120, number: 7, synced: 5 }.bytes();
        assert_eq!((bytes.len(), &bytes[..8]), (11 * PART, b"NXVALUE1".as_slice()));
        let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        assert_eq!([8, 16, 24, 32].map(number), [1, 11 << 32 | 120, 7, 5]);
        assert_eq!(bytes[..PART], bytes[10 * PART..]);
        // The reader on the host is held against the same number.
        assert_eq!(number(40), 0x3393_0c54_5546_ad5b);
    }
}
