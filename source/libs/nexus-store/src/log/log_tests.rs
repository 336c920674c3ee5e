use super::*;
use crate::device::Extent;
use crate::fake::FakeDisk;
use frame::Change;

const PAGES: u32 = 16;
const START: u64 = 2;
const KEY: u64 = 11;
const HEAD: Head = Head { epoch: 2 };

fn volume(disk: &FakeDisk) -> Volume<FakeDisk> {
    Volume::new(disk.clone(), Extent { first: 0, sectors: 20 * 8 }).unwrap()
}

fn open(disk: &FakeDisk, mark: Mark) -> Result<Recovered, OpenError> {
    Log::open(&mut volume(disk), START, PAGES, KEY, mark)
}

fn changes(number: u64, len: usize) -> Vec<u8> {
    let row = vec![number as u8; len];
    let mut out = Vec::new();
    Change { key: b"key", row: Some(&row), old: None }.encode(&mut out);
    out
}

/// A log with frames of these lengths, and all of it after each.
fn with(lens: &[usize]) -> (FakeDisk, Vec<Vec<u8>>) {
    let disk = FakeDisk::new(20 * 8);
    let mut log = open(&disk, Mark::default()).unwrap().log;
    let mut images = vec![disk.bytes()];
    for (number, len) in (1..).zip(lens) {
        let appended = log.append(&mut volume(&disk), HEAD, &changes(number, *len));
        assert_eq!(appended, Ok(Some(number)));
        images.push(disk.bytes());
    }
    (disk, images)
}

fn numbers(recovered: &Recovered) -> Vec<u64> {
    recovered.frames.iter().map(|(number, _)| *number).collect()
}

#[test]
fn frames_are_found_again_with_what_they_say() {
    let (disk, _) = with(&[10, 5000, 0, 488 * 8]);
    let found = open(&disk, Mark::default()).unwrap();
    assert_eq!(numbers(&found), [1, 2, 3, 4]);
    for (number, (_, frame)) in (1..).zip(&found.frames) {
        let all: Vec<_> = frame.changes().map(Option::unwrap).collect();
        assert_eq!((all.len(), frame.head), (1, HEAD));
        assert!(all[0].row.unwrap().iter().all(|byte| *byte == number as u8));
    }
    // 1 + 2 + 1 + 2 pages.
    assert_eq!((found.log.used(), found.log.mark()), (6, Mark { frame: 4, page: 6 }));
}

#[test]
fn one_write_and_one_flush_make_a_frame_durable() {
    let disk = FakeDisk::new(20 * 8);
    let mut log = open(&disk, Mark::default()).unwrap().log;
    let mut volume = volume(&disk);
    log.append(&mut volume, HEAD, &changes(1, 9000)).unwrap();
    assert_eq!((volume.counters.writes, volume.counters.flushes), (1, 1));
}

#[test]
fn the_ring_goes_round_and_never_over_what_is_not_folded() {
    let disk = FakeDisk::new(20 * 8);
    let mut log = open(&disk, Mark::default()).unwrap().log;
    let mut volume = volume(&disk);
    let mut marks = Vec::new();
    for number in 1..=200_u64 {
        let len = (number * 977 % 9000) as usize;
        let appended = log.append(&mut volume, HEAD, &changes(number, len)).unwrap();
        if appended.is_none() {
            // All but the last two are folded.
            let mark: Mark = marks[marks.len() - 3];
            log.release(mark);
            marks.drain(..marks.len() - 2);
            let found = open(&disk, mark).unwrap();
            assert_eq!(numbers(&found).len(), 2);
            assert_eq!((found.log.used(), found.log.mark()), (log.used(), log.mark()));
            let again = log.append(&mut volume, HEAD, &changes(number, len)).unwrap();
            assert_eq!(again, Some(number));
        }
        marks.push(log.mark());
    }
}

// attack 65 U: the newest frame in every mixture of new and old sectors; whole or not there
#[test]
fn a_torn_frame_is_whole_or_not_there() {
    let (_, images) = with(&[10, 3000, 3500]);
    let (before, after) = (&images[2], &images[3]);
    let changed: Vec<usize> = (0..20 * 8)
        .filter(|at| before[at * SECTOR..][..SECTOR] != after[at * SECTOR..][..SECTOR])
        .collect();
    assert_eq!(changed.len(), 8);
    for bits in 0..1_u32 << changed.len() {
        let mut bytes = before.clone();
        for (_, sector) in changed.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1) {
            bytes[sector * SECTOR..][..SECTOR].copy_from_slice(&after[sector * SECTOR..][..SECTOR]);
        }
        let found = numbers(&open(&FakeDisk::of(bytes), Mark::default()).unwrap());
        let whole = bits == (1 << changed.len()) - 1;
        assert_eq!(found, if whole { vec![1, 2, 3] } else { vec![1, 2] });
    }
}

// attack 67 U: each sector of an acknowledged frame flipped, of another place, or as it was; told, never taken for the end; broken: store-log-later, store-log-damage
#[test]
fn a_damaged_frame_is_not_taken_for_the_end() {
    let (disk, images) = with(&[10, 3000, 3500, 100]);
    let good = disk.bytes();
    let mark = Mark::default();
    let damaged = |bytes: Vec<u8>| open(&FakeDisk::of(bytes), mark).unwrap_err();
    for sector in (START as usize * 8)..(20 * 8) {
        let range = sector * SECTOR..(sector + 1) * SECTOR;
        if good[range.clone()].iter().all(|byte| *byte == 0) {
            continue;
        }
        let page = sector / 8 - START as usize;
        let frame = page as u64 + 1;
        let told = OpenError::Damage(LogDamage::Frame(frame));
        for bit in [0, 100, 8 * SECTOR - 1] {
            let mut bytes = good.clone();
            bytes[range.start + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(damaged(bytes), told, "flipped {sector}");
        }
        let mut bytes = good.clone();
        let other = if page == 0 { 3 * 8 } else { 2 * 8 };
        bytes.copy_within(other * SECTOR..(other + 1) * SECTOR, range.start);
        assert_eq!(damaged(bytes), told, "foreign {sector}");
        if frame < 4 {
            let mut bytes = good.clone();
            bytes[range.clone()].copy_from_slice(&images[frame as usize - 1][range.clone()]);
            assert_eq!(damaged(bytes), told, "stale {sector}");
        }
    }
}

// attack 65 U: what a torn frame left, under a frame that is written there later and torn, too; no mixture is a frame; broken: store-frame-sum
#[test]
fn two_torn_frames_make_none() {
    let (_, images) = with(&[10, 1400]);
    let torn = {
        // Of the second frame the sectors 0 and 2 of 3.
        let mut bytes = images[1].clone();
        for sector in [3 * 8, 3 * 8 + 2] {
            bytes[sector * SECTOR..][..SECTOR]
                .copy_from_slice(&images[2][sector * SECTOR..][..SECTOR]);
        }
        bytes
    };
    let disk = FakeDisk::of(torn.clone());
    let mut log = open(&disk, Mark::default()).unwrap().log;
    log.append(&mut volume(&disk), Head { epoch: 3 }, &changes(9, 1400)).unwrap();
    let later = disk.bytes();
    for bits in 0..8_usize {
        let mut bytes = torn.clone();
        for index in (0..3).filter(|index| bits >> index & 1 == 1) {
            let at = (3 * 8 + index) * SECTOR;
            bytes[at..at + SECTOR].copy_from_slice(&later[at..at + SECTOR]);
        }
        let found = open(&FakeDisk::of(bytes), Mark::default()).unwrap();
        assert_eq!(numbers(&found).len(), if bits == 7 { 2 } else { 1 }, "{bits}");
    }
}

// attack 67 U: changes of a frame cut at each byte, and with each byte changed; an end or an error, no panic
#[test]
fn what_a_frame_says_is_read_without_a_panic() {
    let mut bytes = changes(1, 30);
    let old = Some(frame::Old { row: 3, size: 9 });
    Change { key: b"other", row: None, old }.encode(&mut bytes);
    for end in 0..=bytes.len() {
        for change in [0, 1, 0x80, 0xff] {
            let mut some = bytes[..end].to_vec();
            if let Some(last) = some.last_mut() {
                *last ^= change;
            }
            let payload = frame::encode(KEY, 1, HEAD, &some);
            let frame = frame::decode(KEY, 1, &payload).unwrap();
            assert!(frame.changes().count() <= 3);
            assert_eq!(frame::decode(KEY, 2, &payload), None);
        }
    }
}

#[test]
fn a_frame_has_a_quarter_of_the_log_and_no_more_sectors_than_can_be_counted() {
    assert_eq!(Log::max_changes(16), 4 * 8 * 488 - 24);
    assert_eq!(Log::max_changes(19), 4 * 8 * 488 - 24);
    assert_eq!(Log::max_changes(2048), 512 * 8 * 488 - 24);
    assert_eq!(Log::max_changes(u32::MAX), 65_535 * 488 - 24);
}

// attack 67 U: one sector of the newest frame damaged, the first, one within and the last; it is not taken for torn; broken: store-log-damage
#[test]
fn each_sector_of_the_newest_frame_may_not_be_damaged() {
    let (disk, images) = with(&[10, 2000]);
    for sector in 0..5 {
        disk.tamper(|bytes| {
            bytes.copy_from_slice(&images[2]);
            bytes[(START as usize + 1) * PAGE + sector * SECTOR + 20] ^= 1;
        });
        let opened = open(&disk, Mark::default()).map(drop);
        assert_eq!(opened, Err(OpenError::Damage(LogDamage::Frame(2))), "{sector}");
    }
}

#[test]
fn what_an_older_frame_left_behind_the_newest_does_not_count() {
    let (disk, images) = with(&[10, 2000]);
    // Both frames are folded, and the next one begins where the second is.
    let mark = Mark { frame: 2, page: 1 };
    for sector in 1..5 {
        disk.tamper(|bytes| {
            bytes.copy_from_slice(&images[2]);
            bytes[(START as usize + 1) * PAGE + sector * SECTOR + 20] ^= 1;
        });
        let found = open(&disk, mark).unwrap();
        assert_eq!((numbers(&found), found.log.used()), (vec![], 0), "{sector}");
    }
}

#[test]
fn a_sector_says_which_part_it_is() {
    let decoded = |frame, index, count| {
        let mut bytes = [0; SECTOR];
        let part = Part { frame, index, count };
        sector::encode(&mut bytes, KEY, 3, part, b"payload");
        match sector::decode(&bytes, KEY, 3) {
            Sector::Part(seen, payload) => {
                assert_eq!((seen, payload.len()), (part, PAYLOAD));
                assert!(payload.starts_with(b"payload\0"));
                true
            }
            other => {
                assert_eq!(other, Sector::Damaged);
                false
            }
        }
    };
    assert!(decoded(1, 0, 1) && decoded(u64::MAX, 0x1234, 0xabcd));
    assert!(!decoded(0, 0, 1) && !decoded(1, 1, 1) && !decoded(1, 5, 4));
    assert_eq!(sector::decode(&[0; SECTOR], KEY, 3), Sector::Zero);
}
