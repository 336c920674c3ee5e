//! A flush that comes through the ring with the changes that it is for, with a device that does what it has in any order.

use std::vec;
use std::vec::Vec;

use nexus_proto::disk::ring;
use nexus_ring::DONE;
use nexus_virtio::Notices;
use nexus_virtio::fake::Order;

use crate::fake::{Bench, CONFIG, LIFE, bench, layout};

/// What the device calls a flush, and a write.
const FLUSHED: (u32, u64) = (4, 0);
const WROTE: u32 = 1;

fn with(order: Order) -> Bench {
    let mut bench = bench(CONFIG, Notices::EventIndex, order);
    bench.settle();
    bench
}

/// The device does one thing, and the driver sees it.
fn step(bench: &mut Bench) {
    let (had, device) = (bench.platter.asked().len(), bench.device.as_mut().unwrap());
    while bench.platter.asked().len() == had {
        assert!(device.step(), "it has nothing to do");
    }
    bench.memory.settle();
    bench.turn();
}

/// What the device was asked behind so many requests.
fn asked(bench: &Bench, before: usize) -> Vec<(u32, u64)> {
    bench.platter.asked().split_off(before)
}

/// Requests that the device has not done.
fn in_flight(bench: &Bench) -> u16 {
    bench.engine.stats().in_flight
}

/// The range of a discard or of zeroes: one sector, written at the start of the data area.
fn one_sector(bench: &mut Bench, sector: u8) {
    bench.consumer.write(0, &[sector, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
}

// attack 65 U: a change and its flush are asked at once, of a device that does what came last first; it hears of the flush when the change is done; broken: disk-flush-held
#[test]
fn a_flush_is_held_back_until_the_changes_ahead_of_it_are_done() {
    for order in [Order::Oldest, Order::Newest] {
        for op in [ring::WRITE, ring::DISCARD, ring::ZEROES] {
            let mut bench = with(order);
            one_sector(&mut bench, 9);
            let data = if op == ring::WRITE { 0..8704 } else { 0..ring::RANGE };
            let (before, len) = (bench.platter.asked().len(), data.end);
            let change = bench.submit(op, 9, data);
            let flush = bench.submit(ring::FLUSH, 0, 0..0);
            bench.turn();
            // Of a write of 8,704 bytes there are two parts.
            let parts = if op == ring::WRITE { 2 } else { 1 };
            assert_eq!(in_flight(&bench), parts, "the flush is not with the device");
            bench.settle();
            let mut asked = asked(&bench, before);
            assert_eq!(asked.pop(), Some(FLUSHED), "{op} {order:?}");
            assert_eq!(asked.len(), usize::from(parts));
            assert_eq!(bench.completions(), vec![(change, DONE, len), (flush, DONE, 0)]);
        }
    }
}

// attack 65 U: a device fails a change, or a part of it, whose flush waits; the flush fails, and the device never hears of it; broken: disk-flush-failed
#[test]
fn a_flush_of_a_change_that_failed_fails() {
    for fails in [0, 1, 2] {
        let mut bench = with(Order::Oldest);
        let before = bench.platter.asked().len();
        let ids = [0, 1, 2].map(|at| bench.submit(ring::WRITE, 9 + at, 0..512));
        let flush = bench.submit(ring::FLUSH, 0, 0..0);
        // There are heads for two of the three at one time.
        bench.turn();
        for at in 0..3 {
            bench.platter.answer_with((at == fails).then_some(1));
            step(&mut bench);
        }
        bench.platter.answer_with(None);
        bench.settle();
        let status = |at| if at == fails { (ring::FAILED, 0) } else { (DONE, 512) };
        let mut all = bench.completions();
        assert_eq!(all.pop(), Some((flush, ring::FAILED, 0)), "it comes last");
        for (at, id) in ids.into_iter().enumerate() {
            let (status, len) = status(at);
            assert!(all.contains(&(id, status, len)), "{all:?}");
        }
        assert_eq!(asked(&bench, before).len(), 3, "no flush was asked");
        // The next one is of nothing that failed.
        bench.submit(ring::WRITE, 9, 0..512);
        let flush = bench.submit(ring::FLUSH, 0, 0..0);
        bench.settle();
        assert_eq!(bench.completions().pop(), Some((flush, DONE, 0)));
        assert_eq!(asked(&bench, before + 4), vec![FLUSHED]);
    }
}

// attack 66 U: the device fails the flush itself; it fails, and what it is of was done
#[test]
fn a_flush_that_the_device_fails_fails() {
    let mut bench = with(Order::Oldest);
    let write = bench.submit(ring::WRITE, 9, 0..512);
    let flush = bench.submit(ring::FLUSH, 0, 0..0);
    bench.turn();
    step(&mut bench);
    bench.platter.answer_with(Some(1));
    step(&mut bench);
    assert_eq!(bench.completions(), vec![(write, DONE, 512), (flush, ring::FAILED, 0)]);
}

// attack 65 U: changes without end behind a flush; it waits for none of them, and they do not wait for it; broken: disk-flush-all
#[test]
fn a_flush_waits_for_no_change_behind_it() {
    let mut bench = with(Order::Oldest);
    let before = bench.platter.asked().len();
    bench.submit(ring::WRITE, 9, 0..512);
    let flush = bench.submit(ring::FLUSH, 0, 0..0);
    bench.turn();
    for at in 0..4 {
        bench.submit(ring::WRITE, 10 + at, 4096..8192);
        bench.turn();
        let others = if at == 0 { 1 } else { 2 };
        assert_eq!(in_flight(&bench), others + 1, "the change behind it is with the device");
        step(&mut bench);
    }
    let asked = asked(&bench, before);
    assert_eq!(asked, vec![(WROTE, 9), (WROTE, 10), FLUSHED, (WROTE, 11)]);
    assert!(bench.completions().contains(&(flush, DONE, 0)));
}

#[test]
fn two_flushes_wait_for_the_same_change_and_each_for_its_own() {
    let mut bench = with(Order::Oldest);
    let before = bench.platter.asked().len();
    let ops = [ring::WRITE, ring::FLUSH, ring::WRITE, ring::FLUSH, ring::FLUSH];
    let ids: Vec<u16> = (0..).zip(ops).map(|(at, op)| bench.submit(op, at, 0..512)).collect();
    bench.turn();
    step(&mut bench);
    assert_eq!(in_flight(&bench), 2, "the second write, and the first flush");
    bench.settle();
    // There is one head for a flush.
    let expected = [(WROTE, 0), (WROTE, 2), FLUSHED, FLUSHED, FLUSHED];
    assert_eq!(asked(&bench, before), expected);
    let mut done: Vec<u16> = bench.completions().into_iter().map(|(id, ..)| id).collect();
    done.sort_unstable();
    assert_eq!(done, ids);
}

#[test]
fn a_flush_waits_for_no_read() {
    let mut bench = with(Order::Oldest);
    bench.submit(ring::READ, 9, 0..512);
    bench.submit(ring::FLUSH, 0, 0..0);
    bench.turn();
    assert_eq!(in_flight(&bench), 2);
}

// attack 92 U: the consumer begins anew while a flush is held back; neither that flush nor what it waited for holds back, or fails, one of the next attachment; broken: disk-flush-kept
#[test]
fn what_was_held_back_for_an_attachment_that_is_over_is_nobodys() {
    let mut bench = with(Order::Oldest);
    bench.submit(ring::WRITE, 9, 0..512);
    bench.submit(ring::FLUSH, 0, 0..0);
    bench.turn();
    assert_eq!(bench.consumer.begin().count(), 2);
    bench.engine.attach(3, LIFE);
    bench.consumer.attached().unwrap();
    bench.turn();
    assert!(bench.answers().is_empty(), "the write is under way");
    bench.platter.answer_with(Some(1));
    bench.settle();
    bench.platter.answer_with(None);
    assert_eq!((bench.answers().len(), bench.completions()), (1, vec![]));
    assert_eq!(bench.engine.stats().flushes, 0);
    let flush = bench.submit(ring::FLUSH, 0, 0..0);
    bench.settle();
    assert_eq!(bench.completions(), vec![(flush, DONE, 0)]);
}

#[test]
fn a_change_that_was_refused_holds_nothing_back() {
    let mut bench = with(Order::Oldest);
    let write = bench.submit(ring::WRITE, u64::MAX, 0..512);
    let flush = bench.submit(ring::FLUSH, 0, 0..0);
    bench.settle();
    let refused = (write, ring::OUT_OF_RANGE, 0);
    assert_eq!(bench.completions(), vec![refused, (flush, DONE, 0)], "the refusal comes first");
}

// attack 66 U: the device misbehaves while flushes are held back; each is told that it is gone
#[test]
fn a_flush_that_is_held_back_from_a_device_that_is_given_up_is_gone() {
    let mut bench = with(Order::Oldest);
    let ops = [ring::WRITE, ring::FLUSH, ring::FLUSH];
    let ids = ops.map(|op| bench.submit(op, 0, 0..512));
    bench.turn();
    let index = layout().used(0).start + 2;
    bench.memory.device_write(index, &[0xff, 0xff]);
    bench.memory.settle();
    bench.turn();
    assert!(bench.misbehaved().is_some());
    assert_eq!(bench.completions(), ids.map(|id| (id, ring::GONE, 0)));
}

/// All is done in the end, and each flush behind what stands ahead of it, for every order of five requests.
#[test]
fn every_order_of_five_requests_is_done_as_it_must_be() {
    let ops = [ring::READ, ring::WRITE, ring::FLUSH];
    for order in [Order::Oldest, Order::Newest] {
        for case in 0..3_u32.pow(5) {
            let mut bench = with(order);
            let before = bench.platter.asked().len();
            let of = |at: u32| ops[(case / 3_u32.pow(at) % 3) as usize];
            for at in 0..5 {
                let data = if of(at) == ring::FLUSH { 0..0 } else { 512 * at..512 * (at + 1) };
                bench.submit(of(at), at.into(), data);
            }
            bench.settle();
            assert_eq!(bench.completions().len(), 5, "{case}");
            let asked = asked(&bench, before);
            let flushes: Vec<usize> = (0..5).filter(|at| asked[*at] == FLUSHED).collect();
            let mut ahead = 0;
            for at in 0..5 {
                ahead += usize::from(of(at) == ring::WRITE);
                if of(at) == ring::FLUSH {
                    let nth = (0..at).filter(|at| of(*at) == ring::FLUSH).count();
                    let writes = |end| (0..end).filter(|at| asked[*at].0 == WROTE).count();
                    assert!(writes(flushes[nth]) >= ahead, "{case} {order:?}: {asked:?}");
                }
            }
        }
    }
}
