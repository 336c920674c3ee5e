//! A queue whose device lies.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::bench::{NUMBER, bench};
use crate::fake::{Order, Outcome, exercise};
use crate::{Misbehaved, Notices};

// attack 52 U: the device completes a head that there is not; told once, and the queue ends; broken: used-id, queue-goes-on
#[test]
fn a_head_that_there_is_not_ends_the_queue() {
    for id in [3, 4, 0x1_0000, u32::MAX] {
        let mut bench = bench(Notices::Flags, Order::Oldest);
        bench.post(1);
        bench.used(0, id, 8, 1);
        assert!(!bench.queue.is_over());
        assert_eq!(bench.queue.pop(), Err(Misbehaved::NoSuchHead { id }));
        assert!(bench.queue.is_over());
        for _ in 0..2 {
            assert_eq!(bench.queue.pop(), Err(Misbehaved::Before));
            assert_eq!(bench.queue.may_wait(), Err(Misbehaved::Before));
            assert_eq!(bench.queue.spin(|| true), Err(Misbehaved::Before));
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
    let used = bench.layout.used(NUMBER);
    bench.memory.device_write(used.start, &vec![0; used.len()]);
    bench.memory.settle();
    assert_eq!(bench.queue.pop(), Err(Misbehaved::Index { index: 0, had: 0 }));
}

proptest! {
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
    let (inputs, [most, few]) = if cfg!(miri) { (40, [0, 0]) } else { (2000, [1000, 20]) };
    for _ in 0..inputs {
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
    assert!(completed > most && seen.iter().all(|times| *times > few), "{completed} {seen:?}");
}

#[test]
fn what_a_device_did_has_words() {
    let words = [
        (Misbehaved::Index { index: 9, had: 3 }, "had 3 heads, and completed more: index 9"),
        (Misbehaved::NoSuchHead { id: 70_000 }, "completed head 70000: none such"),
        (Misbehaved::NotPosted { head: 2 }, "completed head 2, which it did not have"),
        (Misbehaved::Before, "misbehaved before"),
    ];
    for (what, words) in words {
        let told = alloc::format!("{what}");
        assert!(told.contains(words), "{told}");
    }
}
