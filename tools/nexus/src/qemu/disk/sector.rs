//! A sector that says what it is, as `source/apps/sectors` writes it, and says where what stands.

use super::SECTOR;

const MAGIC: u64 = u64::from_le_bytes(*b"NXSECTOR");
/// Where its sum is.
const SUM: usize = SECTOR - 8;

/// Where a sector is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sector {
    /// Number of the write, from 1.
    pub(super) write: u64,
    /// Its number on the disk.
    pub(super) sector: u64,
    /// Which of the sectors of the write.
    pub(super) index: u32,
    /// How many it has.
    pub(super) count: u32,
    /// Up to here all writes had been acknowledged by a flush.
    pub(super) flushed: u64,
}

/// What `bytes` say, when they are whole, at their place, and of this run.
pub(super) fn read(bytes: &[u8], place: u64, run: u64) -> Option<Sector> {
    let (body, sum) = bytes.split_at_checked(SUM)?;
    let (numbers, _) = body.as_chunks::<8>();
    let numbers: [u64; 6] = numbers.first_chunk()?.map(u64::from_le_bytes);
    let [magic, nonce, write, sector, part, flushed] = numbers;
    let [count, index] = [part >> 32, part & u64::from(u32::MAX)].map(u32::try_from);
    let whole = sum == fnv1a(body).to_le_bytes();
    let ours = (magic, nonce, sector) == (MAGIC, run, place) && write > 0 && flushed < write;
    let (count, index) = (count.ok()?, index.ok()?);
    (whole && ours && index < count).then_some(Sector { write, sector, index, count, flushed })
}

/// FNV-1a, 64 bits (RFC 9923, 2 and 5).
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The bytes of a sector of the run 1.
    pub(in crate::qemu::disk) fn bytes(sector: &Sector) -> [u8; SECTOR] {
        let Sector { write, sector, index, count, flushed } = *sector;
        let part = u64::from(count) << 32 | u64::from(index);
        let mut bytes = [0; SECTOR];
        for (at, number) in [MAGIC, 1, write, sector, part, flushed].into_iter().enumerate() {
            bytes[at * 8..][..8].copy_from_slice(&number.to_le_bytes());
        }
        for (at, byte) in bytes.iter_mut().enumerate().take(SUM).skip(48) {
            let filled = write.wrapping_mul(31) ^ sector;
            *byte = (filled.wrapping_add(at as u64).wrapping_mul(167) >> 3) as u8;
        }
        let sum = fnv1a(&bytes[..SUM]);
        bytes[SUM..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    const ONE: Sector = Sector { write: 7, sector: 40, index: 1, count: 3, flushed: 5 };

    #[test]
    fn test_a_sector_is_read() {
        assert_eq!(read(&bytes(&ONE), 40, 1), Some(ONE));
        assert_eq!(read(&bytes(&ONE), 41, 1), None, "at another place");
        assert_eq!(read(&bytes(&ONE), 40, 2), None, "of another run");
        assert_eq!(read(&[0; SECTOR], 0, 0), None);
        assert_eq!(read(&bytes(&ONE)[1..], 40, 1), None);
        for odd in [
            Sector { write: 0, flushed: 0, ..ONE },
            Sector { index: 3, ..ONE },
            Sector { flushed: 7, ..ONE },
        ] {
            assert_eq!(read(&bytes(&odd), 40, 1), None, "{odd:?}");
        }
    }

    #[test]
    fn test_each_bit_counts() {
        for at in 0..SECTOR {
            let mut changed = bytes(&ONE);
            changed[at] ^= 1 << (at % 8);
            assert_eq!(read(&changed, 40, 1), None, "{at}");
        }
    }

    /// The guest's test of its writer has the same number: they are of one form.
    #[test]
    fn test_the_sum_is_that_of_the_writer() {
        let sum: [u8; 8] = *bytes(&ONE).last_chunk().unwrap();
        assert_eq!(u64::from_le_bytes(sum), 0xd031_1ed4_00a7_8bec);
    }
}
