//! The short ways of an interrupt and of `irq_ack`: each does what the long way does, and leaves what
//! is not its case to that.

use crate::common::*;
use crate::irq::*;
use crate::irq_ack::limited;

/// How a driver waits for its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// In `wait`.
    Waits,
    /// In `reply_recv`, at an endpoint to which the notification is bound.
    Receives,
}

impl How {
    const ALL: [How; 2] = [How::Waits, How::Receives];
}

/// A driver of line 3 whose thread of this priority waits, and a thread of priority 9 that runs. All
/// others wait for something else.
fn waiting(w: &mut World<'_>, how: How, priority: u64) -> (Driver, User) {
    let mut d = bound(w, 7, 3);
    let first = d.user;
    let endpoint = w.endpoint_create(first).unwrap();
    if how == How::Receives {
        w.endpoint_bind(first, endpoint, d.event).unwrap();
    }
    d.user = w.thread_in(d.child.process, priority).1;
    let low = w.process_create(8, 16, 64, Handle::NONE, 0).unwrap();
    let (_, running) = w.thread_in(low, 9);
    let waits = match how {
        How::Waits => d.wait(w, Handle::NONE),
        How::Receives => w.receive(d.user, endpoint),
    };
    assert_eq!(waits, Status::Blocked);
    for other in [first, w.init] {
        let never = w.notification_create(other).unwrap();
        assert_eq!(w.start(other, Syscall::Wait, &[never.0, NO_DEADLINE]), Status::Blocked);
    }
    w.enter(running);
    (d, running)
}

/// The bits that a driver has received.
fn bits(w: &mut World<'_>, d: &Driver, how: How) -> u64 {
    match how {
        How::Waits => w.result(d.user).unwrap(),
        How::Receives => {
            let got = w.received(d.user).unwrap();
            assert_eq!((got.message.tag, got.reply), (Tag(Tag::NOTIFICATION), Handle::NONE));
            got.message.words[0]
        }
    }
}

// attack 55 U: a line and its acknowledgement by the short ways, one after the other; one delivery for each acknowledgement; broken: irq-claimed-twice
#[test]
fn a_driver_runs_at_once_by_the_short_way() {
    for how in How::ALL {
        run(|w| {
            let (d, _) = waiting(w, how, 31);
            w.fast = true;
            let short = w.short;
            strike(w, 3);
            assert_eq!(w.short, short + 1, "{how:?}");
            assert_eq!((w.current(), bits(w, &d, how)), (Some(d.user), BITS));
            assert_eq!((state(w, 3), view(w, 3).delivered), (LineState::Delivered, 1));
            // An event that the controller may not deliver, while the line is claimed.
            w.machine().plic.wrong = Some(3);
            w.interrupts();
            assert_eq!((view(w, 3).delivered, w.strays()), (1, 1));
            w.set_level(3, false);
            w.irq_ack(d.user, d.line).unwrap();
            assert_eq!(w.short, short + 2, "{how:?}");
            assert!(!source(w, 3).claimed);
            w.refuses(d.user, Error::BadState, Syscall::IrqAck, &[d.line.0, u64::MAX]);
        });
    }
}

// attack 63 U: a line of a driver that is less important than who runs, or as important; that goes on; broken: fast-priority
#[test]
fn an_interrupt_stops_nobody_who_is_as_important() {
    for (how, priority) in How::ALL.into_iter().flat_map(|how| [(how, 8), (how, 9)]) {
        run(|w| {
            let (d, running) = waiting(w, how, priority);
            w.fast = true;
            let short = w.short;
            strike(w, 3);
            assert_eq!((w.short, w.current()), (short, Some(running)), "{how:?} {priority}");
            assert_eq!(bits(w, &d, how), BITS);
            assert!(w.is_ready(d.user));
        });
    }
}

// attack 55 U: an acknowledgement by the short way, with a value or before the interval is over; refused, or held back; broken: fast-line-value, fast-line-held
#[test]
fn what_the_short_way_cannot_acknowledge_goes_the_long_way() {
    run(|w| {
        let d = limited(w, 3, 1000);
        w.fast = true;
        strike(w, 3);
        let short = w.short;
        w.refuses(d.user, Error::BadArgument, Syscall::IrqAck, &[d.line.0, 1]);
        w.advance(999);
        w.irq_ack(d.user, d.line).unwrap();
        assert_eq!((w.short, state(w, 3)), (short, LineState::Held));
        w.advance(1);
        w.interrupts();
        w.advance(1000);
        // Nothing but the value stands against it now.
        w.refuses(d.user, Error::BadArgument, Syscall::IrqAck, &[d.line.0, 1]);
        let short = w.short;
        w.irq_ack(d.user, d.line).unwrap();
        assert_eq!((w.short, state(w, 3)), (short + 1, LineState::Armed));
    });
}

// attack 77 U: two servers wait where a line comes; it takes one of them out of the queue; broken: fast-partner
#[test]
fn an_interrupt_loses_no_other_server() {
    run(|w| {
        let d = bound(w, 7, 3);
        let endpoint = w.endpoint_create(d.user).unwrap();
        w.endpoint_bind(d.user, endpoint, d.event).unwrap();
        let (_, second) = w.thread_in(d.child.process, 31);
        for user in [d.user, second] {
            assert_eq!(w.receive(user, endpoint), Status::Blocked);
        }
        w.fast = true;
        for (bits, waits) in [([true, false], Some(second)), ([true, true], None)] {
            strike(w, 3);
            assert_eq!([d.user, second].map(|user| w.is_ready(user)), bits);
            w.set_level(3, false);
            if waits.is_some() {
                w.irq_ack(d.user, d.line).unwrap();
            }
        }
    });
}
