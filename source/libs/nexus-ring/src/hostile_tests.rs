//! A ring whose other side lies.

use alloc::vec::Vec;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_mmio::{Shared, SharedMut};
use proptest::prelude::*;

use crate::attachment_tests::{LIFE, attach_to, join};
use crate::fake::{Outcome, exercise};
use crate::layout::{CONSUMER, DRIVER, completion, submission};
use crate::{Completion, Consumer, DATA, DONE, Driver, Ended, Ops, REFUSED, Refused, Submission};

const N: usize = 4;
const LEN: usize = 64;

/// All of the memory, as the side that lies has it.
fn memory() -> (FakePeer, FakePeer) {
    let memory = FakeMemory::new(DATA + LEN);
    (memory.peer(0..DATA + LEN), memory.peer(0..DATA + LEN))
}

fn request(id: u16) -> Submission {
    Submission { id, op: 1, len: 16, offset: 8, arg: 0 }
}

/// A consumer with requests 0 and 1 in flight, and what its driver writes.
fn consumer() -> (Consumer<FakePeer, N>, FakePeer) {
    let (ours, mut theirs) = memory();
    let mut ring = Consumer::new(ours, LIFE).unwrap();
    join(&mut ring, &mut theirs);
    ring.submit(request(0)).unwrap();
    ring.submit(request(1)).unwrap();
    (ring, theirs)
}

fn complete(driver: &mut FakePeer, index: u16, id: u16, len: u32) {
    let done = Completion { id, status: DONE, len };
    driver.put_words(completion(usize::from(index) % N), done.to_words().into_iter()).unwrap();
    driver.write16(DRIVER.index, index.wrapping_add(1));
}

// attack 92 U: the driver completes a request that it does not have, or one twice; told once, and the ring ends; broken: ring-not-in-flight, ring-goes-on
#[test]
fn an_id_that_is_not_in_flight_ends_the_ring() {
    for id in [2, 3, 4, 64, u16::MAX] {
        let (mut ring, mut driver) = consumer();
        complete(&mut driver, 0, id, 16);
        assert_eq!(ring.pop(), Err(Ended::NotInFlight { id }));
        for _ in 0..2 {
            assert_eq!(ring.pop(), Err(Ended::Before));
            assert_eq!(ring.may_wait(), Err(Ended::Before));
            assert_eq!(ring.submit(request(2)), Err(Refused::Over));
        }
    }
    let (mut ring, mut driver) = consumer();
    complete(&mut driver, 0, 1, 16);
    complete(&mut driver, 1, 1, 16);
    assert_eq!(ring.pop(), Ok(Some(Completion { id: 1, status: DONE, len: 16 })));
    assert_eq!(ring.pop(), Err(Ended::NotInFlight { id: 1 }));
}

// attack 92 U: the driver says that it filled more than was asked for; the length is cut; broken: ring-len
#[test]
fn a_length_is_no_more_than_was_asked_for() {
    for (said, told) in [(0, 0), (15, 15), (16, 16), (17, 16), (u32::MAX, 16)] {
        let (mut ring, mut driver) = consumer();
        complete(&mut driver, 0, 1, said);
        assert_eq!(ring.pop(), Ok(Some(Completion { id: 1, status: DONE, len: told })));
    }
}

// attack 92 U: either index jumps; told, and nothing is read; broken: ring-index
#[test]
fn an_index_that_runs_ahead_ends_the_ring() {
    for index in [3, 4, 0x7fff, 0x8000, u16::MAX] {
        let (mut ring, mut driver) = consumer();
        driver.write16(DRIVER.index, index);
        assert_eq!(ring.pop(), Err(Ended::Index { index, room: 2 }));
    }
    for index in [5, 0x7fff, 0x8000, u16::MAX] {
        let (mut ring, mut consumer) = driver();
        consumer.write16(CONSUMER.index, index);
        assert_eq!(ring.may_wait(), Err(Ended::Index { index, room: 4 }));
        assert_eq!(ring.take(), Err(Ended::Before));
    }
    // Room for two: the driver has two that it has not completed.
    let (mut ring, mut consumer) = driver();
    submit(&mut consumer, 0, request(0).to_words());
    submit(&mut consumer, 1, request(1).to_words());
    let _has = [ring.take().unwrap().unwrap(), ring.take().unwrap().unwrap()];
    consumer.write16(CONSUMER.index, 5);
    assert_eq!(ring.take(), Err(Ended::Index { index: 5, room: 2 }));
}

/// A driver that knows operation 1, and what its consumer writes.
fn driver() -> (Driver<FakePeer, N>, FakePeer) {
    let (ours, mut theirs) = memory();
    let mut ring = Driver::new(ours, Ops::of(&[1])).unwrap();
    attach_to(&mut theirs, &mut ring);
    (ring, theirs)
}

fn submit(consumer: &mut FakePeer, index: u16, words: [u64; 3]) {
    consumer.put_words(submission(usize::from(index) % N), words.into_iter()).unwrap();
    consumer.write16(CONSUMER.index, index.wrapping_add(1));
}

/// What the driver answered.
fn answer(memory: &FakePeer, index: usize) -> Completion {
    Completion::from_words(crate::entry::load(memory, completion(index % N)))
}

/// The driver refuses what these words ask for, and goes on.
fn refuses(words: [u64; 3]) {
    let (mut ring, mut consumer) = driver();
    submit(&mut consumer, 0, request(0).to_words());
    submit(&mut consumer, 1, words);
    submit(&mut consumer, 2, request(1).to_words());
    let _first = ring.take().unwrap().unwrap();
    let next = ring.take().unwrap().unwrap();
    assert_eq!(next.submission(), request(1), "{words:x?}");
    let done = Completion { id: words[0] as u16, status: REFUSED, len: 0 };
    assert_eq!((answer(&consumer, 0), ring.refused()), (done, 1));
    assert_eq!(ring.ring(|| Ok::<(), ()>(())), Ok(true));
}

// attack 92 U: the consumer names bytes outside the data area; the request is refused; broken: ring-range
#[test]
fn a_range_outside_the_data_area_is_refused() {
    let ranges = [(0, 65), (64, 1), (65, 0), (63, 2), (u32::MAX, 1), (1, u32::MAX), (u32::MAX, 0)];
    for (offset, len) in ranges {
        refuses(Submission { offset, len, ..request(2) }.to_words());
    }
}

// attack 92 U: the consumer asks for what there is not; the request is refused; broken: ring-op, ring-reserved
#[test]
fn an_operation_or_bits_that_there_are_not_are_refused() {
    for op in [0, 2, 63, 64, 65, 255] {
        refuses(Submission { op, ..request(2) }.to_words());
    }
    for (word, bit) in [(0, 24), (0, 31), (1, 32), (1, 63)] {
        let mut words = request(2).to_words();
        words[word] |= 1 << bit;
        refuses(words);
    }
}

// attack 92 U: the consumer has an id in flight twice, or one that there is not; the request is refused; broken: ring-twice
#[test]
fn an_id_that_is_in_flight_or_that_there_is_not_is_refused() {
    for id in [0, 4, 5, 63, 64, 0x8000, u16::MAX] {
        refuses(request(id).to_words());
    }
}

// attack 92 U: the consumer changes a request after it was taken; the driver has the old one; broken: ring-reload
#[test]
fn a_request_is_loaded_once() {
    let memory = FakeMemory::new(DATA + LEN);
    let mut ring = Driver::<_, N>::new(memory.part(0..DATA + LEN), Ops::of(&[1])).unwrap();
    let mut consumer = memory.peer(0..DATA + LEN);
    attach_to(&mut consumer, &mut ring);
    submit(&mut consumer, 0, request(0).to_words());
    let mut loads = 0;
    memory.after_each_load(move || {
        loads += 1;
        if loads == 5 {
            // The index, the attachment and three words.
            let other = Submission { len: u32::MAX, ..request(0) };
            submit(&mut consumer, 0, other.to_words());
        }
    });
    let taken = ring.take().unwrap().unwrap();
    assert_eq!(taken.submission(), request(0));
    assert_eq!(ring.read(&taken, 16, &mut [0]), Err(nexus_mmio::Outside));
    assert_eq!(ring.read(&taken, 0, &mut [0; 16]), Ok(()));
}

// attack 92 U: the consumer goes on making requests that cannot be; no call looks at more than there are entries; broken: ring-endless
#[test]
fn a_flood_of_requests_that_cannot_be_is_taken_in_turns() {
    let memory = FakeMemory::new(DATA + LEN);
    let mut ring = Driver::<_, N>::new(memory.part(0..DATA + LEN), Ops::of(&[1])).unwrap();
    let mut consumer = memory.peer(0..DATA + LEN);
    attach_to(&mut consumer, &mut ring);
    let mut index = 0;
    memory.after_each_load(move || {
        let room = consumer.read16(DRIVER.index) + N as u16;
        if index < room.min(1000) {
            submit(&mut consumer, index, [u64::MAX; 3]);
            index += 1;
        }
    });
    for turn in 1..5 {
        memory.settle();
        assert_eq!(ring.take(), Ok(None));
        assert!(ring.refused() <= turn * N as u64, "{} in {turn} turns", ring.refused());
    }
    assert!(ring.refused() > 0);
}

proptest! {
    // attack 92 P: the other side writes anything anywhere at any moment; no panic, no loop without end, no bytes outside, no id that is not in flight; broken: ring-not-in-flight, ring-goes-on, ring-len, ring-range, ring-op, ring-twice, ring-attachment
    #[test]
    fn whatever_the_other_side_writes(data in prop::collection::vec(any::<u8>(), 100..600)) {
        let Outcome { completed, .. } = exercise(&data);
        prop_assert!(completed <= data.len());
    }
}

/// Else nothing of the above would show anything.
#[test]
fn a_liar_gets_to_lie_in_every_way() {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    let (mut completed, mut refused, mut restarts, mut seen) = ([0; 2], 0, 0, [0; 4]);
    let (inputs, least) = if cfg!(miri) { (8, 0) } else { (2000, 100_u8) };
    for _ in 0..inputs {
        let data: Vec<u8> = (0..200).map(|_| byte()).collect();
        let outcome = exercise(&data);
        completed[usize::from(data[0] & 1)] += outcome.completed;
        (refused, restarts) = (refused + outcome.refused, restarts + outcome.restarts);
        seen[match outcome.ended {
            None => 0,
            Some(Ended::Index { .. }) => 1,
            Some(Ended::NotInFlight { .. }) => 2,
            Some(Ended::PeerGone) => 3,
            Some(Ended::Before) => panic!("told without what it was"),
        }] += 1;
    }
    let enough = completed.iter().chain(&seen).all(|times| *times > least.into());
    assert!(
        enough && refused > least.into() && restarts > least.into(),
        "{completed:?} {refused} {restarts} {seen:?}"
    );
}
