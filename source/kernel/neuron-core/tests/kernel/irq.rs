//! Interrupt lines: binding, delivery, acknowledgement, and a device behind a level (RFC-0003).

use crate::common::*;
pub use neuron_core::sim::{LineView, Source};
pub use nexus_abi::LineState;

/// Rights of init on the line that it keeps.
pub const KEEP_LINE: Rights = Rights::RECV
    .union(Rights::DERIVE)
    .union(Rights::GRANT)
    .union(Rights::REVOKE)
    .union(Rights::MANAGE);

/// A process that owns a line, as after distribution, and a notification.
pub struct Driver {
    pub child: Child,
    pub user: User,
    pub number: u32,
    /// The line and the notification, in the driver's table.
    pub line: Handle,
    pub event: Handle,
    /// What init keeps of the line.
    pub kept: Handle,
}

/// The driver of line `number`, which is not bound yet.
pub fn driver(w: &mut World<'_>, service_id: u64, number: u32) -> Driver {
    let child = w.child(service_id, 32, 64);
    let offset = u64::from(number) - 1;
    let kept = w.derive_part(w.init, w.lines, KEEP_LINE, offset, 1).unwrap();
    let line = w.install(w.init, child.process, kept, Rights::RECV).unwrap();
    let event = w.notification_create(child.user).unwrap();
    Driver { child, user: child.user, number, line, event, kept }
}

/// Bits that drivers bind their line to.
pub const BITS: u64 = 1 << 9;

/// The same, and the line is bound.
pub fn bound(w: &mut World<'_>, service_id: u64, number: u32) -> Driver {
    let d = driver(w, service_id, number);
    w.irq_bind(d.user, d.line, d.event, BITS).unwrap();
    d
}

/// The arguments of `irq_bind` without a register.
pub fn bind_args(line: Handle, event: Handle, bits: u64) -> [u64; 5] {
    [line.0, event.0, bits, Handle::NONE.0, 0]
}

pub fn view(w: &World<'_>, number: u32) -> LineView {
    w.view().lines.into_iter().find(|(line, _)| *line == number).unwrap().1
}

pub fn state(w: &World<'_>, number: u32) -> LineState {
    view(w, number).state
}

pub fn source(w: &mut World<'_>, number: u32) -> Source {
    w.machine().plic.source(number)
}

/// The device raises its level, and the interrupt comes.
pub fn strike(w: &mut World<'_>, number: u32) {
    w.set_level(number, true);
    w.interrupts();
}

impl Driver {
    /// Waits, with the line to acknowledge on the way.
    pub fn wait(&self, w: &mut World<'_>, line: Handle) -> Status {
        w.start(self.user, Syscall::Wait, &[self.event.0, NO_DEADLINE, line.0])
    }
}

#[test]
fn a_line_is_delivered_as_bits_to_who_waits_for_them() {
    run(|w| {
        let d = bound(w, 7, 3);
        assert_eq!(d.wait(w, Handle::NONE), Status::Blocked);
        strike(w, 3);
        assert_eq!(w.result(d.user), Ok(BITS));
        let now = w.now();
        let line = view(w, 3);
        assert_eq!((line.state, line.delivered, line.last), (LineState::Delivered, 1, now));
        // It is claimed, and so delivers nothing more.
        assert!(source(w, 3).claimed);
        w.set_level(3, false);
        strike(w, 3);
        assert_eq!(view(w, 3).delivered, 1);
        w.irq_ack(d.user, d.line).unwrap();
        assert_eq!(state(w, 3), LineState::Armed);
        w.interrupts();
        assert_eq!(view(w, 3).delivered, 2, "the level is up still");
    });
}

#[test]
fn bits_come_later_to_who_does_not_wait_yet_and_add_up() {
    run(|w| {
        let d = bound(w, 7, 3);
        w.signal(d.user, d.event, 1).unwrap();
        strike(w, 3);
        assert_eq!(w.call(d.user, Syscall::Wait, &[d.event.0, 0, 0]), Ok(BITS | 1));
    });
}

#[test]
fn a_line_comes_to_who_receives_on_an_endpoint() {
    run(|w| {
        let d = bound(w, 7, 3);
        let endpoint = w.endpoint_create(d.user).unwrap();
        w.endpoint_bind(d.user, endpoint, d.event).unwrap();
        assert_eq!(w.receive(d.user, endpoint), Status::Blocked);
        strike(w, 3);
        let got = w.received(d.user).unwrap();
        assert!(got.message.tag.is_notification());
        assert_eq!(got.message.words[0], BITS);
    });
}

// attack 89 U: no call but `irq_bind` on a line that was derived, installed, limited, looked at and acknowledged; it is never enabled; broken: irq-armed-early
#[test]
fn only_bind_enables_a_line() {
    run(|w| {
        let d = driver(w, 7, 3);
        w.cap_limit(w.init, w.lines, 0).unwrap_err();
        w.irq_stat(w.init, d.kept).unwrap();
        w.refuses(d.user, Error::BadState, Syscall::IrqAck, &[d.line.0, u64::MAX]);
        assert_eq!(d.wait(w, d.line), Status::Blocked);
        w.set_level(3, true);
        assert!(!source(w, 3).open && !w.machine().plic.waits());
        // What was raised before comes with the call, and not before.
        let (_, second) = w.thread_in(d.child.process, 31);
        w.irq_bind(second, d.line, d.event, BITS).unwrap();
        w.interrupts();
        assert_eq!(w.result(d.user), Ok(BITS));
    });
}

#[test]
fn an_event_between_delivery_and_acknowledgement_is_delivered_after_it() {
    run(|w| {
        let d = bound(w, 7, 3);
        strike(w, 3);
        assert_eq!(w.call(d.user, Syscall::Wait, &[d.event.0, 0, 0]), Ok(BITS));
        w.set_level(3, false);
        w.set_level(3, true);
        w.interrupts();
        assert_eq!(d.wait(w, d.line), Status::Blocked);
        w.interrupts();
        assert_eq!(w.result(d.user), Ok(BITS));
    });
}

#[test]
fn one_claimed_line_holds_back_no_other() {
    run(|w| {
        let (one, two) = (bound(w, 7, 3), bound(w, 8, 1));
        strike(w, 3);
        strike(w, 1);
        assert_eq!((view(w, 3).delivered, view(w, 1).delivered), (1, 1));
        w.irq_ack(two.user, two.line).unwrap();
        assert_eq!(state(w, 3), LineState::Delivered);
        w.irq_ack(one.user, one.line).unwrap();
    });
}

// attack 55 U: a line that fires as fast as it can beside one that is as important; one delivery for each acknowledgement; broken: irq-rearm-at-delivery
#[test]
fn a_storm_costs_one_delivery_for_each_acknowledgement() {
    run(|w| {
        let (storm, other) = (bound(w, 7, 1), bound(w, 8, 2));
        w.set_level(1, true);
        for round in 1..=50 {
            w.interrupts();
            assert_eq!(view(w, 1).delivered, round, "nothing comes before the acknowledgement");
            w.external();
            assert_eq!(view(w, 1).delivered, round);
            w.irq_ack(storm.user, storm.line).unwrap();
        }
        strike(w, 2);
        assert_eq!(w.call(other.user, Syscall::Wait, &[other.event.0, 0, 0]), Ok(BITS));
    });
}

// attack 55 U: an interrupt takes the hart in the middle of a turn; who was interrupted has the rest of it, before its equals; broken: irq-clock-runs, fast-line-clock
#[test]
fn an_interrupt_stops_the_clock_of_a_turn() {
    for fast in [false, true] {
        run(|w| {
            let d = bound(w, 7, 3);
            let low = w.process_create(8, 16, 64, Handle::NONE, 0).unwrap();
            let (_, one) = w.thread_in(low, 9);
            let (_, two) = w.thread_in(low, 9);
            let event = w.notification_create(w.init).unwrap();
            assert_eq!(d.wait(w, Handle::NONE), Status::Blocked);
            assert_eq!(w.start(w.init, Syscall::Wait, &[event.0, NO_DEADLINE]), Status::Blocked);
            assert!(w.schedule());
            assert_eq!(w.current(), Some(one));
            w.advance(60_000);
            w.fast = fast;
            strike(w, 3);
            assert!(w.schedule());
            assert_eq!(w.current(), Some(d.user), "more important");
            w.advance(90_000);
            assert_eq!(d.wait(w, d.line), Status::Blocked);
            w.set_level(3, false);
            assert!(w.schedule());
            assert_eq!(w.current(), Some(one), "with what was left");
            w.advance(39_000);
            assert_eq!(w.current(), Some(one));
            w.advance(1_000);
            assert!(w.schedule());
            assert_eq!(w.current(), Some(two));
        });
    }
}

// attack 89 U: claims of no line, of one that nobody receives and of one that was claimed; no bit is set, and what was claimed is closed; broken: irq-unbound-open, irq-claimed-twice, irq-strays
#[test]
fn a_claim_without_a_receiver_closes_the_line() {
    run(|w| {
        let d = bound(w, 7, 3);
        // Nobody has bound this one, and the controller delivers it all the same.
        w.machine().plic.enable(5, true);
        w.set_level(5, true);
        w.interrupts();
        assert_eq!(source(w, 5), Source { level: true, pending: true, ..Source::default() });
        assert_eq!(w.machine().plic.ignored, 0, "completed before it was disabled");
        for wrong in [0, 9, 1023, 1024, u32::MAX] {
            let before = w.machine().plic.sources.clone();
            w.machine().plic.wrong = Some(wrong);
            w.interrupts();
            assert_eq!(before, w.machine().plic.sources);
        }
        strike(w, 3);
        w.machine().plic.wrong = Some(3);
        w.interrupts();
        assert_eq!(view(w, 3).delivered, 1);
        assert_eq!((w.strays(), w.irq_stat(w.init, d.kept).unwrap().strays), (7, 7));
        w.irq_ack(d.user, d.line).unwrap();
    });
}

/// A device behind a level: it is up for as long as an event is not acknowledged at the device.
struct Device {
    events: u32,
    status: bool,
}

impl Device {
    fn event(&mut self, w: &mut World<'_>) {
        self.events += 1;
        self.status = true;
        w.set_level(3, true);
    }

    /// The driver writes the status register.
    fn acknowledge(&mut self, w: &mut World<'_>) {
        self.status = false;
        w.set_level(3, false);
    }

    /// The driver looks for what is new.
    fn scan(&mut self) -> u32 {
        std::mem::take(&mut self.events)
    }
}

/// One wake-up of a driver, with an event just before and just after the scan. Tells whether it wakes
/// again with an event left.
fn turn(w: &mut World<'_>, d: &Driver, device_first: bool) -> (bool, u32) {
    let mut device = Device { events: 0, status: false };
    device.event(w);
    w.interrupts();
    assert_eq!(w.call(d.user, Syscall::Wait, &[d.event.0, 0, 0]), Ok(BITS));
    if device_first {
        device.acknowledge(w);
    }
    assert_eq!(device.scan(), 1);
    device.event(w);
    if !device_first {
        device.acknowledge(w);
    }
    assert_eq!(d.wait(w, d.line), Status::Blocked);
    w.interrupts();
    let woken = w.is_ready(d.user);
    (woken, device.events)
}

/// The gateway of a level remembers nothing of what was while the line was claimed: who acknowledges
/// its device after the scan sleeps with an event left.
#[test]
fn a_driver_acknowledges_its_device_before_the_scan() {
    for (device_first, woken) in [(true, true), (false, false)] {
        run(|w| {
            let d = bound(w, 7, 3);
            assert_eq!(turn(w, &d, device_first), (woken, 1));
        });
    }
}
