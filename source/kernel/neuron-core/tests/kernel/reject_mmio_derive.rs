//! Making windows from windows, and passing them on: each refusal, and nothing changed.

use crate::common::*;

const DERIVE: Syscall = Syscall::CapDerive;

fn args(cap: Handle, rights: Rights, offset: u64, len: u64) -> [u64; 4] {
    [cap.0, u64::from(rights.bits()), offset, len]
}

// attack 39 U: a second window over the same pages, or some of them; refused with `Busy`; broken: second-owner
#[test]
fn test_reject_mmio_second_owner() {
    run(|w| {
        let first = owner_of(w, 7, 1, 4);
        // The same window, parts of it, and what covers it, from the same root.
        for (page, pages) in [(1, 4), (1, 1), (4, 1), (0, 2), (4, 2), (0, 16), (2, 2), (0, 6)] {
            let args = args(w.roots[0], KEEP, page * PAGE, pages * PAGE);
            w.refuses(w.init, Error::Busy, DERIVE, &args);
        }
        // And from what init keeps of it: one child is all there can be.
        let second = w.child(8, 32, 64);
        let install = [second.process.0, first.kept.0, u64::from(USE.bits())];
        w.refuses(w.init, Error::Busy, Syscall::CapInstall, &install);
        // Beside it there is room.
        owner_of(w, 9, 0, 1);
        owner_of(w, 10, 5, 1);
        // When the first has let go, the second can have it.
        w.cap_drop(first.user, first.window).unwrap();
        w.call(w.init, Syscall::CapInstall, &install).unwrap();
    });
}

#[test]
fn test_reject_mmio_second_owner_after_drop_between() {
    run(|w| {
        // What init kept is gone; the owner's window hangs below the root and still excludes.
        let first = owner_of(w, 7, 1, 4);
        w.cap_drop(w.init, first.kept).unwrap();
        for (page, pages) in [(1, 4), (1, 1), (4, 1), (0, 2), (4, 2), (0, 16)] {
            let args = args(w.roots[0], KEEP, page * PAGE, pages * PAGE);
            w.refuses(w.init, Error::Busy, DERIVE, &args);
        }
        w.revoke(w.init, w.roots[0]).unwrap();
        assert!(!w.holds(first.user, first.window));
        owner_of(w, 8, 1, 4);
    });
}

// attack 18 U: a part that is larger than its window; refused with `OutOfRange`; broken: derive-widens
#[test]
fn test_reject_mmio_widening_derive() {
    run(|w| {
        let part = w.derive_part(w.init, w.roots[0], KEEP, PAGE, 4 * PAGE).unwrap();
        let top = !(PAGE - 1);
        for (offset, len) in [
            (0, 5 * PAGE),
            (PAGE, 4 * PAGE),
            (4 * PAGE, PAGE),
            (5 * PAGE, PAGE),
            (top, PAGE),
            (top, 2 * PAGE),
            (0, top),
            (PAGE, top),
            (0, 0),
            (PAGE, 0),
            (1 << 63, 1 << 63),
        ] {
            w.refuses(w.init, Error::OutOfRange, DERIVE, &args(part, KEEP, offset, len));
        }
        for (offset, len) in [(1, PAGE), (0, 1), (0, PAGE - 1), (0, PAGE + 1), (0xfff, 0xfff)] {
            w.refuses(w.init, Error::Misaligned, DERIVE, &args(part, KEEP, offset, len));
        }
        w.derive_part(w.init, part, KEEP, 3 * PAGE, PAGE).unwrap();
        w.derive_part(w.init, part, KEEP, 0, 3 * PAGE).unwrap();
    });
}

// attack 18 U: a part with rights that its window lacks; refused with `Denied`
#[test]
fn test_reject_mmio_rights_growing_derive() {
    run(|w| {
        let less = Rights::DERIVE | Rights::MAP | Rights::READ | Rights::GRANT;
        let part = w.derive_part(w.init, w.roots[0], less, 0, 4 * PAGE).unwrap();
        for right in Rights::all().difference(less).iter() {
            w.refuses(w.init, Error::Denied, DERIVE, &args(part, less | right, 0, PAGE));
            w.refuses(w.init, Error::Denied, DERIVE, &args(part, right, 0, PAGE));
            let other = w.child(20, 4, 16);
            let install = [other.process.0, part.0, u64::from(right.bits())];
            w.refuses(w.init, Error::Denied, Syscall::CapInstall, &install);
        }
        // Bits that are no right at all.
        for bits in [1 << 11, 1 << 15, 1 << 16, 1 << 63, u64::MAX] {
            w.refuses(w.init, Error::Denied, DERIVE, &[part.0, bits, 0, PAGE]);
        }
        let child = w.derive_part(w.init, part, less, 0, PAGE).unwrap();
        assert_eq!(w.rights(child), Some(less));
    });
}

#[test]
fn test_reject_mmio_exec_right() {
    run(|w| {
        // Not even the root windows have it, so nothing can.
        for root in w.roots.clone() {
            let rights = KEEP | Rights::EXEC;
            w.refuses(w.init, Error::Denied, DERIVE, &args(root, rights, 0, PAGE));
            w.refuses(w.init, Error::Denied, DERIVE, &args(root, Rights::EXEC, 0, PAGE));
        }
    });
}

#[test]
fn test_reject_mmio_derive_without_right() {
    run(|w| {
        let o = owner_of(w, 7, 0, 4);
        w.refuses(o.user, Error::Denied, DERIVE, &args(o.window, USE, 0, PAGE));
        w.refuses(o.user, Error::Denied, DERIVE, &args(o.window, Rights::empty(), 0, PAGE));
        w.refuses(o.user, Error::Denied, Syscall::CapRevoke, &[o.window.0]);
    });
}

// attack 39 U: hand on a window that is mapped; refused with `Busy`; broken: derive-mapped
#[test]
fn test_reject_mmio_derive_from_mapped() {
    run(|w| {
        // Whoever hands a window out has let go of it first: with DERIVE it cannot be mapped, and
        // once mapped it cannot be given away in any other way.
        let o = owner_with(w, 7, w.roots[0], (0, 4), USE | Rights::GRANT);
        w.mmio_map(o.user, o.window, 0, PAGE, VA, RW).unwrap();
        w.refuses(o.user, Error::Denied, DERIVE, &args(o.window, USE, 0, PAGE));
        let install = [0, o.window.0, u64::from(USE.bits())];
        w.refuses(o.user, Error::Busy, Syscall::CapInstall, &install);
        w.unmap(o.user, VA).unwrap();
        w.call(o.user, Syscall::CapInstall, &install).unwrap();
    });
}

// attack 26 U: an owner installs its window elsewhere; refused with `Denied`
#[test]
fn test_reject_mmio_pass_on_by_install() {
    run(|w| {
        let o = owner_of(w, 7, 0, 4);
        // It holds a process that would take the window.
        let friend = w.child(8, 32, 64);
        let process = w.install(w.init, o.child.process, friend.process, Rights::MANAGE).unwrap();
        for rights in [USE, Rights::MAP, Rights::empty()] {
            let args = [process.0, o.window.0, u64::from(rights.bits())];
            w.refuses(o.user, Error::Denied, Syscall::CapInstall, &args);
            let args = [0, o.window.0, u64::from(rights.bits())];
            w.refuses(o.user, Error::Denied, Syscall::CapInstall, &args);
        }
    });
}

// attack 26 U: an owner sends its window to another; refused with `Denied`
#[test]
fn test_reject_mmio_pass_on_by_message() {
    run(|w| {
        let o = owner_of(w, 7, 0, 4);
        let friend = w.child(8, 32, 64);
        let endpoint = w.endpoint_create(w.init).unwrap();
        let send = w.install(w.init, o.child.process, endpoint, Rights::SEND).unwrap();
        let receive = w.install(w.init, friend.process, endpoint, Rights::RECV).unwrap();
        assert_eq!(w.receive(friend.user, receive), Status::Blocked);
        let message = Message::with_cap(1, &[], o.window);
        w.refused(o.user, Error::Denied, |w| w.send(o.user, send, &message, NO_DEADLINE));
        assert_eq!(w.used(friend.user).1, w.used(friend.user).1);
        // Nor in an answer.
        let plain = Message::new(2, &[]);
        assert_eq!(w.send(o.user, send, &plain, NO_DEADLINE), Status::Blocked);
        let got = w.received(friend.user).unwrap();
        let back = owner_of(w, 9, 4, 1);
        assert_eq!(got.sender, w.identity(o.user));
        let message = Message::with_cap(1, &[], back.window);
        w.refused(friend.user, Error::BadHandle, |w| {
            w.message(friend.user, Syscall::Reply, got.reply, Handle::NONE, &message, 0)
        });
    });
}

#[test]
fn test_reject_mmio_derive_no_memory() {
    run(|w| {
        let root = w.roots[0];
        let derive =
            |w: &mut World<'_>| w.derive_part(w.init, root, KEEP, 0, PAGE).map(|handle| handle.0);
        assert_eq!(fails_at_every_allocation(w, w.init, derive), 1);
        let (_, objects) = w.used(w.init);
        w.limit(w.init, None, Some(objects));
        w.refuses(w.init, Error::NoMemory, DERIVE, &args(root, KEEP, PAGE, PAGE));
    });
}

#[test]
fn test_reject_mmio_derive_too_deep() {
    run(|w| {
        let mut window = w.roots[0];
        for _ in 0..64 {
            window = w.derive_part(w.init, window, KEEP, 0, PAGE).unwrap();
        }
        w.refuses(w.init, Error::TooDeep, DERIVE, &args(window, KEEP, 0, PAGE));
        w.revoke(w.init, w.roots[0]).unwrap();
        assert!(!w.holds(w.init, window));
    });
}

/// A call with two faults is refused for the one that is checked first.
#[test]
fn test_reject_mmio_derive_order_of_checks() {
    run(|w| {
        let root = w.roots[0];
        let weak = w.derive_part(w.init, root, KEEP.difference(Rights::DERIVE), 0, PAGE).unwrap();
        let taken = w.derive_part(w.init, root, KEEP, PAGE, PAGE).unwrap();
        let (_, objects) = w.used(w.init);
        w.limit(w.init, None, Some(objects));
        let all = u64::MAX;
        for (error, args) in [
            (Error::BadHandle, [99, all, 1, 0]),
            (Error::Denied, [weak.0, 1, 1, 0]),
            (Error::Denied, [root.0, all, 1, 0]),
            (Error::Misaligned, [root.0, 1, 1, 0]),
            (Error::OutOfRange, [root.0, 1, PAGE, 0]),
            (Error::Busy, [root.0, 1, PAGE, PAGE]),
            (Error::NoMemory, [taken.0, 1, 0, PAGE]),
        ] {
            w.refuses(w.init, error, DERIVE, &args);
        }
    });
}
