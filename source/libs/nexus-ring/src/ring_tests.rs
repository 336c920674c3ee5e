//! A ring of two sides that do what they should.

use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_mmio::{Outside, SharedMut, TooSmall};

use crate::attachment_tests::{LIFE, attach};
use crate::ids::Ids;
use crate::layout::{CONSUMER, DRIVER, Words, completion, place, submission};
use crate::side::passes;
use crate::{
    Completion, Consumer, DATA, DONE, Driver, MAX_ENTRIES, Ops, Over, PAGE, Refused, Submission,
    memory_len,
};

const N: usize = 4;
const LEN: usize = 64;
const END: usize = DATA + LEN;
const OPS: Ops = Ops::of(&[0, 1]);

type Pair = (FakeMemory, Consumer<FakePeer, N>, Driver<FakePeer, N>);

fn pair() -> Pair {
    let memory = FakeMemory::new(END);
    let mut driver = Driver::new(memory.peer(0..END), OPS).unwrap();
    let mut consumer = Consumer::new(memory.peer(0..END), LIFE).unwrap();
    attach(&mut consumer, &mut driver);
    (memory, consumer, driver)
}

fn request(id: u16) -> Submission {
    Submission { id, op: 1, len: 8, offset: 8 * u32::from(id), arg: u64::MAX - u64::from(id) }
}

fn notified(ring: impl FnOnce(&mut dyn FnMut() -> Result<(), ()>) -> Result<bool, ()>) -> bool {
    let mut notified = 0;
    let rung = ring(&mut || {
        notified += 1;
        Ok(())
    });
    assert_eq!(rung, Ok(notified == 1));
    notified == 1
}

#[test]
fn what_is_asked_for_is_done_in_any_order() {
    let (_, mut consumer, mut driver) = pair();
    for turn in 0..50 {
        for id in 0..N as u16 {
            consumer.write(request(id).offset, &[turn, id as u8, 0, 0, 0, 0, 0, 9]).unwrap();
            consumer.submit(request(id)).unwrap();
        }
        assert_eq!((consumer.in_flight(), consumer.free_id()), (4, None));
        let mut has: Vec<_> = core::iter::from_fn(|| driver.take().unwrap()).collect();
        assert_eq!((has.len(), driver.held()), (4, 4));
        while let Some(taken) = has.pop() {
            let id = taken.submission().id;
            assert_eq!(taken.submission(), request(id));
            let mut bytes = [0; 3];
            driver.read(&taken, 0, &mut bytes).unwrap();
            assert_eq!(bytes, [turn, id as u8, 0]);
            driver.write(&taken, 4, &[turn, id as u8, 1, 2]).unwrap();
            driver.complete(taken, id as u8, u32::from(id)).unwrap();
        }
        for id in (0..N as u16).rev() {
            let done = Completion { id, status: id as u8, len: u32::from(id) };
            assert_eq!(consumer.pop(), Ok(Some(done)));
            let mut bytes = [0; 8];
            consumer.read(request(id).offset, &mut bytes).unwrap();
            assert_eq!(bytes, [turn, id as u8, 0, 0, turn, id as u8, 1, 2]);
        }
        assert_eq!((consumer.pop(), consumer.in_flight()), (Ok(None), 0));
        assert_eq!((driver.held(), driver.refused()), (0, 0));
    }
}

#[test]
fn sixty_four_are_in_flight_at_most() {
    let memory = FakeMemory::new(END);
    let mut consumer = Consumer::<_, MAX_ENTRIES>::new(memory.peer(0..END), LIFE).unwrap();
    let mut driver = Driver::<_, MAX_ENTRIES>::new(memory.peer(0..END), OPS).unwrap();
    attach(&mut consumer, &mut driver);
    let request = |id| Submission { id, op: 0, ..Submission::default() };
    // Indices go round, at 64 and at 2^16.
    for turn in 0..if cfg!(miri) { 2 } else { 1025_u32 } {
        while let Some(id) = consumer.free_id() {
            consumer.submit(request(id)).unwrap();
        }
        assert_eq!(consumer.in_flight(), 64, "{turn}");
        assert_eq!(consumer.submit(request(63)), Err(Refused::Id));
        while let Some(taken) = driver.take().unwrap() {
            driver.complete(taken, DONE, 0).unwrap();
        }
        let done = core::iter::from_fn(|| consumer.pop().unwrap());
        assert!(done.map(|done| done.id).eq(0..64), "{turn}");
    }
}

#[test]
fn completions_fit_however_late_they_are_taken() {
    let (_, mut consumer, mut driver) = pair();
    for id in [0, 1, 2, 3] {
        consumer.submit(request(id)).unwrap();
        let taken = driver.take().unwrap().unwrap();
        driver.complete(taken, DONE, 0).unwrap();
    }
    assert_eq!((consumer.in_flight(), consumer.submit(request(0))), (4, Err(Refused::Id)));
    let done = core::iter::from_fn(|| consumer.pop().unwrap());
    assert!(done.map(|done| done.id).eq(0..4));
}

#[test]
fn what_cannot_be_is_not_submitted() {
    let (memory, mut consumer, mut driver) = pair();
    let before = memory.device_read(0..END);
    for id in [4, 64, u16::MAX] {
        assert_eq!(consumer.submit(Submission { id, ..request(0) }), Err(Refused::Id));
    }
    for (offset, len) in [(0, 65), (64, 1), (65, 0), (u32::MAX, 1), (1, u32::MAX)] {
        let request = Submission { offset, len, ..request(0) };
        assert_eq!(consumer.submit(request), Err(Refused::Outside));
    }
    assert_eq!(memory.device_read(0..END), before);
    consumer.submit(Submission { offset: 64, len: 0, ..request(0) }).unwrap();
    consumer.submit(Submission { offset: 0, len: 64, ..request(1) }).unwrap();
    assert!(driver.take().unwrap().is_some() && driver.take().unwrap().is_some());
}

#[test]
fn a_batch_notifies_once_and_only_who_waits() {
    let (_, mut consumer, mut driver) = pair();
    assert!(!notified(|notify| consumer.ring(notify)), "nothing was submitted");
    consumer.submit(request(0)).unwrap();
    consumer.submit(request(1)).unwrap();
    assert_eq!(consumer.ring(|| Err(())), Err(()), "and it is not told");
    assert!(notified(|notify| consumer.ring(notify)), "the first is always told");
    assert!(!notified(|notify| consumer.ring(notify)), "and once");
    let (first, second) = (driver.take().unwrap().unwrap(), driver.take().unwrap().unwrap());
    consumer.submit(request(2)).unwrap();
    assert!(!notified(|notify| consumer.ring(notify)), "the driver has not said that it waits");
    assert_eq!(driver.may_wait(), Ok(false), "there is one");
    let third = driver.take().unwrap().unwrap();
    assert_eq!(driver.may_wait(), Ok(true));
    consumer.submit(request(3)).unwrap();
    assert!(notified(|notify| consumer.ring(notify)));

    driver.complete(first, DONE, 0).unwrap();
    assert!(notified(|notify| driver.ring(notify)) && !notified(|notify| driver.ring(notify)));
    assert!(consumer.pop().unwrap().is_some());
    driver.complete(second, DONE, 0).unwrap();
    assert!(!notified(|notify| driver.ring(notify)), "the consumer has not said that it waits");
    assert_eq!(consumer.may_wait(), Ok(false));
    assert!(consumer.pop().unwrap().is_some());
    assert_eq!(consumer.may_wait(), Ok(true));
    driver.complete(third, DONE, 0).unwrap();
    assert!(notified(|notify| driver.ring(notify)));
}

// attack 92 U: a request of a consumer that is gone is completed; nothing of it reaches the next one; broken: ring-attachment
#[test]
fn requests_of_an_attachment_that_is_over_are_nobodys() {
    let (memory, mut consumer, mut driver) = pair();
    consumer.submit(request(0)).unwrap();
    consumer.submit(request(1)).unwrap();
    let (old, older) = (driver.take().unwrap().unwrap(), driver.take().unwrap().unwrap());
    driver.complete(old, DONE, 0).unwrap();
    assert!(consumer.begin().eq([0, 1]));
    attach(&mut consumer, &mut driver);
    assert_eq!((consumer.in_flight(), consumer.pop(), driver.held()), (0, Ok(None), 0));
    consumer.submit(request(1)).unwrap();
    let new = driver.take().unwrap().unwrap();
    let pool = FakeMemory::new(8);
    assert_eq!(driver.read(&older, 0, &mut [0]), Err(Outside));
    assert_eq!(driver.write(&older, 0, &[1]), Err(Outside));
    assert_eq!(driver.copy_to(&older, 0, &mut pool.peer(0..8), 0, 1), Err(Outside));
    assert_eq!(driver.copy_from(&older, 0, &pool.peer(0..8), 0, 1), Err(Outside));
    let before = memory.device_read(0..END);
    assert_eq!(driver.complete(older, DONE, 0), Err(Over));
    assert_eq!(memory.device_read(0..END), before);
    driver.complete(new, DONE, 8).unwrap();
    assert_eq!(consumer.pop(), Ok(Some(Completion { id: 1, status: DONE, len: 8 })));
}

#[test]
fn a_side_that_is_attached_again_begins_anew() {
    let (memory, mut consumer, mut driver) = pair();
    let mut both = memory.peer(0..END);
    both.write16(CONSUMER.index, 9);
    assert!(driver.take().is_err());
    both.write16(DRIVER.index, 9);
    assert!(consumer.pop().is_err());
    // A life that follows finds what the last one left.
    memory.device_write(0, &[0x5a; 256]);
    drop(consumer);
    let mut consumer = Consumer::<_, N>::new(memory.peer(0..END), LIFE + 1).unwrap();
    driver.attach(LIFE + 1).unwrap();
    consumer.attached().unwrap();
    assert_eq!(consumer.may_wait(), Ok(true));
    consumer.submit(request(3)).unwrap();
    assert!(notified(|notify| consumer.ring(notify)));
    let taken = driver.take().unwrap().unwrap();
    driver.complete(taken, DONE, 1).unwrap();
    assert!(notified(|notify| driver.ring(notify)));
    assert_eq!(consumer.pop(), Ok(Some(Completion { id: 3, status: DONE, len: 1 })));
}

// attack 90 U: one side of a ring goes on making entries while the other is awake; it is not told of each, and finds all; broken: ring-awake, ring-wait
#[test]
fn a_side_that_is_awake_is_not_told() {
    let (_, mut consumer, mut driver) = pair();
    assert_eq!((driver.may_wait(), consumer.may_wait()), (Ok(true), Ok(true)));
    // Something else wakes the driver, which finds this.
    consumer.submit(request(0)).unwrap();
    let first = driver.take().unwrap().unwrap();
    consumer.submit(request(1)).unwrap();
    assert!(!notified(|f| consumer.ring(f)), "the driver is awake");
    // It finds the second before it waits, and is told of the third.
    assert_eq!(driver.may_wait(), Ok(false));
    let second = driver.take().unwrap().unwrap();
    assert_eq!(driver.may_wait(), Ok(true));
    consumer.submit(request(2)).unwrap();
    assert!(notified(|f| consumer.ring(f)));
    // The same the other way round.
    driver.complete(first, DONE, 8).unwrap();
    assert!(consumer.pop().unwrap().is_some());
    driver.complete(second, DONE, 8).unwrap();
    assert!(!notified(|f| driver.ring(f)), "the consumer is awake");
    assert_eq!(consumer.may_wait(), Ok(false));
    assert!(consumer.pop().unwrap().is_some());
    assert_eq!(consumer.may_wait(), Ok(true));
    let third = driver.take().unwrap().unwrap();
    driver.complete(third, DONE, 8).unwrap();
    assert!(notified(|f| driver.ring(f)));
}

// attack 90 U: a driver is asked whether its consumer waits, before what it waits for is made, after, when it is awake, and when their attachment is over; it waits in the first case alone
#[test]
fn a_consumer_waits_for_what_was_not_made_yet() {
    let (_, mut consumer, mut driver) = pair();
    assert!(driver.is_awaited(), "at first it wants to be told");
    for id in [0, 1] {
        consumer.submit(request(id)).unwrap();
        assert_eq!(consumer.may_wait(), Ok(true));
        assert!(driver.is_awaited());
        let request = driver.take().unwrap().unwrap();
        driver.complete(request, DONE, 8).unwrap();
        assert!(!driver.is_awaited(), "it is there, and nobody was told yet");
        assert!(notified(|f| driver.ring(f)));
        assert!(!driver.is_awaited());
        assert!(consumer.pop().unwrap().is_some());
        assert!(!driver.is_awaited(), "it is awake");
    }
    for id in 0..N as u16 {
        consumer.submit(request(id)).unwrap();
    }
    assert_eq!(consumer.may_wait_for_all(), Ok(true));
    for left in (1..=N).rev() {
        assert!(driver.is_awaited(), "{left} are not done yet");
        let request = driver.take().unwrap().unwrap();
        driver.complete(request, DONE, 8).unwrap();
    }
    assert!(!driver.is_awaited());
    while consumer.pop().unwrap().is_some() {}
    consumer.submit(request(0)).unwrap();
    assert_eq!(consumer.may_wait(), Ok(true));
    assert!(driver.is_awaited());
    drop(consumer.begin());
    assert!(driver.take().is_err());
    assert!(!driver.is_awaited(), "it is over");
}

// attack 90 U: a consumer has nothing to do until all that it asked for is done; it is told once, at the last; broken: ring-all, ring-all-past
#[test]
fn a_consumer_that_waits_for_all_is_told_once() {
    for before in [0, 1, 2] {
        let (_, mut consumer, mut driver) = pair();
        for _ in 0..3 {
            for id in 0..N as u16 {
                consumer.submit(request(id)).unwrap();
            }
            let mut taken: Vec<_> = core::iter::from_fn(|| driver.take().unwrap()).collect();
            for request in taken.drain(..before) {
                driver.complete(request, DONE, 8).unwrap();
            }
            driver.ring::<()>(|| Ok(())).unwrap();
            if before > 0 {
                assert_eq!(consumer.may_wait_for_all(), Ok(false), "there is something to take");
            }
            while consumer.pop().unwrap().is_some() {}
            assert_eq!(consumer.may_wait_for_all(), Ok(true));
            let last = taken.len() - 1;
            for (at, request) in taken.into_iter().enumerate() {
                driver.complete(request, DONE, 8).unwrap();
                assert_eq!(notified(|f| driver.ring(f)), at == last, "{at} of {last}");
                if at == 0 && at < last {
                    assert_eq!(consumer.may_wait_for_all(), Ok(false), "it looks in between");
                    assert!(consumer.pop().unwrap().is_some());
                    assert_eq!(consumer.may_wait_for_all(), Ok(true));
                }
            }
            while consumer.pop().unwrap().is_some() {}
            assert_eq!(consumer.in_flight(), 0);
        }
    }
}

// attack 92 U: the words of a life that is over are still there when the next is told of; they are gone; broken: ring-fence-begin, ring-fence-join
#[test]
fn a_side_begins_before_the_other_is_told() {
    let memory = FakeMemory::new(END);
    let is_zero = |words: Words| {
        [words.index, words.event].map(|at| memory.device_read(at..at + 2) == [0, 0])
    };
    memory.device_write(0, &[0x5a; 256]);
    let _consumer = Consumer::<_, N>::new(memory.part(0..END), LIFE).unwrap();
    assert_eq!((is_zero(CONSUMER), is_zero(DRIVER)), ([true; 2], [false; 2]));
    let mut driver = Driver::<_, N>::new(memory.part(0..END), OPS).unwrap();
    assert_eq!((is_zero(CONSUMER), is_zero(DRIVER)), ([true; 2], [true; 2]));
    let says = |words: Words| memory.device_read(words.attachment..words.attachment + 8);
    assert_eq!(says(DRIVER), [0; 8]);
    driver.attach(LIFE).unwrap();
    assert_eq!(
        (says(DRIVER), says(CONSUMER)),
        (vec![1, 0, 0, 0, LIFE as u8, 0, 0, 0], says(DRIVER))
    );
}

#[test]
fn data_is_copied_to_other_memory_and_back() {
    let (_, mut consumer, mut driver) = pair();
    consumer.write(8, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    consumer.submit(request(1)).unwrap();
    let taken = driver.take().unwrap().unwrap();
    let pool = FakeMemory::new(16);
    let mut peer = pool.peer(0..16);
    assert_eq!(driver.copy_to(&taken, 2, &mut peer, 10, 6), Ok(()));
    assert_eq!(pool.device_read(8..16), [0, 0, 3, 4, 5, 6, 7, 8]);
    assert_eq!(driver.copy_from(&taken, 0, &peer, 8, 8), Ok(()));
    let mut bytes = [9; 10];
    consumer.read(7, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 0, 0, 3, 4, 5, 6, 7, 8, 0]);
    for (offset, at, len) in [(0, 0, 9), (8, 0, 1), (9, 0, 0), (0, 9, 8), (usize::MAX, 0, 1)] {
        assert_eq!(driver.copy_to(&taken, offset, &mut peer, at, len), Err(Outside));
        assert_eq!(driver.copy_from(&taken, offset, &peer, at, len), Err(Outside));
    }
}

#[test]
fn the_data_area_ends() {
    let (_, mut consumer, _) = pair();
    assert_eq!(consumer.data_len(), 64);
    for (offset, len) in [(0, 65), (64, 1), (65, 0), (u32::MAX, 1)] {
        assert_eq!(consumer.write(offset, &vec![1; len]), Err(Outside));
        assert_eq!(consumer.read(offset, &mut vec![1; len]), Err(Outside));
    }
    assert_eq!((consumer.write(0, &[1; 64]), consumer.read(64, &mut [])), (Ok(()), Ok(())));
}

/// Whatever a side does, it writes its own words, its own entries, and data that it was told to.
#[test]
fn a_side_writes_what_is_its_own() {
    let (memory, mut consumer, mut driver) = pair();
    let own = |words: Words, entries| {
        [words.index..words.index + 2, words.event..words.event + 2, entries]
    };
    let changed = |before: &[u8]| -> Vec<usize> {
        let after = memory.device_read(0..END);
        (0..END).filter(|at| before[*at] != after[*at]).collect()
    };
    for _ in 0..if cfg!(miri) { 1 } else { 20 } {
        let before = memory.device_read(0..END);
        for id in 0..4 {
            consumer.submit(request(id)).unwrap();
        }
        assert!(!consumer.may_wait().unwrap() || consumer.pop().unwrap().is_none());
        let consumers = own(CONSUMER, submission(0)..submission(N));
        assert!(changed(&before).iter().all(|at| consumers.iter().any(|own| own.contains(at))));
        let before = memory.device_read(0..END);
        while let Some(taken) = driver.take().unwrap() {
            driver.complete(taken, 7, 8).unwrap();
        }
        assert_eq!(driver.may_wait(), Ok(true));
        let drivers = own(DRIVER, completion(0)..completion(N));
        assert!(changed(&before).iter().all(|at| drivers.iter().any(|own| own.contains(at))));
        while consumer.pop().unwrap().is_some() {}
    }
}

#[test]
fn the_layout_is_what_the_page_says() {
    assert_eq!([memory_len(0), memory_len(1), memory_len(PAGE)], [PAGE, 2 * PAGE, 2 * PAGE]);
    assert_eq!(memory_len(64 * 4096), 65 * PAGE);
    assert_eq!(
        [submission(0), submission(1), completion(0), completion(1)],
        [256, 288, 2304, 2312]
    );
    assert!(completion(MAX_ENTRIES) <= DATA && submission(MAX_ENTRIES) <= completion(0));
    assert_eq!((place(8, 8, 0, 8), place(8, 8, 8, 0)), (Ok(DATA + 8), Ok(DATA + 16)));
    let (consumer, driver) = (CONSUMER, DRIVER);
    let its = |words: Words| [words.index, words.event, words.attachment];
    let peers = |words: Words| [words.peer_index, words.peer_event, words.peer_attachment];
    assert_eq!((its(consumer), its(driver)), (peers(driver), peers(consumer)));
    let what = Submission { id: 0x201, op: 3, len: 0x7060_5040, offset: 0x0b0a_0908, arg: 0x11 };
    assert_eq!(what.to_words(), [0x7060_5040_0003_0201, 0x0b0a_0908, 0x11]);
    assert_eq!(Submission::from_words(what.to_words()), (what, true));
    let done = Completion { id: 0x201, status: 3, len: 0x7060_5040 };
    assert_eq!(done.to_words(), [0x7060_5040_0003_0201]);
    assert_eq!(Completion::from_words([0x7060_5040_ff03_0201]), done);
}

#[test]
fn memory_that_is_too_small_is_refused() {
    let memory = FakeMemory::new(DATA);
    let new = |len| {
        let consumer = Consumer::<_, N>::new(memory.peer(0..len), LIFE).map(|ring| ring.data_len());
        assert_eq!(Driver::<_, N>::new(memory.peer(0..len), OPS).err(), consumer.err());
        consumer
    };
    assert_eq!(new(DATA), Ok(0));
    assert_eq!(new(DATA - 1), Err(TooSmall { has: DATA - 1, needs: DATA }));
    assert_eq!(new(0), Err(TooSmall { has: 0, needs: DATA }));
}

#[test]
fn ids_are_a_set() {
    let mut ids = Ids::<64>::default();
    for id in 0..64 {
        assert_eq!((ids.count(), ids.first_free()), (id, Some(id)));
        assert!(!ids.remove(id) && ids.insert(id) && !ids.insert(id));
    }
    for id in [64, 65, 127, 128, u16::MAX] {
        assert!(!ids.insert(id) && !ids.remove(id));
    }
    assert_eq!((ids.count(), ids.first_free()), (64, None));
    assert!(ids.remove(5) && !ids.remove(5));
    assert_eq!((ids.count(), ids.first_free()), (63, Some(5)));
    let mut one = Ids::<1>::default();
    assert!(!one.insert(1) && one.insert(0));
    assert_eq!(one.first_free(), None);
}

#[test]
fn operations_are_a_set() {
    let ops = Ops::of(&[0, 5, 63, 5]);
    assert!((0..=u8::MAX).all(|op| ops.has(op) == [0, 5, 63].contains(&op)));
    assert!((0..=u8::MAX).all(|op| !Ops::of(&[]).has(op)));
}

#[test]
#[should_panic(expected = "an operation is 0 to 63")]
fn an_operation_above_is_a_mistake() {
    let _ = Ops::of(&[64]);
}

#[test]
fn an_event_is_passed_when_the_index_goes_over_it() {
    for base in [0, 5, u16::MAX - 1, u16::MAX] {
        let at = |offset: u16| base.wrapping_add(offset);
        for event in 0..6 {
            let expected = (2..4).contains(&event);
            assert_eq!(passes(at(event), at(4), at(2)), expected, "{event} from {base}");
        }
        assert!(!passes(base, base, base), "nothing was added");
    }
}

#[test]
fn what_a_peer_did_is_said() {
    use crate::Ended::{Before, Index, NotInFlight, PeerGone};
    let said = [Index { index: 9, room: 4 }, NotInFlight { id: 7 }, PeerGone, Before]
        .map(|it| it.to_string());
    let expected = [
        "the peer had room for 4 entries, and made more: index 9",
        "the peer completed request 7, which it did not have",
        "the peer has begun anew",
        "the attachment was over before",
    ];
    assert_eq!(said, expected);
}
