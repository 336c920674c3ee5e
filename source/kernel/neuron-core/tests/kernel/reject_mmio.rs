//! `mmio_map`: each refusal of the contract, with its own error, and nothing changed.

use crate::common::*;

const MAP: Syscall = Syscall::MmioMap;

/// A service with a window of four pages.
fn with_owner(body: impl FnOnce(&mut World<'_>, Owner)) {
    run(|w| {
        let owner = owner_of(w, 7, 1, 4);
        body(w, owner);
    });
}

/// The whole window maps, so that a refusal in a test is for the reason that the test gives.
fn maps_whole(w: &mut World<'_>, owner: &Owner) {
    assert_eq!(w.mmio_map(owner.user, owner.window, 0, 4 * PAGE, VA, RW), Ok(VA));
    assert_eq!(w.query(owner.user, owner.window).unwrap().mapped_pages, 4);
}

// attack 1 U: an offset at, past and across the end of the window; `OutOfRange`; broken: window-end
#[test]
fn test_reject_mmio_outside_window() {
    with_owner(|w, o| {
        for (offset, len) in [
            (0, 5 * PAGE),
            (4 * PAGE, PAGE),
            (3 * PAGE, 2 * PAGE),
            (5 * PAGE, PAGE),
            (PAGE, 4 * PAGE),
            (!0xfff, PAGE),
            (1 << 40, PAGE),
        ] {
            w.refuses(o.user, Error::OutOfRange, MAP, &map_args(o.window, offset, len, VA, R));
        }
        // The last page is inside.
        assert_eq!(w.mmio_map(o.user, o.window, 3 * PAGE, PAGE, VA + PAGE, R), Ok(VA + PAGE));
        w.unmap(o.user, VA + PAGE).unwrap();
        maps_whole(w, &o);
    });
}

// attack 12 U: an executable device page; `ExecDenied`; broken: device-exec
#[test]
fn test_reject_mmio_exec() {
    with_owner(|w, o| {
        for prot in [4, 5, 7, 6, 0xc, u64::MAX] {
            let args = [o.window.0, 0, PAGE, VA, prot];
            w.refuses(o.user, Error::ExecDenied, MAP, &args);
        }
        // What a window lacks it lacks for its rights first.
        let read_only = owner_with(w, 8, w.roots[0], (8, 1), Rights::MAP | Rights::READ);
        w.refuses(read_only.user, Error::ExecDenied, MAP, &[read_only.window.0, 0, PAGE, VA, 5]);
        w.refuses(read_only.user, Error::Denied, MAP, &[read_only.window.0, 0, PAGE, VA, 7]);
        maps_whole(w, &o);
    });
}

// attack 11 U: a window mapped to read, and to read and write; no leaf of it can be executed; broken: device-leaf-exec
#[test]
fn test_reject_mmio_execution_of_what_is_mapped() {
    with_owner(|w, o| {
        w.mmio_map(o.user, o.window, 0, PAGE, VA, R).unwrap();
        w.mmio_map(o.user, o.window, PAGE, PAGE, VA + PAGE, RW).unwrap();
        let view = w.view();
        let leaf = |va: u64| view.pages.iter().find(|((_, at), _)| *at == va).map(|(_, page)| page);
        // V, U, A and D; R, W and X are bits 1, 2 and 3.
        assert_eq!(leaf(VA).unwrap().bits, 0xd1 | 1 << 1);
        assert_eq!(leaf(VA + PAGE).unwrap().bits, 0xd1 | 1 << 1 | 1 << 2);
    });
}

#[test]
fn test_reject_mmio_no_cap() {
    with_owner(|w, o| {
        let stranger = w.child(9, 32, 64);
        for handle in [
            Handle::NONE,
            o.window,
            o.kept,
            w.roots[0],
            w.spawn,
            Handle(1),
            Handle(u64::MAX),
            Handle(1 << 32),
            Handle::new(1, 1),
            Handle::new(u32::MAX, 1),
            Handle::new(o.window.slot(), u32::MAX >> 1),
            Handle::reply(1, 1),
            Handle::reply(u16::MAX, Handle::CALL_MASK),
        ] {
            let args = map_args(handle, 0, PAGE, VA, R);
            w.refuses(stranger.user, Error::BadHandle, MAP, &args);
        }
        maps_whole(w, &o);
    });
}

#[test]
fn test_reject_mmio_wrong_kind() {
    with_owner(|w, o| {
        let endpoint = w.endpoint_create(o.user).unwrap();
        let notification = w.notification_create(o.user).unwrap();
        let memory = w.vmo_create(o.user, 1).unwrap();
        let (thread, _) = w.thread_by(o.user, Handle::NONE, 1).unwrap();
        for handle in [endpoint, notification, memory, thread] {
            w.refuses(o.user, Error::WrongKind, MAP, &map_args(handle, 0, PAGE, VA, R));
        }
        for handle in [w.spawn, w.console, o.child.process] {
            w.refuses(w.init, Error::WrongKind, MAP, &map_args(handle, 0, PAGE, VA, R));
        }
        maps_whole(w, &o);
    });
}

// attack 18 U: map without one of the rights that it needs; `Denied`; broken: map-right
#[test]
fn test_reject_mmio_missing_right() {
    run(|w| {
        for bits in 0..8u16 {
            let rights = Rights::from_bits_retain(bits);
            let o = owner_with(w, 7, w.roots[0], (u64::from(bits), 1), rights);
            for prot in [R, RW] {
                let needed = match prot == RW {
                    true => USE,
                    false => Rights::MAP | Rights::READ,
                };
                let args = map_args(o.window, 0, PAGE, VA, prot);
                if rights.contains(needed) {
                    w.call(o.user, MAP, &args).unwrap();
                    w.unmap(o.user, VA).unwrap();
                } else {
                    w.refuses(o.user, Error::Denied, MAP, &args);
                }
            }
        }
    });
}

#[test]
fn test_reject_mmio_write_to_read_only() {
    run(|w| {
        let o = owner_with(w, 7, w.roots[0], (1, 4), Rights::MAP | Rights::READ);
        w.refuses(o.user, Error::Denied, MAP, &map_args(o.window, 0, PAGE, VA, RW));
        w.mmio_map(o.user, o.window, 0, PAGE, VA, R).unwrap();
        // Not through the mapping that is there, either.
        w.refuses(o.user, Error::Denied, Syscall::Protect, &[VA, u64::from(RW.bits())]);
    });
}

#[test]
fn test_reject_mmio_invalid_prot() {
    with_owner(|w, o| {
        // Nothing, write alone, and bits that mean nothing.
        for prot in [0, 2, 8, 9, 0x10, 0x101, 1 << 32 | 1, 1 << 63 | 3] {
            w.refuses(o.user, Error::InvalidProt, MAP, &[o.window.0, 0, PAGE, VA, prot]);
        }
        maps_whole(w, &o);
    });
}

// attack 2 U: offset, length or address beside a page; `Misaligned`; broken: alignment
#[test]
fn test_reject_mmio_unaligned() {
    with_owner(|w, o| {
        for part in [1, 8, 0x800, 0xfff] {
            for (offset, len, va) in [
                (part, PAGE, VA),
                (0, part, VA),
                (0, PAGE + part, VA),
                (part, PAGE + part, VA),
                (0, PAGE, VA + part),
                (0, PAGE, part),
                (u64::MAX, u64::MAX, u64::MAX),
            ] {
                let args = map_args(o.window, offset, len, va, R);
                w.refuses(o.user, Error::Misaligned, MAP, &args);
            }
        }
        maps_whole(w, &o);
    });
}

// attack 4 U: length 0; `OutOfRange`; broken: zero-length
#[test]
fn test_reject_mmio_zero_length() {
    with_owner(|w, o| {
        for offset in [0, PAGE, 4 * PAGE, 5 * PAGE] {
            w.refuses(o.user, Error::OutOfRange, MAP, &map_args(o.window, offset, 0, VA, R));
        }
        maps_whole(w, &o);
    });
}

// attack 3 U: offset and length that wrap; `OutOfRange`; broken: wrap
#[test]
fn test_reject_mmio_overflow() {
    with_owner(|w, o| {
        let top = !(PAGE - 1);
        for (offset, len) in [
            (top, PAGE),
            (top, 2 * PAGE),
            (PAGE, top),
            (top, top),
            (0, top),
            (2 * PAGE, top - PAGE),
            (1 << 63, 1 << 63),
        ] {
            w.refuses(o.user, Error::OutOfRange, MAP, &map_args(o.window, offset, len, VA, R));
        }
        maps_whole(w, &o);
    });
}

#[test]
fn test_reject_mmio_more_than_one_call_maps() {
    run(|w| {
        let pages = MAX_PAGES_PER_CALL + 1;
        let o = owner_with(w, 7, w.roots[2], (0, pages), USE);
        let len = MAX_PAGES_PER_CALL * PAGE;
        let args = map_args(o.window, 0, len + PAGE, VA, R);
        w.refuses(o.user, Error::OutOfRange, MAP, &args);
        assert_eq!(w.mmio_map(o.user, o.window, PAGE, len, VA, R), Ok(VA));
    });
}

// attack 6 U: an address over a mapping; `Exists`; broken: over-mapping
#[test]
fn test_reject_mmio_exists() {
    with_owner(|w, o| {
        let memory = w.vmo_create(o.user, 3).unwrap();
        w.vmo_map(o.user, memory, 3 * PAGE, VA + 4 * PAGE, RW).unwrap();
        w.mmio_map(o.user, o.window, 0, PAGE, VA + 16 * PAGE, R).unwrap();
        // Over memory: at its first and last page, around it, inside it; over a device page.
        for (pages, at) in [(1, 4), (1, 6), (4, 3), (2, 3), (2, 6), (1, 5), (1, 16), (4, 14)] {
            let args = map_args(o.window, 0, pages * PAGE, VA + at * PAGE, R);
            w.refuses(o.user, Error::Exists, MAP, &args);
        }
        // Beside them, touching, there is room.
        w.mmio_map(o.user, o.window, 0, 4 * PAGE, VA, R).unwrap();
        w.mmio_map(o.user, o.window, 0, 4 * PAGE, VA + 7 * PAGE, R).unwrap();
    });
}

// attack 5 U: an address in the kernel half; `BadAddress`; broken: kernel-half
#[test]
fn test_reject_mmio_kernel_half() {
    with_owner(|w, o| {
        for va in
            [USER_END, USER_END + PAGE, 0xffff_ffc0_0000_0000, 0xffff_ffff_8000_0000, !(PAGE - 1)]
        {
            w.refuses(o.user, Error::BadAddress, MAP, &map_args(o.window, 0, PAGE, va, R));
        }
        // Half in it.
        let args = map_args(o.window, 0, 2 * PAGE, USER_END - PAGE, R);
        w.refuses(o.user, Error::BadAddress, MAP, &args);
        let last = USER_END - PAGE;
        assert_eq!(w.mmio_map(o.user, o.window, 0, PAGE, last, R), Ok(last));
    });
}

#[test]
fn test_reject_mmio_non_canonical() {
    with_owner(|w, o| {
        for va in [1 << 38, 1 << 39, 1 << 47, 1 << 56, 1 << 62, 0x7fff_ffff_ffff_f000, 1 << 63] {
            w.refuses(o.user, Error::BadAddress, MAP, &map_args(o.window, 0, PAGE, va, R));
        }
        maps_whole(w, &o);
    });
}

#[test]
fn test_reject_mmio_page_zero() {
    with_owner(|w, o| {
        w.refuses(o.user, Error::BadAddress, MAP, &map_args(o.window, 0, PAGE, 0, R));
        w.refuses(o.user, Error::BadAddress, MAP, &map_args(o.window, 0, 2 * PAGE, 0, R));
        assert_eq!(w.mmio_map(o.user, o.window, 0, PAGE, PAGE, R), Ok(PAGE));
    });
}

// attack 9 F: each allocation of a mapping fails in turn; `NoMemory`, all as before; broken: map-rollback
#[test]
fn test_reject_mmio_no_memory() {
    with_owner(|w, o| {
        // The mapping, a middle table, a last-level table and its record.
        let map = |w: &mut World<'_>| w.mmio_map(o.user, o.window, 0, 2 * PAGE, VA, RW);
        assert_eq!(fails_at_every_allocation(w, o.user, map), 4);
        w.unmap(o.user, VA).unwrap();
        // Over the edge between two last-level tables, and between two middle tables.
        for edge in [0x20_0000, 0x4000_0000] {
            let va = VA + edge - PAGE;
            let map = |w: &mut World<'_>| w.mmio_map(o.user, o.window, 0, 2 * PAGE, va, RW);
            assert!(fails_at_every_allocation(w, o.user, map) >= 4);
            w.unmap(o.user, va).unwrap();
        }
    });
}

#[test]
fn test_reject_mmio_no_budget() {
    with_owner(|w, o| {
        let va = VA + 0x4000_0000 - PAGE;
        let args = map_args(o.window, 0, 2 * PAGE, va, RW);
        let (frames, objects) = w.used(o.user);
        // Two middle tables, two pairs of a last-level table and its record: six frames.
        for less in 0..6 {
            w.limit(o.user, Some(frames + less), None);
            w.refuses(o.user, Error::NoMemory, MAP, &args);
        }
        w.limit(o.user, Some(frames + 6), Some(objects));
        w.refuses(o.user, Error::NoMemory, MAP, &args);
        w.limit(o.user, None, Some(objects + 1));
        w.call(o.user, MAP, &args).unwrap();
        assert_eq!(w.used(o.user), (frames + 6, objects + 1));
        w.unmap(o.user, va).unwrap();
        assert_eq!(w.used(o.user), (frames, objects));
    });
}

// attack 19 U: the handle of a window that was dropped; `BadHandle`; broken: generation
#[test]
fn test_reject_mmio_stale_handle() {
    with_owner(|w, o| {
        w.cap_drop(o.user, o.window).unwrap();
        w.refuses(o.user, Error::BadHandle, MAP, &map_args(o.window, 0, PAGE, VA, R));
        // The slot's next content is another window; the old handle does not name it.
        let next = w.install(w.init, o.child.process, o.kept, USE).unwrap();
        assert_eq!((next.slot(), next == o.window), (o.window.slot(), false));
        w.refuses(o.user, Error::BadHandle, MAP, &map_args(o.window, 0, PAGE, VA, R));
        for generation in 0..8 {
            let handle = Handle::new(next.slot(), generation);
            if handle != next {
                w.refuses(o.user, Error::BadHandle, MAP, &map_args(handle, 0, PAGE, VA, R));
            }
        }
        assert_eq!(w.mmio_map(o.user, next, 0, 4 * PAGE, VA, RW), Ok(VA));
    });
}

#[test]
fn test_reject_mmio_revoked() {
    with_owner(|w, o| {
        maps_whole(w, &o);
        w.revoke(w.init, o.kept).unwrap();
        w.refuses(o.user, Error::BadHandle, MAP, &map_args(o.window, 0, PAGE, VA, R));
        // What was mapped through it is gone as well: there is nothing to unmap.
        w.refuses(o.user, Error::BadAddress, Syscall::Unmap, &[VA]);
        assert_eq!(w.live()[4], 0);
    });
}

#[test]
fn test_reject_mmio_reprotect_exec() {
    with_owner(|w, o| {
        maps_whole(w, &o);
        for prot in [4, 5, 6, 7, 0xff] {
            w.refuses(o.user, Error::ExecDenied, Syscall::Protect, &[VA, prot]);
        }
        for prot in [0, 2, 8, 1 << 20] {
            w.refuses(o.user, Error::InvalidProt, Syscall::Protect, &[VA, prot]);
        }
        w.protect(o.user, VA, R).unwrap();
        w.refuses(o.user, Error::ExecDenied, Syscall::Protect, &[VA, 5]);
        w.protect(o.user, VA, RW).unwrap();
    });
}

// attack 22 U: pass a window on and map it all the same; `Busy` while the other has it; broken: map-with-child
// attack 39 U: map a window of which another has a part; `Busy`; broken: map-with-child
#[test]
fn test_reject_mmio_live_child() {
    run(|w| {
        // A window that its holder may pass on, and did.
        let o = owner_with(w, 7, w.roots[0], (0, 4), USE | Rights::GRANT);
        let part = w.install(o.user, Handle::NONE, o.window, USE).unwrap();
        w.refuses(o.user, Error::Busy, MAP, &map_args(o.window, 0, PAGE, VA, R));
        w.cap_drop(o.user, part).unwrap();
        w.mmio_map(o.user, o.window, 0, PAGE, VA, R).unwrap();
    });
}

#[test]
fn test_reject_mmio_window_with_derive() {
    run(|w| {
        // To hand out, or to use: not both.
        let both = owner_with(w, 7, w.roots[0], (0, 4), USE | Rights::DERIVE);
        w.refuses(both.user, Error::Denied, MAP, &map_args(both.window, 0, PAGE, VA, R));
    });
}

#[test]
fn test_reject_mmio_root_window() {
    run(|w| {
        for root in w.roots.clone() {
            w.refuses(w.init, Error::Denied, MAP, &map_args(root, 0, PAGE, VA, R));
        }
        // Nor with all of it derived away and back again.
        let all = w.derive_part(w.init, w.roots[1], KEEP, 0, PAGE).unwrap();
        w.refuses(w.init, Error::Denied, MAP, &map_args(w.roots[1], 0, PAGE, VA, R));
        w.cap_drop(w.init, all).unwrap();
        w.refuses(w.init, Error::Denied, MAP, &map_args(w.roots[1], 0, PAGE, VA, R));
    });
}

#[test]
fn test_reject_mmio_as_memory() {
    with_owner(|w, o| {
        let window = o.window.0;
        w.refuses(o.user, Error::WrongKind, Syscall::VmoMap, &[0, window, 0, PAGE, VA, 1]);
        w.refuses(o.user, Error::WrongKind, Syscall::VmoMap, &[0, window, 0, PAGE, VA, 5]);
        w.refuses(o.user, Error::WrongKind, Syscall::VmoSeal, &[window]);
        // Into a child, as a loader would.
        let kept = o.kept.0;
        let process = o.child.process.0;
        w.refuses(w.init, Error::WrongKind, Syscall::VmoMap, &[process, kept, 0, PAGE, VA, 5]);
        w.refuses(w.init, Error::WrongKind, Syscall::VmoMap, &[process, kept, 0, PAGE, VA, 1]);
        maps_whole(w, &o);
    });
}

#[test]
fn test_reject_mmio_as_other_objects() {
    with_owner(|w, o| {
        let window = o.window.0;
        let endpoint = w.endpoint_create(o.user).unwrap().0;
        let notification = w.notification_create(o.user).unwrap().0;
        let call = Syscall::EndpointBind;
        w.refuses(o.user, Error::WrongKind, call, &[window, notification]);
        w.refuses(o.user, Error::WrongKind, call, &[endpoint, window]);
        w.refuses(o.user, Error::WrongKind, Syscall::Signal, &[window, 1]);
        w.refuses(o.user, Error::WrongKind, Syscall::Wait, &[window, 0]);
        w.refuses(o.user, Error::WrongKind, Syscall::ProcessEnd, &[window, 0]);
        w.refuses(o.user, Error::WrongKind, Syscall::ProcessStat, &[window]);
        w.refuses(o.user, Error::WrongKind, Syscall::CapInspect, &[window, 0]);
        w.refuses(o.user, Error::WrongKind, Syscall::CapInstall, &[window, window, 1]);
        w.refuses(o.user, Error::WrongKind, Syscall::ThreadCreate, &[window, 0x10_0000, 0, 0, 1]);
        w.refuses(o.user, Error::WrongKind, Syscall::ConsoleWrite, &[window, 1, 0, 0, 0, 0]);
        w.refuses(o.user, Error::WrongKind, Syscall::ProcessCreate, &[window, 9, 1, 0, 0]);
        let message = Message::new(1, &[1]);
        w.refused(o.user, Error::WrongKind, |w| w.send(o.user, o.window, &message, NO_DEADLINE));
        w.refused(o.user, Error::WrongKind, |w| w.receive(o.user, o.window));
    });
}

/// A call with two faults is refused for the one that is checked first.
#[test]
fn test_reject_mmio_order_of_checks() {
    run(|w| {
        let o = owner_with(w, 7, w.roots[0], (0, 4), Rights::MAP | Rights::READ | Rights::GRANT);
        let other = w.vmo_create(o.user, 1).unwrap();
        w.vmo_map(o.user, other, PAGE, VA, R).unwrap();
        let part = w.install(o.user, Handle::NONE, o.window, Rights::MAP).unwrap();
        let (frames, objects) = w.used(o.user);
        w.limit(o.user, Some(frames), Some(objects));
        let free = VA + 0x8000_0000;
        let (window, far, odd) = (o.window.0, 1 << 40, PAGE + 1);
        // Each row has every fault below its own.
        for (error, args) in [
            (Error::BadHandle, [99, odd, 0, far + 1, 7]),
            (Error::WrongKind, [other.0, odd, 0, far + 1, 7]),
            (Error::Denied, [window, odd, 0, far + 1, 7]),
            (Error::ExecDenied, [window, odd, 0, far + 1, 5]),
            (Error::ExecDenied, [window, odd, 0, far + 1, 4]),
            (Error::InvalidProt, [window, odd, 0, far + 1, 0]),
            (Error::Misaligned, [window, odd, 0, far, 1]),
            (Error::Misaligned, [window, 0, 0, far + 1, 1]),
            (Error::Misaligned, [window, 0, 1, far, 1]),
            (Error::OutOfRange, [window, 0, 0, far, 1]),
            (Error::OutOfRange, [window, 4 * PAGE, PAGE, far, 1]),
            (Error::BadAddress, [window, 0, PAGE, far, 1]),
            (Error::Exists, [window, 0, PAGE, VA, 1]),
            (Error::Busy, [window, 0, PAGE, free, 1]),
        ] {
            w.refuses(o.user, error, MAP, &args);
        }
        w.cap_drop(o.user, part).unwrap();
        w.limit(o.user, None, Some(objects - 1));
        w.refuses(o.user, Error::NoMemory, MAP, &[window, 0, PAGE, free, 1]);
        w.limit(o.user, Some(frames + 3), Some(objects));
        w.call(o.user, MAP, &[window, 0, PAGE, free, 1]).unwrap();
    });
}
