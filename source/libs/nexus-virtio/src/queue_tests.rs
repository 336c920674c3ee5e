//! A queue with a device that does what it should, and with one that lies.

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use nexus_mmio::fake::{FakeMemory, FakeShared};
use nexus_mmio::{Outside, ReadOnly, ReadWrite, TooSmall};
use proptest::prelude::*;

use crate::fake::{FakeDevice, FakeDoorbell, Layout, Order, Outcome, exercise};
use crate::ring::INDEX;
use crate::{Completion, Doorbell, Head, Misbehaved, Notices, Queue, Slots};

const HEADS: usize = 3;
const LAYOUT: Layout = Layout { heads: HEADS, readable: 4, writable: 8 };
const BOTH: [Notices; 2] = [Notices::Flags, Notices::EventIndex];

type Driven = Queue<FakeShared<ReadWrite>, FakeShared<ReadOnly>, HEADS>;

/// A queue, its device, and the heads that the driver has.
struct Bench {
    memory: FakeMemory,
    device: Rc<RefCell<FakeDevice>>,
    doorbell: FakeDoorbell,
    queue: Driven,
    slots: Slots<FakeShared<ReadWrite>>,
    heads: Vec<Head>,
}

/// Writes what it reads, twice.
fn bench(notices: Notices, order: Order) -> Bench {
    let memory = LAYOUT.memory();
    let device =
        FakeDevice::new(&memory, LAYOUT, notices, |_, read| [read, read].concat()).in_order(order);
    let parts = LAYOUT.parts(&memory);
    let (queue, heads) = Queue::new(7, parts.avail, parts.used, notices, [8; HEADS]).unwrap();
    let slots = Slots::new(7, parts.slots, LAYOUT.slot());
    let (doorbell, heads) = (device.doorbell(), heads.into());
    Bench { memory, device: Rc::new(RefCell::new(device)), doorbell, queue, slots, heads }
}

impl Bench {
    fn post(&mut self, request: u32) {
        let head = self.heads.pop().unwrap();
        self.slots.write(&head, 0, &request.to_le_bytes()).unwrap();
        self.queue.post(head).unwrap();
    }

    fn ring(&mut self) -> bool {
        self.queue.ring(&mut self.doorbell).unwrap()
    }

    /// The device does all that it has to do, and time passes.
    fn run(&self) {
        self.device.borrow_mut().run();
        self.memory.settle();
    }

    /// The request that the next completion answers.
    fn pop(&mut self) -> Option<u32> {
        let done = self.queue.pop().unwrap()?;
        assert_eq!((done.len(), done.is_empty()), (8, false));
        let answer = self.answer(&done);
        self.heads.push(done.into_head());
        Some(answer)
    }

    fn answer(&self, done: &Completion) -> u32 {
        let mut bytes = [0; 8];
        self.slots.read(done.head(), 4, &mut bytes).unwrap();
        let (first, second) = bytes.split_at(4);
        assert_eq!(first, second);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// The device writes an entry of the used ring, whatever it is, and says that there are `index`.
    fn used(&self, place: usize, id: u32, len: u32, index: u16) {
        let start = LAYOUT.used().start;
        let entry = [id.to_le_bytes(), len.to_le_bytes()].concat();
        self.memory.device_write(start + 4 + 8 * place, &entry);
        self.memory.device_write(start + INDEX, &index.to_le_bytes());
        self.memory.settle();
    }
}

#[test]
fn what_is_posted_comes_back_in_any_order() {
    for notices in BOTH {
        let mut bench = bench(notices, Order::Newest);
        (1..=3).for_each(|request| bench.post(request));
        assert_eq!(bench.queue.in_flight(), 3);
        assert!(bench.ring() && bench.pop().is_none());
        bench.run();
        assert_eq!([bench.pop(), bench.pop(), bench.pop()], [Some(3), Some(2), Some(1)]);
        assert_eq!((bench.pop(), bench.queue.in_flight()), (None, 0));
        assert_eq!(bench.doorbell.status(), 1);
    }
}

#[test]
fn a_ring_that_is_too_small_is_refused() {
    let memory = LAYOUT.memory();
    let new = |avail: usize, used: usize| {
        let (avail, used) =
            (memory.part::<ReadWrite>(0..avail), memory.part::<ReadOnly>(16..16 + used));
        Queue::new(0, avail, used, Notices::Flags, [0; HEADS]).map(|_| ())
    };
    assert_eq!(new(14, 38), Ok(()));
    assert_eq!(new(13, 38), Err(TooSmall { has: 13, needs: 14 }));
    assert_eq!(new(14, 37), Err(TooSmall { has: 37, needs: 38 }));
}

#[test]
fn a_batch_rings_once_and_only_when_the_device_wants_it() {
    for notices in BOTH {
        let mut bench = bench(notices, Order::Oldest);
        assert!(!bench.ring(), "nothing was posted");
        bench.post(1);
        bench.post(2);
        assert!(bench.ring() && !bench.ring());
        bench.device.borrow_mut().step();
        bench.post(3);
        assert!(!bench.ring(), "the device is awake and will look again");
        bench.run();
        assert_eq!([bench.pop(), bench.pop(), bench.pop()], [Some(1), Some(2), Some(3)]);
        bench.post(4);
        assert!(bench.ring());
        assert_eq!(bench.doorbell.rung(), [7, 7]);
    }
}

#[test]
fn a_doorbell_that_is_refused_is_rung_at_the_next_call() {
    for notices in BOTH {
        let mut bench = bench(notices, Order::Oldest);
        bench.post(1);
        bench.doorbell.refuse(true);
        assert_eq!(bench.queue.ring(&mut bench.doorbell), Err(()));
        bench.doorbell.refuse(false);
        assert!(bench.ring() && !bench.ring());
    }
}

#[test]
fn interrupts_come_only_when_the_driver_waits() {
    for notices in BOTH {
        let mut bench = bench(notices, Order::Oldest);
        let turn = |bench: &mut Bench, waits: bool| {
            bench.doorbell.acknowledge(1).unwrap();
            bench.post(1);
            bench.post(2);
            if waits {
                assert_eq!(bench.queue.may_wait(), Ok(true));
            }
            bench.ring();
            bench.run();
            assert_eq!([bench.pop(), bench.pop(), bench.pop()], [Some(1), Some(2), None]);
            bench.doorbell.status()
        };
        assert_eq!(turn(&mut bench, true), 1);
        assert_eq!(turn(&mut bench, false), 0);
        assert_eq!(turn(&mut bench, true), 1);
    }
}

// attack 90 U: the last completion comes while the driver prepares to wait; it does not wait; broken: queue-wait
#[test]
fn a_driver_does_not_wait_when_something_is_there() {
    for notices in BOTH {
        let mut bench = bench(notices, Order::Oldest);
        bench.post(1);
        bench.ring();
        bench.run();
        assert_eq!(bench.queue.may_wait(), Ok(false));
        assert_eq!(bench.pop(), Some(1));
        assert_eq!(bench.queue.may_wait(), Ok(true));
    }
}

#[test]
fn indices_go_round_at_16_bits() {
    for notices in BOTH {
        let mut bench = bench(notices, Order::Oldest);
        for round in 0..66_000 / 3 {
            (0..3).for_each(|n| bench.post(3 * round + n));
            assert!(bench.ring(), "round {round}");
            bench.run();
            for n in 0..3 {
                assert_eq!(bench.pop(), Some(3 * round + n));
            }
            assert_eq!(bench.queue.may_wait(), Ok(true));
        }
    }
}

// attack 52 U: the device completes a head that there is not; told once, and the queue ends; broken: used-id, queue-goes-on
#[test]
fn a_head_that_there_is_not_ends_the_queue() {
    for id in [3, 4, 0x1_0000, u32::MAX] {
        let mut bench = bench(Notices::Flags, Order::Oldest);
        bench.post(1);
        bench.used(0, id, 8, 1);
        assert_eq!(bench.queue.pop(), Err(Misbehaved::NoSuchHead { id }));
        for _ in 0..2 {
            assert_eq!(bench.queue.pop(), Err(Misbehaved::Before));
            assert_eq!(bench.queue.may_wait(), Err(Misbehaved::Before));
        }
        let head = bench.heads.pop().unwrap();
        let index = head.index();
        assert_eq!(bench.queue.post(head).unwrap_err().index(), index);
    }
}

// attack 52 U: the device completes a head that it does not have, or one twice; the queue ends; broken: used-not-posted
#[test]
fn a_head_that_the_device_does_not_have_ends_the_queue() {
    let mut bench = bench(Notices::Flags, Order::Oldest);
    bench.post(1);
    bench.post(2);
    bench.used(0, 2, 8, 1);
    let _kept = bench.queue.pop().unwrap().unwrap();
    bench.used(1, 2, 8, 2);
    assert_eq!(bench.queue.pop(), Err(Misbehaved::NotPosted { head: 2 }));
}

// attack 52 U: the device says that it wrote more than it may; the length is cut; broken: used-len
#[test]
fn a_length_is_no_more_than_the_shape_allows() {
    for (said, told) in [(0, 0), (7, 7), (8, 8), (9, 8), (u32::MAX, 8)] {
        let mut bench = bench(Notices::Flags, Order::Oldest);
        bench.post(1);
        bench.used(0, 2, said, 1);
        let done = bench.queue.pop().unwrap().unwrap();
        assert_eq!((done.len(), done.is_empty()), (told, told == 0));
    }
}

// attack 90 U: the index of the used ring jumps; told, and nothing is read; broken: used-index
#[test]
fn an_index_that_runs_ahead_ends_the_queue() {
    for index in [3, 4, 0x7fff, 0x8000, u16::MAX] {
        let mut bench = bench(Notices::Flags, Order::Oldest);
        bench.post(1);
        bench.post(2);
        bench.used(0, 2, 8, index);
        assert_eq!(bench.queue.pop(), Err(Misbehaved::Index { index, had: 2 }));
    }
}

// attack 90 U: the device is reset while it has heads; told, and the queue ends
#[test]
fn a_reset_with_heads_in_flight_ends_the_queue() {
    let mut bench = bench(Notices::EventIndex, Order::Oldest);
    bench.post(1);
    bench.post(2);
    bench.ring();
    bench.run();
    assert_eq!(bench.pop(), Some(1));
    assert_eq!(bench.pop(), Some(2));
    bench.memory.device_write(LAYOUT.used().start, &vec![0; LAYOUT.used().len()]);
    bench.memory.settle();
    assert_eq!(bench.queue.pop(), Err(Misbehaved::Index { index: 0, had: 0 }));
}

// attack 52 U: a head of another queue, of the same number too, is posted; it is given back; broken: head-twice
#[test]
fn a_head_is_posted_to_its_own_queue_and_once() {
    let mut bench = bench(Notices::Flags, Order::Oldest);
    let other = |number| {
        let (avail, used) = (bench.memory.part(0..14), bench.memory.part(16..54));
        let (_, heads): (Driven, _) =
            Queue::new(number, avail, used, Notices::Flags, [8; HEADS]).unwrap();
        let [.., last] = heads;
        last
    };
    let (another, twin) = (other(6), other(7));
    assert_eq!(bench.slots.write(&another, 0, &[1]), Err(Outside));
    let another = bench.queue.post(another).unwrap_err();
    assert_eq!((another.index(), bench.queue.in_flight()), (2, 0));
    bench.post(1);
    assert_eq!(bench.queue.post(twin).unwrap_err().index(), 2, "the device has head 2");
    assert_eq!(bench.queue.in_flight(), 1);
}

// attack 52 U: an access past the end of a slot, into that of a head that the device has; refused; broken: slot-end
#[test]
fn a_slot_ends_where_the_next_begins() {
    let Bench { mut slots, heads, memory, .. } = bench(Notices::Flags, Order::Oldest);
    let len = LAYOUT.slot();
    for (offset, many) in [(0, len + 1), (len, 1), (len - 1, 2), (len + 1, 0), (usize::MAX, 1)] {
        let mut bytes = vec![1; many];
        assert_eq!(slots.write(&heads[1], offset, &bytes), Err(Outside), "{many} at {offset}");
        assert_eq!(slots.read(&heads[1], offset, &mut bytes), Err(Outside), "{many} at {offset}");
        assert_eq!(slots.clear(&heads[1], offset, many), Err(Outside), "{many} at {offset}");
    }
    slots.write(&heads[1], 0, &vec![1; len]).unwrap();
    slots.clear(&heads[1], 1, len - 2).unwrap();
    memory.settle();
    let mut expected = vec![0; 3 * len];
    (expected[len], expected[2 * len - 1]) = (1, 1);
    assert_eq!(memory.device_read(LAYOUT.slots()), expected);
}

#[test]
fn a_slot_of_any_length_is_cleared() {
    let memory = FakeMemory::new(256);
    let (queue, [head]): (Queue<_, FakeShared<ReadOnly>, 1>, _) =
        Queue::new(0, memory.part::<ReadWrite>(0..8), memory.part(8..22), Notices::Flags, [0])
            .unwrap();
    assert_eq!(queue.in_flight(), 0);
    let mut slots = Slots::new(0, memory.part::<ReadWrite>(24..256), 232);
    for len in [0, 1, 63, 64, 65, 128, 200, 231] {
        slots.write(&head, 0, &[1; 232]).unwrap();
        slots.clear(&head, 1, len).unwrap();
        let mut bytes = [2; 232];
        slots.read(&head, 0, &mut bytes).unwrap();
        assert!(bytes.iter().enumerate().all(|(at, byte)| (*byte == 0) == (1..=len).contains(&at)));
    }
}

/// Keeps all heads busy until `requests` are answered. After each load and each post of the driver, the
/// device makes as many steps as `acts` say; if any, after a post, it looks unasked, and the newest store
/// has overtaken those before it. Returns the answers.
fn keep_busy(notices: Notices, order: Order, requests: u32, acts: &[u8]) -> Vec<u32> {
    let mut bench = bench(notices, order);
    let mut acts = acts.to_vec().into_iter().cycle();
    let (device, memory) = (Rc::clone(&bench.device), bench.memory.clone());
    let act = Rc::new(RefCell::new(move |unasked: bool| {
        let mut device = device.borrow_mut();
        let steps = acts.next().unwrap_or(0);
        if unasked && steps > 0 {
            memory.overtake(1);
            device.wake();
        }
        (0..steps).for_each(|_| drop(device.step()));
    }));
    let hook = Rc::clone(&act);
    bench.memory.after_each_load(move || (hook.borrow_mut())(false));
    let (mut next, mut answers) = (0, Vec::new());
    while answers.len() < requests as usize {
        while next < requests && !bench.heads.is_empty() {
            bench.post(next);
            (act.borrow_mut())(true);
            next += 1;
        }
        bench.ring();
        while let Some(answer) = bench.pop() {
            answers.push(answer);
        }
        if bench.queue.in_flight() > 0 && bench.queue.may_wait().unwrap() {
            bench.device.borrow_mut().run();
            assert_eq!(bench.doorbell.status(), 1, "nobody wakes the driver");
            bench.doorbell.acknowledge(1).unwrap();
        }
    }
    answers
}

proptest! {
    // attack 90 P: the device acts at any moment, in any order, on memory that is weakly ordered; all is answered, with no wait for ever; broken: fence-post, fence-ring, fence-used, fence-wait
    #[test]
    fn nothing_is_lost_or_read_before_it_is_there(
        event_index: bool,
        newest: bool,
        acts in prop::collection::vec(0_u8..4, 1..64),
    ) {
        let order = if newest { Order::Newest } else { Order::Oldest };
        let mut answers = keep_busy(BOTH[usize::from(event_index)], order, 40, &acts);
        answers.sort_unstable();
        prop_assert!(answers.into_iter().eq(0..40));
    }

    // attack 52 P: ids and lengths that the device makes up; each head has one holder, no length is beyond its shape; broken: used-not-posted, used-len
    // attack 90 P: the device lies in every way; told once, never a panic, never a loop without end; broken: queue-goes-on
    #[test]
    fn whatever_the_device_does(data in prop::collection::vec(any::<u8>(), 100..400)) {
        let Outcome { completed, .. } = exercise(&data);
        prop_assert!(completed <= data.len());
    }
}

/// Else nothing of the above would show anything.
#[test]
fn a_hostile_device_gets_to_lie_in_every_way() {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    let (mut completed, mut seen) = (0, [0; 4]);
    for _ in 0..2000 {
        let data: Vec<u8> = (0..100).map(|_| byte()).collect();
        let outcome = exercise(&data);
        completed += outcome.completed;
        seen[match outcome.misbehaved {
            None => 0,
            Some(Misbehaved::Index { .. }) => 1,
            Some(Misbehaved::NoSuchHead { .. }) => 2,
            Some(Misbehaved::NotPosted { .. }) => 3,
            Some(Misbehaved::Before) => panic!("told without what it was"),
        }] += 1;
    }
    assert!(completed > 1000 && seen.iter().all(|times| *times > 20), "{completed} {seen:?}");
}
