//! Who asks by messages and through the ring, with a device that does what it should, and with others.

use std::collections::BTreeSet;
use std::vec;
use std::vec::Vec;

use nexus_proto::disk::{Flush, Read, Write, can, ring};
use nexus_proto::{Operation, ReplyError, ServiceError, Text, Zero};
use nexus_ring::{DONE, REFUSED};
use nexus_virtio::block::Config;
use nexus_virtio::fake::Order;
use nexus_virtio::{Doorbell, Misbehaved, Notices};
use proptest::prelude::*;

use crate::calls::{Ask, MOST};
use crate::engine::Next;
use crate::fake::{Bench, CONFIG, DATA, SECTORS, bench, exercise, layout};

const BOTH: [Notices; 2] = [Notices::Flags, Notices::EventIndex];

fn plain() -> Bench {
    let mut bench = bench(CONFIG, Notices::EventIndex, Order::Oldest);
    bench.settle();
    bench
}

fn read(offset: u64, len: u32) -> Ask {
    Ask::Read(Read { offset, len, zero: Zero::ZERO })
}

fn write(offset: u64, bytes: &[u8]) -> Ask {
    Ask::Write(Write { offset, data: Text::piece(bytes) })
}

/// The one answer to this question.
fn answer(bench: &mut Bench, ask: Ask) -> Result<Vec<u8>, ReplyError> {
    bench.engine.ask(1, ask);
    bench.settle();
    let answers = bench.answers();
    let [(1, message)] = &answers[..] else { panic!("{answers:?}") };
    match ask {
        Ask::Read(_) => Read::decode_reply(message).map(|text| text.as_bytes().to_vec()),
        Ask::Write(_) => Write::decode_reply(message).map(|done| done.len.to_le_bytes().to_vec()),
        Ask::Flush(_) => Flush::decode_reply(message).map(|()| Vec::new()),
    }
}

fn refused(error: ServiceError) -> Result<Vec<u8>, ReplyError> {
    Err(ReplyError::Service(error))
}

fn sector(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(64)
}

#[test]
fn a_disk_tells_what_it_is_and_what_was_done() {
    let mut bench = plain();
    let info = bench.engine.info();
    assert_eq!((info.sectors, info.block, info.serial.as_str()), (SECTORS, 512, "nexus-1"));
    assert_eq!(info.can, can::WRITE | can::FLUSH | can::DISCARD | can::ZEROES);
    bench.submit(ring::READ, 0, 0..8704);
    bench.submit(ring::FLUSH, 0, 0..0);
    bench.submit(ring::WRITE, 0, 8704..9216);
    bench.settle();
    let stats = bench.engine.stats();
    // 8,704 bytes are one head of 8,192 and one of 512.
    assert_eq!((stats.reads, stats.read_bytes), (2, 8704));
    assert_eq!((stats.writes, stats.written_bytes, stats.flushes), (1, 512, 1));
    assert_eq!((stats.in_flight, stats.most, stats.errors), (0, 4, 0));
    assert_eq!((stats.batches, stats.doorbells), (2, 2), "the serial number, and these four");
}

#[test]
fn bytes_are_read_and_written_by_messages() {
    let mut bench = plain();
    assert_eq!(answer(&mut bench, read(5 * 512, 8)), Ok(5_u64.to_le_bytes().into()));
    assert_eq!(answer(&mut bench, write(5 * 512 + 3, b"abc")), Ok(3_u64.to_le_bytes().into()));
    let mut expected = sector(5);
    expected[3..6].copy_from_slice(b"abc");
    assert_eq!(answer(&mut bench, read(5 * 512, 48)), Ok(expected[..48].into()));
    assert_eq!(bench.platter.bytes()[5 * 512..6 * 512], expected);
    assert_eq!(bench.platter.bytes()[4 * 512..5 * 512], sector(4));
    assert_eq!(answer(&mut bench, Ask::Flush(Flush {})), Ok(vec![]));
    let last = SECTORS * 512 - 1;
    assert_eq!(answer(&mut bench, read(last, 1)), Ok(vec![0]));
    let end = answer(&mut bench, read(5 * 512 + 464, 48));
    assert_eq!(end, Ok(5_u64.to_le_bytes().repeat(6)), "up to the end of a sector");
}

#[test]
fn a_disk_without_sectors_is_flushed_and_has_its_serial() {
    let mut bench = bench(Config { sectors: 0, ..CONFIG }, Notices::EventIndex, Order::Oldest);
    bench.settle();
    assert_eq!(bench.engine.info().serial.as_str(), "nexus-1");
    assert_eq!(answer(&mut bench, Ask::Flush(Flush {})), Ok(vec![]));
    assert_eq!(answer(&mut bench, read(0, 1)), refused(ServiceError::OutOfRange));
}

// attack 98 U: bytes past the end, across sectors, none, more than a message holds, at offsets that wrap; refused before the device hears of it; broken: disk-range, disk-message-range
#[test]
fn bytes_that_cannot_be_are_refused() {
    let mut bench = plain();
    let end = SECTORS * 512;
    let cases = [
        read(0, 0),
        read(0, 49),
        read(0, u32::MAX),
        read(500, 13),
        read(end, 1),
        read(end + 511, 1),
        read(u64::MAX, 1),
        read(u64::MAX - 47, 48),
        write(0, b""),
        write(510, b"abc"),
        write(end, b"a"),
        write(u64::MAX, b"a"),
    ];
    let asked = bench.platter.asked().len();
    for ask in cases {
        assert_eq!(answer(&mut bench, ask), refused(ServiceError::OutOfRange), "{ask:?}");
    }
    assert_eq!(bench.platter.asked().len(), asked);
}

#[test]
fn calls_are_done_as_they_came_and_so_many() {
    let mut bench = plain();
    for who in 0..=MOST {
        bench.engine.ask(who, write(512, &[who as u8]));
    }
    let busy = bench.answers();
    assert_eq!(busy.len(), 1);
    assert_eq!(
        (busy[0].0, Write::decode_reply(&busy[0].1)),
        (MOST, Err(ReplyError::Service(ServiceError::Busy)))
    );
    bench.settle();
    let order: Vec<usize> = bench.answers().into_iter().map(|(who, _)| who).collect();
    assert_eq!(order, (0..MOST).collect::<Vec<_>>());
    assert_eq!(bench.platter.bytes()[512], MOST as u8 - 1);
}

#[test]
fn a_ring_reads_and_writes_in_parts() {
    for notices in BOTH {
        for order in [Order::Oldest, Order::Newest] {
            let mut bench = bench(CONFIG, notices, order);
            let bytes: Vec<u8> = (0..20_480).map(|at| (at / 7) as u8).collect();
            bench.consumer.write(0, &bytes).unwrap();
            let id = bench.submit(ring::WRITE, 3, 0..20_480);
            bench.settle();
            assert_eq!(bench.completions(), [(id, DONE, 20_480)]);
            assert_eq!(bench.platter.bytes()[3 * 512..][..20_480], bytes);
            let id = bench.submit(ring::READ, 2, 20_480..42_496);
            bench.settle();
            assert_eq!(bench.completions(), [(id, DONE, 22_016)]);
            assert_eq!(bench.data(20_480..42_496), bench.platter.bytes()[1024..23_040]);
        }
    }
}

#[test]
fn sixty_four_are_in_flight_and_a_batch_rings_once() {
    let mut bench = plain();
    let rung = bench.doorbell.rung().len();
    for number in 0..64 {
        let range = (number as u32) * 512..(number as u32 + 1) * 512;
        bench.submit(ring::READ, number, range);
    }
    bench.turn();
    assert_eq!(bench.doorbell.rung().len(), rung + 1);
    bench.settle();
    assert_eq!(bench.completions().len(), 64);
    for number in 0..64 {
        let range = (number as u32) * 512..(number as u32 + 1) * 512;
        assert_eq!(bench.data(range), sector(number), "{number}");
    }
    assert!(bench.consumer.free_id().is_some() && bench.consumer.in_flight() == 0);
}

// attack 98 U: lengths that are no sectors, sectors past the end, ranges of which the end wraps, operations that there are not; refused, and the device does not hear of it; broken: disk-range, disk-length, disk-range-data
#[test]
fn what_a_ring_cannot_have_is_refused() {
    let mut bench = plain();
    let asked = bench.platter.asked().len();
    // A range that would do, if it had the right length.
    bench.consumer.write(0, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let mut status = |op, arg, data| {
        let id = bench.submit(op, arg, data);
        bench.settle();
        let completions = bench.completions();
        let [(of, status, 0)] = completions[..] else { panic!("{completions:?}") };
        assert_eq!(of, id);
        status
    };
    for op in [ring::READ, ring::WRITE] {
        for (arg, len) in [
            (0, 0),
            (0, 511),
            (0, 513),
            (SECTORS, 512),
            (SECTORS - 1, 1024),
            (u64::MAX, 512),
            (u64::MAX - 1, 1024),
            (1 << 55, 512),
        ] {
            assert_eq!(status(op, arg, 0..len), ring::OUT_OF_RANGE, "{op}: {len} at {arg}");
        }
    }
    for len in [0, 15, 17, 512] {
        assert_eq!(status(ring::DISCARD, 0, 0..len), ring::OUT_OF_RANGE);
    }
    assert_eq!(status(5, 0, 0..512), REFUSED);
    assert_eq!(bench.platter.asked().len(), asked);
}

#[test]
fn ranges_are_zeroed_in_parts_that_the_device_takes() {
    let mut bench = plain();
    let mut ranged = |op, first: u64, count: u32, zero: u32| {
        let data = [&first.to_le_bytes()[..], &count.to_le_bytes(), &zero.to_le_bytes()].concat();
        bench.consumer.write(0, &data).unwrap();
        bench.submit(op, 77, 0..16);
        bench.settle();
        bench.completions()[0].1
    };
    assert_eq!(ranged(ring::ZEROES, 10, 9, 0), DONE);
    assert_eq!(ranged(ring::DISCARD, 30, 1, 0), DONE);
    for (first, count, zero) in [
        (0, 0, 0),
        (0, 1, 1),
        (SECTORS, 1, 0),
        (SECTORS - 1, 2, 0),
        (u64::MAX, u32::MAX, 0),
        (0, u32::MAX, 0),
    ] {
        let refused = ranged(ring::ZEROES, first, count, zero);
        assert_eq!(refused, ring::OUT_OF_RANGE, "{count} from {first}");
    }
    let bytes = bench.platter.bytes();
    for number in 0..SECTORS {
        let zero = (10..19).contains(&number) || number == 30;
        let expected = if zero { vec![0; 512] } else { sector(number) };
        let at = number as usize * 512;
        assert_eq!(bytes[at..at + 512], expected, "{number}");
    }
    assert_eq!(bench.engine.stats().ranges, 4, "nine sectors in parts of four, and one");
}

// attack 98 U: a disk that cannot be written is written; refused by both ways; broken: disk-read-only
#[test]
fn a_disk_that_cannot_be_written_is_not() {
    let config = Config { writes: false, flushes: false, discard: 0, zeroes: 0, ..CONFIG };
    let mut bench = bench(config, Notices::Flags, Order::Oldest);
    bench.settle();
    assert_eq!(bench.engine.info().can, 0);
    let asked = bench.platter.asked().len();
    assert_eq!(answer(&mut bench, write(0, b"a")), refused(ServiceError::NotSupported));
    assert_eq!(answer(&mut bench, Ask::Flush(Flush {})), refused(ServiceError::NotSupported));
    bench.submit(ring::WRITE, 0, 0..512);
    bench.submit(ring::FLUSH, 0, 0..0);
    bench.consumer.write(512, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    bench.submit(ring::DISCARD, 0, 512..528);
    bench.submit(ring::ZEROES, 0, 512..528);
    bench.settle();
    assert!(bench.completions().iter().all(|(_, status, _)| *status == ring::UNSUPPORTED));
    assert_eq!(bench.platter.asked().len(), asked);
    assert_eq!(answer(&mut bench, read(512, 1)), Ok(vec![1]));
}

#[test]
fn what_the_device_fails_is_told() {
    let mut bench = plain();
    for (status, error, code) in [
        (1, ServiceError::DeviceFailed, ring::FAILED),
        (2, ServiceError::NotSupported, ring::UNSUPPORTED),
        (3, ServiceError::DeviceFailed, ring::FAILED),
        (0xff, ServiceError::DeviceFailed, ring::FAILED),
    ] {
        bench.platter.answer_with(Some(status));
        assert_eq!(answer(&mut bench, read(0, 1)), refused(error));
        assert_eq!(answer(&mut bench, write(0, b"a")), refused(error));
        bench.consumer.write(0, &[9; 16_384]).unwrap();
        let id = bench.submit(ring::READ, 0, 0..16_384);
        bench.settle();
        assert_eq!(bench.completions(), [(id, code, 0)]);
        assert_eq!(bench.data(0..16_384), [9; 16_384], "nothing is read by a request that failed");
    }
    bench.platter.answer_with(None);
    assert_eq!(answer(&mut bench, read(512, 1)), Ok(vec![1]));
    assert!(bench.engine.stats().errors >= 12);
}

// attack 52 F: the device completes a head that it does not have; everybody is told, nothing is asked any more; broken: disk-gone
#[test]
fn a_device_that_misbehaves_is_given_up() {
    let mut bench = plain();
    bench.submit(ring::READ, 0, 0..16_384);
    bench.submit(ring::WRITE, 0, 16_384..16_896);
    bench.engine.ask(1, read(0, 1));
    bench.engine.ask(2, Ask::Flush(Flush {}));
    bench.turn();
    let index = layout().used(0).start + 2;
    bench.memory.device_write(index, &[0xff, 0xff]);
    bench.memory.settle();
    bench.turn();
    let done = bench.completions();
    assert!(done.len() == 2 && done.iter().all(|done| done.1 == ring::GONE), "{done:?}");
    let answers = bench.answers();
    assert_eq!(answers.iter().map(|(who, _)| *who).collect::<Vec<_>>(), [1, 2]);
    let failed = Err(ReplyError::Service(ServiceError::DeviceFailed));
    assert_eq!(Read::decode_reply(&answers[0].1).map(|_| ()), failed);
    assert!(matches!(bench.misbehaved(), Some(Misbehaved::Index { .. })));
    // It is told once, and what comes later is refused.
    let rung = bench.doorbell.rung().len();
    let id = bench.submit(ring::READ, 0, 0..512);
    assert_eq!(bench.turn(), Next::Wait);
    assert_eq!(bench.completions(), [(id, ring::GONE, 0)]);
    bench.engine.ask(3, read(0, 1));
    bench.turn();
    assert_eq!(bench.answers().len(), 1);
    assert_eq!((bench.misbehaved(), bench.doorbell.rung().len()), (None, rung));
}

/// The device says that it is done with the newest request, and wrote `len` bytes and this status.
fn complete_newest(bench: &Bench, len: u32, status: Option<u8>) {
    let layout = layout();
    let (avail, used) = (layout.avail(0).start, layout.used(0).start);
    let half = |at: usize| {
        let bytes = bench.memory.device_read(at..at + 2);
        u16::from_le_bytes([bytes[0], bytes[1]])
    };
    let (size, posted, made) = (layout.size(0), half(avail + 2), half(used + 2));
    let head = half(avail + 4 + 2 * (usize::from(posted.wrapping_sub(1)) % size));
    if let Some(status) = status {
        bench.memory.device_write(layout.piece(0, head, 2).start, &[status]);
    }
    let entry = [u32::from(head).to_le_bytes(), len.to_le_bytes()].concat();
    bench.memory.device_write(used + 4 + 8 * (usize::from(made) % size), &entry);
    bench.memory.device_write(used + 2, &made.wrapping_add(1).to_le_bytes());
    bench.memory.settle();
}

// attack 52 U: the device says that it is done, and has written no status, or less than the data; what it had there before is not given out; broken: disk-status, disk-short
#[test]
fn what_the_device_did_not_write_is_not_given_out() {
    for (len, status) in [(513, None), (512, Some(0)), (1, Some(0)), (0, Some(0))] {
        let mut bench = plain();
        // So that the slots hold data, and a status that says done.
        for _ in 0..8 {
            bench.submit(ring::READ, 7, 0..512);
            bench.settle();
            bench.completions();
        }
        bench.consumer.write(0, &[9; 512]).unwrap();
        bench.submit(ring::READ, 8, 0..512);
        bench.turn();
        complete_newest(&bench, len, status);
        bench.turn();
        assert_eq!(bench.completions()[0].1, ring::FAILED, "{len}, {status:?}");
        assert_eq!(bench.data(0..512), [9; 512]);
    }
}

#[test]
fn a_doorbell_that_is_refused_is_rung_in_the_next_turn() {
    let mut bench = plain();
    bench.submit(ring::READ, 1, 0..512);
    bench.doorbell.refuse(true);
    assert!(bench.engine.turn(&mut bench.doorbell.clone(), || (), || || false).is_err());
    bench.doorbell.refuse(false);
    bench.settle();
    assert_eq!(bench.completions().len(), 1);
}

/// The device has one request, and nobody waits for an interrupt.
fn with_one() -> (Bench, u16) {
    let mut bench = plain();
    bench.doorbell.acknowledge(1).unwrap();
    let id = bench.submit(ring::READ, 1, 0..512);
    (bench, id)
}

/// What the device and time do in a spin.
fn act(bench: &mut Bench) -> impl FnMut() + use<> {
    let (mut device, memory) = (bench.device.take().unwrap(), bench.memory.clone());
    move || {
        device.run();
        memory.settle();
    }
}

// attack 90 U: the device is done with its one request while it is looked for; nobody is interrupted; broken: spin-asks
#[test]
fn one_request_is_looked_for_and_interrupts_nobody() {
    let (mut bench, id) = with_one();
    let mut device = act(&mut bench);
    let mut looks = 0;
    let next = bench.turn_while(|| {
        looks += 1;
        if looks == 2 {
            device();
        }
        true
    });
    assert_eq!((next, looks), (Next::Wait, 2));
    assert_eq!(bench.completions(), [(id, DONE, 512)]);
    assert_eq!((bench.doorbell.status(), bench.engine.busy()), (0, false));
    // Nor is it asked for an interrupt when it has nothing to do: the next is found without one, too.
    let id = bench.submit(ring::READ, 2, 0..512);
    bench.turn_while(|| {
        device();
        true
    });
    assert_eq!((bench.completions(), bench.doorbell.status()), (vec![(id, DONE, 512)], 0));
}

// attack 90 U: the device is done at the last moment of the look for its one request, or later; nothing is lost, an interrupt comes; broken: spin-waits
#[test]
fn one_request_that_is_not_found_in_time_is_not_lost() {
    let (mut bench, id) = with_one();
    let mut device = act(&mut bench);
    let mut looks = 0;
    let next = bench.turn_while(|| {
        device();
        looks += 1;
        false
    });
    assert_eq!((next, looks, bench.completions()), (Next::Wait, 1, vec![(id, DONE, 512)]));
    let id = bench.submit(ring::READ, 2, 0..512);
    assert_eq!(bench.turn(), Next::Wait);
    assert_eq!((bench.doorbell.status(), bench.engine.busy()), (0, true));
    device();
    assert_eq!(bench.doorbell.status(), 1, "nobody wakes the driver");
    bench.turn();
    assert_eq!(bench.completions(), [(id, DONE, 512)]);
}

// attack 90 U: the device has two requests, and does none; it is not looked for them; broken: spin-more
#[test]
fn two_requests_are_waited_for() {
    let (mut bench, _) = with_one();
    bench.submit(ring::READ, 2, 512..1024);
    assert_eq!(bench.turn_while(|| panic!("two are in flight")), Next::Wait);
    let mut device = act(&mut bench);
    device();
    assert_eq!(bench.doorbell.status(), 1, "nobody wakes the driver");
    bench.turn_while(|| panic!("none is in flight"));
    assert_eq!(bench.completions().len(), 2);
}

#[test]
fn a_disk_that_grows_or_shrinks_has_other_bounds() {
    let mut bench = plain();
    bench.engine.resize(8);
    assert_eq!(answer(&mut bench, read(8 * 512, 1)), refused(ServiceError::OutOfRange));
    assert_eq!(answer(&mut bench, read(8 * 512 - 1, 1)), Ok(vec![0]));
    bench.engine.resize(SECTORS);
    assert_eq!(answer(&mut bench, read(8 * 512, 1)), Ok(vec![8]));
}

#[test]
fn the_consumer_is_told_once_a_batch() {
    let mut bench = plain();
    while !bench.consumer.may_wait().unwrap() {}
    bench.submit(ring::READ, 1, 0..512);
    bench.submit(ring::READ, 2, 512..1024);
    bench.settle();
    assert_eq!((bench.completions().len(), bench.told), (2, 1));
}

/// One request of a batch: which way, what, where, and how long.
#[derive(Clone, Copy, Debug)]
struct Wish {
    op: u8,
    first: u64,
    sectors: u32,
    byte: u8,
}

fn wish() -> impl Strategy<Value = Wish> {
    (0_u8..7, 0..SECTORS, 1_u32..12, any::<u8>()).prop_map(|(op, first, sectors, byte)| Wish {
        op,
        first,
        sectors,
        byte,
    })
}

/// A disk that is a row of bytes.
struct Model(Vec<u8>);

/// Does a batch of requests of which no two have a sector in common, by both ways, and compares what is read
/// with the model.
fn batch(bench: &mut Bench, model: &mut Model, wishes: &[Wish]) {
    let mut taken = BTreeSet::new();
    let (mut reads, mut asked) = (Vec::new(), Vec::new());
    let mut place = 0;
    for (who, wish) in wishes.iter().enumerate() {
        let count = if wish.op < 5 { wish.sectors.min((SECTORS - wish.first) as u32) } else { 1 };
        let sectors = wish.first..wish.first + u64::from(count);
        let len = count * 512;
        if sectors.clone().any(|sector| !taken.insert(sector)) || place + len > DATA as u32 {
            continue;
        }
        let bytes = wish.first as usize * 512..(wish.first as usize * 512) + len as usize;
        let at = wish.first * 512 + u64::from(wish.byte);
        match wish.op {
            ring::READ => {
                bench.submit(ring::READ, wish.first, place..place + len);
                reads.push((place..place + len, model.0[bytes].to_vec()));
            }
            ring::WRITE => {
                bench.consumer.write(place, &vec![wish.byte; len as usize]).unwrap();
                bench.submit(ring::WRITE, wish.first, place..place + len);
                model.0[bytes].fill(wish.byte);
            }
            ring::DISCARD | ring::ZEROES => {
                let range = [wish.first, count.into()].map(u64::to_le_bytes).concat();
                bench.consumer.write(place, &range).unwrap();
                bench.submit(wish.op, 0, place..place + 16);
                model.0[bytes].fill(0);
            }
            ring::FLUSH => {
                bench.submit(ring::FLUSH, 0, 0..0);
            }
            5 => {
                bench.engine.ask(who, read(at, 8));
                asked.push((who, model.0[at as usize..at as usize + 8].to_vec()));
            }
            _ => {
                let data = [wish.byte, !wish.byte];
                bench.engine.ask(who, write(at, &data));
                model.0[at as usize..at as usize + 2].copy_from_slice(&data);
            }
        }
        place += len;
    }
    bench.settle();
    assert!(bench.completions().iter().all(|(_, status, _)| *status == DONE));
    assert_eq!(bench.consumer.in_flight(), 0);
    for (range, expected) in reads {
        assert_eq!(bench.data(range.clone()), expected, "{range:?}");
    }
    let answers = bench.answers();
    for (who, expected) in asked {
        let (_, message) = answers.iter().find(|(other, _)| *other == who).unwrap();
        assert_eq!(Read::decode_reply(message).unwrap().as_bytes(), expected);
    }
    assert!(bench.platter.bytes() == model.0);
}

proptest! {
    #[test]
    fn both_ways_do_what_a_row_of_bytes_does(
        batches in proptest::collection::vec(proptest::collection::vec(wish(), 1..14), 1..8),
        flags: bool,
        newest: bool,
    ) {
        let notices = if flags { Notices::Flags } else { Notices::EventIndex };
        let order = if newest { Order::Newest } else { Order::Oldest };
        let mut bench = bench(CONFIG, notices, order);
        bench.settle();
        let mut model = Model(bench.platter.bytes());
        for wishes in batches {
            batch(&mut bench, &mut model, &wishes);
        }
    }

    // attack 52 P: a device that lies in every way about heads, lengths, order and data; each request is completed once, none has data of another; broken: disk-gone
    // attack 90 P: the device is reset, interrupts for nothing or not at all; nobody waits for ever
    #[test]
    fn whatever_the_device_does_each_gets_its_own(
        data in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let _ = exercise(&data);
    }
}

#[test]
fn the_exercise_reaches_all_of_it() {
    let mut word = 1_u64;
    let mut next = || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (word >> 56) as u8
    };
    let (mut done, mut failed, mut answered, mut misbehaved) = (0, 0, 0, 0);
    for _ in 0..40 {
        let data: Vec<u8> = (0..1500).map(|_| next()).collect();
        let outcome = exercise(&data);
        done += outcome.done;
        failed += outcome.failed;
        answered += outcome.answered;
        misbehaved += usize::from(outcome.misbehaved);
    }
    assert!(
        done > 100 && failed > 100 && answered > 100 && misbehaved > 10,
        "{done} {failed} {answered} {misbehaved}"
    );
}
