//! The consumer at the ring begins anew, in the same life or another; and the driver does.

use std::vec;
use std::vec::Vec;

use nexus_proto::disk::{Attach, ring};
use nexus_proto::{Operation, ReplyError, ServiceError};
use nexus_ring::{Consumer, DONE, Driver, Ended, memory_len};
use nexus_rt::abi::Handle;
use nexus_rt::{Tell, host};
use nexus_virtio::Notices;
use nexus_virtio::fake::Order;

use crate::engine::Trouble;
use crate::fake::{Bench, CONFIG, DATA, LIFE, bench, layout};
use crate::requests::OPS;

fn plain() -> Bench {
    let mut bench = bench(CONFIG, Notices::EventIndex, Order::Oldest);
    bench.settle();
    bench
}

fn sector(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(64)
}

/// The consumer begins the next attachment, as this life of it asks: with a number.
fn attach(bench: &mut Bench, who: usize, life: u32) {
    let _ = bench.consumer.begin();
    bench.engine.attach(who, life);
    bench.turn();
}

/// Who was answered that it has attached, or why not.
fn attached(bench: &mut Bench) -> Vec<(usize, Result<(), ReplyError>)> {
    let answers = bench.answers().into_iter();
    answers.map(|(who, message)| (who, Attach::decode_reply(&message))).collect()
}

/// The other side of the ring, of a next life.
fn next_life(bench: &mut Bench) {
    let len = memory_len(DATA);
    bench.consumer = Consumer::new(bench.shared.peer(0..len), LIFE + 1).unwrap();
}

// attack 59 U: the consumer misbehaves, and attaches again while the device still has what it asked for; nothing of that comes to the new attachment; broken: disk-old-done, disk-old-data
#[test]
fn a_consumer_that_misbehaves_is_told_of_and_attaches_again() {
    let mut bench = plain();
    let old = bench.submit(ring::READ, 1, 0..512);
    bench.turn();
    bench.shared.device_write(0, &[0xff, 0xff]);
    bench.shared.settle();
    bench.turn();
    let Trouble { device, consumer } = bench.engine.trouble();
    assert!(device.is_none() && consumer.is_some());
    bench.turn();
    assert_eq!(bench.engine.trouble(), Trouble::default(), "once");
    // The next attachment has the same ids, and what the device still does for the last is not its. This
    // consumer does not wait for the answer.
    bench.consumer.write(0, &[9; 1024]).unwrap();
    attach(&mut bench, 7, LIFE);
    bench.consumer.attached().unwrap();
    let id = bench.submit(ring::WRITE, 2, 512..1024);
    assert_eq!(id, old);
    bench.turn();
    let mut device = bench.device.take().unwrap();
    assert!(device.step());
    bench.memory.settle();
    bench.turn();
    assert_eq!(bench.completions(), [], "the device has done the old one");
    bench.device = Some(device);
    bench.settle();
    assert_eq!(attached(&mut bench), [(7, Ok(()))]);
    assert_eq!(bench.completions(), [(id, DONE, 512)]);
    assert_eq!(bench.data(0..1024), [9; 1024]);
}

// attack 59 U: the device has a write of a life of the consumer that is over, and the next one attaches; that is answered once nothing of the old life can come any more; broken: disk-attach-early
#[test]
fn an_attachment_is_answered_when_nothing_before_it_is_under_way() {
    let mut bench = plain();
    bench.consumer.write(0, &[7; 1024]).unwrap();
    bench.submit(ring::WRITE, 4, 0..512);
    bench.submit(ring::READ, 5, 512..1024);
    bench.turn();
    next_life(&mut bench);
    bench.engine.attach(3, LIFE + 1);
    bench.turn();
    assert_eq!(attached(&mut bench), [], "the device has both");
    bench.settle();
    assert_eq!(attached(&mut bench), [(3, Ok(()))]);
    assert_eq!(bench.platter.bytes()[4 * 512..5 * 512], [7; 512]);
    bench.consumer.attached().unwrap();
    assert_eq!(bench.completions(), []);
    assert_eq!(bench.data(512..1024), [7; 512], "nothing was read for the life before");
    bench.submit(ring::READ, 6, 0..512);
    bench.settle();
    assert_eq!((bench.completions().len(), bench.data(0..512)), (1, sector(6)));
}

#[test]
fn with_nothing_under_way_an_attachment_is_answered_at_once() {
    let mut bench = plain();
    attach(&mut bench, 1, LIFE);
    assert_eq!(attached(&mut bench), [(1, Ok(()))]);
    // Once more, with something under way in it: that goes on.
    bench.consumer.attached().unwrap();
    bench.submit(ring::READ, 6, 0..512);
    bench.turn();
    bench.engine.attach(2, LIFE);
    assert_eq!(attached(&mut bench), [(2, Ok(()))]);
    bench.settle();
    assert_eq!(bench.completions().len(), 1);
}

// attack 59 U: a life that has begun no attachment attaches; refused, and what is under way goes on; broken: ring-begun
#[test]
fn whoever_has_begun_nothing_does_not_attach() {
    let mut bench = plain();
    bench.submit(ring::READ, 6, 0..512);
    bench.turn();
    let _ = bench.consumer.begin();
    bench.engine.attach(1, LIFE + 1);
    let refused = Err(ReplyError::Service(ServiceError::BadState));
    assert_eq!(attached(&mut bench), [(1, refused)]);
    // Who left without a word is no trouble to speak of.
    bench.turn();
    assert_eq!(bench.engine.trouble(), Trouble::default());
}

// attack 59 F: the device fails while an attachment waits for what it had before; whoever attaches is told; broken: disk-attach-fails
#[test]
fn a_device_that_fails_keeps_nobody_from_attaching() {
    let mut bench = plain();
    bench.submit(ring::WRITE, 4, 0..512);
    bench.turn();
    attach(&mut bench, 1, LIFE);
    // Whoever attaches later is whom an answer is for.
    attach(&mut bench, 2, LIFE);
    assert_eq!(attached(&mut bench), []);
    let index = layout().used(0).start + 2;
    bench.memory.device_write(index, &[0xff, 0xff]);
    bench.memory.settle();
    bench.turn();
    assert_eq!(attached(&mut bench), [(2, Ok(()))]);
    bench.consumer.attached().unwrap();
    let id = bench.submit(ring::READ, 6, 0..512);
    bench.turn();
    assert_eq!(bench.completions(), [(id, ring::GONE, 0)]);
}

// attack 59 U: the driver's next life finds a ring with requests of the last one in it; it does none of them, and tells the consumer, who asks again; broken: disk-tells
#[test]
fn a_next_life_of_the_driver_does_nothing_that_it_was_not_asked() {
    let mut before = plain();
    before.consumer.write(0, &[7; 512]).unwrap();
    before.submit(ring::WRITE, 4, 0..512);
    let len = memory_len(DATA);
    let ring = Driver::new(before.shared.part(0..len), OPS).unwrap();
    before.shared.settle();
    let mut next = bench(CONFIG, Notices::EventIndex, Order::Oldest).with_ring(ring);
    next.settle();
    assert_eq!(next.platter.asked().len(), 1, "the serial number alone");
    assert_eq!(before.consumer.pop(), Ok(None));
    assert_eq!(before.consumer.may_wait(), Err(Ended::PeerGone));
    assert!(before.consumer.begin().eq([0]));
    next.engine.attach(1, LIFE);
    next.settle();
    before.shared.settle();
    before.consumer.attached().unwrap();
    before.submit(ring::WRITE, 4, 0..512);
    next.settle();
    before.shared.settle();
    assert_eq!(before.completions(), [(0, DONE, 512)]);
    assert_eq!(next.platter.bytes()[4 * 512..5 * 512], [7; 512]);
    // Who serves tells that it is there.
    let _ = host::signals();
    crate::server_tests::begins(Tell::new(Handle(5), 8));
    assert_eq!(host::signals(), vec![(Handle(5), 8)]);
}
