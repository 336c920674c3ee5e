//! Both sides of a ring die and come back.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use nexus_mmio::SharedMut;
use nexus_mmio::fake::{FakeMemory, FakePeer};

use crate::entry::{load, store};
use crate::layout::{CONSUMER, DRIVER};
use crate::{
    Completion, Consumer, DATA, DONE, Driver, Ended, NotBegun, Ops, Over, Refused, Submission,
};

/// The life of the consumer.
pub(crate) const LIFE: u32 = 3;

const N: usize = 4;
const END: usize = DATA + 8 * N;
const OPS: Ops = Ops::of(&[1]);

type Asks = Consumer<FakePeer, N>;
type Does = Driver<FakePeer, N>;

/// The driver joins what the consumer has begun.
pub(crate) fn attach<A: SharedMut, B: SharedMut, const N: usize>(
    consumer: &mut Consumer<A, N>,
    driver: &mut Driver<B, N>,
) {
    driver.attach(LIFE).unwrap();
    consumer.attached().unwrap();
}

/// A driver that writes for itself joins.
pub(crate) fn join<M: SharedMut, const N: usize>(ring: &mut Consumer<M, N>, driver: &mut FakePeer) {
    let [name] = load(driver, CONSUMER.attachment);
    store(driver, DRIVER.attachment, [name]);
    ring.attached().unwrap();
}

/// A consumer that writes for itself attaches.
pub(crate) fn attach_to<M: SharedMut, const N: usize>(
    consumer: &mut FakePeer,
    ring: &mut Driver<M, N>,
) {
    begin(consumer, LIFE, 1);
    ring.attach(LIFE).unwrap();
}

/// A consumer that writes for itself says that it has begun an attachment.
fn begin(consumer: &mut FakePeer, life: u32, number: u32) {
    store(consumer, CONSUMER.attachment, [u64::from(life) << 32 | u64::from(number)]);
}

fn consumer(memory: &FakeMemory, life: u32) -> Asks {
    Consumer::new(memory.peer(0..END), life).unwrap()
}

fn driver(memory: &FakeMemory) -> Does {
    Driver::new(memory.peer(0..END), OPS).unwrap()
}

fn pair() -> (FakeMemory, Asks, Does) {
    let memory = FakeMemory::new(END);
    let (mut driver, mut consumer) = (driver(&memory), consumer(&memory, LIFE));
    attach(&mut consumer, &mut driver);
    (memory, consumer, driver)
}

fn request(id: u16) -> Submission {
    Submission { id, op: 1, len: 8, offset: 8 * u32::from(id), arg: 0 }
}

/// One request, there and back.
fn round<A: SharedMut, B: SharedMut>(
    consumer: &mut Consumer<A, N>,
    driver: &mut Driver<B, N>,
    id: u16,
) {
    consumer.submit(request(id)).unwrap();
    let taken = driver.take().unwrap().unwrap();
    driver.complete(taken, DONE, 8).unwrap();
    assert_eq!(consumer.pop(), Ok(Some(Completion { id, status: DONE, len: 8 })));
}

// attack 59 U: the driver dies with requests in flight; its consumer is told once, and which they were, and nothing of them comes in the next attachment; broken: ring-peer-gone, ring-peer-gone-waits, ring-lost
#[test]
fn a_consumer_whose_driver_dies_is_told_and_goes_on() {
    for done in 0..3 {
        let (memory, mut asks, mut does) = pair();
        (0..done).for_each(|_| round(&mut asks, &mut does, 0));
        [1, 3].into_iter().for_each(|id| asks.submit(request(id)).unwrap());
        let taken = does.take().unwrap().unwrap();
        does.complete(taken, DONE, 8).unwrap();
        drop(does);
        let mut does = driver(&memory);
        // With a completion that has gone before it was seen, or with none at all.
        assert_eq!(asks.may_wait(), Err(Ended::PeerGone), "{done}");
        assert_eq!((asks.pop(), asks.may_wait()), (Err(Ended::Before), Err(Ended::Before)));
        assert_eq!(asks.submit(request(0)), Err(Refused::Over));
        assert_eq!((does.take(), does.held()), (Err(Ended::Before), 0));
        assert_eq!(asks.begin().collect::<Vec<_>>(), [1, 3]);
        attach(&mut asks, &mut does);
        assert_eq!((asks.in_flight(), asks.pop(), does.take()), (0, Ok(None), Ok(None)));
        round(&mut asks, &mut does, 1);
        assert_eq!(asks.may_wait(), Ok(true));
    }
}

#[test]
fn a_completion_that_was_there_before_is_taken_of_the_next_life_no_more() {
    let (memory, mut asks, mut does) = pair();
    round(&mut asks, &mut does, 0);
    asks.submit(request(1)).unwrap();
    drop(does);
    let _does = driver(&memory);
    assert_eq!(asks.pop(), Err(Ended::PeerGone));
}

// attack 59 U: the consumer dies, and the index of its next life looks as if one more request had been made; none of the old ones is taken; broken: ring-peer-gone
#[test]
fn old_requests_are_not_taken_for_new_ones() {
    let (memory, mut asks, mut does) = pair();
    let rounds = if cfg!(miri) { 5 } else { u32::from(u16::MAX) };
    (0..rounds).for_each(|_| round(&mut asks, &mut does, 0));
    drop(asks);
    let mut asks = consumer(&memory, LIFE + 1);
    assert_eq!(does.take(), Err(Ended::PeerGone));
    assert_eq!((does.take(), does.may_wait()), (Err(Ended::Before), Err(Ended::Before)));
    does.attach(LIFE + 1).unwrap();
    asks.attached().unwrap();
    assert_eq!((does.take(), does.may_wait()), (Ok(None), Ok(true)));
    round(&mut asks, &mut does, 0);
}

// attack 59 U: a driver's next life finds requests of the attachment before, and a call to attach that begins nothing; it takes none; broken: ring-begun
#[test]
fn a_driver_joins_what_was_begun_and_nothing_else() {
    let (memory, mut asks, does) = pair();
    asks.submit(request(0)).unwrap();
    drop(does);
    let mut does = driver(&memory);
    assert_eq!(does.attach(LIFE), Err(NotBegun), "it has requests in it");
    assert_eq!(does.take(), Err(Ended::Before));
    let mut raw = memory.peer(0..END);
    raw.write16(CONSUMER.index, 0);
    begin(&mut raw, 0, 0);
    assert_eq!(does.attach(0), Err(NotBegun), "none");
    begin(&mut raw, LIFE, 7);
    assert_eq!(does.attach(LIFE - 1), Err(NotBegun), "of another life");
    assert_eq!(does.attach(LIFE), Ok(true));
    for (life, number) in [(LIFE, 6), (LIFE - 1, 9)] {
        begin(&mut raw, life, number);
        assert_eq!(does.attach(life), Err(NotBegun), "one before");
    }
    begin(&mut raw, LIFE, 7);
    assert_eq!(does.take(), Ok(None), "it goes on");
    raw.write16(CONSUMER.index, 9);
    assert!(does.take().is_err());
    raw.write16(CONSUMER.index, 0);
    assert_eq!(does.attach(LIFE), Err(NotBegun), "it is over");
    begin(&mut raw, LIFE, 8);
    assert_eq!(does.attach(LIFE), Ok(true));
}

// attack 59 U: the same attachment is asked for twice; what is in flight goes on
#[test]
fn to_attach_twice_is_the_same_as_once() {
    let (_, mut asks, mut does) = pair();
    asks.submit(request(0)).unwrap();
    let taken = does.take().unwrap().unwrap();
    assert_eq!((does.attach(LIFE), asks.attached()), (Ok(false), Ok(())));
    does.complete(taken, DONE, 8).unwrap();
    assert_eq!(asks.pop(), Ok(Some(Completion { id: 0, status: DONE, len: 8 })));
}

// attack 59 U: one side uses a ring that the other is not in yet; nothing is made and nothing taken; broken: ring-agreed, ring-unattached
#[test]
fn a_ring_is_in_use_when_both_agree() {
    let memory = FakeMemory::new(END);
    let (mut does, mut asks) = (driver(&memory), consumer(&memory, LIFE));
    assert_eq!((does.take(), does.may_wait()), (Err(Ended::Before), Err(Ended::Before)));
    for _ in 0..2 {
        assert_eq!(asks.attached(), Err(Ended::PeerGone));
        assert_eq!(asks.submit(request(0)), Err(Refused::Over));
        assert_eq!((asks.pop(), asks.may_wait()), (Err(Ended::Before), Err(Ended::Before)));
    }
    does.attach(LIFE).unwrap();
    assert_eq!(asks.submit(request(0)), Err(Refused::Over), "it has not looked");
    asks.attached().unwrap();
    round(&mut asks, &mut does, 0);
    // An attachment that is over does not come back.
    memory.peer(0..END).write16(DRIVER.index, 9);
    assert!(asks.pop().is_err());
    assert_eq!(asks.attached(), Err(Ended::Before));
    // The one that was before is not this one.
    let _ = asks.begin();
    assert_eq!(asks.attached(), Err(Ended::PeerGone));
}

// attack 59 U: the driver completes what an earlier attachment of the same life asked for; the next one sees nothing of it; broken: ring-attachment
#[test]
fn no_completion_is_delivered_to_the_next_attachment() {
    let (memory, mut asks, mut does) = pair();
    asks.submit(request(2)).unwrap();
    let old = does.take().unwrap().unwrap();
    drop(asks);
    // In the same life: it goes on counting.
    let mut asks = consumer(&memory, LIFE);
    attach(&mut asks, &mut does);
    asks.submit(request(2)).unwrap();
    let new = does.take().unwrap().unwrap();
    assert_eq!(does.complete(old, DONE, 8), Err(Over));
    assert_eq!((does.held(), asks.pop()), (1, Ok(None)));
    does.complete(new, 5, 8).unwrap();
    assert_eq!(asks.pop(), Ok(Some(Completion { id: 2, status: 5, len: 8 })));
}

/// Does `act` of one side on memory that is weakly ordered; after store `at` of it, which overtakes those
/// before it since the last fence, the other side does `look`.
fn at_store<T>(
    memory: &FakeMemory,
    at: usize,
    act: impl FnOnce() -> T,
    mut look: impl FnMut() + 'static,
) -> T {
    let (seen, its) = (Rc::new(Cell::new(0)), memory.clone());
    let count = Rc::clone(&seen);
    memory.after_each_store(move || {
        if count.replace(count.get() + 1) == at {
            its.overtake(1);
            look();
        }
    });
    let result = act();
    memory.after_each_store(|| {});
    assert!(seen.get() > at, "it stores more often");
    result
}

// attack 59 U: the other side looks at any moment of the beginning of a next life, on memory that is weakly ordered; it finds that its peer is gone, and nothing else; broken: ring-fence-name
#[test]
fn whoever_looks_while_the_other_begins_finds_the_old_attachment_or_none() {
    for at in 0..3 {
        let (memory, mut asks, mut does) = pair();
        [0, 1].into_iter().for_each(|id| round(&mut asks, &mut does, id));
        let part = memory.part(0..END);
        let look = move || {
            let seen = does.take();
            assert!(matches!(seen, Ok(None) | Err(Ended::PeerGone | Ended::Before)), "{seen:?}");
        };
        at_store(&memory, at, || Consumer::<_, N>::new(part, LIFE + 1).unwrap(), look);
    }
    for at in 0..3 {
        let (memory, mut asks, mut does) = pair();
        [0, 1].into_iter().for_each(|id| round(&mut asks, &mut does, id));
        let part = memory.part(0..END);
        let look = move || {
            let seen = asks.pop();
            assert!(matches!(seen, Ok(None) | Err(Ended::PeerGone | Ended::Before)), "{seen:?}");
        };
        at_store(&memory, at, || Driver::<_, N>::new(part, OPS).unwrap(), look);
    }
}

// attack 59 U: the consumer looks at any moment at which the driver joins, on memory that is weakly ordered; nothing of the last attachment is in the one that it finds; broken: ring-fence-begin
#[test]
fn a_driver_that_has_joined_has_made_nothing() {
    for at in 0..4 {
        let memory = FakeMemory::new(END);
        let mut does = Driver::<_, N>::new(memory.part(0..END), OPS).unwrap();
        let asks = Rc::new(RefCell::new(consumer(&memory, LIFE)));
        attach(&mut asks.borrow_mut(), &mut does);
        let taken = |does: &mut Driver<_, N>| {
            memory.settle();
            let taken = does.take().unwrap().unwrap();
            does.complete(taken, DONE, 8).unwrap();
        };
        asks.borrow_mut().submit(request(0)).unwrap();
        taken(&mut does);
        assert!(asks.borrow_mut().begin().eq([0]));
        memory.settle();
        let its = Rc::clone(&asks);
        let look = move || {
            let mut asks = its.borrow_mut();
            if asks.attached().is_ok() {
                assert_eq!(asks.pop(), Ok(None));
            }
        };
        at_store(&memory, at, || does.attach(LIFE).unwrap(), look);
        assert_eq!(asks.borrow_mut().attached(), Ok(()), "it was not told");
    }
}

// attack 59 U: the consumer loaded an index ahead, before the driver joined; it is not taken for one of this attachment; broken: ring-fence-agree, ring-fence-asked
#[test]
fn what_was_loaded_before_both_agree_is_loaded_again() {
    let memory = FakeMemory::new(END);
    let mut does = driver(&memory);
    let mut asks = Consumer::<_, N>::new(memory.part(0..END), LIFE).unwrap();
    attach(&mut asks, &mut does);
    memory.settle();
    asks.submit(request(0)).unwrap();
    memory.settle();
    let taken = does.take().unwrap().unwrap();
    does.complete(taken, DONE, 8).unwrap();
    assert!(asks.begin().eq([0]));
    attach(&mut asks, &mut does);
    assert_eq!(asks.pop(), Ok(None));
    // The other way round.
    let memory = FakeMemory::new(END);
    let mut does = Driver::<_, N>::new(memory.part(0..END), OPS).unwrap();
    let mut asks = consumer(&memory, LIFE);
    attach(&mut asks, &mut does);
    memory.settle();
    asks.submit(request(0)).unwrap();
    memory.settle();
    assert!(asks.begin().eq([0]));
    assert_eq!(does.attach(LIFE), Ok(true));
}

// attack 92 U: a driver writes the last name of its consumer's next life, and ends; the driver's next life joins whatever that begins, each time; broken: ring-last-name
#[test]
fn names_do_not_come_to_an_end_by_what_a_driver_wrote() {
    for number in [u32::MAX, u32::MAX - 1, 1 << 31, u32::MAX / 2 - 4] {
        let memory = FakeMemory::new(END);
        begin(&mut memory.peer(0..END), LIFE, number);
        let (mut driver, mut consumer) = (driver(&memory), consumer(&memory, LIFE));
        for id in 0..4 {
            attach(&mut consumer, &mut driver);
            round(&mut consumer, &mut driver, id);
            drop(consumer.begin());
        }
    }
}
