//! Acknowledging with a value: the register that was named when the line was bound, and what the binding
//! rests on then.

use crate::common::*;
use crate::irq::*;
use neuron_core::sim::pace;

/// Where the first root window begins.
const BASE: u64 = 0x1000_0000;
/// The registers of a virtio-mmio device that its driver writes.
const NOTIFY: u64 = 0x50;
const ACK: u64 = 0x64;
const MASK: u64 = 1 << (NOTIFY / 4) | 1 << (ACK / 4);
/// What init keeps of a window that its owner's is below.
const MANAGED: Rights = USE.union(Rights::MANAGE);

/// A driver of line 3 and of the device behind it, whose level falls when its register is written.
struct Device {
    d: Driver,
    window: Handle,
    /// What init keeps of the window.
    kept: Handle,
}

fn device(w: &mut World<'_>, interval: u64) -> Device {
    let d = driver(w, 7, 3);
    w.revoke(w.init, d.kept).unwrap();
    w.cap_limit(w.init, d.kept, interval).unwrap();
    let line = w.install(w.init, d.child.process, d.kept, Rights::RECV).unwrap();
    let kept = w.derive_part(w.init, w.roots[0], KEEP, 3 * PAGE, PAGE).unwrap();
    w.cap_limit(w.init, kept, MASK).unwrap();
    let window = w.install(w.init, d.child.process, kept, USE).unwrap();
    w.machine().acknowledged = Some((BASE + 3 * PAGE + ACK, 3));
    Device { d: Driver { line, ..d }, window, kept }
}

impl Device {
    fn bind(&self, w: &mut World<'_>) -> Result<(), Error> {
        w.irq_bind_register(self.d.user, [self.d.line, self.d.event, self.window], BITS, ACK)
    }

    fn ack(&self, w: &mut World<'_>, value: u64) -> Result<(), Error> {
        w.irq_ack_value(self.d.user, self.d.line, value)
    }
}

/// The same, and the line is bound with the register.
fn bound_device(w: &mut World<'_>, interval: u64) -> Device {
    let device = device(w, interval);
    device.bind(w).unwrap();
    device
}

/// What was written to the register, in order.
fn written(w: &mut World<'_>) -> Vec<u32> {
    let stores = w.machine().stores.iter();
    stores.filter(|(at, _)| *at == BASE + 3 * PAGE + ACK).map(|(_, value)| *value).collect()
}

/// By the long way, and by the short one, which must be taken.
fn both_ways(test: impl Fn(&mut World<'_>)) {
    for fast in [false, true] {
        run(|w| {
            w.fast = fast;
            test(w);
            assert_eq!(w.short != 0, fast);
        });
    }
}

// attack 89 U: the level of a device falls with its acknowledgement; it is written before the line is completed, so that nothing interrupts again; broken: irq-value-late, fast-value-late
#[test]
fn a_value_reaches_the_device_before_the_line_is_completed() {
    both_ways(|w| {
        let device = bound_device(w, 0);
        for round in 1..4 {
            strike(w, 3);
            assert_eq!(view(w, 3).delivered, round);
            device.ack(w, round).unwrap();
            assert_eq!(state(w, 3), LineState::Armed);
            w.interrupts();
            assert_eq!(view(w, 3).delivered, round, "once more for nothing");
        }
        assert_eq!(written(w), [1, 2, 3]);
        // Without a value nothing is written, and the level is up still.
        strike(w, 3);
        w.irq_ack(device.d.user, device.d.line).unwrap();
        w.interrupts();
        assert_eq!((written(w).len(), view(w, 3).delivered), (3, 5));
        // All 32 bits of a value.
        device.ack(w, u64::from(u32::MAX)).unwrap();
        assert_eq!(written(w).last(), Some(&u32::MAX));
    });
}

// attack 89 U: acknowledged with a value before it is bound, before it is delivered, twice, with a register of nobody, with 33 bits; refused, and no register is written; broken: irq-value-any-state, irq-value-wide
#[test]
fn a_value_is_written_for_a_line_that_was_delivered_and_has_a_register() {
    both_ways(|w| {
        let device = device(w, 0);
        let (user, line) = (device.d.user, device.d.line);
        let refuses = |w: &mut World<'_>, error, value| {
            w.refuses(user, error, Syscall::IrqAck, &[line.0, value])
        };
        refuses(w, Error::BadState, 1);
        device.bind(w).unwrap();
        refuses(w, Error::BadState, 1);
        refuses(w, Error::BadState, 1 << 32);
        strike(w, 3);
        refuses(w, Error::BadArgument, 1 << 32);
        refuses(w, Error::BadArgument, u64::MAX - 1);
        device.ack(w, 1).unwrap();
        refuses(w, Error::BadState, 1);
        assert_eq!(written(w), [1]);
        // On the way into a wait there is no value.
        strike(w, 3);
        assert_eq!(w.call(user, Syscall::Wait, &[device.d.event.0, 0, line.0]), Ok(BITS));
        assert_eq!(state(w, 3), LineState::Armed);
        assert_eq!(written(w), [1]);
        // Bound without a register, it has none.
        w.cap_drop(user, device.d.event).unwrap();
        let event = w.notification_create(user).unwrap();
        w.irq_bind(user, line, event, 1).unwrap();
        w.set_level(3, false);
        strike(w, 3);
        refuses(w, Error::BadArgument, 1);
        assert_eq!((state(w, 3), written(w).len()), (LineState::Delivered, 1));
    });
}

// attack 55 U: a value before the interval is over: written at once, and once; only the completion is held back; broken: irq-value-held
#[test]
fn a_value_is_written_at_once_when_the_line_is_held_back() {
    for fast in [false, true] {
        run(|w| {
            w.fast = fast;
            let device = bound_device(w, 1000);
            strike(w, 3);
            device.ack(w, 5).unwrap();
            assert_eq!((state(w, 3), written(w)), (LineState::Held, vec![5]));
            assert!(source(w, 3).claimed);
            w.set_level(3, true);
            w.advance(999);
            w.interrupts();
            assert_eq!((view(w, 3).delivered, written(w).len()), (1, 1));
            w.advance(1);
            w.interrupts();
            assert_eq!((view(w, 3).delivered, written(w).len()), (2, 1));
        });
    }
}

/// A process gets a child of a capability (GRANT) of `user`.
fn pass_on(w: &mut World<'_>, user: User, process: Handle, cap: Handle) {
    let other = w.child(8, 16, 32);
    let endpoint = w.endpoint_create(w.init).unwrap();
    let serve = w.install(w.init, other.process, endpoint, Rights::RECV).unwrap();
    let call = w.install(w.init, process, endpoint, Rights::SEND).unwrap();
    w.receive(other.user, serve);
    let (_, sender) = w.thread_in(process, 31);
    w.send(sender, call, &Message::with_cap(1, &[], cap), NO_DEADLINE);
    assert_eq!(w.query(user, cap).unwrap().children, 1);
}

// attack 54 U: a register that the mask leaves out, of a window of another, not writable, without a mask, to hand out, passed on, named by another line; refused in order, and the line is free; broken: irq-register-mask, irq-register-twice
#[test]
fn a_register_is_looked_at_as_if_it_were_written() {
    run(|w| {
        let device = device(w, 0);
        let (user, event) = (device.d.user, device.d.event);
        let process = device.d.child.process;
        let two = w.derive_part(w.init, w.lines, KEEP_LINE, 5, 2).unwrap();
        let two = w.install(w.init, process, two, Rights::RECV).unwrap();
        let mut at = 4;
        let mut window = |w: &mut World<'_>, mask: Option<u64>, rights: Rights| {
            let kept = w.derive_part(w.init, w.roots[0], KEEP, at * PAGE, PAGE).unwrap();
            at += 1;
            if let Some(mask) = mask {
                w.cap_limit(w.init, kept, mask).unwrap();
            }
            w.install(w.init, process, kept, rights).unwrap()
        };
        let weak = window(w, Some(MASK), Rights::MAP | Rights::READ);
        let whole = window(w, None, USE);
        let wide = window(w, Some(MASK), USE | Rights::DERIVE);
        let above = window(w, Some(MASK), USE | Rights::GRANT);
        pass_on(w, user, process, above);
        let none = Handle::NONE;
        for (bits, window, offset, error) in [
            (0, Handle(77), 1, Error::BadArgument),
            (1, none, 8, Error::BadArgument),
            (1, Handle(77), 1, Error::BadHandle),
            (1, device.kept, 1, Error::BadHandle),
            (1, event, 1, Error::WrongKind),
            (1, weak, 1, Error::Denied),
            (1, whole, 1, Error::Denied),
            (1, wide, 1, Error::Denied),
            (1, device.window, ACK + 1, Error::Misaligned),
            (1, device.window, 256, Error::OutOfRange),
            (1, device.window, ACK + 4, Error::RegisterDenied),
            (1, above, ACK, Error::Busy),
            (1, device.window, ACK, Error::OutOfRange),
        ] {
            let args = [two.0, event.0, bits, window.0, offset];
            w.refuses(user, error, Syscall::IrqBind, &args);
        }
        device.bind(w).unwrap();
        // A window has one line at most.
        let kept = w.derive_part(w.init, w.lines, KEEP_LINE, 7, 1).unwrap();
        let second = w.install(w.init, process, kept, Rights::RECV).unwrap();
        let args = [second.0, event.0, 1, device.window.0, NOTIFY];
        w.refuses(user, Error::Busy, Syscall::IrqBind, &args);
        assert!(w.machine().stores.is_empty(), "it was looked at, and not written");
    });
}

// attack 97 U: the mask of a window that a line names is narrowed, and the window passed on; `Busy`, and what was allowed is written; broken: irq-window-limit, irq-passed-on
#[test]
fn what_a_line_names_stays_as_it_is() {
    run(|w| {
        let d = driver(w, 7, 3);
        let kept = w.derive_part(w.init, w.roots[0], KEEP, 3 * PAGE, PAGE).unwrap();
        w.cap_limit(w.init, kept, MASK).unwrap();
        let window = w.install(w.init, d.child.process, kept, MANAGED | Rights::GRANT).unwrap();
        w.irq_bind_register(d.user, [d.line, d.event, window], BITS, ACK).unwrap();
        w.refuses(d.user, Error::Busy, Syscall::CapLimit, &[window.0, 0]);
        let spawn = w.install(w.init, d.child.process, w.spawn, Rights::GRANT).unwrap();
        let made = [spawn.0, 30, 1 << 32 | 1, 0, 0];
        let child = w.call(d.user, Syscall::ProcessCreate, &made).unwrap();
        w.refuses(d.user, Error::Busy, Syscall::CapInstall, &[child, window.0, 7]);
        // Reading it and writing it are as before.
        w.call(d.user, Syscall::MmioMap, &[window.0, 0, PAGE, VA, 1]).unwrap();
        w.call(d.user, Syscall::Unmap, &[VA]).unwrap();
        w.mmio_write(d.user, window, NOTIFY, 1).unwrap();
        strike(w, 3);
        w.irq_ack_value(d.user, d.line, 2).unwrap();
        w.cap_drop(d.user, d.event).unwrap();
        // Nothing names it any more.
        w.cap_limit(d.user, window, 1 << (NOTIFY / 4)).unwrap();
        w.call(d.user, Syscall::CapInstall, &[child, window.0, 7]).unwrap();
    });
}

const PHASES: [LineState; 3] = [LineState::Armed, LineState::Delivered, LineState::Held];

/// A driver whose line is in this state, bound with a register.
fn in_phase(w: &mut World<'_>, phase: LineState) -> Device {
    let device = bound_device(w, 1000);
    if phase != LineState::Armed {
        strike(w, 3);
    }
    if phase == LineState::Held {
        device.ack(w, 1).unwrap();
    }
    assert_eq!(state(w, 3), phase);
    device
}

/// The line is free, disabled and completed, and nothing is written for it.
fn is_free(w: &mut World<'_>) {
    assert_eq!(state(w, 3), LineState::Free);
    let found = source(w, 3);
    assert!(!found.open && !found.claimed, "{found:?}");
    assert_eq!(w.machine().plic.ignored, 0, "completed after it was disabled");
    let before = (view(w, 3).delivered, w.machine().stores.len());
    w.set_level(3, false);
    strike(w, 3);
    w.advance(2000);
    assert_eq!((view(w, 3).delivered, w.machine().stores.len()), before);
}

// attack 56 U: the window that a line names is dropped, revoked, or goes with what is mapped of it in many steps, armed, delivered or held; the line is disabled, nothing is left claimed, and it is bound again; broken: irq-after-window
#[test]
fn a_binding_ends_with_the_window_of_its_register() {
    for phase in PHASES {
        for (revoked, step) in [(false, None), (true, None), (false, Some(3)), (true, Some(3))] {
            run(|w| {
                let device = in_phase(w, phase);
                let (user, line) = (device.d.user, device.d.line);
                for va in [VA, VA + PAGE] {
                    w.call(user, Syscall::MmioMap, &[device.window.0, 0, PAGE, va, 1]).unwrap();
                }
                pace::set_step(step);
                if revoked {
                    w.revoke(w.init, device.kept).unwrap();
                } else {
                    w.cap_drop(user, device.window).unwrap();
                }
                pace::set_step(None);
                is_free(w);
                w.refuses(user, Error::BadState, Syscall::IrqAck, &[line.0, 1]);
                let window = w.install(w.init, device.d.child.process, device.kept, USE).unwrap();
                w.irq_bind_register(user, [line, device.d.event, window], 2, ACK).unwrap();
                w.interrupts();
                // The bits of before are there still.
                let bits = w.call(user, Syscall::Wait, &[device.d.event.0, 0, 0]).unwrap();
                assert_eq!(bits & 2, 2);
                w.irq_ack_value(user, line, 9).unwrap();
                assert_eq!(written(w).last(), Some(&9));
            });
        }
    }
}

// attack 56 U: line or notification goes before the window; the window is named by nobody, and names another line
#[test]
fn a_window_outlives_what_named_it() {
    for phase in PHASES {
        for event in [false, true] {
            run(|w| {
                let device = in_phase(w, phase);
                let (user, process) = (device.d.user, device.d.child.process);
                let gone = if event { device.d.event } else { device.d.line };
                w.cap_drop(user, gone).unwrap();
                is_free(w);
                let event = w.notification_create(user).unwrap();
                let kept = w.derive_part(w.init, w.lines, KEEP_LINE, 4, 1).unwrap();
                let line = w.install(w.init, process, kept, Rights::RECV).unwrap();
                w.irq_bind_register(user, [line, event, device.window], 1, NOTIFY).unwrap();
                strike(w, 5);
                w.irq_ack_value(user, line, 4).unwrap();
                assert_eq!(w.machine().stores.last(), Some(&(BASE + 3 * PAGE + NOTIFY, 4)));
                w.cap_drop(user, device.window).unwrap();
                assert_eq!(state(w, 5), LineState::Free);
            });
        }
    }
}

// attack 56 U: a driver ends with a register named, whatever its line is doing; free in the first step, before its mappings end
#[test]
fn a_process_that_ends_leaves_no_register_named() {
    for phase in PHASES {
        run(|w| {
            let device = in_phase(w, phase);
            let user = device.d.user;
            w.call(user, Syscall::MmioMap, &[device.window.0, 0, PAGE, VA, 1]).unwrap();
            w.process_end(w.init, device.d.child.process, 1).unwrap();
            pace::set_step(Some(3));
            let mut first = true;
            w.settle_with(|w| {
                assert!(!source(w, 3).open, "in the first step");
                assert!(!first || w.mapped_pages() == 1, "what comes after it");
                first = false;
            });
            pace::set_step(None);
            is_free(w);
        });
    }
}
