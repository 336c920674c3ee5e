//! Acknowledging a line: by its call, on the way into a wait, and not before the interval is over.

use crate::common::*;
use crate::irq::*;
use crate::message::{Pair, both, pair};
use neuron_core::sim::pace;
use nexus_abi::regs;

// attack 89 U: acknowledged before it is bound, before it is delivered, and twice; `BadState`, and nothing changes; broken: irq-ack-any-state
#[test]
fn a_delivered_line_is_acknowledged_once() {
    run(|w| {
        let d = driver(w, 7, 3);
        let args = [d.line.0, u64::MAX];
        w.refuses(d.user, Error::BadState, Syscall::IrqAck, &args);
        w.irq_bind(d.user, d.line, d.event, BITS).unwrap();
        w.refuses(d.user, Error::BadState, Syscall::IrqAck, &args);
        strike(w, 3);
        w.set_level(3, false);
        w.irq_ack(d.user, d.line).unwrap();
        w.refuses(d.user, Error::BadState, Syscall::IrqAck, &args);
    });
}

// attack 54 U: a line acknowledged by init, by what is above it, by the handle of its owner in another process; the line stays claimed; broken: irq-ack-by-another
#[test]
fn a_line_is_acknowledged_by_the_capability_it_was_bound_by() {
    run(|w| {
        let (d, other) = (bound(w, 7, 3), driver(w, 8, 4));
        strike(w, 3);
        w.refuses(w.init, Error::BadState, Syscall::IrqAck, &[d.kept.0, u64::MAX]);
        w.refuses(w.init, Error::BadState, Syscall::IrqAck, &[w.lines.0, u64::MAX]);
        w.refuses(other.user, Error::BadHandle, Syscall::IrqAck, &[d.line.0, u64::MAX]);
        // On the way into a wait these are no errors, but for the last.
        let event = w.notification_create(w.init).unwrap();
        for line in [d.kept, w.lines] {
            w.signal(w.init, event, 1).unwrap();
            assert_eq!(w.call(w.init, Syscall::Wait, &[event.0, 0, line.0]), Ok(1));
            assert_eq!(state(w, 3), LineState::Delivered);
        }
        w.refuses(other.user, Error::BadHandle, Syscall::Wait, &[other.event.0, 0, d.line.0]);
        assert_eq!(state(w, 3), LineState::Delivered);
    });
}

#[test]
fn a_wait_acknowledges_what_was_delivered_and_skips_what_was_not() {
    run(|w| {
        let d = bound(w, 7, 3);
        for phase in [LineState::Armed, LineState::Delivered] {
            assert_eq!(state(w, 3), phase);
            let deadline = w.now() + 10;
            let args = [d.event.0, deadline, d.line.0];
            assert_eq!(w.start(d.user, Syscall::Wait, &args), Status::Blocked);
            // Acknowledged at once, and that stands when the time is over.
            assert_eq!(state(w, 3), LineState::Armed);
            w.advance(10);
            assert_eq!(w.result(d.user), Err(Error::TimedOut));
            assert_eq!(state(w, 3), LineState::Armed);
            strike(w, 3);
            w.set_level(3, false);
            assert_eq!(w.call(d.user, Syscall::Wait, &[d.event.0, 0, 0]), Ok(BITS));
        }
    });
}

/// What `wait` and `reply_recv` find wrong with a line, with what they were given of it.
fn wrong(w: &mut World<'_>, d: &Driver) -> [(Handle, Error); 4] {
    let weak = w.derive_part(w.init, w.lines, Rights::MANAGE | Rights::GRANT, 6, 1).unwrap();
    let weak = w.install(w.init, d.child.process, weak, Rights::MANAGE).unwrap();
    [
        (Handle(d.line.0 ^ 1 << 40), Error::BadHandle),
        (d.kept, Error::BadHandle),
        (d.event, Error::WrongKind),
        (weak, Error::Denied),
    ]
}

// attack 54 U: a wait that names no line, another's, another kind, one without RECV; refused, and neither bits nor lines change; broken: irq-wait-bad-line, irq-ack-right, irq-busy-acks
#[test]
fn a_wait_with_a_bad_line_is_refused() {
    run(|w| {
        let d = bound(w, 7, 3);
        strike(w, 3);
        for (line, error) in wrong(w, &d) {
            w.refuses(d.user, error, Syscall::Wait, &[d.event.0, NO_DEADLINE, line.0]);
        }
        // Nor is a good line acknowledged by a wait that is refused.
        for (event, error) in [(d.line, Error::WrongKind), (Handle(77), Error::BadHandle)] {
            w.refuses(d.user, error, Syscall::Wait, &[event.0, NO_DEADLINE, d.line.0]);
        }
        let second = w.notification_create(d.user).unwrap();
        let (_, waiter) = w.thread_in(d.child.process, 31);
        assert_eq!(w.start(waiter, Syscall::Wait, &[second.0, NO_DEADLINE]), Status::Blocked);
        w.refuses(d.user, Error::Busy, Syscall::Wait, &[second.0, NO_DEADLINE, d.line.0]);
        assert_eq!(state(w, 3), LineState::Delivered);
    });
}

/// `reply_recv` that acknowledges a line.
fn reply_recv(
    w: &mut World<'_>,
    user: User,
    [endpoint, reply, line]: [Handle; 3],
    message: &Message,
    deadline: u64,
) -> Status {
    w.raw(user, Syscall::ReplyRecv.number(), |frame| {
        frame.set(regs::A0, endpoint.0);
        frame.set(regs::A1, message.tag.0 | Tag::ACK);
        frame.set_words(&message.words);
        frame.set(regs::T3, deadline);
        frame.set(regs::T4, reply.0);
        frame.set(regs::T5, line.0);
    })
}

/// A server with a line that was delivered, which has received a call.
struct Serving {
    pair: Pair,
    server: User,
    reply: Handle,
    driver: Driver,
}

fn serving(w: &mut World<'_>) -> Serving {
    let pair = pair(w);
    let (child, user) = (pair.server, pair.server.user);
    let kept = w.derive_part(w.init, w.lines, KEEP_LINE, 2, 1).unwrap();
    let line = w.install(w.init, child.process, kept, Rights::RECV).unwrap();
    let event = w.notification_create(user).unwrap();
    w.irq_bind(user, line, event, BITS).unwrap();
    w.receive(user, pair.serve);
    w.send(pair.client.user, pair.call, &Message::new(1, &[]), NO_DEADLINE);
    let reply = w.received(user).unwrap().reply;
    strike(w, 3);
    w.set_level(3, false);
    let driver = Driver { child, user, number: 3, line, event, kept };
    Serving { pair, server: user, reply, driver }
}

// attack 89 U: an answer that carries what cannot be carried, with a line to acknowledge; refused, and the line stays claimed. One that can: acknowledged before the next message is taken; broken: irq-ack-refused, irq-ack-late
#[test]
fn an_answer_acknowledges_before_it_goes_or_not_at_all() {
    both(|w| {
        let s = serving(w);
        let (serve, line) = (s.pair.serve, s.driver.line);
        let all = [serve, s.reply, line];
        let bare = w.derive(s.server, s.driver.event, Rights::RECV).unwrap();
        w.refused(s.server, Error::Denied, |w| {
            reply_recv(w, s.server, all, &Message::with_cap(0, &[], bare), NO_DEADLINE)
        });
        let good = Message::new(2, &[5]);
        for (line, error) in wrong(w, &s.driver) {
            w.refused(s.server, error, |w| {
                reply_recv(w, s.server, [serve, s.reply, line], &good, NO_DEADLINE)
            });
        }
        for (handles, error) in [
            ([Handle(77), s.reply, line], Error::BadHandle),
            ([line, s.reply, line], Error::WrongKind),
            ([serve, Handle::reply(1, 99), line], Error::BadHandle),
        ] {
            w.refused(s.server, error, |w| reply_recv(w, s.server, handles, &good, NO_DEADLINE));
        }
        assert_eq!(state(w, 3), LineState::Delivered);
        // Another call waits: the server has it at once, and has acknowledged.
        let (_, second) = w.thread_in(s.pair.client.process, 31);
        w.send(second, s.pair.call, &Message::new(3, &[]), NO_DEADLINE);
        assert_eq!(reply_recv(w, s.server, all, &good, NO_DEADLINE), Status::Done);
        assert_eq!(w.received(s.server).unwrap().message.tag.label(), 3);
        assert_eq!(
            w.received(s.pair.client.user).unwrap().message.tag,
            good.tag,
            "the bit is not passed on"
        );
        assert_eq!(state(w, 3), LineState::Armed);
    });
}

/// A client whose call cannot arrive: it carries what it may not pass on.
fn send_in_vain(w: &mut World<'_>, s: &Serving) -> User {
    let (_, user) = w.thread_in(s.pair.client.process, 31);
    w.send(user, s.pair.call, &Message::with_cap(9, &[], s.pair.call), NO_DEADLINE);
    user
}

// attack 89 U: a `reply_recv` that is made again, with a delivery in between; the driver has not seen it, and it is not acknowledged; broken: irq-ack-again
#[test]
fn a_call_that_is_made_again_acknowledges_once() {
    run(|w| {
        let s = serving(w);
        let senders: Vec<User> = (0..4).map(|_| send_in_vain(w, &s)).collect();
        pace::set_step(Some(1));
        let all = [s.pair.serve, Handle::NONE, s.driver.line];
        let status = reply_recv(w, s.server, all, &Message::default(), NO_DEADLINE);
        assert_eq!((status, state(w, 3)), (Status::Again, LineState::Armed));
        strike(w, 3);
        // The registers are as the kernel left them.
        let mut rounds = 0;
        while w.raw(s.server, Syscall::ReplyRecv.number(), |_| ()) == Status::Again {
            rounds += 1;
        }
        pace::set_step(None);
        assert!(rounds > 0);
        assert!(senders.iter().all(|user| w.result(*user) == Err(Error::Denied)));
        assert_eq!(state(w, 3), LineState::Delivered);
    });
}

#[test]
fn a_server_that_waits_has_acknowledged() {
    both(|w| {
        let s = serving(w);
        let all = [s.pair.serve, s.reply, s.driver.line];
        let deadline = w.now() + 5;
        let status = reply_recv(w, s.server, all, &Message::new(2, &[]), deadline);
        assert_eq!((status, state(w, 3)), (Status::Blocked, LineState::Armed));
        assert_eq!(w.received(s.pair.client.user).unwrap().message.tag.label(), 2);
        w.advance(5);
        assert_eq!(w.result(s.server), Err(Error::TimedOut));
        assert_eq!(state(w, 3), LineState::Armed);
    });
}

/// A driver whose line has an interval, as init set it before it gave the line away.
pub fn limited(w: &mut World<'_>, number: u32, interval: u64) -> Driver {
    let child = w.child(20 + u64::from(number), 32, 64);
    let offset = u64::from(number) - 1;
    let kept = w.derive_part(w.init, w.lines, KEEP_LINE, offset, 1).unwrap();
    w.cap_limit(w.init, kept, interval).unwrap();
    let line = w.install(w.init, child.process, kept, Rights::RECV).unwrap();
    let event = w.notification_create(child.user).unwrap();
    w.irq_bind(child.user, line, event, BITS).unwrap();
    Driver { child, user: child.user, number, line, event, kept }
}

// attack 55 U: a line acknowledged at once, for ever; no faster than its interval, to the tick; broken: irq-interval
#[test]
fn an_acknowledgement_before_the_interval_is_held_back() {
    for (after, phase) in [
        (0, LineState::Held),
        (999, LineState::Held),
        (1000, LineState::Armed),
        (1001, LineState::Armed),
    ] {
        run(|w| {
            let d = limited(w, 3, 1000);
            strike(w, 3);
            let last = w.now();
            w.advance(after);
            w.irq_ack(d.user, d.line).unwrap();
            assert_eq!(state(w, 3), phase, "{after}");
            let held = u64::from(phase == LineState::Held);
            assert_eq!(view(w, 3).held_back, held);
            w.refuses(d.user, Error::BadState, Syscall::IrqAck, &[d.line.0, u64::MAX]);
            if held == 1 {
                assert!(source(w, 3).claimed, "{after}");
                w.advance(999 - after);
                w.interrupts();
                assert_eq!(view(w, 3).delivered, 1);
                w.advance(1);
                assert_eq!(state(w, 3), LineState::Armed);
                assert_eq!(w.now(), last + 1000);
            }
            // The level is up all the time.
            w.interrupts();
            assert_eq!(view(w, 3).delivered, 2);
        });
    }
}

#[test]
fn lines_are_let_go_in_order_beside_deadlines() {
    run(|w| {
        let all: Vec<Driver> = [300, 100, 200, 100]
            .into_iter()
            .zip(1..)
            .map(|(ticks, number)| limited(w, number, ticks))
            .collect();
        for d in &all {
            w.set_level(d.number, true);
        }
        w.interrupts();
        let start = w.now();
        for d in &all {
            w.set_level(d.number, false);
            assert_eq!(w.call(d.user, Syscall::Wait, &[d.event.0, 0, d.line.0]), Ok(BITS));
        }
        let (_, sleeper) = w.thread_in(all[0].child.process, 31);
        assert_eq!(
            w.start(sleeper, Syscall::Wait, &[all[0].event.0, start + 150]),
            Status::Blocked
        );
        for (at, armed, awake) in [
            (99, [false; 4], false),
            (100, [false, true, false, true], false),
            (150, [false, true, false, true], true),
            (200, [false, true, true, true], true),
            (300, [true; 4], true),
        ] {
            let ticks = start + at - w.now();
            w.advance(ticks);
            let found = [1, 2, 3, 4].map(|number| state(w, number) == LineState::Armed);
            assert_eq!((found, w.is_ready(sleeper)), (armed, awake), "{at}");
        }
    });
}

/// With as many that ring at once as there can be, the step of the timer still has an end.
#[test]
fn alarms_of_lines_ring_in_steps() {
    let config = Config { lines: 100, objects: 2048, ..Config::default() };
    run_with(&config, |w| {
        let child = w.child(7, 32, 512);
        let events = [(); 2].map(|()| w.notification_create(child.user).unwrap());
        let mut lines = Vec::new();
        for number in 1..=100 {
            let kept = w.derive_part(w.init, w.lines, KEEP_LINE, number - 1, 1).unwrap();
            w.cap_limit(w.init, kept, 1000).unwrap();
            let line = w.install(w.init, child.process, kept, Rights::RECV).unwrap();
            w.irq_bind(child.user, line, events[number as usize % 2], 1).unwrap();
            lines.push(line);
            w.set_level(number as u32, true);
        }
        w.interrupts();
        for line in &lines {
            w.irq_ack(child.user, *line).unwrap();
        }
        w.machine().now += 1000;
        let mut steps = 0;
        while w.view().lines.iter().any(|(_, line)| line.state == LineState::Held) {
            w.advance(0);
            steps += 1;
            assert!(steps < 10);
        }
        assert!(w.view().lines.iter().all(|(_, line)| line.state == LineState::Armed));
    });
}
