//! `disk`: what the disk is, what was done, and what a sector holds.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use nexus_proto::disk::{DiskInfo, DiskStats, SECTOR, can};
use nexus_words::amount::{count, size};

use super::and;
use crate::table::{columns, wrap};

/// Columns that 16 bytes of a sector take.
const WIDE: usize = 71;

/// What the disk is, and what its owner has done.
#[must_use]
pub fn disk(info: &DiskInfo, stats: &DiskStats) -> String {
    let bytes = size(info.sectors.saturating_mul(SECTOR));
    let serial = match info.serial.as_str() {
        "" => "no serial number".to_string(),
        serial => format!("serial number {serial}"),
    };
    let block = size(info.block.into());
    let done = format!(
        "{} ({}), {} ({}), {}, {} cleared; {}",
        count(stats.reads, "read"),
        size(stats.read_bytes),
        count(stats.writes, "write"),
        size(stats.written_bytes),
        count(stats.flushes.into(), "flush"),
        count(stats.ranges.into(), "range"),
        count(stats.errors.into(), "error"),
    );
    let lines = [
        format!("{bytes}: {} sectors, blocks of {block}; {serial}", info.sectors),
        format!("can {}", abilities(info.can)),
        format!("in flight: {}, at most {} at one time", stats.in_flight, stats.most),
        done,
        format!("{}, {}", count(stats.batches, "batch"), count(stats.doorbells, "doorbell")),
    ];
    lines.map(|line| wrap("", &line)).concat()
}

/// That a disk of so many sectors has no such one.
#[must_use]
pub fn no_sector(sector: u64, sectors: u64) -> String {
    let last = match sectors.checked_sub(1) {
        None => "it has none".to_string(),
        Some(last) => format!("its last is {last}"),
    };
    wrap("", &format!("disk: there is no sector {sector}; {last}"))
}

fn abilities(bits: u32) -> String {
    let names = [
        (can::WRITE, "write"),
        (can::FLUSH, "flush"),
        (can::DISCARD, "discard"),
        (can::ZEROES, "write zeroes"),
    ];
    let words = names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name);
    let words: Vec<String> = ["read"].into_iter().chain(words).map(ToString::to_string).collect();
    and(&words)
}

/// The bytes of a sector, in hexadecimal and as text. Of lines that are the same only the first is shown.
#[must_use]
pub fn sector(bytes: &[u8]) -> String {
    let each = if columns() < WIDE { 8 } else { 16 };
    let mut text = String::new();
    let mut before: Option<&[u8]> = None;
    let mut same = false;
    for (at, line) in (0..).step_by(each).zip(bytes.chunks(each)) {
        let repeats = before == Some(line);
        if !repeats {
            text += &dump(at, line, each);
        } else if !same {
            text += "*\n";
        }
        (before, same) = (Some(line), repeats);
    }
    text + &format!("{:04x}\n", bytes.len())
}

/// One line of `each` bytes, which begins at byte `at`.
fn dump(at: usize, line: &[u8], each: usize) -> String {
    let mut text = format!("{at:04x} ");
    for byte in line {
        // A string takes everything.
        let _ = write!(text, " {byte:02x}");
    }
    let width = 5 + 3 * each;
    let shown = |byte: &u8| if matches!(byte, 0x20..=0x7e) { char::from(*byte) } else { '.' };
    let chars: String = line.iter().map(shown).collect();
    format!("{text:width$}  {chars}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::width;
    use nexus_proto::Name;

    fn info() -> DiskInfo {
        let can = can::WRITE | can::FLUSH;
        DiskInfo { sectors: 32_768, block: 512, can, serial: Name::new("nexus-1") }
    }

    fn stats(all: u64) -> DiskStats {
        DiskStats {
            reads: all,
            writes: all,
            read_bytes: all,
            written_bytes: all,
            batches: all,
            doorbells: all,
            flushes: all as u32,
            errors: all as u32,
            ranges: all as u32,
            in_flight: all as u16,
            most: all as u16,
        }
    }

    #[test]
    fn what_the_disk_is_and_does() {
        let done = DiskStats { read_bytes: 8192, errors: 0, most: 9, ..stats(2) };
        assert_eq!(
            disk(&info(), &done),
            "\
16 MiB: 32768 sectors, blocks of 512 B; serial number nexus-1
can read, write and flush
in flight: 2, at most 9 at one time
2 reads (8 KiB), 2 writes (2 B), 2 flushes, 2 ranges cleared; 0 errors
2 batches, 2 doorbells
"
        );
        let once = disk(&info(), &stats(1));
        let each = ["1 read (1 B), 1 write (1 B), 1 flush,", "1 error\n1 batch, 1 doorbell\n"];
        assert!(each.iter().all(|part| once.contains(part)), "{once}");
        let bare = DiskInfo { can: 0, serial: Name::new(""), ..info() };
        let text = disk(&bare, &done);
        assert!(text.contains("no serial number\ncan read\n"), "{text}");
        let all = DiskInfo { can: u32::MAX, ..info() };
        assert!(disk(&all, &done).contains("can read, write, flush, discard and write zeroes"));
    }

    #[test]
    fn the_largest_numbers_fit_the_terminal() {
        let serial = Name::new("012345678901234567890123");
        let most = DiskInfo { sectors: u64::MAX, block: u32::MAX, can: u32::MAX, serial };
        let text = disk(&most, &stats(u64::MAX));
        assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
    }

    #[test]
    fn a_sector_past_the_end_is_told_with_the_last_one() {
        assert_eq!(no_sector(8, 8), "disk: there is no sector 8; its last is 7\n");
        assert_eq!(no_sector(0, 0), "disk: there is no sector 0; it has none\n");
    }

    #[test]
    fn a_sector_in_bytes_and_text() {
        let mut bytes = [0; 512];
        bytes[..8].copy_from_slice(b"Nexus \x7f\n");
        bytes[511] = b'e';
        assert_eq!(
            sector(&bytes),
            "\
0000  4e 65 78 75 73 20 7f 0a 00 00 00 00 00 00 00 00  Nexus ..........
0010  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
*
01f0  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 65  ...............e
0200
"
        );
        assert!(sector(&bytes).lines().all(|line| width(line) <= WIDE));
        assert_eq!(dump(504, &bytes[504..], 8), "01f8  00 00 00 00 00 00 00 65  .......e\n");
        assert_eq!(dump(0, b"ab", 8).len(), dump(0, b"abcdefgh", 8).len() - 6);
    }
}
