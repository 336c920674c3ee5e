//! The disk over the real driver, with a device that is not there: deaths of the driver at each step, and drivers
//! that lie.

use std::collections::BTreeSet;
use std::ops::Range;
use std::vec;
use std::vec::Vec;

use nexus_store::{DeviceError, PAGE};
use nexus_virtio::fake::Order;
use virtioblkd::fake::Change;

use crate::disk::{NoDisk, places};
use crate::fake::{Deaths, FakeDisk, FakeRoad, Stage};

const SECTOR: usize = 512;
/// Of the disk.
const SECTORS: usize = 512;

fn bytes(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251 + seed * 31) as u8).collect()
}

fn blank(deaths: Deaths) -> (FakeDisk, FakeRoad) {
    Stage::new(vec![0; SECTORS * SECTOR], deaths).disk().unwrap()
}

fn deaths(at: &[usize]) -> Deaths {
    Deaths { at: at.iter().copied().collect(), ..Deaths::default() }
}

/// That what was acknowledged is on the disk, and by a flush for good.
fn check(road: &FakeRoad, range: Range<usize>, expected: &[u8], flushed: bool) {
    let stage = road.0.borrow();
    assert_eq!(&stage.platter.bytes()[range.clone()], expected);
    let done = stage.platter.done();
    let overlaps = |change: &Change| match change {
        Change::Write { sector, data } => {
            let start = *sector as usize * SECTOR;
            start < range.end && range.start < start + data.len()
        }
        Change::Flush => false,
    };
    let last = done.iter().rposition(overlaps).unwrap();
    assert!(!flushed || done[last..].contains(&Change::Flush), "no flush after its last write");
}

/// Writes long and short, and reads.
fn program(disk: &mut FakeDisk, road: &FakeRoad) {
    for (seed, sector, len) in [(1, 3, 19 << 10), (2, 200, 512), (3, 100, 4096)] {
        let (data, start) = (bytes(seed, len), sector as usize * SECTOR);
        disk.write_sectors(sector, &data).unwrap();
        check(road, start..start + len, &data, false);
        disk.flush_all().unwrap();
        check(road, start..start + len, &data, true);
        let data = bytes(seed + 7, len);
        disk.write_flushed(sector, &data).unwrap();
        check(road, start..start + len, &data, true);
        let mut read = vec![0; len];
        disk.read_sectors(sector, &mut read).unwrap();
        assert!(read == data, "{sector}");
    }
    each(disk, road);
}

/// Writes pages in an order that is none, more of them than there is room for at one time, and reads them.
fn each(disk: &mut FakeDisk, road: &FakeRoad) {
    let sectors: Vec<u64> = [7, 1, 4, 0, 6, 2].iter().map(|at| 300 + at * 24).collect();
    for flushed in [false, true] {
        let data = bytes(11 + usize::from(flushed), sectors.len() * PAGE);
        let write = if flushed { FakeDisk::write_each_flushed } else { FakeDisk::write_each };
        write(disk, &sectors, &data).unwrap();
        for (sector, page) in sectors.iter().zip(data.chunks_exact(PAGE)) {
            let start = *sector as usize * SECTOR;
            check(road, start..start + PAGE, page, flushed);
        }
        let mut read = vec![0; data.len()];
        disk.read_each(&sectors, &mut read).unwrap();
        assert!(read == data, "{flushed}");
    }
}

#[test]
fn a_long_request_is_several_at_one_time() {
    let (mut disk, road) = blank(Deaths::default());
    program(&mut disk, &road);
    let stage = road.0.borrow();
    assert_eq!(stage.lives, 1);
    let flushes = stage.platter.done().iter().filter(|change| **change == Change::Flush).count();
    assert_eq!(flushes, 7, "one for each that was asked");
}

// attack 90 U: a write and its flush; both sides are told once, however many pieces it has; broken: ring-all
#[test]
fn a_write_and_its_flush_are_asked_at_once_and_told_once() {
    for order in [Order::Oldest, Order::Newest] {
        let stage = Stage::new(vec![0; SECTORS * SECTOR], Deaths::default()).in_order(order);
        let (mut disk, road) = stage.disk().unwrap();
        disk.flush_all().unwrap();
        for len in [512, 4096, 16 << 10] {
            let (before, data) = (road.0.borrow().told, bytes(len, len));
            disk.write_flushed(8, &data).unwrap();
            check(&road, 8 * SECTOR..8 * SECTOR + len, &data, true);
            let (asks, answers) = road.0.borrow().told;
            assert_eq!((asks - before.0, answers - before.1), (1, 1), "{len}");
        }
    }
}

// attack 90 U: pages that lie apart; both sides are told once for as many as there is room for; broken: state-disk-each
#[test]
fn pages_are_asked_for_together_and_told_once() {
    let (mut disk, road) = blank(Deaths::default());
    disk.flush_all().unwrap();
    let sectors = [400, 8, 200];
    let mut data = bytes(5, 3 * PAGE);
    for job in 0..3 {
        let before = road.0.borrow().told;
        match job {
            0 => disk.write_each(&sectors, &data).unwrap(),
            1 => disk.write_each_flushed(&sectors, &data).unwrap(),
            _ => disk.read_each(&sectors, &mut data).unwrap(),
        }
        let (asks, answers) = road.0.borrow().told;
        assert_eq!((asks - before.0, answers - before.1), (1, 1), "{job}");
    }
    assert!(data == bytes(5, 3 * PAGE));
}

#[test]
fn pages_are_as_many_as_sectors_and_on_the_disk() {
    let (mut disk, road) = blank(Deaths::default());
    let asked = road.0.borrow().platter.asked().len();
    let end = SECTORS as u64;
    for (sectors, len) in
        [(&[8][..], 2 * PAGE), (&[8, 16], PAGE), (&[8, end - 7], 2 * PAGE), (&[u64::MAX], PAGE)]
    {
        let mut data = vec![0; len];
        let refused = Err(DeviceError::OutOfRange);
        assert_eq!(disk.read_each(sectors, &mut data), refused, "{sectors:?}");
        assert_eq!(disk.write_each(sectors, &data), refused, "{sectors:?}");
        assert_eq!(disk.write_each_flushed(sectors, &data), refused, "{sectors:?}");
    }
    assert_eq!(road.0.borrow().platter.asked().len(), asked, "nothing was asked of the device");
}

// attack 65 F: more to write than there is room for at one time, in a device that does what came last first; the flush comes behind all of it; broken: state-disk-flush-last
#[test]
fn the_flush_is_behind_the_last_piece() {
    for order in [Order::Oldest, Order::Newest] {
        let stage = Stage::new(vec![0; SECTORS * SECTOR], Deaths::default()).in_order(order);
        let (mut disk, road) = stage.disk().unwrap();
        let data = bytes(3, 90 << 10);
        disk.write_flushed(8, &data).unwrap();
        check(&road, 8 * SECTOR..8 * SECTOR + data.len(), &data, true);
        let done = road.0.borrow().platter.done();
        let flushes = done.iter().filter(|change| **change == Change::Flush).count();
        assert_eq!((flushes, done.last()), (1, Some(&Change::Flush)));
    }
}

// attack 66 U: the device fails the write, or the flush behind it; each is told, and the next one is done
#[test]
fn a_device_that_fails_the_write_or_its_flush_fails_both() {
    for fails in 0..7 {
        let (mut disk, road) = blank(Deaths::default());
        disk.flush_all().unwrap();
        let before = road.0.borrow().platter.asked().len();
        // Five pieces, of which the last is of two parts.
        road.0.borrow().platter.fail(before + fails);
        let result = disk.write_flushed(8, &bytes(1, 19 << 10));
        assert_eq!(result, Err(DeviceError::Failed), "{fails}");
        let done = road.0.borrow().platter.done();
        let flushes = done.iter().filter(|change| **change == Change::Flush).count();
        assert_eq!(flushes, 1, "{fails}: no flush but the first was done");
        disk.write_flushed(8, &bytes(1, 19 << 10)).unwrap();
    }
}

// attack 57 F: the driver dies at each step of its own and of the device, with what the device had done or lost; every request is done, and what was acknowledged is there; broken: state-disk-again, state-disk-flush-again
#[test]
fn the_driver_may_die_at_each_step() {
    let (mut disk, road) = blank(Deaths::default());
    program(&mut disk, &road);
    let steps = road.0.borrow().steps;
    assert!(steps > 100, "{steps}");
    let mut died = 0;
    for at in 1..=steps {
        for finishes in [false, true] {
            let (mut disk, road) = blank(Deaths { finishes, ..deaths(&[at]) });
            program(&mut disk, &road);
            died += usize::from(road.0.borrow().lives == 2);
        }
    }
    assert!(died > steps, "{died} of {steps} twice");
}

// attack 57 F: the driver dies again and again, as soon as it has begun; each request is done in the end; broken: state-disk-again
#[test]
fn the_driver_may_die_often() {
    for apart in [7, 10, 17] {
        let at: BTreeSet<usize> = (1..60).map(|number| number * apart).collect();
        for finishes in [false, true] {
            let (mut disk, road) = blank(Deaths { at: at.clone(), finishes, ..Deaths::default() });
            program(&mut disk, &road);
            assert!(road.0.borrow().lives > 5);
        }
    }
}

// attack 57 F: the driver ends for good at each step; each request fails at once, none hangs, and none is called done that was not; broken: state-disk-over
#[test]
fn a_driver_that_ends_for_good_is_a_failure_at_once() {
    for at in 1..120 {
        let made = Stage::new(vec![0; SECTORS * SECTOR], Deaths { last: true, ..deaths(&[at]) });
        let Ok((mut disk, road)) = made.disk() else { continue };
        let data = bytes(at, 9 << 10);
        let written = match at % 2 {
            0 => disk.write_sectors(9, &data).and_then(|()| disk.flush_all()),
            _ => disk.write_flushed(9, &data),
        };
        if written.is_ok() {
            check(&road, 9 * SECTOR..9 * SECTOR + data.len(), &data, true);
        }
        let mut end = Ok(());
        for _ in 0..40 {
            end = end.and_then(|()| disk.read_sectors(9, &mut [0; 4096]));
        }
        assert_eq!(end, Err(DeviceError::Failed), "{at}");
        assert_eq!(disk.flush_all(), Err(DeviceError::Failed));
        let clock = road.0.borrow().clock;
        assert!(clock < 10_000, "{at}: it waited {clock}");
    }
}

// attack 66 F: the device does nothing any more; a request fails at its deadline, the next ones soon, and it goes on when the device does; broken: state-disk-late
#[test]
fn a_disk_that_is_stuck_is_a_failure_in_the_end() {
    let (mut disk, road) = blank(Deaths::default());
    let data = bytes(1, 18 << 10);
    disk.write_sectors(9, &data).unwrap();
    let now = || road.0.borrow().clock;
    let second = 10_000_000;
    let before = now();
    road.0.borrow_mut().stuck = true;
    let mut read = vec![0; data.len()];
    assert_eq!(disk.read_sectors(9, &mut read), Err(DeviceError::Failed));
    let took = now() - before;
    assert!((20 * second..21 * second).contains(&took), "{took}");
    for _ in 0..10 {
        assert_eq!(disk.flush_all(), Err(DeviceError::Failed));
    }
    assert!(now() - before - took < 2 * second, "nobody else waits so long");
    road.0.borrow_mut().stuck = false;
    disk.read_sectors(9, &mut read).unwrap();
    assert!(read == data);
    disk.flush_all().unwrap();
}

// attack 60 U: a disk so quick that nobody waits for it; whoever asks whether this process lives is looked for all the same; broken: state-disk-looks
#[test]
fn what_came_is_looked_at_now_and_then() {
    let (mut disk, road) = blank(Deaths::default());
    let looks = || road.0.borrow().looks;
    let before = looks();
    for _ in 0..20 {
        disk.flush_all().unwrap();
    }
    assert_eq!(looks(), before, "not each time");
    // Within a tenth of a second.
    road.0.borrow_mut().clock += 900_000;
    disk.flush_all().unwrap();
    assert_eq!(looks(), before);
    road.0.borrow_mut().clock += 1_000_000;
    disk.flush_all().unwrap();
    assert_eq!(looks(), before + 1);
}

// attack 66 U: the device fails reads, writes and flushes; each is told, and the next one is done; broken: state-disk-status
#[test]
fn a_device_that_fails_a_request_fails_it_alone() {
    let (mut disk, road) = blank(Deaths::default());
    let data = bytes(1, 18 << 10);
    disk.write_sectors(9, &data).unwrap();
    road.0.borrow().platter.answer_with(Some(1));
    let mut read = vec![0; data.len()];
    assert_eq!(disk.read_sectors(9, &mut read), Err(DeviceError::Failed));
    assert_eq!(disk.write_sectors(9, &[0; 512]), Err(DeviceError::Failed));
    assert_eq!(disk.flush_all(), Err(DeviceError::Failed));
    road.0.borrow().platter.answer_with(None);
    disk.read_sectors(9, &mut read).unwrap();
    assert!(read == data);
}

#[test]
fn sectors_past_the_end_are_not_asked_for() {
    let (mut disk, road) = blank(Deaths::default());
    let asked = road.0.borrow().platter.asked().len();
    let sectors = SECTORS as u64;
    for (sector, len) in [(sectors, 512), (sectors - 1, 1024), (u64::MAX, 512), (0, 511)] {
        let mut data = vec![0; len];
        let out = DeviceError::OutOfRange;
        assert_eq!(disk.read_sectors(sector, &mut data), Err(out));
        assert_eq!(disk.write_sectors(sector, &data), Err(out));
    }
    assert_eq!(road.0.borrow().platter.asked().len(), asked);
    disk.read_sectors(sectors - 1, &mut [0; 512]).unwrap();
    disk.read_sectors(sectors, &mut []).unwrap();
}

#[test]
fn a_driver_that_never_comes_is_no_disk() {
    let mut stage = Stage::new(vec![0; SECTORS * SECTOR], Deaths::default());
    stage.over = true;
    let none = stage.disk().map(|_| ());
    assert_eq!(none.unwrap_err(), NoDisk::Driver(DeviceError::Failed));
}

#[test]
fn the_room_of_a_ring_is_for_four_requests_or_more() {
    let page = 4 << 10;
    for (room, expected) in [
        (page - 1, None),
        (page, Some((page, 1))),
        (4 * page, Some((page, 4))),
        (10 * page, Some((2 * page, 5))),
        (96 << 10, Some((24 << 10, 4))),
        (512 << 10, Some((128 << 10, 4))),
        (1 << 20, Some((128 << 10, 8))),
        (64 << 20, Some((128 << 10, 64))),
    ] {
        assert_eq!(places(room), expected, "{room}");
    }
}

#[test]
fn why_there_is_no_disk_or_no_store_is_told() {
    use crate::open::Why;
    use nexus_rt::StartError;
    use nexus_store::Refused;
    use nexus_store::gpt::NoStore;
    let none = NoDisk::Driver(DeviceError::Failed);
    for (why, told) in [
        (Why::Unnamed, "no disk of this board"),
        (Why::Disk(NoDisk::Start(StartError::NoMemory)), "no ring with virtioblkd: NoMemory"),
        (Why::Disk(NoDisk::Room), "no room for data"),
        (Why::Disk(none), "virtioblkd does not answer: "),
        (Why::Table(NoStore::Twice), &std::format!("{}", NoStore::Twice)),
        (Why::Store(Refused::Fold), &std::format!("{}", Refused::Fold)),
    ] {
        let text = std::format!("{why}");
        assert!(text.contains(told) && told.len() > 10, "{text}");
    }
}
