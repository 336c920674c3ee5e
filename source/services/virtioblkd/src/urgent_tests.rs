//! Much to write: the device begins with each piece of it while the next is copied.

use std::cell::RefCell;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use nexus_mmio::fake::FakeMemory;
use nexus_proto::disk::ring;
use nexus_ring::{Consumer, DONE, Driver, Submission, memory_len};
use nexus_sysdesc::{Queue, Shape};
use nexus_virtio::Notices;
use nexus_virtio::block::Config;
use nexus_virtio::fake::{FakeDevice, Layout, Order};

use crate::disk::Disk;
use crate::engine::Engine;
use crate::fake::{CONFIG, LIFE};
use crate::requests::{ENTRIES, OPS};

/// Bytes of a piece that the device is told of at once, and of one that it is not.
const LONG: u32 = 64 << 10;
const SHORT: u32 = LONG - 512;
const HEADS: usize = 9;

/// Two heads that write and two that read of each length, and what a disk must have.
fn layout(data: u32) -> Layout {
    let shape = |heads, reads: &[u32], writes: &[u32]| Shape {
        heads,
        reads: reads.into(),
        writes: writes.into(),
    };
    Layout::of(&[Queue {
        shapes: vec![
            shape(1, &[16], &[20, 1]),
            shape(2, &[16], &[512, 1]),
            shape(2, &[16, 512], &[1]),
            shape(2, &[16], &[data, 1]),
            shape(2, &[16, data], &[1]),
        ],
    }])
}

/// What the device heard when one request of two pieces of so many bytes was made: how many batches
/// it was in the first turn; the first sector and the first byte of each piece that it wrote.
fn heard(op: u8, piece: u32, notices: Notices) -> (u64, Vec<(u64, u8)>) {
    let layout = layout(piece);
    let (memory, written) = (layout.memory(), Rc::new(RefCell::new(Vec::new())));
    let its = Rc::clone(&written);
    let work = move |head: u16, reads: &[u8]| {
        if let (Some(sector), Some(data)) = (reads[8..].first_chunk(), reads.get(16)) {
            its.borrow_mut().push((u64::from_le_bytes(*sector), *data));
        }
        let data = match head {
            0 => 20,
            1..=2 => 512,
            5..=6 => piece as usize,
            _ => 0,
        };
        vec![0; data + 1]
    };
    let mut device = FakeDevice::new(&memory, &layout, 0, notices, work).in_order(Order::Oldest);
    let (queue, heads, slots) = layout.sealed(&memory, notices).queue::<HEADS>(0).unwrap();
    let disk = Disk::new(Config { sectors: 1024, ..CONFIG }, queue, heads, slots).unwrap();
    let len = memory_len(2 * LONG as usize);
    let shared = FakeMemory::new(len);
    let mut consumer = Consumer::<_, ENTRIES>::new(shared.peer(0..len), LIFE).unwrap();
    let mut driver = Driver::new(shared.part(0..len), OPS).unwrap();
    driver.attach(LIFE).unwrap();
    consumer.attached().unwrap();
    let mut engine = Engine::<_, _, _, _, u32, HEADS>::new(disk, Some(driver));
    let mut doorbell = device.doorbell();
    let mut turn = |device: &mut FakeDevice| {
        let before = engine.stats().batches;
        engine.turn(&mut doorbell, || (), || || false).unwrap();
        let batches = engine.stats().batches - before;
        device.run();
        memory.settle();
        shared.settle();
        batches
    };
    // The serial number.
    turn(&mut device);
    turn(&mut device);
    consumer.write(0, &vec![1; piece as usize]).unwrap();
    consumer.write(piece, &vec![2; piece as usize]).unwrap();
    consumer.submit(Submission { id: 0, op, len: 2 * piece, offset: 0, arg: 7 }).unwrap();
    let batches = turn(&mut device);
    turn(&mut device);
    let done = consumer.pop().unwrap().unwrap();
    assert_eq!((done.id, done.status, done.len), (0, DONE, 2 * piece));
    (batches, written.take())
}

// attack 90 U: much to write, in pieces; the device is told of each before the next is copied, and of less once; broken: disk-urgent
#[test]
fn the_device_is_told_of_much_to_write_before_the_next_piece_is_copied() {
    for notices in [Notices::Flags, Notices::EventIndex] {
        assert_eq!(heard(ring::WRITE, LONG, notices), (2, vec![(7, 1), (7 + 128, 2)]));
        // Of less, and of what is read, it is told once.
        assert_eq!(heard(ring::WRITE, SHORT, notices), (1, vec![(7, 1), (7 + 127, 2)]));
        assert_eq!(heard(ring::READ, LONG, notices), (1, vec![]));
    }
}
