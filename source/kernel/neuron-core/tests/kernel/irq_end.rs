//! The end of a binding: with either capability, and with the process, whatever the line is doing.

use crate::common::*;
use crate::irq::*;
use neuron_core::sim::pace;

const PHASES: [LineState; 3] = [LineState::Armed, LineState::Delivered, LineState::Held];

/// A driver whose line is in this state.
fn in_phase(w: &mut World<'_>, phase: LineState) -> Driver {
    let d = {
        let mut d = driver(w, 7, 3);
        w.revoke(w.init, d.kept).unwrap();
        w.cap_limit(w.init, d.kept, 1000).unwrap();
        d.line = w.install(w.init, d.child.process, d.kept, Rights::RECV).unwrap();
        d
    };
    w.irq_bind(d.user, d.line, d.event, BITS).unwrap();
    if phase != LineState::Armed {
        strike(w, 3);
    }
    if phase == LineState::Held {
        w.irq_ack(d.user, d.line).unwrap();
    }
    assert_eq!(state(w, 3), phase);
    d
}

/// The line is free, disabled, and ready to be claimed: nothing of the old binding is left.
fn is_free(w: &mut World<'_>) {
    assert_eq!(state(w, 3), LineState::Free);
    let found = source(w, 3);
    assert!(!found.open && !found.claimed, "{found:?}");
    assert_eq!(w.machine().plic.ignored, 0, "completed after it was disabled");
    let before = view(w, 3).delivered;
    w.set_level(3, false);
    strike(w, 3);
    w.advance(2000);
    assert_eq!((state(w, 3), view(w, 3).delivered), (LineState::Free, before));
}

// attack 56 U: the capability of a line is dropped or revoked, armed, delivered or held; disabled, nothing is left claimed, and the next owner has it; broken: irq-after-line, irq-left-claimed, irq-alarm-left
#[test]
fn a_binding_ends_with_the_capability_of_its_line() {
    for phase in PHASES {
        for revoked in [false, true] {
            run(|w| {
                let d = in_phase(w, phase);
                if revoked {
                    w.revoke(w.init, d.kept).unwrap();
                } else {
                    w.cap_drop(d.user, d.line).unwrap();
                }
                is_free(w);
                next_owner(w, &d);
            });
        }
    }
}

/// Another process binds the line that was freed, and receives it.
fn next_owner(w: &mut World<'_>, d: &Driver) {
    let next = w.child(8, 32, 64);
    let line = w.install(w.init, next.process, d.kept, Rights::RECV).unwrap();
    let event = w.notification_create(next.user).unwrap();
    w.irq_bind(next.user, line, event, 2).unwrap();
    w.interrupts();
    assert_eq!(w.call(next.user, Syscall::Wait, &[event.0, 0, 0]), Ok(2));
}

// attack 56 U: the capability of the notification is dropped or revoked, armed, delivered or held; disabled, and bound again; broken: irq-after-notification
#[test]
fn a_binding_ends_with_the_capability_of_its_notification() {
    for phase in PHASES {
        for kept in [false, true] {
            run(|w| {
                let d = in_phase(w, phase);
                // The object may live on, by another capability: the binding does not.
                let other = kept.then(|| w.derive(d.user, d.event, Rights::RECV).unwrap());
                w.cap_drop(d.user, d.event).unwrap();
                is_free(w);
                if let Some(other) = other {
                    w.refuses(
                        d.user,
                        Error::Denied,
                        Syscall::IrqBind,
                        &bind_args(d.line, other, 1),
                    );
                }
                let event = w.notification_create(d.user).unwrap();
                w.irq_bind(d.user, d.line, event, 2).unwrap();
                w.interrupts();
                assert_eq!(w.call(d.user, Syscall::Wait, &[event.0, 0, 0]), Ok(2));
            });
        }
    }
}

#[test]
fn a_binding_lasts_when_another_capability_to_its_notification_ends() {
    run(|w| {
        let d = driver(w, 7, 3);
        let send = w.derive(d.user, d.event, Rights::SEND).unwrap();
        w.irq_bind(d.user, d.line, send, BITS).unwrap();
        let other = w.derive(d.user, d.event, Rights::SEND).unwrap();
        w.cap_drop(d.user, other).unwrap();
        assert_eq!(state(w, 3), LineState::Armed);
        strike(w, 3);
        assert_eq!(w.call(d.user, Syscall::Wait, &[d.event.0, 0, 0]), Ok(BITS));
        w.cap_drop(d.user, send).unwrap();
        is_free(w);
    });
}

// attack 56 U: a driver ends, killed or by a fault, with its line armed, delivered or held; disabled before the first caller hears of it, and before a mapping ends; broken: irq-last-at-end
#[test]
fn a_process_that_ends_loses_its_lines_before_anything_else() {
    for phase in PHASES {
        for fault in [false, true] {
            run(|w| {
                let d = in_phase(w, phase);
                let memory = w.vmo_create(d.user, 1).unwrap();
                w.vmo_map(d.user, memory, PAGE, VA, RW).unwrap();
                let endpoint = w.endpoint_create(w.init).unwrap();
                let serve = w.install(w.init, d.child.process, endpoint, Rights::RECV).unwrap();
                let (_, client) = w.thread_by(w.init, Handle::NONE, 31).unwrap();
                w.receive(d.user, serve);
                w.send(client, endpoint, &Message::new(1, &[]), NO_DEADLINE);
                if fault {
                    w.fault(d.user, 13, 0xbad);
                } else {
                    w.process_end(w.init, d.child.process, 1).unwrap();
                }
                pace::set_step(Some(3));
                let mut first = true;
                w.settle_with(|w| {
                    assert!(!source(w, 3).open, "in the first step");
                    let waits = !w.is_ready(client);
                    assert!(!first || waits && w.mapped_pages() == 1, "what comes after it");
                    first = false;
                });
                pace::set_step(None);
                assert_eq!(w.result(client), Err(Error::PeerGone));
                is_free(w);
                next_owner(w, &d);
            });
        }
    }
}

/// An interrupt between the end of a process and the first step of taking it apart harms nobody.
#[test]
fn an_interrupt_for_who_has_just_ended_is_claimed_and_completed() {
    run(|w| {
        let d = bound(w, 7, 3);
        w.process_end(w.init, d.child.process, 1).unwrap();
        strike(w, 3);
        assert_eq!(state(w, 3), LineState::Delivered);
        w.settle();
        is_free(w);
    });
}

/// A process with more lines than end in one step.
#[test]
fn many_lines_end_in_steps() {
    let config = Config { lines: 200, objects: 4096, ..Config::default() };
    run_with(&config, |w| {
        let child = w.child(7, 32, 800);
        let events = [(); 4].map(|()| w.notification_create(child.user).unwrap());
        for number in 0..200 {
            let kept = w.derive_part(w.init, w.lines, KEEP_LINE, number, 1).unwrap();
            let line = w.install(w.init, child.process, kept, Rights::RECV).unwrap();
            w.irq_bind(child.user, line, events[number as usize % 4], 1).unwrap();
            w.set_level(number as u32 + 1, number % 3 == 0);
        }
        w.interrupts();
        w.process_end(w.init, child.process, 1).unwrap();
        let mut steps = Vec::new();
        w.settle_with(|w| {
            let open = w.machine().plic.sources.iter().filter(|source| source.open).count();
            steps.push(open);
        });
        assert!(steps[0] > 0 && steps.contains(&0), "{steps:?}");
        assert!(w.view().lines.iter().all(|(_, line)| line.state == LineState::Free));
        assert_eq!(w.machine().plic.ignored, 0);
    });
}

// attack 19 U: the handle of a line that was dropped, whose slot is another line's by now; it binds and acknowledges nothing
#[test]
fn a_stale_handle_of_a_line_reaches_no_other() {
    run(|w| {
        let d = bound(w, 7, 3);
        let kept = w.derive_part(w.init, w.lines, KEEP_LINE, 4, 1).unwrap();
        w.cap_drop(d.user, d.line).unwrap();
        let line = w.install(w.init, d.child.process, kept, Rights::RECV).unwrap();
        assert_eq!(line.slot(), d.line.slot());
        w.irq_bind(d.user, line, d.event, 1).unwrap();
        strike(w, 5);
        let stale = [d.line.0, u64::MAX];
        w.refuses(d.user, Error::BadHandle, Syscall::IrqAck, &stale);
        w.refuses(d.user, Error::BadHandle, Syscall::IrqBind, &bind_args(d.line, d.event, 1));
        w.refuses(d.user, Error::BadHandle, Syscall::Wait, &[d.event.0, 0, d.line.0]);
        assert_eq!(state(w, 5), LineState::Delivered);
    });
}
