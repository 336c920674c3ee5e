use super::*;
use crate::device::Extent;
use crate::fake::FakeDisk;

const PAGES: u64 = 300;
const IDENTITY: Identity = Identity { guid: [3; 16], key: 77 };

fn volume(disk: &FakeDisk) -> Volume<FakeDisk> {
    Volume::new(disk.clone(), Extent { first: 8, sectors: PAGES * 8 }).unwrap()
}

fn made() -> (FakeDisk, Superblock) {
    let disk = FakeDisk::new(8 + PAGES * 8);
    let superblock = Superblock::new(IDENTITY, Layout::of(PAGES, Some(32)).unwrap());
    superblock.write(&mut volume(&disk)).unwrap();
    (disk, superblock)
}

fn read(disk: &FakeDisk) -> Result<Superblock, Unreadable> {
    Superblock::read(&mut volume(disk)).unwrap()
}

/// Puts a copy on the disk.
fn put(disk: &FakeDisk, copy: u64, superblock: &Superblock) {
    volume(disk).write(copy, &superblock.encode(copy)).unwrap();
}

// attack 67 U: a superblock with each of its bits flipped, one copy or both; the other copy, or refused; broken: store-superblock-sum
#[test]
fn a_flipped_copy_does_not_count() {
    let (disk, superblock) = made();
    for bit in 0..SECTOR * 8 {
        let flip = |copy: usize| {
            disk.tamper(|bytes| bytes[(1 + copy) * PAGE + bit / 8] ^= 1 << (bit % 8));
        };
        flip(0);
        assert_eq!(read(&disk), Ok(superblock));
        flip(1);
        assert_eq!(read(&disk), Err(Unreadable::Damaged));
        flip(0);
        assert_eq!(read(&disk), Ok(superblock));
        flip(1);
    }
}

// attack 67 U: a newer format, and one that there never was; refused; broken: store-newer
#[test]
fn another_format_is_refused() {
    let (disk, superblock) = made();
    for (format, refusal) in [(2, Unreadable::Newer(2)), (0, Unreadable::Unknown(0))] {
        put(&disk, 0, &Superblock { format, generation: 2, ..superblock });
        assert_eq!(read(&disk), Err(refusal), "the newer copy counts");
    }
}

// attack 65 U: an upgrade that is cut in any sector; the one format or the other
#[test]
fn one_write_of_one_copy_is_the_upgrade() {
    let (disk, old) = made();
    let new = Superblock { generation: 2, layout: Layout { log_pages: 40, ..old.layout }, ..old };
    let new = Superblock { layout: Layout { table_pages: 200, ..new.layout }, ..new };
    let before = disk.bytes();
    put(&disk, 1, &new);
    let after = disk.bytes();
    for sectors in 0..=8 {
        let cut = PAGE * 2 + sectors * SECTOR;
        let mut bytes = after[..cut].to_vec();
        bytes.extend_from_slice(&before[cut..]);
        let found = read(&FakeDisk::of(bytes)).unwrap();
        assert_eq!(found, if sectors == 0 { old } else { new });
    }
    // A copy of the first place is none in the second.
    volume(&disk).write(0, &new.encode(1)).unwrap();
    volume(&disk).write(1, &old.encode(1)).unwrap();
    assert_eq!(read(&disk), Ok(old));
}

#[test]
fn the_parts_fit_or_are_refused() {
    assert_eq!(read(&FakeDisk::new(8 + PAGES * 8)), Err(Unreadable::Blank));
    for (pages, log, good) in [
        (2 + 16 + 64, Some(16), true),
        (2 + 16 + 63, Some(16), false),
        (2 + 15 + 640, Some(15), false),
        (300, Some(u32::MAX), false),
        (2 + 256 + 64, None, true),
        (2 + 256 + 63, None, false),
        (0, None, false),
    ] {
        assert_eq!(Layout::of(pages, log).is_ok(), good, "{pages} {log:?}");
    }
    assert_eq!(Layout::of(1 << 20, None).unwrap().log_pages, 2048);
    let (disk, superblock) = made();
    let layout = Layout { table_pages: PAGES - 2 - 32 + 1, ..superblock.layout };
    put(&disk, 0, &Superblock { layout, generation: 9, ..superblock });
    assert_eq!(read(&disk), Err(Unreadable::Geometry));
    let layout = Layout { table_pages: u64::MAX, ..superblock.layout };
    put(&disk, 0, &Superblock { layout, generation: 10, ..superblock });
    assert_eq!(read(&disk), Err(Unreadable::Geometry));
}
