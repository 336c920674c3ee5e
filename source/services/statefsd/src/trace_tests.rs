//! Power cuts of the engine over the real driver: the writes and flushes that come to the device.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::vec::Vec;

use nexus_store::fake::Event;
use nexus_store::trial::content::{Content, Random, formatted, open_with};
use nexus_store::trial::cuts::{Run, Tried, folding};
use nexus_store::trial::program::{ALL, History, Op, step};
use nexus_store::{BlockDevice, DeviceError};
use nexus_virtio::fake::Order;
use virtioblkd::fake::Change;

use crate::fake::{Deaths, FakeDisk, Stage};

std::thread_local! {
    /// The disk of this test: what is behind it stays in one thread, and the engine would let it go to others.
    static DISK: RefCell<Option<FakeDisk>> = const { RefCell::new(None) };
}

/// The disk of this thread.
#[derive(Clone, Debug)]
struct Wire;

impl Wire {
    fn with<T>(work: impl FnOnce(&mut FakeDisk) -> T) -> T {
        DISK.with_borrow_mut(|disk| work(disk.as_mut().unwrap()))
    }
}

impl BlockDevice for Wire {
    fn sectors(&self) -> u64 {
        Wire::with(|disk| disk.size())
    }
    fn read(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError> {
        Wire::with(|disk| disk.read_sectors(sector, out))
    }
    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        Wire::with(|disk| disk.write_sectors(sector, data))
    }
    fn flush(&mut self) -> Result<(), DeviceError> {
        Wire::with(FakeDisk::flush_all)
    }
    fn write_flushed(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        Wire::with(|disk| disk.write_flushed(sector, data))
    }
    fn read_each(&mut self, sectors: &[u64], out: &mut [u8]) -> Result<(), DeviceError> {
        Wire::with(|disk| disk.read_each(sectors, out))
    }
    fn write_each(&mut self, sectors: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        Wire::with(|disk| disk.write_each(sectors, data))
    }
    fn write_each_flushed(&mut self, sectors: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        Wire::with(|disk| disk.write_each_flushed(sectors, data))
    }
}

fn event(change: Change) -> Event {
    match change {
        Change::Write { sector, data } => Event::Write { sector, data },
        Change::Flush => Event::Flush,
    }
}

/// Runs a program on an empty store, over a driver that dies so and a device that does what it has in this order, and
/// cuts it within its last operation.
fn run(
    base: &[u8],
    ops: &[Op],
    (deaths, order): (Deaths, Order),
    random: &mut Random,
    tried: &mut Tried,
) {
    let stage = Stage::new(base.to_vec(), deaths).in_order(order);
    let (disk, road) = stage.disk().unwrap();
    DISK.set(Some(disk));
    let done = || road.0.borrow().platter.done();
    let mut store = open_with(&Wire, &folding()).unwrap();
    let mut history = History::of(Content::new());
    let mut from = 0;
    for op in ops {
        from = done().len();
        step(&mut store, *op, &mut history, || done().len()).unwrap();
    }
    drop(store);
    tried.programs += 1;
    let events: Vec<Event> = done().into_iter().map(event).collect();
    Run { base, events: &events, history: &history }.cut_all(from, random, tried);
}

// attack 65 F: power is cut at every write that the real driver makes for the engine, in programs of one or two operations, over a device that does what came last first, too; what was acknowledged is there, whole; broken: state-flush, disk-flush-held
#[test]
fn whatever_was_acknowledged_outlives_a_cut_under_the_driver() {
    let base = formatted(16, 64).bytes();
    let (mut tried, mut random) = (Tried::default(), Random::new(11));
    for order in [Order::Oldest, Order::Newest] {
        let over = || (Deaths::default(), order);
        for first in ALL {
            run(&base, &[first], over(), &mut random, &mut tried);
            for second in [Op::Sync, Op::Fold, Op::PutLong] {
                run(&base, &[first, second], over(), &mut random, &mut tried);
            }
        }
    }
    std::println!("{tried:?}");
    assert_eq!(tried.wrong, 0, "{tried:?}");
    assert!(tried.programs == 64 && tried.cuts > 1000, "{tried:?}");
}

// attack 65 F: power is cut while the driver dies again and again, and what was under way is written twice; what was acknowledged is there; broken: state-flush
#[test]
fn a_cut_among_deaths_of_the_driver_loses_nothing() {
    let base = formatted(16, 64).bytes();
    let (mut tried, mut random) = (Tried::default(), Random::new(12));
    for (apart, order) in [(23, Order::Oldest), (31, Order::Newest)] {
        let at: BTreeSet<usize> = (1..100).map(|number| number * apart).collect();
        for finishes in [false, true] {
            let deaths = Deaths { at: at.clone(), finishes, last: false };
            let ops = [Op::PutLong, Op::Fold, Op::Pieces, Op::Batch, Op::Sync];
            run(&base, &ops, (deaths, order), &mut random, &mut tried);
        }
    }
    std::println!("{tried:?}");
    assert_eq!(tried.wrong, 0, "{tried:?}");
    assert!(tried.programs == 4 && tried.cuts >= 20, "{tried:?}");
}
