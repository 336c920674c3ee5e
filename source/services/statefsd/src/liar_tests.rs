//! A driver that says what is not so: a request is a failure then, and nothing is taken for done.

use std::cell::RefCell;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_proto::Name;
use nexus_proto::disk::{DiskInfo, can, ring as wire};
use nexus_ring::{Consumer, DONE, Driver, REFUSED, memory_len};
use nexus_rt::abi::Error;
use nexus_rt::{CallError, Deadline};
use nexus_store::DeviceError;
use virtioblkd::requests::OPS;

use crate::disk::{Disk, ENTRIES, NoDisk};
use crate::road::Road;

const LEN: usize = memory_len(16 << 10);
const LIFE: u32 = 1;
/// Where the index of completions stands, and the first completion (crate nexus-ring).
const INDEX: usize = 128;
const COMPLETIONS: usize = 2304;

/// What it says of each request.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// This status, and so many bytes less than were asked for.
    Status(u8, u32),
    /// That it is done with a request that it does not have.
    NotInFlight,
    /// That it is done with more than it was given.
    Index,
    /// That it is done with the last that it was asked for, and with nothing before that; then with the rest.
    Backwards,
    /// That the last was done, and that all before it failed.
    LastAlone,
    /// Nothing: it was done.
    Honest,
}

struct Behind {
    memory: FakeMemory,
    driver: Driver<FakePeer, ENTRIES>,
    lie: Lie,
    clock: u64,
    joined: usize,
    /// What the disk can.
    can: u32,
}

impl Behind {
    /// Completes all that it was asked for.
    fn all_at_once(&mut self) {
        let mut all = Vec::new();
        while let Ok(Some(request)) = self.driver.take() {
            all.push(request);
        }
        let last = all.len().saturating_sub(1);
        let alone = matches!(self.lie, Lie::LastAlone);
        let mut all: Vec<_> = all.into_iter().enumerate().collect();
        if !alone {
            all.reverse();
        }
        for (at, request) in all {
            let len = request.submission().len;
            let (status, len) = if alone && at < last { (wire::FAILED, 0) } else { (DONE, len) };
            self.driver.complete(request, status, len).unwrap();
        }
    }
}

#[derive(Clone)]
struct Liar(Rc<RefCell<Behind>>);

impl core::fmt::Debug for Liar {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("Liar")
    }
}

impl Road for Liar {
    fn tell(&mut self) -> bool {
        true
    }

    fn is_over(&self) -> bool {
        false
    }

    fn info(&mut self, _: Deadline) -> Result<DiskInfo, CallError> {
        let can = self.0.borrow().can;
        Ok(DiskInfo { sectors: 1000, block: 512, can, serial: Name::default() })
    }

    fn join(&mut self, _: Deadline) -> Result<(), CallError> {
        let mut behind = self.0.borrow_mut();
        behind.joined += 1;
        behind.driver.attach(LIFE).map(|_| ()).map_err(|_| CallError::Kernel(Error::PeerGone))
    }

    fn wait(&mut self, until: Deadline) -> Result<(), Error> {
        let behind = &mut *self.0.borrow_mut();
        behind.clock = behind.clock.max(until.ticks().min(behind.clock + 1));
        if matches!(behind.lie, Lie::Backwards | Lie::LastAlone) {
            behind.all_at_once();
        }
        while let Ok(Some(request)) = behind.driver.take() {
            let len = request.submission().len;
            match behind.lie {
                Lie::Backwards | Lie::LastAlone => unreachable!("all were taken"),
                // What is under way beside it is done at another time.
                Lie::Status(status, less) => {
                    behind.driver.complete(request, status, len - less.min(len)).unwrap();
                    return Ok(());
                }
                Lie::Honest => behind.driver.complete(request, DONE, len).unwrap(),
                Lie::NotInFlight => {
                    behind.memory.device_write(COMPLETIONS, &63_u64.to_le_bytes());
                    behind.memory.device_write(INDEX, &[1, 0]);
                }
                Lie::Index => behind.memory.device_write(INDEX, &[0xff, 0xff]),
            }
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        self.0.borrow().clock
    }
}

fn lying(lie: Lie) -> (Disk<FakePeer, Liar>, Liar) {
    let (disk, liar) = with(LEN, lie, can::WRITE | can::FLUSH);
    (disk.unwrap(), liar)
}

fn with(len: usize, lie: Lie, can: u32) -> (Result<Disk<FakePeer, Liar>, NoDisk>, Liar) {
    let memory = FakeMemory::new(len);
    let consumer = Consumer::new(memory.peer(0..len), LIFE).unwrap();
    let driver = Driver::new(memory.peer(0..len), OPS).unwrap();
    let behind = Behind { memory, driver, lie, clock: 0, joined: 0, can };
    let liar = Liar(Rc::new(RefCell::new(behind)));
    (Disk::new(consumer, liar.clone()), liar)
}

// attack 92 U: a driver fails requests, calls short ones done, completes what it does not have, and more than there can be; each is a failure of the request, and the next one is asked for anew; broken: state-disk-short
#[test]
fn what_a_driver_says_that_is_not_so_is_a_failure() {
    let failed = DeviceError::Failed;
    let cases = [
        (Lie::Status(wire::FAILED, 0), failed),
        (Lie::Status(wire::GONE, 0), failed),
        (Lie::Status(wire::UNSUPPORTED, 0), failed),
        (Lie::Status(wire::OUT_OF_RANGE, 0), DeviceError::OutOfRange),
        (Lie::Status(REFUSED, 0), failed),
        (Lie::Status(77, 0), failed),
        (Lie::Status(DONE, 1), failed),
        (Lie::Status(DONE, 512), failed),
        (Lie::Status(DONE, u32::MAX), failed),
        (Lie::NotInFlight, failed),
        (Lie::Index, failed),
    ];
    for (lie, expected) in cases {
        let (mut disk, liar) = lying(lie);
        let mut data = vec![0; 18 << 10];
        assert_eq!(disk.read_sectors(8, &mut data), Err(expected), "{lie:?}");
        assert_eq!(disk.write_sectors(8, &data), Err(expected), "{lie:?}");
        assert_eq!(disk.write_flushed(8, &data), Err(expected), "{lie:?}");
        if !matches!(lie, Lie::Status(DONE, _)) {
            assert_eq!(disk.flush_all(), Err(expected), "{lie:?}");
        }
        // What was under way beside a request that failed came to its end.
        let is_left = liar.0.borrow().joined > 1;
        assert_eq!(is_left, matches!(lie, Lie::NotInFlight | Lie::Index), "{lie:?}");
        liar.0.borrow_mut().lie = Lie::Honest;
        disk.read_sectors(8, &mut data).unwrap();
        disk.write_sectors(8, &data).unwrap();
        disk.flush_all().unwrap();
    }
}

// attack 92 U: a driver calls a flush done before the writes ahead of it, or although they failed; the request is a failure, whatever it says of the flush; broken: state-disk-flush-believed, state-disk-status
#[test]
fn a_flush_is_not_believed_before_its_writes() {
    for lie in [Lie::Backwards, Lie::LastAlone] {
        for len in [512, 8 << 10] {
            let (mut disk, liar) = lying(lie);
            let data = vec![7; len];
            assert_eq!(disk.write_flushed(8, &data), Err(DeviceError::Failed), "{lie:?} {len}");
            assert_eq!(liar.0.borrow().joined, 1, "nothing is under way any more");
            disk.flush_all().unwrap();
            liar.0.borrow_mut().lie = Lie::Honest;
            disk.write_flushed(8, &data).unwrap();
        }
    }
}

#[test]
fn a_driver_that_behaves_is_attached_once() {
    let (mut disk, liar) = lying(Lie::Honest);
    for _ in 0..10 {
        disk.flush_all().unwrap();
    }
    assert_eq!(liar.0.borrow().joined, 1);
}

#[test]
fn a_disk_is_written_that_can_be_written_and_flushed() {
    let both = can::WRITE | can::FLUSH;
    for (can, expected) in
        [(both, true), (u32::MAX, true), (can::WRITE, false), (can::FLUSH, false), (0, false)]
    {
        let disk = with(LEN, Lie::Honest, can).0.unwrap();
        assert_eq!((disk.is_writable(), disk.size()), (expected, 1000), "{can:#x}");
    }
}

#[test]
fn a_ring_without_room_for_a_page_is_no_disk() {
    for (room, has) in [(4096, true), (4092, false), (0, false)] {
        let made = with(nexus_ring::DATA + room, Lie::Honest, 0).0.map(|_| ());
        assert_eq!(made, if has { Ok(()) } else { Err(NoDisk::Room) }, "{room}");
    }
}
