//! What inputd makes of the events of a keyboard, and of one that lies.

mod bench;

use std::time::Duration;

use bench::{IDENTITY, bench, pass};
use inputd::events::{BYTES, Event, HEADS, QUEUE};
use inputd::pace::{LINES, PERIOD};
use nexus_rt::abi::Sender;
use nexus_rt::proto::Operation;
use nexus_rt::proto::device::Identify;
use nexus_rt::{Deadline, ReplyTo, Service};
use nexus_virtio::Doorbell;

#[test]
fn all_heads_are_posted_and_the_doorbell_is_rung_once() {
    let bench = bench(true);
    assert_eq!(usize::from(bench.server.posted()), HEADS);
    assert_eq!(bench.doorbell.rung(), [QUEUE]);
    assert_eq!(bench.server.deadline(), Deadline::NEVER);
}

#[test]
fn it_answers_for_its_device() {
    let mut bench = bench(true);
    let op = Identify {};
    let answer = bench.server.handle(Sender::default(), op.into(), ReplyTo::nobody());
    assert_eq!(Identify::decode_reply(&answer.into_message()), Ok(IDENTITY));
}

#[test]
fn bytes_are_little_endian() {
    let event = Event::of([1, 0, 0x3b, 0x01, 4, 3, 2, 1]);
    assert_eq!(event, Event { kind: 1, code: 0x13b, value: 0x0102_0304 });
}

#[test]
fn keys_are_told_and_nothing_else() {
    let mut bench = bench(true);
    // A key that goes down, stays so, and comes up; the end of a report, a mouse, and no such value.
    for (kind, code, value) in
        [(1, 30, 1), (1, 30, 2), (1, 30, 0), (0, 0, 0), (2, 0, 1), (1, 30, 256), (0x101, 30, 1)]
    {
        bench.event(kind, code, value);
    }
    bench.interrupt();
    assert_eq!(bench.told(), ["key 30 pressed", "key 30 released"]);
    assert_eq!(usize::from(bench.server.posted()), HEADS, "they are posted again");
    assert_eq!(bench.doorbell.rung(), [QUEUE; 2], "one doorbell for the batch");
    assert_eq!(bench.doorbell.acknowledged(), [1]);
}

#[test]
fn a_keyboard_goes_on_for_ever() {
    let mut bench = bench(true);
    for code in 0..3 * HEADS as u16 {
        pass(PERIOD);
        bench.event(1, code, 1);
        bench.interrupt();
        assert_eq!(bench.told(), [format!("key {code} pressed")]);
    }
}

#[test]
fn an_interrupt_during_the_look_is_not_acknowledged_with_the_one_before() {
    let mut bench = bench(true);
    bench.raises.set(true);
    bench.event(1, 30, 1);
    bench.interrupt();
    assert_eq!(bench.doorbell.status(), 1, "it was acknowledged before the look");
    bench.raises.set(false);
    bench.event(1, 30, 0);
    bench.interrupt();
    assert_eq!(bench.told(), ["key 30 pressed", "key 30 released"]);
    assert_eq!(bench.doorbell.status(), 0);
}

#[test]
fn an_interrupt_without_a_cause_is_nothing() {
    let mut bench = bench(true);
    bench.interrupt();
    assert_eq!(bench.told(), [""; 0]);
    assert_eq!(bench.doorbell.acknowledged(), []);
    assert_eq!(bench.doorbell.rung(), [QUEUE]);
    assert_eq!(bench.server.deadline(), Deadline::NEVER);
}

#[test]
fn a_device_without_a_line_is_looked_at() {
    let mut bench = bench(false);
    assert!(bench.server.deadline() <= Deadline::after_ms(10));
    bench.event(1, 30, 1);
    bench.memory.settle();
    bench.server.tick();
    assert_eq!(bench.told(), ["key 30 pressed"]);
    assert!(bench.server.deadline() <= Deadline::after_ms(10));
}

#[test]
fn an_event_that_is_too_short_is_dropped_and_counted() {
    let mut bench = bench(true);
    let key = [1, 0, 30, 0, 1, 0, 0, 0];
    for len in 0..BYTES as u32 {
        assert!(bench.device.give(&key, len));
    }
    bench.interrupt();
    assert_eq!(bench.told(), [""; 0]);
    assert!(bench.server.deadline() <= Deadline::after_ms(1000));
    pass(PERIOD);
    bench.server.tick();
    assert_eq!(bench.told(), ["left out: 0 keys, and 8 events of a wrong length"]);
    assert_eq!(bench.server.deadline(), Deadline::NEVER);
    assert_eq!(usize::from(bench.server.posted()), HEADS, "their heads go back");
}

#[test]
fn a_length_that_is_too_large_is_cut_to_the_head() {
    let mut bench = bench(true);
    for len in [9, u32::MAX] {
        assert!(bench.device.give(&[1, 0, 30, 0, 1, 0, 0, 0], len));
    }
    bench.interrupt();
    assert_eq!(bench.told(), ["key 30 pressed"; 2]);
}

#[test]
fn an_event_that_was_not_written_is_not_the_one_before() {
    let mut bench = bench(true);
    for _ in 0..HEADS {
        bench.event(1, 30, 1);
    }
    bench.interrupt();
    pass(PERIOD);
    bench.server.tick();
    bench.told();
    for _ in 0..HEADS {
        assert!(bench.device.give(&[], BYTES as u32));
    }
    bench.interrupt();
    assert_eq!(bench.told(), [""; 0]);
}

#[test]
fn a_flood_of_keys_is_a_few_lines() {
    let mut bench = bench(true);
    for _ in 0..10 {
        for code in 0..HEADS as u16 {
            bench.event(1, code, 1);
        }
        bench.interrupt();
    }
    assert_eq!(bench.told().len(), LINES as usize);
    pass(PERIOD - Duration::from_nanos(1));
    bench.server.tick();
    assert_eq!(bench.told(), [""; 0]);
    pass(Duration::from_nanos(1));
    bench.server.tick();
    let untold = 10 * HEADS - LINES as usize;
    let rest = format!("left out: {untold} keys, and 0 events of a wrong length");
    assert_eq!(bench.told(), [rest]);
    bench.event(1, 30, 1);
    bench.interrupt();
    assert_eq!(bench.told(), ["key 30 pressed"], "another period has begun");
}

#[test]
fn a_head_that_is_completed_twice_is_posted_once_for_each() {
    let mut bench = bench(true);
    for _ in 0..HEADS {
        bench.device.say(0, BYTES as u32);
    }
    bench.memory.settle();
    bench.server.interrupt();
    assert_eq!(usize::from(bench.server.posted()), HEADS);
    assert_eq!(bench.told(), [""; 0], "zeroes are no key");
}

/// What is told of a device that does this, when it is looked at three times; it is asked nothing any more.
fn told_of(lie: impl Fn(&mut bench::Bench)) -> Vec<String> {
    let mut bench = bench(true);
    lie(&mut bench);
    for _ in 0..3 {
        bench.doorbell.raise(1);
        bench.memory.settle();
        bench.server.interrupt();
        bench.server.tick();
    }
    assert_eq!(bench.server.posted(), 0);
    assert_eq!(bench.doorbell.rung(), [QUEUE]);
    assert_eq!(bench.doorbell.acknowledged(), [1; 3], "it does not keep its line");
    assert_eq!(bench.server.deadline(), Deadline::NEVER);
    bench.told()
}

#[test]
fn a_device_that_misbehaves_is_told_of_once() {
    let of_head = |id: u32| told_of(move |bench| bench.device.say(id, 8));
    for id in [HEADS as u32, 0x1_0000, u32::MAX] {
        let line = format!("no events any more: the device completed head {id}: none such");
        assert_eq!(of_head(id), [line]);
    }
    let ahead = told_of(|bench| {
        bench.memory.device_write(bench.layout.used(QUEUE).start + 2, &65_u16.to_le_bytes());
    });
    let line = "no events any more: the device had 64 heads, and completed more: index 65";
    assert_eq!(ahead, [line]);
}
