//! Partition tables: right ones, and all that is refused.

use std::prelude::rust_2024::*;

use crate::fake::FakeDisk;
use crate::gpt::{
    NoStore, STORE_TYPE, TableCopy, TableFault, create, find, protective_record, stores,
};
use crate::{BlockDevice, SECTOR};

const SECTORS: u64 = 8 << 11;
const DISK: [u8; 16] = [0xd1; 16];
const STORE: [u8; 16] = [0x57; 16];
const OTHER: [u8; 16] = [0x07; 16];

fn made() -> FakeDisk {
    let mut disk = FakeDisk::new(SECTORS);
    create(&mut disk, DISK, STORE).unwrap();
    disk
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// Changes the entries of both copies, or of one, and makes the sums right again.
fn rewrite(disk: &FakeDisk, copies: &[TableCopy], change: impl Fn(&mut [u8], &mut [u8])) {
    disk.tamper(|bytes| {
        let end = bytes.len();
        for copy in copies {
            let (header, entries) = match copy {
                TableCopy::First => (SECTOR, 2 * SECTOR),
                TableCopy::Second => (end - SECTOR, end - 33 * SECTOR),
            };
            let mut array = bytes[entries..entries + 128 * 128].to_vec();
            let mut head = bytes[header..header + 92].to_vec();
            change(&mut head, &mut array);
            head[88..92].copy_from_slice(&crc32(&array).to_le_bytes());
            head[16..20].fill(0);
            let sum = crc32(&head);
            head[16..20].copy_from_slice(&sum.to_le_bytes());
            bytes[entries..entries + 128 * 128].copy_from_slice(&array);
            bytes[header..header + 92].copy_from_slice(&head);
        }
    });
}

const BOTH: [TableCopy; 2] = [TableCopy::First, TableCopy::Second];

fn entry(array: &mut [u8], index: usize, kind: [u8; 16], guid: [u8; 16], range: (u64, u64)) {
    let entry = &mut array[index * 128..(index + 1) * 128];
    entry[..16].copy_from_slice(&kind);
    entry[16..32].copy_from_slice(&guid);
    entry[32..40].copy_from_slice(&range.0.to_le_bytes());
    entry[40..48].copy_from_slice(&range.1.to_le_bytes());
}

#[test]
fn a_store_is_found_by_its_guid() {
    let mut disk = made();
    let extent = find(&mut disk, STORE).unwrap();
    assert_eq!((extent.first, extent.sectors), (2048, 6 << 11));
    assert_eq!(stores(&mut disk).unwrap()[0].extent, extent);
    assert_eq!(stores(&mut disk).unwrap()[0].guid, STORE);
}

// attack 67 U: a disk with no table, a damaged one, two that differ, no store, two, another one; refused, nothing is written; broken: store-gpt-second, store-gpt-other
#[test]
fn whatever_is_not_the_one_store_is_refused() {
    let table = |copy, fault| NoStore::Table(copy, fault);
    type Change = fn(&FakeDisk);
    let cases: [(&str, NoStore, Change); 12] = [
        ("blank", table(TableCopy::First, TableFault::Missing), |disk| disk.tamper(|b| b.fill(0))),
        ("first header", table(TableCopy::First, TableFault::HeaderSum), |disk| {
            disk.tamper(|bytes| bytes[SECTOR + 60] ^= 1);
        }),
        ("second header gone", table(TableCopy::Second, TableFault::Missing), |disk| {
            disk.tamper(|bytes| bytes.iter_mut().rev().take(SECTOR).for_each(|byte| *byte = 0));
        }),
        ("first entries", table(TableCopy::First, TableFault::EntriesSum), |disk| {
            disk.tamper(|bytes| bytes[2 * SECTOR + 35] ^= 1);
        }),
        ("second entries", table(TableCopy::Second, TableFault::EntriesSum), |disk| {
            disk.tamper(|bytes| {
                let end = bytes.len();
                bytes[end - 33 * SECTOR + 35] ^= 1;
            });
        }),
        ("differ", NoStore::Differ, |disk| {
            rewrite(disk, &[TableCopy::Second], |_, array| array[60] ^= 1);
        }),
        ("absent", NoStore::Absent, |disk| rewrite(disk, &BOTH, |_, array| array.fill(0))),
        ("other", NoStore::Other(OTHER), |disk| {
            rewrite(disk, &BOTH, |_, array| entry(array, 0, STORE_TYPE, OTHER, (2048, 4095)));
        }),
        ("other beside it", NoStore::Other(OTHER), |disk| {
            rewrite(disk, &BOTH, |_, array| {
                entry(array, 0, STORE_TYPE, STORE, (2048, 4095));
                entry(array, 1, STORE_TYPE, OTHER, (4096, 6143));
            });
        }),
        ("twice", NoStore::Twice, |disk| {
            rewrite(disk, &BOTH, |_, array| {
                entry(array, 0, STORE_TYPE, STORE, (2048, 4095));
                entry(array, 1, STORE_TYPE, STORE, (4096, 6143));
            });
        }),
        ("wrong type", NoStore::WrongType, |disk| {
            rewrite(disk, &BOTH, |_, array| entry(array, 0, [1; 16], STORE, (2048, 4095)));
        }),
        ("misaligned", NoStore::Misaligned, |disk| {
            rewrite(disk, &BOTH, |_, array| entry(array, 0, STORE_TYPE, STORE, (2049, 4096)));
        }),
    ];
    for (name, refusal, change) in cases {
        let disk = made();
        change(&disk);
        let before = disk.bytes();
        disk.record();
        assert_eq!(find(&mut disk.clone(), STORE), Err(refusal), "{name}");
        assert!(disk.trace().is_empty() && disk.bytes() == before, "{name}: nothing is written");
    }
}

// attack 67 U: headers and entries with right sums that cannot be; refused
#[test]
fn a_table_that_cannot_be_is_refused() {
    type Change = fn(&mut [u8], &mut [u8]);
    let word = |at: usize| {
        move |head: &mut [u8], value: u64| head[at..at + 8].copy_from_slice(&value.to_le_bytes())
    };
    let headers: [Change; 7] = [
        |head, _| head[8] = 1,
        |head, _| head[12] = 93,
        |head, _| head[84] = 64,
        |head, _| head[80..84].copy_from_slice(&200_u32.to_le_bytes()),
        |head, _| head[80..84].fill(0),
        |head, _| head[32..40].copy_from_slice(&77_u64.to_le_bytes()),
        |head, _| head[72..80].copy_from_slice(&(SECTORS - 20).to_le_bytes()),
    ];
    for (at, change) in headers.into_iter().enumerate() {
        let mut disk = made();
        rewrite(&disk, &BOTH, change);
        let found = find(&mut disk, STORE);
        assert_eq!(found, Err(NoStore::Table(TableCopy::First, TableFault::Header)), "{at}");
    }
    let last = SECTORS - 34;
    for range in [(33, 4095), (2048, last + 1), (4096, 2048), (u64::MAX, u64::MAX)] {
        let mut disk = made();
        rewrite(&disk, &BOTH, |head, array| {
            word(40)(head, 34);
            entry(array, 0, STORE_TYPE, STORE, range);
        });
        let found = find(&mut disk, STORE);
        assert_eq!(found, Err(NoStore::Table(TableCopy::First, TableFault::Entries)), "{range:?}");
    }
    let mut disk = made();
    rewrite(&disk, &BOTH, |_, array| {
        entry(array, 0, STORE_TYPE, STORE, (2048, 4096));
        entry(array, 1, [1; 16], OTHER, (4096, 5000));
    });
    let found = find(&mut disk, STORE);
    assert_eq!(found, Err(NoStore::Table(TableCopy::First, TableFault::Entries)));
}

// attack 67 U: a table is to be made on a disk with one byte that is not zero; refused, nothing is written; broken: store-gpt-blank
#[test]
fn a_table_is_made_on_a_blank_disk_alone() {
    for at in [0, 700, (SECTORS / 2) as usize * SECTOR + 3, SECTORS as usize * SECTOR - 1] {
        let mut disk = FakeDisk::new(SECTORS);
        disk.tamper(|bytes| bytes[at] = 1);
        disk.record();
        assert_eq!(create(&mut disk, DISK, STORE), Err(NoStore::NotBlank));
        assert!(disk.trace().is_empty());
    }
    let mut small = FakeDisk::new(4096 + 33);
    assert_eq!(create(&mut small, DISK, STORE), Err(NoStore::TooSmall));
    let mut least = FakeDisk::new(4096 + 34);
    create(&mut least, DISK, STORE).unwrap();
    assert_eq!(find(&mut least, STORE).unwrap().sectors, 2048);
    assert_eq!(least.sectors(), 4096 + 34);
}

fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// As the UEFI specification has it, byte by byte.
#[test]
fn a_table_is_as_other_programs_read_it() {
    let bytes = made().bytes();
    let mut record = [0; SECTOR];
    record[446..458].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    record[458..462].copy_from_slice(&16_383_u32.to_le_bytes());
    record[510..].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(bytes[..SECTOR], record);
    let last = SECTORS - 1;
    for (mine, other, entries) in [(1, last, 2), (last, 1, last - 32)] {
        let head = &bytes[mine as usize * SECTOR..][..SECTOR];
        assert_eq!(&head[..8], b"EFI PART");
        assert_eq!((number(head, 8, 4), number(head, 12, 4)), (0x1_0000, 92));
        assert_eq!((number(head, 24, 8), number(head, 32, 8)), (mine, other));
        assert_eq!((number(head, 40, 8), number(head, 48, 8)), (34, last - 33));
        assert_eq!(head[56..72], DISK);
        assert_eq!(
            (number(head, 72, 8), number(head, 80, 4), number(head, 84, 4)),
            (entries, 128, 128)
        );
        assert!(head[92..].iter().all(|byte| *byte == 0));
        let array = &bytes[entries as usize * SECTOR..][..128 * 128];
        assert_eq!((&array[..16], &array[16..32]), (&STORE_TYPE[..], &STORE[..]));
        assert_eq!((number(array, 32, 8), number(array, 40, 8)), (2048, (7 << 11) - 1));
        assert_eq!((number(array, 48, 8), &array[56..60]), (0, &b"n\0e\0"[..]));
    }
    assert!(bytes[34 * SECTOR..(SECTORS as usize - 33) * SECTOR].iter().all(|byte| *byte == 0));
    let large = protective_record(u64::from(u32::MAX) + 2);
    assert_eq!(number(&large, 458, 4), u64::from(u32::MAX), "longer than it can say");
}

// attack 67 U: headers with right sums at each bound of what can be, and one beside it; what is inside is read, what is beside is refused
#[test]
fn what_a_header_says_is_compared_at_its_bounds() {
    let last = SECTORS - 1;
    let set = |at: usize, value: u64| {
        move |head: &mut [u8], _: &mut [u8]| head[at..at + 8].copy_from_slice(&value.to_le_bytes())
    };
    let fault = |copy, fault| Err(NoStore::Table(copy, fault));
    let (first, second) = (TableCopy::First, TableCopy::Second);
    for (at, value, expected) in [
        (40, 33, fault(first, TableFault::Header)),
        (40, last - 32, fault(first, TableFault::Header)),
        (40, last - 33, fault(first, TableFault::Entries)),
        (48, last, fault(first, TableFault::Header)),
        (48, last - 1, fault(second, TableFault::Header)),
        (48, last - 32, fault(second, TableFault::Header)),
        (48, last - 33, Ok(())),
    ] {
        let mut disk = made();
        rewrite(&disk, &BOTH, set(at, value));
        assert_eq!(find(&mut disk, STORE).map(drop), expected, "{at} {value}");
    }
    for (entries_at, expected) in [
        (1, fault(first, TableFault::Header)),
        (3, fault(first, TableFault::Header)),
        (last - 33, fault(first, TableFault::Header)),
        (last - 32, Ok(())),
        (last - 31, fault(first, TableFault::Header)),
        (u64::MAX, fault(first, TableFault::Header)),
    ] {
        let mut disk = made();
        rewrite(&disk, &[first], set(72, entries_at));
        assert_eq!(find(&mut disk, STORE).map(drop), expected, "{entries_at}");
    }
    let mut disk = made();
    rewrite(&disk, &BOTH, |head, _| head[80..84].copy_from_slice(&129_u32.to_le_bytes()));
    assert_eq!(find(&mut disk, STORE).map(drop), fault(first, TableFault::Header));
}
