//! What the calls about lines refuse, in the order that the table of calls has; and what a capability
//! to lines can give.

use crate::common::*;
use crate::irq::*;

/// A process with a line of each kind that `irq_bind` refuses.
struct Odd {
    good: Driver,
    /// Without RECV; with DERIVE; two lines; one that another holds a child of.
    weak: Handle,
    wide: Handle,
    two: Handle,
    above: Handle,
}

fn odd(w: &mut World<'_>) -> Odd {
    let good = driver(w, 7, 3);
    let process = good.child.process;
    let mut give = |offset, len, rights: Rights| {
        let kept = w.derive_part(w.init, w.lines, KEEP_LINE, offset, len).unwrap();
        w.install(w.init, process, kept, rights).unwrap()
    };
    let weak = give(3, 1, Rights::MANAGE);
    let wide = give(4, 1, Rights::RECV | Rights::DERIVE);
    let two = give(5, 2, Rights::RECV);
    let above = give(7, 1, Rights::RECV | Rights::GRANT);
    let other = w.child(8, 16, 32);
    let made = w.install(w.init, good.child.process, w.spawn, Rights::GRANT);
    assert!(made.is_ok());
    let message = Message::with_cap(1, &[], above);
    let endpoint = w.endpoint_create(w.init).unwrap();
    let serve = w.install(w.init, other.process, endpoint, Rights::RECV).unwrap();
    let call = w.install(w.init, process, endpoint, Rights::SEND).unwrap();
    w.receive(other.user, serve);
    let (_, sender) = w.thread_in(process, 31);
    w.send(sender, call, &message, NO_DEADLINE);
    Odd { good, weak, wide, two, above }
}

// attack 54 U: lines without a right, with one too many, more than one, of another, bound already; refused, and the line is as it was; broken: irq-with-derive, irq-bind-right, irq-bound-twice, irq-above
#[test]
fn irq_bind_refuses_in_the_order_of_the_table() {
    run(|w| {
        let odd = odd(w);
        let (user, line, event) = (odd.good.user, odd.good.line, odd.good.event);
        let mut refuses = |args: [u64; 5], error| w.refuses(user, error, Syscall::IrqBind, &args);
        // Each with all that is looked at later wrong too.
        let (bad, none) = (Handle(77), Handle::NONE);
        refuses([bad.0, bad.0, 0, bad.0, 1], Error::BadHandle);
        refuses([odd.good.kept.0, bad.0, 0, bad.0, 1], Error::BadHandle);
        refuses([event.0, bad.0, 0, bad.0, 1], Error::WrongKind);
        refuses([odd.weak.0, bad.0, 0, bad.0, 1], Error::Denied);
        refuses([odd.wide.0, bad.0, 0, bad.0, 1], Error::Denied);
        refuses([odd.two.0, bad.0, 0, bad.0, 1], Error::BadHandle);
        refuses([odd.two.0, line.0, 0, bad.0, 1], Error::WrongKind);
        refuses([odd.two.0, event.0, 0, none.0, 0], Error::BadArgument);
        refuses([odd.two.0, event.0, 1, none.0, 8], Error::BadArgument);
        refuses([odd.two.0, event.0, 1, none.0, 0], Error::OutOfRange);
        refuses([odd.above.0, event.0, 1, none.0, 0], Error::Busy);
        let receive = w.derive(user, event, Rights::RECV).unwrap();
        w.refuses(user, Error::Denied, Syscall::IrqBind, &bind_args(odd.two, receive, 0));
        w.irq_bind(user, line, event, 1).unwrap();
        w.refuses(user, Error::Busy, Syscall::IrqBind, &bind_args(line, event, 1));
        w.refuses(w.init, Error::BadHandle, Syscall::IrqBind, &bind_args(line, event, 1));
    });
}

// attack 54 U: a line with DERIVE, even one that init keeps; who hands a line out cannot use it; broken: irq-with-derive
#[test]
fn init_binds_no_line_that_it_keeps() {
    run(|w| {
        let d = driver(w, 7, 3);
        let event = w.notification_create(w.init).unwrap();
        for line in [w.lines, d.kept] {
            w.refuses(w.init, Error::Denied, Syscall::IrqBind, &bind_args(line, event, 1));
        }
        assert_eq!(state(w, 3), LineState::Free);
    });
}

#[test]
fn a_notification_has_64_lines_at_most() {
    let config = Config { lines: 66, objects: 2048, ..Config::default() };
    run_with(&config, |w| {
        let child = w.child(7, 32, 512);
        let event = w.notification_create(child.user).unwrap();
        let mut last = Handle::NONE;
        for number in 0..65 {
            let kept = w.derive_part(w.init, w.lines, KEEP_LINE, number, 1).unwrap();
            let line = w.install(w.init, child.process, kept, Rights::RECV).unwrap();
            if number < 64 {
                w.irq_bind(child.user, line, event, 1).unwrap();
            } else {
                w.refuses(
                    child.user,
                    Error::NoMemory,
                    Syscall::IrqBind,
                    &bind_args(line, event, 1),
                );
            }
            last = line;
        }
        let other = w.notification_create(child.user).unwrap();
        w.irq_bind(child.user, last, other, 1).unwrap();
        w.cap_drop(child.user, event).unwrap();
        assert_eq!(w.view().lines.iter().filter(|(_, line)| line.bits != 0).count(), 1);
    });
}

#[test]
fn irq_ack_refuses_in_the_order_of_the_table() {
    run(|w| {
        let odd = odd(w);
        let user = odd.good.user;
        let mut refuses = |line: Handle, value, error| {
            w.refuses(user, error, Syscall::IrqAck, &[line.0, value]);
        };
        refuses(Handle(77), 1, Error::BadHandle);
        refuses(odd.good.kept, 1, Error::BadHandle);
        refuses(odd.good.event, 1, Error::WrongKind);
        refuses(odd.weak, 1, Error::Denied);
        refuses(odd.two, 1, Error::BadState);
        refuses(odd.two, u64::MAX, Error::BadState);
        w.irq_bind(user, odd.good.line, odd.good.event, 1).unwrap();
        w.refuses(user, Error::BadState, Syscall::IrqAck, &[odd.good.line.0, u64::MAX]);
        strike(w, 3);
        // There is no register to write it to.
        for value in [0, 1, u64::MAX - 1] {
            w.refuses(user, Error::BadArgument, Syscall::IrqAck, &[odd.good.line.0, value]);
        }
        w.irq_ack(user, odd.good.line).unwrap();
    });
}

#[test]
fn irq_stat_tells_a_manager_how_a_line_stands() {
    run(|w| {
        let odd = odd(w);
        let d = &odd.good;
        let mut refuses = |line: Handle, error| {
            w.refuses(d.user, error, Syscall::IrqStat, &[line.0]);
        };
        refuses(Handle(77), Error::BadHandle);
        refuses(d.kept, Error::BadHandle);
        refuses(d.event, Error::WrongKind);
        refuses(d.line, Error::Denied);
        refuses(odd.two, Error::Denied);
        w.refuses(w.init, Error::OutOfRange, Syscall::IrqStat, &[w.lines.0]);
        let info = w.irq_stat(w.init, d.kept).unwrap();
        assert_eq!((info.line, info.state, info.delivered), (3, LineState::Free, 0));
        w.irq_bind(d.user, d.line, d.event, 1).unwrap();
        assert_eq!(w.irq_stat(w.init, d.kept).unwrap().state, LineState::Armed);
        strike(w, 3);
        let (info, now) = (w.irq_stat(w.init, d.kept).unwrap(), w.now());
        assert_eq!((info.state, info.delivered, info.last), (LineState::Delivered, 1, now));
        assert_eq!((info.interval, info.held_back), (0, 0));
        // What was counted stays when the owner is gone.
        w.process_end(w.init, d.child.process, 1).unwrap();
        w.settle();
        let info = w.irq_stat(w.init, d.kept).unwrap();
        assert_eq!((info.state, info.delivered, info.last), (LineState::Free, 1, now));
    });
}

#[test]
fn cap_limit_refuses_in_the_order_of_the_table() {
    run(|w| {
        let odd = odd(w);
        let d = &odd.good;
        let limit = Syscall::CapLimit;
        w.refuses(d.user, Error::BadHandle, limit, &[77, u64::MAX]);
        w.refuses(d.user, Error::BadHandle, limit, &[d.kept.0, u64::MAX]);
        w.refuses(d.user, Error::WrongKind, limit, &[d.event.0, u64::MAX]);
        w.refuses(d.user, Error::Denied, limit, &[d.line.0, u64::MAX]);
        w.refuses(w.init, Error::OutOfRange, limit, &[d.kept.0, 1 << 32]);
        // It has a child.
        w.refuses(w.init, Error::Busy, limit, &[d.kept.0, 5]);
        w.revoke(w.init, d.kept).unwrap();
        for ticks in [0, 5, 5, u64::from(u32::MAX)] {
            w.cap_limit(w.init, d.kept, ticks).unwrap();
            assert_eq!(w.irq_stat(w.init, d.kept).unwrap().interval, ticks);
            w.refuses(w.init, Error::OutOfRange, limit, &[d.kept.0, ticks.wrapping_sub(1)]);
        }
    });
}

// attack 55 U: a line that is bound is limited by its owner; a binding goes by the interval that it was made with; broken: irq-limit-bound
#[test]
fn a_line_that_is_bound_is_not_limited() {
    run(|w| {
        let d = driver(w, 7, 3);
        w.revoke(w.init, d.kept).unwrap();
        let rights = Rights::RECV | Rights::MANAGE;
        let line = w.install(w.init, d.child.process, d.kept, rights).unwrap();
        w.irq_bind(d.user, line, d.event, 1).unwrap();
        w.refuses(d.user, Error::Busy, Syscall::CapLimit, &[line.0, 7]);
        w.cap_drop(d.user, d.event).unwrap();
        w.cap_limit(d.user, line, 7).unwrap();
    });
}

// attack 55 U: an interval made shorter by derive, install, or the call that sets it; a child has its parent's at least; broken: irq-limit-back
#[test]
fn an_interval_never_becomes_shorter_below() {
    run(|w| {
        let all = w.derive_part(w.init, w.lines, KEEP_LINE, 0, 4).unwrap();
        w.cap_limit(w.init, all, 100).unwrap();
        let kept = w.derive_part(w.init, all, KEEP_LINE, 2, 1).unwrap();
        let child = w.child(7, 16, 64);
        let rights = KEEP_LINE.difference(Rights::DERIVE);
        let line = w.install(w.init, child.process, kept, rights).unwrap();
        for (user, cap) in [(w.init, kept), (child.user, line)] {
            assert_eq!(w.irq_stat(user, cap).unwrap().interval, 100);
        }
        w.refuses(child.user, Error::OutOfRange, Syscall::CapLimit, &[line.0, 99]);
        w.cap_limit(child.user, line, 200).unwrap();
        assert_eq!(w.irq_stat(child.user, line).unwrap().interval, 200);
        assert_eq!(w.irq_stat(w.init, kept).unwrap().interval, 100);
    });
}

// attack 54 U: parts of lines that are empty, beyond, or overlap a sibling's; refused; broken: irq-siblings, irq-widens
#[test]
fn lines_are_derived_in_parts_that_do_not_overlap() {
    run(|w| {
        let mut refuses = |offset, len, error| {
            let args = [w.lines.0, u64::from(KEEP_LINE.bits()), offset, len];
            w.refuses(w.init, error, Syscall::CapDerive, &args);
        };
        for (offset, len) in [(0, 0), (8, 1), (0, 9), (7, 2), (1 << 32, 1), (0, 1 << 32)] {
            refuses(offset, len, Error::OutOfRange);
        }
        for (offset, len) in [(u64::MAX, 1), (1, u64::MAX), (u64::from(u32::MAX), 1)] {
            refuses(offset, len, Error::OutOfRange);
        }
        let middle = w.derive_part(w.init, w.lines, KEEP_LINE, 2, 3).unwrap();
        for (offset, len) in [(2, 1), (4, 1), (0, 3), (4, 4), (0, 8)] {
            let args = [w.lines.0, u64::from(KEEP_LINE.bits()), offset, len];
            w.refuses(w.init, Error::Busy, Syscall::CapDerive, &args);
        }
        w.derive_part(w.init, w.lines, KEEP_LINE, 0, 2).unwrap();
        w.derive_part(w.init, w.lines, KEEP_LINE, 5, 3).unwrap();
        let info = w.query(w.init, middle).unwrap();
        assert_eq!((info.kind, info.base, info.len), (nexus_abi::KindCode::Irq, 3, 3));
        let blind = w.derive_part(w.init, middle, Rights::RECV, 1, 1).unwrap();
        let info = w.query(w.init, blind).unwrap();
        assert_eq!((info.base, info.len, info.object), (0, 0, 0));
    });
}

// attack 54 U: a bound line passed on by message or by install; `Busy`, and one process receives it; broken: irq-passed-on
#[test]
fn a_bound_line_is_not_passed_on() {
    run(|w| {
        let d = driver(w, 7, 3);
        w.revoke(w.init, d.kept).unwrap();
        let rights = Rights::RECV | Rights::GRANT;
        let line = w.install(w.init, d.child.process, d.kept, rights).unwrap();
        let spawn = w.install(w.init, d.child.process, w.spawn, Rights::GRANT).unwrap();
        w.limit(d.user, Some(64), Some(128));
        let args = [spawn.0, 9, 32 << 32 | 16, Handle::NONE.0, 0];
        let target = Handle(w.call(d.user, Syscall::ProcessCreate, &args).unwrap());
        w.irq_bind(d.user, line, d.event, 1).unwrap();
        let args = [target.0, line.0, u64::from(Rights::RECV.bits())];
        w.refuses(d.user, Error::Busy, Syscall::CapInstall, &args);
        w.cap_drop(d.user, d.event).unwrap();
        w.install(d.user, target, line, Rights::RECV).unwrap();
        let event = w.notification_create(d.user).unwrap();
        w.refuses(d.user, Error::Busy, Syscall::IrqBind, &bind_args(line, event, 1));
    });
}

/// A board without an interrupt controller.
#[test]
fn without_lines_there_is_nothing_to_bind() {
    run_with(&Config { lines: 0, ..Config::default() }, |w| {
        assert_eq!(w.lines, Handle::NONE);
        assert_eq!(w.kernel.boot_lines(0), Err(Error::OutOfRange));
        w.external();
        assert_eq!(w.strays(), 1);
    });
}
