//! The service: who may ask, and when the device is looked at.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use nexus_mmio::fake::{Closures, Device, FakeBus, FakeMemory, FakeShared};
use nexus_mmio::{ReadOnly, ReadWrite, Registers};
use nexus_proto::disk::{Attach, Flush, Info, Read, Stats, Write};
use nexus_proto::{Operation, ReplyError, ServiceError, Text, Zero, ids};
use nexus_ring::{Completion, DONE, Driver, Submission, memory_len};
use nexus_rt::abi::{Error, Handle, Message};
use nexus_rt::host::{deliver, logd, received};
use nexus_rt::log::Level;
use nexus_rt::{Deadline, Service, Tell, drive};
use nexus_virtio::block::LEN;
use nexus_virtio::fake::{FakeDevice, FakeDoorbell, Order};
use nexus_virtio::{Doorbell, Notices};

use crate::engine::Engine;
use crate::fake::{CONFIG, HEADS, LIFE, Parts, Platter, SECTORS, parts};
use crate::requests::{ENTRIES, OPS};
use crate::server::{Consumer, Server, for_ticks};

const OWNER: u32 = 20;
const OTHER: u32 = 21;

type Memory<A> = FakeShared<A>;
type Fake<B> =
    Server<Memory<ReadWrite>, Memory<ReadOnly>, Memory<ReadWrite>, Memory<ReadWrite>, B, HEADS>;

/// Registers of a device that does what it is asked at once when it is told, unless it sleeps; its capacity
/// is another one after reset.
struct Registered {
    doorbell: FakeDoorbell,
    device: Rc<RefCell<FakeDevice>>,
    memory: FakeMemory,
    sleeps: Rc<RefCell<bool>>,
}

impl Device for Registered {
    fn read(&mut self, offset: usize, _: usize) -> u32 {
        match offset {
            0x60 => self.doorbell.status(),
            0x100 => 8,
            _ => 0,
        }
    }
    fn write(&mut self, offset: usize, _: usize, value: u32) {
        match offset {
            0x50 => self.doorbell.notify(value as u16).unwrap(),
            0x64 => self.doorbell.acknowledge(value).unwrap(),
            other => panic!("a store at {other:#x}"),
        }
        if !*self.sleeps.borrow() {
            self.device.borrow_mut().run();
            self.memory.settle();
        }
    }
}

struct Bench {
    server: Fake<FakeBus<Registered>>,
    doorbell: FakeDoorbell,
    platter: Platter,
    device: Rc<RefCell<FakeDevice>>,
    memory: FakeMemory,
    sleeps: Rc<RefCell<bool>>,
}

fn bench() -> Bench {
    bench_with(None, None)
}

/// With a consumer at a ring.
fn bench_with(
    ring: Option<Driver<Memory<ReadWrite>, ENTRIES>>,
    consumer: Option<Consumer>,
) -> Bench {
    let Parts { memory, device, platter, disk } = parts(CONFIG, Notices::EventIndex, Order::Oldest);
    let (doorbell, sleeps) = (device.doorbell(), Rc::new(RefCell::new(false)));
    let device = Rc::new(RefCell::new(device));
    let registered = Registered {
        doorbell: doorbell.clone(),
        device: Rc::clone(&device),
        memory: memory.clone(),
        sleeps: Rc::clone(&sleeps),
    };
    let regs = Registers::<_, LEN>::new(FakeBus::new(0x200, registered)).unwrap();
    let server = Server::new(Engine::new(disk, ring), regs, vec![OWNER], consumer, true);
    Bench { server, doorbell, platter, device, memory, sleeps }
}

/// What each of these is answered.
fn served(bench: &mut Bench, asked: &[(u32, Message)]) -> Vec<Message> {
    let incoming =
        (1..).zip(asked).map(|(n, (who, message))| Ok(received(*who, Handle(n), *message)));
    let delivery = deliver(incoming.collect::<Vec<_>>());
    assert_eq!(drive(Handle(1), None, &mut bench.server), Error::PeerGone);
    let mut sent = delivery.sent();
    sent.sort_by_key(|(reply, _)| reply.0);
    sent.into_iter().map(|(_, message)| message).collect()
}

fn read(offset: u64) -> Read {
    Read { offset, len: 8, zero: Zero::ZERO }
}

// attack 98 U: a service without the permission reads, writes and flushes the disk; denied, and the device does not hear of it; broken: disk-permission
#[test]
fn data_is_for_whom_it_is_permitted() {
    let mut bench = bench();
    let write = Write { offset: 512, data: Text::piece(b"abc") };
    let messages = [read(512).encode(), write.encode(), Flush {}.encode()];
    let refused = served(&mut bench, &messages.map(|message| (OTHER, message)));
    let denied = ReplyError::Service(ServiceError::Denied);
    assert_eq!(Read::decode_reply(&refused[0]), Err(denied));
    assert_eq!(Write::decode_reply(&refused[1]), Err(denied));
    assert_eq!(Flush::decode_reply(&refused[2]), Err(denied));
    assert_eq!(bench.platter.asked().len(), 1, "the serial number alone");
    let done = served(&mut bench, &messages.map(|message| (OWNER, message)));
    assert_eq!(Read::decode_reply(&done[0]).unwrap().as_bytes(), 1_u64.to_le_bytes());
    assert_eq!(Write::decode_reply(&done[1]).unwrap().len, 3);
    assert_eq!(Flush::decode_reply(&done[2]), Ok(()));
    assert_eq!(&bench.platter.bytes()[512..515], b"abc");
}

/// The consumer's own bit, and the other one's.
const ASKS: u64 = 4;

// attack 92 U: another attaches to the ring; denied, and nothing of the consumer's is dropped; broken: disk-attach-of-another
#[test]
fn the_ring_is_for_whom_init_gave_it() {
    let len = memory_len(ENTRIES * 4096);
    let memory = FakeMemory::new(len);
    let mut asks = nexus_ring::Consumer::<_, ENTRIES>::new(memory.peer(0..len), LIFE).unwrap();
    let mut driver = Driver::new(memory.part(0..len), OPS).unwrap();
    driver.attach(LIFE).unwrap();
    asks.attached().unwrap();
    let consumer = Consumer::new(OWNER, ASKS, Tell::new(Handle(5), 1));
    let mut bench = bench_with(Some(driver), Some(consumer));
    bench.server.tick();
    let read = |id: u16| Submission { id, op: 0, len: 512, offset: 4096, arg: 3 };
    *bench.sleeps.borrow_mut() = true;
    asks.submit(read(1)).unwrap();
    bench.server.notified(ASKS);
    let denied = served(&mut bench, &[(OTHER, Attach {}.encode())]);
    let error = ReplyError::Service(ServiceError::Denied);
    assert_eq!(Attach::decode_reply(&denied[0]), Err(error));
    bench.device.borrow_mut().run();
    bench.memory.settle();
    bench.server.interrupt();
    let done = Completion { id: 1, status: DONE, len: 512 };
    assert_eq!(asks.pop(), Ok(Some(done)));
    // What its own last attachment asked for is nobody's.
    asks.submit(read(2)).unwrap();
    bench.server.notified(ASKS);
    assert!(asks.begin().eq([2]));
    assert_eq!(served(&mut bench, &[(OWNER, Attach {}.encode())]), []);
    bench.device.borrow_mut().run();
    bench.memory.settle();
    let delivery = deliver([]);
    bench.server.interrupt();
    assert_eq!(Attach::decode_reply(&delivery.sent()[0].1), Ok(()));
    memory.settle();
    assert_eq!((asks.attached(), asks.pop()), (Ok(()), Ok(None)));
    // Other bits are not the consumer's.
    asks.submit(read(3)).unwrap();
    let reads = bench.platter.asked().len();
    bench.server.notified(ASKS << 1);
    bench.device.borrow_mut().run();
    assert_eq!(bench.platter.asked().len(), reads);
}

/// A server with this consumer begins.
pub(crate) fn begins(tell: Tell) {
    drop(bench_with(None, Some(Consumer::new(OWNER, ASKS, tell))));
}

// attack 98 U: who may read and write the disk does so by messages though it holds the store, before statefsd has attached and afterwards; told that it is not theirs, and the device does not hear of it; broken: disk-of-the-store
#[test]
fn a_disk_that_holds_the_store_is_statefsd_s_alone() {
    let len = memory_len(ENTRIES * 4096);
    let memory = FakeMemory::new(len);
    let mut asks = nexus_ring::Consumer::<_, ENTRIES>::new(memory.peer(0..len), LIFE).unwrap();
    let driver = Driver::new(memory.part(0..len), OPS).unwrap();
    let consumer = Consumer::new(ids::STATEFSD, ASKS, Tell::new(Handle(5), 1));
    let mut bench = bench_with(Some(driver), Some(consumer));
    bench.server.tick();
    let write = Write { offset: 512, data: Text::piece(b"abc") };
    let messages = [read(512).encode(), write.encode(), Flush {}.encode()];
    for attached in [false, true] {
        if attached {
            assert_eq!(served(&mut bench, &[(ids::STATEFSD, Attach {}.encode())]).len(), 1);
            memory.settle();
            asks.attached().unwrap();
        }
        // statefsd itself does not ask by messages.
        for who in [OWNER, ids::STATEFSD, OTHER] {
            let refused = served(&mut bench, &messages.map(|message| (who, message)));
            let why = if who == OWNER { ServiceError::BadState } else { ServiceError::Denied };
            let why = ReplyError::Service(why);
            assert_eq!(Read::decode_reply(&refused[0]), Err(why));
            assert_eq!(Write::decode_reply(&refused[1]), Err(why));
            assert_eq!(Flush::decode_reply(&refused[2]), Err(why));
        }
        assert_eq!(bench.platter.asked().len(), 1, "the serial number alone");
    }
    let told = served(&mut bench, &[(OTHER, Info {}.encode()), (OTHER, Stats {}.encode())]);
    assert_eq!(Info::decode_reply(&told[0]).unwrap().sectors, SECTORS);
    assert_eq!(Stats::decode_reply(&told[1]).unwrap().writes, 0);
    // By the ring it reads and writes as ever.
    asks.submit(Submission { id: 1, op: 0, len: 512, offset: 4096, arg: 3 }).unwrap();
    bench.server.notified(ASKS);
    assert_eq!(asks.pop(), Ok(Some(Completion { id: 1, status: DONE, len: 512 })));
}

#[test]
fn without_a_ring_nobody_attaches() {
    let denied = served(&mut bench(), &[(OWNER, Attach {}.encode())]);
    let error = ReplyError::Service(ServiceError::Denied);
    assert_eq!(Attach::decode_reply(&denied[0]), Err(error));
}

#[test]
fn everybody_learns_what_the_disk_is() {
    let mut bench = bench();
    // The first turn asks for the serial number.
    bench.server.tick();
    let told = served(&mut bench, &[(OTHER, Info {}.encode()), (OTHER, Stats {}.encode())]);
    let info = Info::decode_reply(&told[0]).unwrap();
    assert_eq!((info.sectors, info.serial.as_str()), (SECTORS, "nexus-1"));
    assert_eq!(Stats::decode_reply(&told[1]).unwrap().reads, 0);
}

// attack 90 U: the device does not interrupt; it is looked at by itself; broken: disk-look
#[test]
fn a_device_that_does_not_interrupt_is_looked_at() {
    let mut bench = bench();
    assert_eq!(bench.server.deadline(), Deadline::at(0), "the first turn is at once");
    bench.server.tick();
    assert_eq!(bench.server.deadline(), Deadline::NEVER, "nothing is in flight");
    *bench.sleeps.borrow_mut() = true;
    assert_eq!(served(&mut bench, &[(OWNER, read(0).encode())]).len(), 0);
    bench.device.borrow_mut().run();
    bench.memory.settle();
    let later = bench.server.deadline();
    assert!(later != Deadline::NEVER && later != Deadline::at(0));
    // It did the read, and nobody was told.
    *bench.sleeps.borrow_mut() = false;
    let delivery = deliver([]);
    bench.server.tick();
    bench.server.tick();
    assert_eq!((delivery.sent().len(), bench.server.deadline()), (1, Deadline::NEVER));
}

#[test]
fn one_request_is_found_without_an_interrupt() {
    let mut bench = bench();
    bench.server.tick();
    // The first completion interrupts, whether or not that was asked for.
    bench.server.interrupt();
    assert_eq!(bench.doorbell.acknowledged(), [1]);
    *bench.sleeps.borrow_mut() = true;
    let (device, memory) = (Rc::clone(&bench.device), bench.memory.clone());
    // With the first look for it, which is followed by another, whatever the time is.
    bench.memory.after_each_load(move || {
        device.borrow_mut().run();
        memory.settle();
    });
    let done = served(&mut bench, &[(OWNER, read(512).encode())]);
    assert_eq!(Read::decode_reply(&done[0]).unwrap().as_bytes(), 1_u64.to_le_bytes());
    assert_eq!((bench.doorbell.acknowledged(), bench.doorbell.status()), (vec![1], 0));
    assert_eq!(bench.server.deadline(), Deadline::NEVER);
}

#[test]
fn one_request_that_takes_longer_interrupts() {
    let mut bench = bench();
    bench.server.tick();
    bench.server.interrupt();
    *bench.sleeps.borrow_mut() = true;
    assert_eq!(served(&mut bench, &[(OWNER, read(512).encode())]), []);
    bench.device.borrow_mut().run();
    bench.memory.settle();
    assert_eq!(bench.doorbell.status(), 1, "nobody wakes the driver");
    let delivery = deliver([]);
    bench.server.interrupt();
    assert_eq!((delivery.sent().len(), bench.doorbell.acknowledged()), (1, vec![1, 1]));
}

#[test]
fn a_change_of_the_configuration_is_read() {
    let mut bench = bench();
    bench.server.tick();
    bench.doorbell.raise(2);
    bench.server.interrupt();
    assert_eq!(bench.doorbell.status(), 0);
    let told = served(&mut bench, &[(OTHER, Info {}.encode()), (OWNER, read(8 * 512).encode())]);
    assert_eq!(Info::decode_reply(&told[0]).unwrap().sectors, 8);
    let refused = Err(ReplyError::Service(ServiceError::OutOfRange));
    assert_eq!(Read::decode_reply(&told[1]), refused);
}

#[test]
fn a_window_that_is_too_small_is_none() {
    let bus = FakeBus::new(LEN - 4, Closures(|_, _| 0, |_, _, _| ()));
    assert!(Registers::<_, LEN>::new(bus).is_err());
}

#[test]
fn a_completion_is_looked_for_so_long_and_no_longer() {
    let clock = Cell::new(7);
    let mut goes_on = for_ticks(500, || clock.get());
    let at = [7, 8, 506, 507, 508, u64::MAX];
    let went_on = at.map(|now| {
        clock.set(now);
        goes_on()
    });
    assert_eq!(went_on, [true, true, true, false, false, false]);
    assert!(!for_ticks(0, || 7)(), "no time at all");
}

#[test]
fn it_is_told_once_that_the_disk_answers() {
    let logd = logd();
    let mut bench = bench();
    bench.platter.answer_with(Some(1));
    bench.server.tick();
    bench.server.interrupt();
    assert_eq!(bench.platter.asked().len(), 1);
    assert_eq!(logd.proofs(), [], "a request that failed shows nothing");
    bench.platter.answer_with(None);
    // One that fails afterwards takes nothing back.
    for (offset, status) in [(0, None), (512, Some(1)), (0, None)] {
        bench.platter.answer_with(status);
        let done = served(&mut bench, &[(OWNER, read(offset).encode())]);
        bench.server.interrupt();
        assert_eq!(done.len(), 1);
        assert_eq!(logd.proofs(), [("disk-answers".into(), 1)]);
    }
    assert_eq!(logd.lines(), []);
}

#[test]
fn a_disk_that_lies_is_told_once() {
    let logd = logd();
    let mut bench = bench();
    bench.server.tick();
    bench.device.borrow_mut().say(1000, 0);
    bench.memory.settle();
    (0..3).for_each(|_| bench.server.interrupt());
    let told = "the disk is given up: ";
    let lines = logd.lines();
    assert!(matches!(&lines[..], [(Level::Error, line)] if line.starts_with(told)), "{lines:?}");
}

#[test]
fn a_ring_that_lies_is_told_once() {
    let logd = logd();
    let len = memory_len(ENTRIES * 4096);
    let memory = FakeMemory::new(len);
    let mut driver = Driver::new(memory.part(0..len), OPS).unwrap();
    let _asks = nexus_ring::Consumer::<_, ENTRIES>::new(memory.peer(0..len), LIFE).unwrap();
    driver.attach(LIFE).unwrap();
    let consumer = Consumer::new(OWNER, ASKS, Tell::new(Handle(5), 1));
    let mut bench = bench_with(Some(driver), Some(consumer));
    bench.server.tick();
    // An index of submissions that nobody can have reached.
    memory.device_write(0, &1000_u16.to_le_bytes());
    (0..3).for_each(|_| bench.server.notified(ASKS));
    let told = "the ring is given up: ";
    let lines = logd.lines();
    assert!(matches!(&lines[..], [(Level::Warn, line)] if line.starts_with(told)), "{lines:?}");
}
