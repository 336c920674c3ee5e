//! Which disks are opened, and that nothing is written to the others.

use nexus_store::fake::{Event, FakeDisk, Faults};
use nexus_store::gpt::{NoStore, TableCopy, TableFault};
use nexus_store::{DeviceError, Error, Expect, Key, ReadOnly, Refused, Store, TreeId};

use crate::open::{Wanted, Why, open};

const GUID: [u8; 16] = *b"the one it wants";
/// 4 MiB.
const SECTORS: u64 = 8192;
const TEST: Wanted = Wanted { guid: GUID, write: true, format: true, random: [1, 2, 3, 4] };
const PROD: Wanted = Wanted { format: false, ..TEST };

fn made() -> FakeDisk {
    let disk = FakeDisk::new(SECTORS);
    drop(open(disk.clone(), &TEST).unwrap());
    disk
}

fn writes(disk: &FakeDisk) -> usize {
    disk.trace().iter().filter(|event| matches!(event, Event::Write { .. })).count()
}

/// What is said of a disk on which nothing may be written.
fn refused(disk: &FakeDisk, wanted: &Wanted) -> Why {
    disk.record();
    let before = disk.bytes();
    let why = open(disk.clone(), wanted).unwrap_err();
    assert_eq!(writes(disk), 0);
    assert_eq!(disk.bytes(), before);
    why
}

fn flip(disk: &FakeDisk, sector: u64) {
    disk.tamper(|bytes| bytes[sector as usize * 512 + 100] ^= 1);
}

// attack 67 U: a system for use meets a disk of zeros, and a test one that is not all zero; nothing is written; broken: state-format
#[test]
fn a_disk_of_zeros_is_formatted_in_a_test_alone() {
    let blank = FakeDisk::new(SECTORS);
    let missing = Why::Table(NoStore::Table(TableCopy::First, TableFault::Missing));
    assert_eq!(refused(&blank, &PROD), missing);
    assert_eq!(refused(&blank, &Wanted { write: false, ..TEST }), missing);
    let mut store = open(blank.clone(), &TEST).unwrap();
    store.put(TreeId(7), Key::new("a").unwrap(), b"1", Expect::Any).unwrap();
    store.sync().unwrap();
    drop(store);
    // From then on it is like any other.
    let mut store = open(blank, &PROD).unwrap();
    let found = store.stat(TreeId(7), Key::new("a").unwrap()).unwrap();
    assert_eq!(found.unwrap().size, 1);
    for sector in [0, 5000, SECTORS - 1] {
        let disk = FakeDisk::new(SECTORS);
        flip(&disk, sector);
        assert_eq!(refused(&disk, &TEST), missing, "{sector}");
    }
}

// attack 67 U: disks with another store, with two, with copies that differ or are damaged, with none; each is refused by what was seen, and nothing is written; broken: store-gpt-other
#[test]
fn whatever_is_not_the_store_is_refused_by_what_was_seen() {
    let other = Wanted { guid: *b"another one's id", ..TEST };
    assert_eq!(refused(&made(), &other), Why::Table(NoStore::Other(GUID)));
    let second = made();
    second.tamper(|bytes| bytes[(SECTORS as usize - 1) * 512 + 20] ^= 1);
    let sum = NoStore::Table(TableCopy::Second, TableFault::HeaderSum);
    assert_eq!(refused(&second, &TEST), Why::Table(sum));
    let failing = made();
    failing.set_faults(Faults { reads_left: Some(0), ..Faults::default() });
    let device = Why::Table(NoStore::Device(DeviceError::Failed));
    assert_eq!(refused(&failing, &TEST), device);
    let halfway = made();
    halfway.set_faults(Faults { reads_left: Some(5), ..Faults::default() });
    assert_eq!(refused(&halfway, &TEST), Why::Store(Refused::Device(DeviceError::Failed)));
}

// attack 67 U: a store whose superblocks, log or table were damaged; this process says so and goes on; broken: store-superblock-sum
#[test]
fn a_damaged_store_is_refused_and_nothing_ends() {
    let first = 2048;
    let disk = made();
    for copy in [0, 1] {
        flip(&disk, first + copy * 8);
    }
    let why = refused(&disk, &TEST);
    assert!(matches!(why, Why::Store(Refused::Superblock(_))), "{why}");
}

#[test]
fn a_disk_that_cannot_be_written_is_read() {
    let disk = made();
    disk.record();
    let mut store = open(disk.clone(), &Wanted { write: false, ..PROD }).unwrap();
    let put = store.put(TreeId(7), Key::new("a").unwrap(), b"1", Expect::Any);
    assert_eq!(put, Err(Error::ReadOnly(ReadOnly::Asked)));
    assert_eq!(writes(&disk), 0);
}
