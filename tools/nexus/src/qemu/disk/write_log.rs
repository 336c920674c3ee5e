//! The log that QEMU's `blklogwrites` keeps of a disk, in the format of Linux's dm-log-writes (log-writes.rst of its
//! documentation of device mapper).
//!
//! A superblock, then one entry after the other, each a sector with four numbers, and the data of a write behind it.
//! All numbers are little endian. An entry is made when what it is of was done, so that their order is that of
//! completion. QEMU counts them in the superblock with each flush and now and then; where it does so twice at once,
//! the older count may stay (before QEMU 9.0). So they go to the end of the log, and are at least as many.

use super::SECTOR;
use anyhow::{Context, Result, bail, ensure};
use std::ops::Range;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;

/// Flags of an entry.
const FLUSH: u64 = 1;
const DISCARD: u64 = 4;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// What was done before lasts.
    Flush,
    /// Bytes came to whole sectors.
    Write {
        /// The first of them.
        sector: u64,
        /// The bytes.
        data: Vec<u8>,
    },
    /// What sectors hold is not needed any more.
    Discard {
        /// Which.
        sectors: Range<u64>,
    },
}

/// What was done to a disk, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteLog(Vec<Entry>);

impl WriteLog {
    /// Reads the log of a disk of so many sectors, by a QEMU that was stopped.
    ///
    /// # Errors
    /// What is odd in it, and where.
    pub fn read(log: &[u8], sectors: u64) -> Result<WriteLog> {
        let count = superblock(log)?;
        let mut entries = Vec::new();
        let mut rest = Rest { log, at: SECTOR };
        while rest.at < log.len() {
            let (number, at) = (entries.len(), rest.at);
            let entry = rest
                .entry(sectors)
                .with_context(|| format!("the log of writes: entry {number}, at byte {at:#x}"))?;
            entries.push(entry);
        }
        let had = entries.len();
        ensure!(
            usize::try_from(count).is_ok_and(|count| count <= had),
            "the log of writes: {had} entries, of {count} that QEMU has counted"
        );
        Ok(WriteLog(entries))
    }

    /// What was done, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}

/// How many entries there are.
fn superblock(log: &[u8]) -> Result<u64> {
    let what = "the log of writes: the superblock";
    ensure!(
        !log.is_empty(),
        "the log of writes is empty: nothing was flushed, and nobody stopped QEMU"
    );
    let block =
        log.get(..SECTOR).with_context(|| format!("{what}: {} bytes, not {SECTOR}", log.len()))?;
    let [magic, version, count, size] = numbers(block)?;
    ensure!(magic == MAGIC, "{what}: begins with {magic:#x}, not {MAGIC:#x}: no log of writes");
    ensure!(version == VERSION, "{what}: version {version}, not {VERSION}");
    // A 32-bit number, the last of them.
    let size = size & u64::from(u32::MAX);
    ensure!(size == SECTOR as u64, "{what}: sectors of {size} bytes, not {SECTOR}");
    Ok(count)
}

/// What was not read yet.
struct Rest<'a> {
    log: &'a [u8],
    at: usize,
}

impl Rest<'_> {
    fn entry(&mut self, disk: u64) -> Result<Entry> {
        let [sector, count, flags, data_len] =
            numbers(self.take(SECTOR).context("it is cut off")?)?;
        let end = sector
            .checked_add(count)
            .filter(|end| *end <= disk)
            .with_context(|| format!("{count} sectors from {sector} on, of a disk of {disk}"))?;
        // That of a mark, which QEMU does not make.
        ensure!(data_len == 0, "a mark of {data_len} bytes");
        Ok(match (flags, count) {
            (FLUSH, 0) => Entry::Flush,
            (FLUSH, _) => bail!("a flush of {count} sectors"),
            (DISCARD, 1..) => Entry::Discard { sectors: sector..end },
            (0, 1..) => {
                let bytes = usize::try_from(count)?.checked_mul(SECTOR);
                let data = bytes.and_then(|bytes| self.take(bytes));
                let data = data.with_context(|| format!("its {count} sectors are cut off"))?;
                Entry::Write { sector, data: data.to_vec() }
            }
            (0 | DISCARD, _) => bail!("no sectors: QEMU had not written it yet when it was ended"),
            (flags, _) => bail!("flags {flags:#x}, which QEMU does not write"),
        })
    }

    fn take(&mut self, bytes: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(bytes)?;
        let taken = self.log.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }
}

/// The first numbers of a block.
fn numbers(block: &[u8]) -> Result<[u64; 4]> {
    let (numbers, _) = block.as_chunks::<8>();
    let numbers = numbers.first_chunk::<4>().context("too short")?;
    Ok(numbers.map(u64::from_le_bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Written by QEMU 7.2.22, which was asked for a disk of 1 MiB with `qemu-io`: `write -P 0x5a 0 1k`,
    /// `write -P 0x5b 4k 512`, `flush`, `write -P 0x5c 512 1k`, `write -z 4k 1k`, `discard 8k 2k`,
    /// `write -f -P 0x5d 16k 512`; and then to end.
    const BY_QEMU: &[u8] = include_bytes!("../../../tests/disk/qemu-7.2.log");

    pub(in crate::qemu::disk) fn write(sector: u64, bytes: &[u8]) -> Entry {
        let data = bytes.iter().flat_map(|byte| [*byte; SECTOR]).collect();
        Entry::Write { sector, data }
    }

    pub(in crate::qemu::disk) fn log(entries: Vec<Entry>) -> WriteLog {
        WriteLog(entries)
    }

    #[test]
    fn test_what_qemu_wrote_is_read() {
        let read = WriteLog::read(BY_QEMU, 2048).unwrap();
        let expected = [
            write(0, &[0x5a, 0x5a]),
            write(8, &[0x5b]),
            Entry::Flush,
            write(1, &[0x5c, 0x5c]),
            write(8, &[0, 0]),
            Entry::Discard { sectors: 16..20 },
            write(32, &[0x5d]),
            Entry::Flush,
            Entry::Flush,
        ];
        assert_eq!(read.entries(), expected);
    }

    /// A superblock, and blocks that begin with these numbers.
    fn made(superblock: [u64; 4], blocks: &[[u64; 4]]) -> Vec<u8> {
        let blocks = std::iter::once(&superblock).chain(blocks);
        let block = |numbers: &[u64; 4]| {
            let mut block =
                numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
            block.resize(SECTOR, 0);
            block
        };
        blocks.flat_map(block).collect()
    }

    const GOOD: [u64; 4] = [MAGIC, VERSION, 1, 512];

    #[test]
    fn test_an_odd_log_is_refused_with_the_reason() {
        let one = |entry| made(GOOD, &[entry, [7; 4]]);
        let cases: [(Vec<u8>, &str); 19] = [
            (Vec::new(), "is empty"),
            (made(GOOD, &[])[..511].to_vec(), "511 bytes, not 512"),
            (made([MAGIC + 1, 1, 0, 512], &[]), "no log of writes"),
            (made([MAGIC, 2, 0, 512], &[]), "version 2, not 1"),
            (made([MAGIC, 1, 0, 4096], &[]), "sectors of 4096 bytes"),
            (made([MAGIC, 1, 0, 0], &[]), "sectors of 0 bytes"),
            (made(GOOD, &[]), "0 entries, of 1 that QEMU has counted"),
            (made(GOOD, &[[0; 4]])[..1023].to_vec(), "entry 0, at byte 0x200: it is cut off"),
            (
                made([MAGIC, 1, u64::MAX, 512], &[[0, 0, FLUSH, 0]]),
                "1 entries, of 18446744073709551615",
            ),
            (made(GOOD, &[[0, 1, 0, 0]]), "its 1 sectors are cut off"),
            (made(GOOD, &[[0, 2048, 0, 0]]), "its 2048 sectors are cut off"),
            (one([2048, 1, 0, 0]), "1 sectors from 2048 on, of a disk of 2048"),
            (one([u64::MAX, 1, 0, 0]), "of a disk of 2048"),
            (one([0, u64::MAX, 0, 0]), "of a disk of 2048"),
            (one([0, 1, 2, 0]), "flags 0x2, which QEMU does not write"),
            (one([0, 1, FLUSH, 0]), "a flush of 1 sectors"),
            (one([0, 0, 0, 0]), "no sectors"),
            (one([0, 1, 0, 5]), "a mark of 5 bytes"),
            (made(GOOD, &[[0, 0, FLUSH, 0], [0; 4]]), "entry 1, at byte 0x400: no sectors"),
        ];
        for (bytes, why) in cases {
            let error = format!("{:#}", WriteLog::read(&bytes, 2048).unwrap_err());
            assert!(error.starts_with("the log of writes"), "{error}");
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    #[test]
    fn test_what_qemu_has_not_counted_is_read() {
        let log = made([MAGIC, 1, 0, 512], &[[0, 0, FLUSH, 0]]);
        assert_eq!(WriteLog::read(&log, 0).unwrap().entries(), [Entry::Flush]);
    }

    #[test]
    fn test_no_prefix_and_no_flipped_bit_of_a_header_makes_it_panic() {
        for end in 0..BY_QEMU.len() {
            assert!(WriteLog::read(&BY_QEMU[..end], 2048).is_err(), "{end}");
        }
        for at in (0..32).chain(SECTOR..SECTOR + 32) {
            for bit in 0..8 {
                let mut bytes = BY_QEMU.to_vec();
                bytes[at] ^= 1 << bit;
                let read = WriteLog::read(&bytes, 2048);
                // A count may be too small, the padding is nobody's, and the first entry may be of other sectors.
                let may = (16..24).contains(&at) || (28..32).contains(&at) || at / 8 == SECTOR / 8;
                assert!(read.is_err() || may, "byte {at}, bit {bit}");
            }
        }
    }
}
