//! A queue whose memory is weakly ordered, and whose device acts at any moment.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use proptest::prelude::*;

use crate::bench::{BOTH, bench};
use crate::fake::Order;
use crate::{Doorbell, Notices};

/// Keeps all heads busy until `requests` are answered. After each load and each store of the driver, the
/// device makes as many steps as `acts` say; if any, after a store, it looks unasked, and the newest store
/// has overtaken those before it. Returns the answers.
fn keep_busy(
    (notices, order, batches): (Notices, Order, bool),
    requests: u32,
    acts: Vec<u8>,
) -> Vec<u32> {
    let mut bench = bench(notices, order);
    let mut acts = acts.into_iter().cycle();
    let (device, memory) = (Rc::clone(&bench.device), bench.memory.clone());
    let act = Rc::new(RefCell::new(move |unasked: bool| {
        let mut device = device.borrow_mut();
        let steps = acts.next().unwrap_or(0);
        if unasked && steps > 0 {
            memory.overtake(1);
            device.wake();
        }
        (0..steps).for_each(|_| {
            device.step();
        });
    }));
    let hook = Rc::clone(&act);
    bench.memory.after_each_load(move || (hook.borrow_mut())(false));
    bench.memory.after_each_store(move || (act.borrow_mut())(true));
    let (mut next, mut answers) = (0, Vec::new());
    while answers.len() < requests as usize {
        while next < requests && !bench.heads.is_empty() {
            if batches {
                bench.post_in_batch(next);
            } else {
                bench.post(next);
            }
            next += 1;
        }
        bench.ring();
        while let Some(answer) = bench.pop() {
            answers.push(answer);
        }
        let mut looks = 0..3;
        if bench.queue.spin(|| looks.next().is_some()).unwrap() {
            continue;
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
        batches: bool,
        acts in prop::collection::vec(0_u8..4, 1..64),
    ) {
        let order = if newest { Order::Newest } else { Order::Oldest };
        let mut answers = keep_busy((BOTH[usize::from(event_index)], order, batches), 40, acts);
        answers.sort_unstable();
        prop_assert!(answers.into_iter().eq(0..40));
    }
}
