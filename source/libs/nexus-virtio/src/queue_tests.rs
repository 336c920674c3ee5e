//! A queue with a device that does what it should.

use alloc::rc::Rc;

use nexus_mmio::fake::FakeMemory;
use nexus_mmio::{Outside, ReadOnly, ReadWrite, TooSmall};

use crate::bench::{BOTH, Bench, Driven, HEADS, NUMBER, bench};
use crate::fake::Order;
use crate::{Doorbell, Notices, Queue};

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
    let memory = FakeMemory::new(64);
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
        assert_eq!(bench.doorbell.rung(), [NUMBER, NUMBER]);
    }
}

#[test]
fn a_batch_is_handed_over_when_it_is_rung() {
    for notices in BOTH {
        let mut bench = bench(notices, Order::Oldest);
        bench.post_in_batch(1);
        bench.post_in_batch(2);
        bench.device.borrow_mut().wake();
        bench.run();
        assert_eq!((bench.pop(), bench.queue.untold(), bench.queue.in_flight()), (None, 2, 2));
        assert!(!bench.queue.post_index(1), "it is in the batch");
        assert!(!bench.queue.post_index(HEADS as u16), "there is none such");
        assert!(bench.ring());
        bench.run();
        assert_eq!([bench.pop(), bench.pop(), bench.pop()], [Some(1), Some(2), None]);
        assert_eq!(bench.queue.untold(), 0);
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

/// A queue of which the first completion, whose interrupt nobody asked for, is over.
fn begun(notices: Notices) -> Bench {
    let mut bench = bench(notices, Order::Oldest);
    bench.post(1);
    bench.ring();
    bench.run();
    assert_eq!((bench.pop(), bench.doorbell.acknowledge(1)), (Some(1), Ok(())));
    bench.post(2);
    bench.ring();
    bench
}

// attack 90 U: one head is looked for, and found; no interrupt comes that nobody waits for; broken: spin-endless
#[test]
fn what_is_found_by_a_spin_has_raised_no_interrupt() {
    for notices in BOTH {
        let mut bench = begun(notices);
        let (device, memory) = (Rc::clone(&bench.device), bench.memory.clone());
        let mut looks = 0;
        let found = bench.queue.spin(|| {
            looks += 1;
            assert!(looks <= 3);
            if looks == 3 {
                device.borrow_mut().run();
                memory.settle();
            }
            true
        });
        assert_eq!((found, bench.pop(), bench.doorbell.status()), (Ok(true), Some(2), 0));
        // Nothing comes, and the spin is told to end.
        bench.post(3);
        let mut looks = 0;
        let found = bench.queue.spin(|| {
            looks += 1;
            assert!(looks <= 3, "without an end");
            looks < 3
        });
        assert_eq!((found, looks, bench.pop()), (Ok(false), 3, None));
    }
}

// attack 90 U: the one head is completed at the last moment of a spin, or after it; the driver does not wait, or is woken; broken: queue-wait
#[test]
fn what_a_spin_does_not_find_is_not_lost() {
    for notices in BOTH {
        // After the last look, and before an interrupt is asked for.
        let mut bench = begun(notices);
        let (device, memory) = (Rc::clone(&bench.device), bench.memory.clone());
        let found = bench.queue.spin(|| {
            device.borrow_mut().run();
            memory.settle();
            false
        });
        assert_eq!((found, bench.queue.may_wait(), bench.pop()), (Ok(false), Ok(false), Some(2)));
        // After it was asked for.
        let mut bench = begun(notices);
        assert_eq!(bench.queue.spin(|| false), Ok(false));
        assert_eq!((bench.queue.may_wait(), bench.doorbell.status()), (Ok(true), 0));
        bench.run();
        assert_eq!((bench.doorbell.status(), bench.pop()), (1, Some(2)));
    }
}

// attack 90 U: the device keeps two heads, and answers none; nobody spins for them; broken: spin-more
#[test]
fn a_driver_spins_for_one_head_and_no_more() {
    for notices in BOTH {
        let mut bench = begun(notices);
        bench.post(3);
        bench.ring();
        assert_eq!(bench.queue.spin(|| panic!("two are in flight")), Ok(false));
        bench.run();
        assert_eq!([bench.pop(), bench.pop()], [Some(2), Some(3)]);
        assert_eq!(bench.queue.spin(|| panic!("none is in flight")), Ok(false));
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

// attack 52 U: a head of another queue, of the same number too, is posted; it is given back; broken: head-twice
#[test]
fn a_head_is_posted_to_its_own_queue_and_once() {
    let mut bench = bench(Notices::Flags, Order::Oldest);
    let spare = FakeMemory::new(64);
    let other = |number| {
        let (avail, used) = (spare.part(0..14), spare.part(16..54));
        let (_, heads): (Driven, _) =
            Queue::new(number, avail, used, Notices::Flags, [8; HEADS]).unwrap();
        let [.., last] = heads;
        last
    };
    let (another, twin) = (other(NUMBER + 1), other(NUMBER));
    assert_eq!(bench.slots.write(&another, 0, 0, &[1]), Err(Outside));
    let another = bench.queue.post(another).unwrap_err();
    assert_eq!((another.index(), bench.queue.in_flight()), (2, 0));
    bench.post(1);
    assert_eq!(bench.queue.post(twin).unwrap_err().index(), 2, "the device has head 2");
    assert_eq!(bench.queue.in_flight(), 1);
}
