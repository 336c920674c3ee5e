//! Windows with a mask: single registers that the kernel writes for their holder, and nothing else.

use crate::common::*;
use neuron_core::store::addr::Frame;
use neuron_core::store::pte::Pte;

const WRITE: Syscall = Syscall::MmioWrite;
const LIMIT: Syscall = Syscall::CapLimit;

/// Where the first root window begins.
const BASE: u64 = 0x1000_0000;
/// Two registers: at byte offsets 0x50 and 0x64, as a virtio-mmio device has for its driver.
const MASK: u64 = 1 << 0x14 | 1 << 0x19;
/// What init keeps of a window that its owner's is below, but the authority to hand it out.
const MANAGED: Rights = USE.union(Rights::MANAGE);

/// The owner of `pages` pages of the first root window, below a window with a mask.
fn masked(w: &mut World<'_>, service: u64, (first, pages): (u64, u64), mask: u64) -> Owner {
    let child = w.child(service, 32, 64);
    let kept = w.derive_part(w.init, w.roots[0], KEEP, first * PAGE, pages * PAGE).unwrap();
    w.cap_limit(w.init, kept, mask).unwrap();
    let window = w.install(w.init, child.process, kept, USE).unwrap();
    Owner { child, user: child.user, window, kept }
}

/// The mask that `user` is told of.
fn mask_of(w: &mut World<'_>, user: User, window: Handle) -> Option<u64> {
    w.query(user, window).unwrap().registers
}

// attack 97 U: write each register and each byte of a window of which two may be written, and past it; two writes in 1,029; broken: mask-ignored
#[test]
fn test_a_mask_lets_its_registers_through_and_nothing_else() {
    run(|w| {
        let o = masked(w, 7, (3, 1), MASK);
        let beyond = [4096, 1 << 32, 1 << 63, u64::MAX - 3, u64::MAX];
        let (mut written, mut refused) = (0, 0);
        for offset in (0..1024).chain(beyond) {
            let allowed = offset < 256 && offset % 4 == 0 && MASK >> (offset / 4) & 1 == 1;
            let expected = match offset {
                _ if allowed => Ok(()),
                _ if offset % 4 != 0 => Err(Error::Misaligned),
                0..256 => Err(Error::RegisterDenied),
                _ => Err(Error::OutOfRange),
            };
            let before = w.machine().stores.len();
            let result = w.mmio_write(o.user, o.window, offset, 0xf00d_0000 | offset);
            assert_eq!(result.is_ok(), allowed, "{offset:#x}");
            match result {
                Ok(()) => {
                    let value = u32::try_from(0xf00d_0000 | offset).unwrap();
                    assert_eq!(w.machine().stores[before..], [(BASE + 3 * PAGE + offset, value)]);
                    written += 1;
                }
                Err(_) if offset > 1 << 16 => refused += 1,
                Err(_) => {
                    assert_eq!(w.mmio_write(o.user, o.window, offset, 1), expected, "{offset:#x}");
                    assert_eq!(w.machine().stores.len(), before);
                    refused += 1;
                }
            }
        }
        assert_eq!((written, refused), (2, 1027));
    });
}

#[test]
fn test_each_bit_is_one_register_and_a_value_has_32_bits() {
    run(|w| {
        for bit in 0..64 {
            let o = masked(w, 7, (0, 1), 1 << bit);
            for other in 0..64 {
                let result = w.mmio_write(o.user, o.window, 4 * other, u64::from(u32::MAX));
                assert_eq!(result.is_ok(), other == bit, "{bit} {other}");
            }
            for value in [1 << 32, 1 << 63, u64::MAX] {
                let args = [o.window.0, 4 * bit, value];
                w.refuses(o.user, Error::BadArgument, WRITE, &args);
            }
            w.cap_drop(w.init, o.kept).unwrap();
            w.process_end(w.init, o.child.process, 0).unwrap();
            w.settle();
        }
        assert_eq!(w.machine().stores.len(), 64);
        assert!(w.machine().stores.iter().all(|(_, value)| *value == u32::MAX));
    });
}

/// A call with two faults is refused for the one that is checked first.
#[test]
fn test_reject_mmio_write_order_of_checks() {
    run(|w| {
        let o = masked(w, 7, (0, 1), MASK);
        let other = w.child(8, 32, 64);
        let open = owner_of(w, 9, 1, 1);
        let rights = USE.difference(Rights::WRITE) | Rights::GRANT;
        let kept = w.derive_part(w.init, w.roots[0], KEEP, 2 * PAGE, PAGE).unwrap();
        w.cap_limit(w.init, kept, MASK).unwrap();
        let read = w.install(w.init, o.child.process, kept, rights).unwrap();
        let kept = w.derive_part(w.init, w.roots[0], KEEP, 3 * PAGE, PAGE).unwrap();
        w.cap_limit(w.init, kept, MASK).unwrap();
        let shared = w.install(w.init, o.child.process, kept, USE | Rights::GRANT).unwrap();
        w.install(o.user, Handle::NONE, shared, USE).unwrap();
        let memory = w.vmo_create(o.user, 1).unwrap();
        let all = u64::MAX;
        for (user, error, args) in [
            (other.user, Error::BadHandle, [o.window.0, all, all]),
            (o.user, Error::BadHandle, [0, all, all]),
            (o.user, Error::WrongKind, [memory.0, all, all]),
            // Without WRITE; with DERIVE; without a mask.
            (o.user, Error::Denied, [read.0, all, all]),
            (w.init, Error::Denied, [o.kept.0, all, all]),
            (open.user, Error::Denied, [open.window.0, all, all]),
            (o.user, Error::Misaligned, [shared.0, all, all]),
            (o.user, Error::OutOfRange, [shared.0, 256, all]),
            (o.user, Error::BadArgument, [shared.0, 0, all]),
            (o.user, Error::RegisterDenied, [shared.0, 0, 1]),
            (o.user, Error::Busy, [shared.0, 0x50, 1]),
        ] {
            w.refuses(user, error, WRITE, &args);
        }
        assert_eq!(w.machine().stores, []);
    });
}

// attack 97 U: write by a masked window that may only be read, or that was kept to be handed out; refused with `Denied`; broken: mask-without-right
#[test]
fn test_reject_mmio_write_without_the_right() {
    run(|w| {
        for rights in [USE.difference(Rights::WRITE), USE | Rights::DERIVE, Rights::DERIVE] {
            let child = w.child(7, 32, 64);
            let kept = w.derive_part(w.init, w.roots[0], KEEP, 0, PAGE).unwrap();
            w.cap_limit(w.init, kept, MASK).unwrap();
            let window = w.install(w.init, child.process, kept, rights).unwrap();
            w.refuses(child.user, Error::Denied, WRITE, &[window.0, 0x50, 1]);
            w.revoke(w.init, kept).unwrap();
            w.cap_drop(w.init, kept).unwrap();
        }
        // Nothing but WRITE is needed.
        let child = w.child(8, 32, 64);
        let kept = w.derive_part(w.init, w.roots[0], KEEP, 0, PAGE).unwrap();
        w.cap_limit(w.init, kept, MASK).unwrap();
        let window = w.install(w.init, child.process, kept, Rights::WRITE).unwrap();
        w.mmio_write(child.user, window, 0x50, 1).unwrap();
    });
}

// attack 39 U: write registers of a window that was passed on; refused with `Busy`; broken: mask-shared
#[test]
fn test_reject_mmio_write_live_child() {
    run(|w| {
        let child = w.child(7, 32, 64);
        let kept = w.derive_part(w.init, w.roots[0], KEEP, 0, PAGE).unwrap();
        w.cap_limit(w.init, kept, MASK).unwrap();
        let window = w.install(w.init, child.process, kept, USE | Rights::GRANT).unwrap();
        let passed = w.install(child.user, Handle::NONE, window, USE).unwrap();
        w.refuses(child.user, Error::Busy, WRITE, &[window.0, 0x50, 1]);
        w.mmio_write(child.user, passed, 0x50, 1).unwrap();
        w.cap_drop(child.user, passed).unwrap();
        w.mmio_write(child.user, window, 0x50, 2).unwrap();
    });
}

// attack 97 U: a mask with a register that the last one had not; refused with `OutOfRange`; broken: mask-widened
#[test]
fn test_a_mask_only_gets_smaller() {
    run(|w| {
        let window = w.derive_part(w.init, w.roots[0], MANAGED, 0, PAGE).unwrap();
        assert_eq!(mask_of(w, w.init, window), None);
        w.cap_limit(w.init, window, u64::MAX).unwrap();
        let mut mask = u64::MAX;
        for bit in [63, 0, 17, 1, 62] {
            mask &= !(1 << bit);
            w.cap_limit(w.init, window, mask).unwrap();
            assert_eq!(mask_of(w, w.init, window), Some(mask));
            w.refuses(w.init, Error::RegisterDenied, WRITE, &[window.0, 4 * bit, 1]);
            for more in [1 << bit, mask | 1 << bit, u64::MAX] {
                w.refuses(w.init, Error::OutOfRange, LIMIT, &[window.0, more]);
            }
            w.cap_limit(w.init, window, mask).unwrap();
        }
        w.mmio_write(w.init, window, 4 * 16, 1).unwrap();
        w.cap_limit(w.init, window, 0).unwrap();
        assert_eq!(mask_of(w, w.init, window), Some(0));
        for offset in (0..256).step_by(4) {
            w.refuses(w.init, Error::RegisterDenied, WRITE, &[window.0, offset, 1]);
        }
        assert_eq!(w.device_pages(), 1);
    });
}

/// The checks of `cap_limit` for a window, in their order.
#[test]
fn test_reject_limits_of_windows() {
    run(|w| {
        let window = w.derive_part(w.init, w.roots[0], KEEP, 0, PAGE).unwrap();
        let weak = KEEP.difference(Rights::MANAGE);
        let weak = w.derive_part(w.init, w.roots[0], weak, PAGE, PAGE).unwrap();
        let mapped = w.derive_part(w.init, w.roots[0], MANAGED, 2 * PAGE, PAGE).unwrap();
        w.mmio_map(w.init, mapped, 0, PAGE, VA, R).unwrap();
        w.cap_limit(w.init, window, MASK).unwrap();
        let child = w.derive_part(w.init, window, KEEP, 0, PAGE).unwrap();
        let (spawn, all) = (w.spawn, u64::MAX);
        for (error, args) in [
            (Error::BadHandle, [99, all]),
            (Error::WrongKind, [spawn.0, all]),
            (Error::Denied, [weak.0, all]),
            (Error::OutOfRange, [window.0, all]),
            (Error::Busy, [window.0, MASK]),
            (Error::Busy, [window.0, 0]),
            (Error::Busy, [mapped.0, 0]),
            (Error::OutOfRange, [child.0, all]),
        ] {
            w.refuses(w.init, error, LIMIT, &args);
        }
        w.unmap(w.init, VA).unwrap();
        let limit = |w: &mut World<'_>| w.cap_limit(w.init, mapped, 0).map(|()| 0);
        assert_eq!(fails_at_every_allocation(w, w.init, limit), 1);
    });
}

// attack 97 U: a mask is lost on the way to a child, by any of the three ways; the child has it; broken: mask-dropped
#[test]
fn test_every_child_has_the_mask_of_its_parent() {
    run(|w| {
        let o = owner_of(w, 7, 4, 1);
        let friend = w.child(8, 32, 64);
        let top = w.derive_part(w.init, w.roots[0], KEEP, 0, 4 * PAGE).unwrap();
        w.cap_limit(w.init, top, MASK).unwrap();
        // By derivation, at the same page; a narrower mask there is the child's own.
        let derived = w.derive_part(w.init, top, KEEP, 0, 2 * PAGE).unwrap();
        assert_eq!(mask_of(w, w.init, derived), Some(MASK));
        w.cap_limit(w.init, derived, 1 << 0x14).unwrap();
        assert_eq!(mask_of(w, w.init, top), Some(MASK));
        // By install.
        let installed = w.install(w.init, o.child.process, derived, USE | Rights::GRANT).unwrap();
        assert_eq!(mask_of(w, o.user, installed), Some(1 << 0x14));
        // By message.
        let endpoint = w.endpoint_create(w.init).unwrap();
        let send = w.install(w.init, o.child.process, endpoint, Rights::SEND).unwrap();
        let receive = w.install(w.init, friend.process, endpoint, Rights::RECV).unwrap();
        assert_eq!(w.receive(friend.user, receive), Status::Blocked);
        let message = Message::with_cap(1, &[], installed);
        assert_eq!(w.send(o.user, send, &message, NO_DEADLINE), Status::Blocked);
        let got = w.received(friend.user).unwrap().message.caps().next().unwrap();
        assert_eq!(mask_of(w, friend.user, got), Some(1 << 0x14));
        w.mmio_write(friend.user, got, 0x50, 1).unwrap();
        w.refuses(friend.user, Error::RegisterDenied, WRITE, &[got.0, 0x64, 1]);
        w.refuses(friend.user, Error::Denied, Syscall::MmioMap, &map_args(got, 0, PAGE, VA, RW));
        // One that moved up has it still.
        w.cap_drop(w.init, derived).unwrap();
        assert_eq!(mask_of(w, friend.user, got), Some(1 << 0x14));
    });
}

// attack 97 U: a part of a masked window that begins at another page, whose registers have the numbers of others; it has none; broken: mask-shifted
#[test]
fn test_a_part_that_begins_elsewhere_has_no_registers() {
    run(|w| {
        let top = w.derive_part(w.init, w.roots[0], KEEP, 0, 4 * PAGE).unwrap();
        w.cap_limit(w.init, top, u64::MAX).unwrap();
        let part = w.derive_part(w.init, top, USE, PAGE, PAGE).unwrap();
        assert_eq!(mask_of(w, w.init, part), Some(0));
        for offset in (0..256).step_by(4) {
            w.refuses(w.init, Error::RegisterDenied, WRITE, &[part.0, offset, 1]);
        }
        w.refuses(w.init, Error::Denied, Syscall::MmioMap, &map_args(part, 0, PAGE, VA, RW));
        w.mmio_map(w.init, part, 0, PAGE, VA, R).unwrap();
    });
}

// attack 97 U: map a masked window writable, or make a mapping of it so; refused with `Denied`; broken: mask-mapped
#[test]
fn test_a_masked_window_is_mapped_to_be_read() {
    run(|w| {
        let o = masked(w, 7, (0, 4), MASK);
        for (offset, pages) in [(0, 1), (0, 4), (PAGE, 1), (3 * PAGE, 1)] {
            let args = map_args(o.window, offset, pages * PAGE, VA, RW);
            w.refuses(o.user, Error::Denied, Syscall::MmioMap, &args);
        }
        // WRITE, in whatever company, is denied before it is anything else.
        for prot in [2, 3, 6, 7] {
            let args = [o.window.0, 0, PAGE, VA, prot];
            w.refuses(o.user, Error::Denied, Syscall::MmioMap, &args);
        }
        w.mmio_map(o.user, o.window, 0, 4 * PAGE, VA, R).unwrap();
        for prot in [2, 3, 6, 7] {
            w.refuses(o.user, Error::Denied, Syscall::Protect, &[VA, prot]);
        }
        w.protect(o.user, VA, R).unwrap();
        // Both at once: the device is read through the mapping, and written by the call.
        w.mmio_write(o.user, o.window, 0x64, 1).unwrap();
    });
}

// attack 97 U: a masked window ends, by drop, by revoke and with its process; its page leaves the kernel half, with a fence; broken: mask-page-kept, mask-page-unfenced
#[test]
fn test_the_page_goes_with_the_last_capability() {
    run(|w| {
        let o = masked(w, 7, (0, 1), MASK);
        assert_eq!(w.device_pages(), 2);
        w.cap_drop(o.user, o.window).unwrap();
        assert_eq!(w.device_pages(), 1);
        let window = w.install(w.init, o.child.process, o.kept, USE).unwrap();
        w.mmio_write(o.user, window, 0x50, 1).unwrap();
        w.revoke(w.init, o.kept).unwrap();
        assert_eq!(w.device_pages(), 1);
        w.refuses(o.user, Error::BadHandle, WRITE, &[window.0, 0x50, 1]);
        w.install(w.init, o.child.process, o.kept, USE).unwrap();
        w.process_end(w.init, o.child.process, 0).unwrap();
        w.settle();
        assert_eq!(w.device_pages(), 1);
        w.cap_drop(w.init, o.kept).unwrap();
        assert_eq!(w.device_pages(), 0);
        // The next one in the same place is another device, and no store goes to the old one.
        let other = masked(w, 8, (5, 1), MASK);
        w.mmio_write(other.user, other.window, 0x50, 7).unwrap();
        assert_eq!(w.machine().stores.last(), Some(&(BASE + 5 * PAGE + 0x50, 7)));
    });
}

// attack 62 U: masks until the kernel half has no place left; `NoMemory`, nothing changed, and all of them come back; broken: mask-page-kept
#[test]
fn test_places_run_out_and_come_back() {
    run(|w| {
        let root = w.roots[2];
        let top = w.derive_part(w.init, root, KEEP, 0, 600 * PAGE).unwrap();
        w.cap_limit(w.init, top, 0).unwrap();
        w.checking = false;
        for page in 1..511 {
            w.derive_part(w.init, top, Rights::empty(), page * PAGE, PAGE).unwrap();
        }
        w.checking = true;
        w.check();
        assert_eq!(w.device_pages(), 511);
        let args = [top.0, 0, 520 * PAGE, PAGE];
        w.refuses(w.init, Error::NoMemory, Syscall::CapDerive, &args);
        let child = w.child(7, 32, 64);
        let install = [child.process.0, top.0, u64::from(USE.bits())];
        // A whole window would overlap those that are there.
        w.refuses(w.init, Error::Busy, Syscall::CapInstall, &install);
        let other = w.derive_part(w.init, root, KEEP, 1000 * PAGE, PAGE).unwrap();
        w.refuses(w.init, Error::NoMemory, LIMIT, &[other.0, MASK]);
        assert_eq!(mask_of(w, w.init, other), None);
        w.revoke(w.init, top).unwrap();
        assert_eq!(w.device_pages(), 1);
        w.cap_limit(w.init, other, MASK).unwrap();
        w.call(w.init, Syscall::CapInstall, &install).unwrap();
    });
}

#[test]
fn test_a_child_that_cannot_be_made_leaves_no_page() {
    run(|w| {
        let top = w.derive_part(w.init, w.roots[0], KEEP, 0, PAGE).unwrap();
        w.cap_limit(w.init, top, MASK).unwrap();
        let derive =
            |w: &mut World<'_>| w.derive_part(w.init, top, KEEP, 0, PAGE).map(|handle| handle.0);
        // A mask and a capability.
        assert_eq!(fails_at_every_allocation(w, w.init, derive), 2);
        w.revoke(w.init, top).unwrap();
        let (_, objects) = w.used(w.init);
        w.limit(w.init, None, Some(objects));
        let args = [top.0, u64::from(KEEP.bits()), 0, PAGE];
        w.refuses(w.init, Error::NoMemory, Syscall::CapDerive, &args);
        assert_eq!(w.device_pages(), 1);
    });
}

// attack 97 U: the entry for a device page of the kernel's; not for user mode, not executable; broken: mask-user-page
#[test]
fn test_a_device_page_is_the_kernels_alone() {
    for address in [0, 0x1000_8000, (1 << 56) - PAGE] {
        let word = Pte::device(Frame::at(address).unwrap()).word();
        // V, R, W, G, A and D.
        assert_eq!(word & 0x3ff, 0xe7);
        assert_eq!(word >> 10 << 12, address);
        assert_eq!(Pte::from_word(word).as_leaf(), None, "no leaf of user mode");
        assert_eq!(Pte::from_word(word).next_table(), None);
    }
}

#[test]
fn the_mask_is_told_to_every_holder_and_the_place_to_a_manager() {
    run(|w| {
        let o = masked(w, 7, (0, 1), MASK);
        let told = w.query(o.user, o.window).unwrap();
        assert_eq!((told.registers, told.object, told.base), (Some(MASK), 0, 0));
        let told = w.query(w.init, o.kept).unwrap();
        assert_eq!((told.registers, told.base), (Some(MASK), BASE));
        let (_, owners) = w.inspect(w.init, o.child.process, 0).unwrap();
        let owners = owners.unwrap();
        assert_eq!(owners.registers, Some(MASK));
        // Each has a place of its own.
        assert!(told.object != 0 && owners.object != 0 && told.object != owners.object);
    });
}
