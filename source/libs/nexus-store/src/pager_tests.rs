use super::*;
use crate::behind;
use crate::device::Extent;
use crate::fake::{Event, FakeDisk, Faults};

const PAGES: u64 = 100;

fn pager(disk: &FakeDisk) -> Pager<FakeDisk> {
    let volume = Volume::new(disk.clone(), Extent { first: 0, sectors: PAGES * 8 }).unwrap();
    Pager::new(volume, 10..PAGES, 5, 6)
}

fn page(fill: u8) -> [u8; PAGE] {
    [fill; PAGE]
}

fn read(pager: &mut Pager<FakeDisk>, page: u64) -> Result<u8, Fault> {
    let mut out = [0; PAGE];
    pager.read(page * PAGE as u64, &mut out).map(|()| out[7])
}

fn write(pager: &mut Pager<FakeDisk>, page: u64, fill: u8) {
    pager.write(page * PAGE as u64, &self::page(fill)).unwrap();
}

// attack 67 U: a page that is flipped, of another place, as it was before, or not known; refused with its number; broken: store-page-sum
#[test]
fn a_page_is_what_was_written_there_last_or_refused() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    write(&mut pager, 3, 1);
    pager.sync().unwrap();
    let old = disk.bytes();
    write(&mut pager, 3, 2);
    write(&mut pager, 4, 3);
    pager.sync().unwrap();
    assert_eq!((read(&mut pager, 3), read(&mut pager, 4)), (Ok(2), Ok(3)));
    let good = disk.bytes();
    let place = |page: usize| (10 + page) * PAGE..(11 + page) * PAGE;
    disk.tamper(|bytes| bytes[place(3)].copy_from_slice(&old[place(3)]));
    assert_eq!(read(&mut pager, 3), Err(Fault::Page(3)), "stale");
    disk.tamper(|bytes| bytes[place(3)].copy_from_slice(&good[place(4)]));
    assert_eq!(read(&mut pager, 3), Err(Fault::Page(3)), "foreign");
    disk.tamper(|bytes| bytes[place(3)].copy_from_slice(&good[place(3)]));
    disk.tamper(|bytes| bytes[13 * PAGE + 4000] ^= 4);
    assert_eq!(read(&mut pager, 3), Err(Fault::Page(3)), "flipped");
    assert_eq!(read(&mut pager, 5), Err(Fault::Page(5)), "not known");
    let mut two = [0; 2 * PAGE];
    assert_eq!(pager.read(3 * PAGE as u64, &mut two), Err(Fault::Page(3)), "one of a run");
}

// attack 67 U: a page that is not known is learned in the pass at the opening, and only then; another content later is refused; broken: store-page-unknown
#[test]
fn what_is_not_known_is_learned_in_the_pass_alone() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    let bytes = pager.read_unknown(7, 1).unwrap();
    assert_eq!(read(&mut pager, 7), Err(Fault::Page(7)), "read, and not learned");
    pager.learn(7, &bytes).unwrap();
    assert_eq!(pager.learn(7, &bytes), Err(Fault::Page(7)), "in two places");
    disk.tamper(|bytes| bytes[17 * PAGE] = 1);
    assert_eq!(read(&mut pager, 7), Err(Fault::Page(7)), "another content later");
    disk.tamper(|bytes| bytes[17 * PAGE] = 0);
    assert_eq!(read(&mut pager, 7), Ok(0));
    assert_eq!(read(&mut pager, 8), Err(Fault::Page(8)));
    assert_eq!(pager.sums_bytes(), 512 * 8);
    for (first, pages) in [(0, 1), (90, 1), (89, 2), (1, 90), (1, u64::MAX), (u64::MAX, 1)] {
        assert_eq!(pager.read_unknown(first, pages), Err(Fault::Page(first)), "{first} {pages}");
    }
    assert_eq!(pager.read_unknown(1, 89).map(|bytes| bytes.len()), Ok(89 * PAGE));
}

// attack 67 U: the table's header with each bit flipped, and of another number; refused; broken: store-header-sum
#[test]
fn a_header_is_right_or_refused() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut first = pager(&disk);
    for number in 1..=3_u8 {
        first.write(0, &[number; HEADER]).unwrap();
        first.sync().unwrap();
    }
    let mut second = pager(&disk);
    second.load_header().unwrap();
    assert_eq!((second.header_number(), second.len()), (3, (PAGES - 10) * PAGE as u64));
    let mut out = [0; HEADER];
    second.read(0, &mut out).unwrap();
    assert_eq!(out, [3; HEADER]);
    for bit in 0..SECTOR * 8 {
        disk.tamper(|bytes| bytes[10 * PAGE + bit / 8] ^= 1 << (bit % 8));
        assert_eq!(pager(&disk).load_header(), Err(Fault::Header), "{bit}");
        disk.tamper(|bytes| bytes[10 * PAGE + bit / 8] ^= 1 << (bit % 8));
    }
    disk.tamper(|bytes| bytes.fill(0));
    assert_eq!(pager(&disk).load_header(), Err(Fault::Header));
}

#[test]
fn the_header_is_one_sector_and_read_from_memory() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    disk.record();
    pager.write(0, &[9; HEADER]).unwrap();
    pager.sync().unwrap();
    let [Event::Write { sector: 80, data }, Event::Flush] = &disk.trace()[..] else {
        unreachable!()
    };
    assert!(data[SECTOR..].iter().all(|byte| *byte == 0));
    let reads = pager.volume.counters.reads;
    pager.read(0, &mut [0; HEADER]).unwrap();
    assert_eq!(pager.volume.counters.reads, reads);
}

// attack 67 U: an opening for reading changes pages and header; the changes are read back, and the disk is as it was
#[test]
fn what_may_not_be_written_stays_in_memory() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    pager.write(0, &[1; HEADER]).unwrap();
    write(&mut pager, 3, 1);
    pager.sync().unwrap();
    pager.write_nothing();
    disk.record();
    write(&mut pager, 3, 2);
    write(&mut pager, 4, 3);
    pager.write(0, &[2; HEADER]).unwrap();
    pager.sync().unwrap();
    assert_eq!((read(&mut pager, 3), read(&mut pager, 4)), (Ok(2), Ok(3)));
    assert!(disk.trace().is_empty());
}

// attack 67 U: accesses outside the table or across pages; refused
#[test]
fn nothing_outside_the_table_is_touched() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    let end = (PAGES - 10) * PAGE as u64;
    for (offset, len) in
        [(0, PAGE), (end, PAGE), (end - PAGE as u64, 2 * PAGE), (100, PAGE), (PAGE as u64, 100)]
    {
        let fault = Err(Fault::Page(offset / PAGE as u64));
        assert_eq!(pager.write(offset, &[0; 2 * PAGE][..len]), fault, "{offset} {len}");
        assert_eq!(pager.read(offset, &mut [0; 2 * PAGE][..len]), fault, "{offset} {len}");
    }
    assert_eq!(pager.set_len(end + 1), Err(Fault::Full));
    assert_eq!(pager.set_len(end), Ok(()));
}

#[test]
fn sums_of_all_pages_are_told_apart() {
    let mut sums = Sums::default();
    let sum = |number: u64| NonZeroU64::new(number + 1);
    for page in [0, 3, 511, 512, 515, 1027] {
        sums.set(page, sum(page));
    }
    for page in [0, 3, 511, 512, 515, 1027] {
        assert_eq!(sums.get(page), sum(page), "{page}");
    }
    assert_eq!((sums.get(4), sums.get(1024), sums.get(5000)), (None, None, None));
    assert_eq!(sums.bytes(), 3 * 512 * 8);
}

// attack 67 U: a header with a right sum and no number, and one that was put back and differs in its number alone; refused
#[test]
fn a_header_has_a_number() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    pager.write(0, &[4; HEADER]).unwrap();
    pager.sync().unwrap();
    let first = disk.bytes();
    pager.write(0, &[4; HEADER]).unwrap();
    pager.sync().unwrap();
    assert_eq!(pager.check(0, &mut 0), Ok(()));
    disk.tamper(|bytes| bytes.copy_from_slice(&first));
    assert_eq!(pager.check(0, &mut 0), Err((0, Fault::Header)));
    disk.tamper(|bytes| {
        let header = &mut bytes[10 * PAGE..10 * PAGE + SECTOR];
        header[NUMBER_AT..SUM_AT].fill(0);
        let sum = sum::bound(5, 10, 0, &header[..SUM_AT]);
        header[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
    });
    assert_eq!(super::tests::pager(&disk).load_header(), Err(Fault::Header));
}

#[test]
fn pages_that_lead_to_others_are_held_in_memory() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    let read_from_disk = |pager: &mut Pager<FakeDisk>, page: u64| {
        pager.sync().unwrap();
        let before = pager.volume.counters.reads;
        read(pager, page).unwrap();
        pager.volume.counters.reads > before
    };
    write(&mut pager, 3, BRANCH);
    assert!(read_from_disk(&mut pager, 3), "none is held unless it is said how many");
    pager.hold(2, 0);
    assert!(read_from_disk(&mut pager, 3) && !read_from_disk(&mut pager, 3), "read");
    write(&mut pager, 4, BRANCH);
    assert!(!read_from_disk(&mut pager, 4), "written");
    write(&mut pager, 4, BRANCH);
    assert!(!read_from_disk(&mut pager, 3), "written again it takes the place of itself");
    write(&mut pager, 5, BRANCH);
    assert!(!read_from_disk(&mut pager, 4) && !read_from_disk(&mut pager, 5));
    assert!(read_from_disk(&mut pager, 3), "the first of them gave way");
    write(&mut pager, 5, 1);
    assert!(read_from_disk(&mut pager, 5) && read_from_disk(&mut pager, 5), "it leads to none");
    disk.tamper(|bytes| bytes[18 * PAGE] = BRANCH);
    let bytes = pager.read_unknown(8, 1).unwrap();
    pager.learn(8, &bytes).unwrap();
    assert!(!read_from_disk(&mut pager, 8), "learned");
    let bytes = pager.read_unknown(9, 1).unwrap();
    pager.learn(9, &bytes).unwrap();
    assert!(read_from_disk(&mut pager, 9), "learned, and leading to none");
    let run = [BRANCH; 2 * PAGE];
    pager.write(6 * PAGE as u64, &run).unwrap();
    assert!(read_from_disk(&mut pager, 6) && !read_from_disk(&mut pager, 6), "alone");
}

/// Sectors that were written since the disk records, and 0 for each flush.
fn written(disk: &FakeDisk) -> Vec<u64> {
    let sector = |event: &Event| match event {
        Event::Write { sector, .. } => *sector,
        Event::Flush => 0,
    };
    disk.trace().iter().map(sector).collect()
}

// attack 65 U: pages that are written, and a flush; they go to the disk together, all of them before the flush; broken: store-behind-flush
#[test]
fn what_is_written_goes_together_and_before_the_flush() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    disk.record();
    let most = behind::MOST as u64;
    let sectors = |pages: core::ops::Range<u64>| pages.map(|page| (10 + page) * 8);
    (1..most).for_each(|page| write(&mut pager, page, 1));
    write(&mut pager, 5, 2);
    assert_eq!((written(&disk), pager.volume.counters.waits), (vec![], 0));
    write(&mut pager, most, 1);
    let mut expected: Vec<u64> = sectors(1..most + 1).collect();
    assert_eq!((written(&disk), pager.volume.counters.waits), (expected.clone(), 1));
    for page in (70..73).rev() {
        write(&mut pager, page, 1);
    }
    pager.sync().unwrap();
    expected.extend(sectors(70..73).chain([0]));
    assert_eq!((written(&disk), pager.volume.counters.waits), (expected.clone(), 2));
    pager.sync().unwrap();
    expected.push(0);
    assert_eq!((written(&disk), pager.volume.counters.flushes), (expected, 2));
    assert_eq!(read(&mut pager, 5), Ok(2), "as it was written last");
}

// attack 67 U: a page is read, alone and in a run, while it waits to be written; it is what it was written last; broken: store-behind-read, store-behind-run
#[test]
fn what_waits_to_be_written_is_read_as_it_will_be() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    (3..6).for_each(|page| write(&mut pager, page, 1));
    pager.sync().unwrap();
    write(&mut pager, 3, 2);
    let reads = pager.volume.counters.reads;
    assert_eq!((read(&mut pager, 3), pager.volume.counters.reads), (Ok(2), reads));
    let mut two = [0; 2 * PAGE];
    pager.read(3 * PAGE as u64, &mut two).unwrap();
    assert_eq!((two[0], two[PAGE]), (2, 1));
    let mut count = 0;
    assert_eq!((pager.check(1, &mut count), count), (Ok(()), 2), "of what is on the disk");
    pager.write(3 * PAGE as u64, &[4; 2 * PAGE]).unwrap();
    pager.sync().unwrap();
    assert_eq!(
        (read(&mut pager, 3), read(&mut pager, 4), read(&mut pager, 5)),
        (Ok(4), Ok(4), Ok(1))
    );
    pager.write(0, &[7; HEADER]).unwrap();
    assert_eq!(pager.check(0, &mut 0), Ok(()), "the header waits, too");
}

#[test]
fn what_could_not_be_written_is_read_as_it_was_to_be_and_written_later() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    write(&mut pager, 3, 1);
    write(&mut pager, 4, 2);
    disk.set_faults(Faults { writes_left: Some(1), ..Faults::default() });
    assert_eq!(pager.sync(), Err(Fault::Device(DeviceError::Failed)));
    assert_eq!((read(&mut pager, 3), read(&mut pager, 4)), (Ok(1), Ok(2)));
    disk.set_faults(Faults::default());
    pager.sync().unwrap();
    assert_eq!((read(&mut pager, 3), read(&mut pager, 4)), (Ok(1), Ok(2)));
}

fn ahead(pager: &mut Pager<FakeDisk>, pages: &[u64]) -> (u64, u64) {
    let before = pager.volume.counters;
    let node = |page: &u64| Node { first: *page, pages: 1, sum: crate::format::sum_of(&[]) };
    pager.ahead(&pages.iter().map(node).collect::<Vec<_>>());
    let now = pager.volume.counters;
    (now.waits - before.waits, now.reads - before.reads)
}

// attack 67 U: pages that are read ahead, one of which was changed on the disk, and one that cannot be read; none is taken for right, and whoever wants it is told its number; broken: store-ahead-sum
#[test]
fn what_is_read_ahead_is_right_or_not_held() {
    let disk = FakeDisk::new(PAGES * 8);
    let mut pager = pager(&disk);
    (3..9).for_each(|page| write(&mut pager, page, page as u8));
    pager.sync().unwrap();
    disk.tamper(|bytes| bytes[14 * PAGE + 9] ^= 1);
    assert_eq!(ahead(&mut pager, &[3, 4, 5]), (0, 0), "there is no room");
    pager.hold(0, 32);
    assert_eq!(ahead(&mut pager, &[5, 0, 3, 4, 3, 50, 90, u64::MAX]), (1, 4));
    assert_eq!(ahead(&mut pager, &[3, 5]), (0, 0), "both are held");
    let reads = pager.volume.counters.reads;
    assert_eq!((read(&mut pager, 3), read(&mut pager, 5)), (Ok(3), Ok(5)));
    assert_eq!(pager.volume.counters.reads, reads);
    assert_eq!(read(&mut pager, 4), Err(Fault::Page(4)));
    assert_eq!(read(&mut pager, 50), Err(Fault::Page(50)), "of no known sum");
    disk.set_faults(Faults { unreadable: Some(17 * 8), ..Faults::default() });
    assert_eq!(ahead(&mut pager, &[6, 7, 8]).0, 1);
    assert_eq!((read(&mut pager, 6), read(&mut pager, 8)), (Ok(6), Ok(8)), "one by one");
    assert_eq!(read(&mut pager, 7), Err(Fault::Device(DeviceError::Failed)));
    pager.hold(0, 16);
    disk.set_faults(Faults::default());
    assert_eq!(ahead(&mut pager, &[3, 5, 6, 7, 8]), (1, 4), "a quarter of what there is room for");
}
