//! A ring whose memory is weakly ordered, and whose other side acts at any moment.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use nexus_mmio::SharedMut;
use nexus_mmio::fake::FakeMemory;
use proptest::prelude::*;

use crate::attachment_tests::{LIFE, attach};
use crate::{Consumer, DATA, DONE, Driver, Ops, Request, Submission};

const N: usize = 4;
const END: usize = DATA + 8 * N;
const REQUESTS: u32 = 40;
const OPS: Ops = Ops::of(&[1]);

/// A notification, of which each side has one.
type Bell = Rc<Cell<bool>>;

fn notify(bell: &Bell) -> impl FnOnce() -> Result<(), ()> {
    let bell = Rc::clone(bell);
    move || {
        bell.set(true);
        Ok(())
    }
}

/// A consumer that makes `REQUESTS` requests, each a number that comes back twice.
struct Asking<M> {
    ring: Consumer<M, N>,
    next: u32,
    answers: Vec<u32>,
}

impl<M: SharedMut> Asking<M> {
    fn new(memory: M) -> Asking<M> {
        Asking { ring: Consumer::new(memory, LIFE).unwrap(), next: 0, answers: Vec::new() }
    }

    /// One request, if there is one to make and an id for it.
    fn submit(&mut self) -> bool {
        let Some(id) = self.ring.free_id().filter(|_| self.next < REQUESTS) else { return false };
        let offset = 8 * u32::from(id);
        self.ring.write(offset, &self.next.to_le_bytes()).unwrap();
        self.ring.submit(Submission { id, op: 1, len: 8, offset, arg: 0 }).unwrap();
        self.next += 1;
        true
    }

    fn pop(&mut self) -> bool {
        let Some(done) = self.ring.pop().unwrap() else { return false };
        assert_eq!((done.status, done.len), (DONE, 8));
        let mut bytes = [0; 8];
        self.ring.read(8 * u32::from(done.id), &mut bytes).unwrap();
        let (first, second) = bytes.split_at(4);
        assert_eq!(first, second);
        self.answers.push(u32::from_le_bytes(first.try_into().unwrap()));
        true
    }
}

/// A driver that answers them.
struct Answering<M> {
    ring: Driver<M, N>,
    has: Vec<Request>,
    newest: bool,
}

impl<M: SharedMut> Answering<M> {
    fn new(memory: M, newest: bool) -> Answering<M> {
        Answering { ring: Driver::new(memory, OPS).unwrap(), has: Vec::new(), newest }
    }

    fn take(&mut self) -> bool {
        let taken = self.ring.take().unwrap();
        assert_eq!(self.ring.refused(), 0);
        let some = taken.is_some();
        self.has.extend(taken);
        some
    }

    fn complete(&mut self) -> bool {
        if self.has.is_empty() {
            return false;
        }
        let at = if self.newest { self.has.len() - 1 } else { 0 };
        let request = self.has.remove(at);
        let mut number = [0; 4];
        self.ring.read(&request, 0, &mut number).unwrap();
        self.ring.write(&request, 0, &[number, number].concat()).unwrap();
        self.ring.complete(request, DONE, 8).unwrap();
        true
    }
}

/// The side that is not held back. It sleeps until its bell rings.
struct Other {
    bell: Bell,
    awake: bool,
    /// Does something and returns true, or prepares to wait and returns whether there is something.
    act: Box<dyn FnMut() -> bool>,
}

impl Other {
    fn step(&mut self) -> bool {
        self.awake |= self.bell.take();
        self.awake = self.awake && (self.act)();
        self.awake
    }

    fn run(&mut self) {
        assert!((0..10_000).any(|_| !self.step()), "it finds no end");
    }
}

/// What is done between the steps of the side that is held back: as many steps of the other side as `acts`
/// say. `true` when it has just made an entry: the newest store may overtake the others, and the other side
/// look unasked; not so often that nobody misses a notification.
fn between(
    memory: &FakeMemory,
    other: &Rc<RefCell<Other>>,
    acts: Vec<u8>,
) -> impl FnMut(bool) + use<> {
    let (memory, other) = (memory.clone(), Rc::clone(other));
    let mut acts = acts.into_iter().cycle();
    move |unasked| {
        let act = acts.next().unwrap_or(0);
        let steps = act % 4;
        let mut other = other.borrow_mut();
        if unasked && act > 5 {
            memory.overtake(1);
            other.awake = true;
        }
        (0..steps).for_each(|_| {
            other.step();
        });
    }
}

/// The consumer is held back; it waits for the next completion, or for all. Returns the answers.
fn ask(newest: bool, all: bool, acts: Vec<u8>) -> Vec<u32> {
    let memory = FakeMemory::new(END);
    let mut asking = Asking::new(memory.part(0..END));
    let mut answering = Answering::new(memory.peer(0..END), newest);
    attach(&mut asking.ring, &mut answering.ring);
    memory.settle();
    let (ours, theirs) = (Bell::default(), Bell::default());
    let tell = Rc::clone(&ours);
    let act = move || {
        let did = answering.take() || answering.complete();
        answering.ring.ring(notify(&tell)).unwrap();
        did || !answering.ring.may_wait().unwrap()
    };
    let other = Other { bell: Rc::clone(&theirs), awake: false, act: Box::new(act) };
    let other = Rc::new(RefCell::new(other));
    let between = Rc::new(RefCell::new(between(&memory, &other, acts)));
    let hook = Rc::clone(&between);
    memory.after_each_load(move || (hook.borrow_mut())(false));
    while asking.answers.len() < REQUESTS as usize {
        while asking.submit() {
            (between.borrow_mut())(true);
        }
        asking.ring.ring(notify(&theirs)).unwrap();
        while asking.pop() {}
        let flight = asking.ring.in_flight();
        let waits = if all { asking.ring.may_wait_for_all() } else { asking.ring.may_wait() };
        if flight > 0 && waits.unwrap() {
            memory.settle();
            other.borrow_mut().run();
            assert!(ours.take(), "nobody wakes the consumer");
        }
    }
    asking.answers
}

/// The driver is held back. Returns the answers.
fn answer(newest: bool, acts: Vec<u8>) -> Vec<u32> {
    let memory = FakeMemory::new(END);
    let asking = Rc::new(RefCell::new(Asking::new(memory.peer(0..END))));
    let mut answering = Answering::new(memory.part(0..END), newest);
    attach(&mut asking.borrow_mut().ring, &mut answering.ring);
    memory.settle();
    let (ours, theirs) = (Bell::default(), Bell::default());
    let (consumer, tell) = (Rc::clone(&asking), Rc::clone(&ours));
    let act = move || {
        let mut asking = consumer.borrow_mut();
        let did = asking.pop() || asking.submit();
        asking.ring.ring(notify(&tell)).unwrap();
        did || !asking.ring.may_wait().unwrap()
    };
    let other = Other { bell: Rc::clone(&theirs), awake: true, act: Box::new(act) };
    let other = Rc::new(RefCell::new(other));
    let between = Rc::new(RefCell::new(between(&memory, &other, acts)));
    let hook = Rc::clone(&between);
    memory.after_each_load(move || (hook.borrow_mut())(false));
    while asking.borrow().answers.len() < REQUESTS as usize {
        while answering.take() {}
        while answering.complete() {
            (between.borrow_mut())(true);
        }
        answering.ring.ring(notify(&theirs)).unwrap();
        if answering.ring.may_wait().unwrap() {
            memory.settle();
            other.borrow_mut().run();
            let done = asking.borrow().answers.len() == REQUESTS as usize;
            assert!(ours.take() || done, "nobody wakes the driver");
        }
    }
    asking.borrow().answers.clone()
}

proptest! {
    // attack 92 P: the driver acts at any moment, on memory that is weakly ordered; all is answered, with no wait for ever, whether the consumer waits for one or for all; broken: ring-fence-make, ring-fence-ring, ring-fence-look, ring-fence-wait, ring-wait, ring-all-past
    #[test]
    fn nothing_is_lost_by_a_consumer(
        newest: bool,
        all: bool,
        acts in prop::collection::vec(0_u8..8, 1..64),
    ) {
        let mut answers = ask(newest, all, acts);
        answers.sort_unstable();
        prop_assert!(answers.into_iter().eq(0..REQUESTS));
    }

    // attack 92 P: the consumer acts at any moment, on memory that is weakly ordered; all is answered, with no wait for ever; broken: ring-fence-make, ring-fence-ring, ring-fence-look, ring-fence-wait, ring-wait
    #[test]
    fn nothing_is_lost_by_a_driver(
        newest: bool,
        acts in prop::collection::vec(0_u8..8, 1..64),
    ) {
        let mut answers = answer(newest, acts);
        answers.sort_unstable();
        prop_assert!(answers.into_iter().eq(0..REQUESTS));
    }
}
