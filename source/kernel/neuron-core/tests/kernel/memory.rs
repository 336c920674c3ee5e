//! Memory objects: bounds, sealing, and never writable and executable.

use crate::common::*;

#[test]
fn sizes_have_bounds() {
    run(|w| {
        for pages in [0, MAX_PAGES_PER_CALL + 1, 1 << 32, (1 << 32) + 1, u64::MAX] {
            w.refuses(w.init, Error::OutOfRange, Syscall::VmoCreate, &[pages]);
        }
        for pages in [1, 2, 3, 511, MAX_PAGES_PER_CALL] {
            let before = (w.used(w.init), w.free_frames());
            let memory = w.vmo_create(w.init, pages).unwrap();
            assert_eq!(w.query(w.init, memory).unwrap().len, pages * PAGE);
            w.cap_drop(w.init, memory).unwrap();
            assert_eq!((w.used(w.init), w.free_frames()), before);
        }
    });
}

#[test]
fn memory_is_cleared_before_it_is_given() {
    run(|w| {
        let free = w.free_frames();
        let child = w.child(7, 64, 64);
        for _ in 0..3 {
            let memory = w.vmo_create(child.user, 4).unwrap();
            w.vmo_map(child.user, memory, 4 * PAGE, VA, RW).unwrap();
            assert!(w.memory_of(memory).iter().all(|word| *word == 0));
            w.fill(memory, 0x5ec2e7);
            w.cap_drop(child.user, memory).unwrap();
        }
        w.cap_drop(w.init, child.process).unwrap();
        w.settle();
        assert_eq!(w.free_frames(), free);
    });
}

#[test]
fn create_rolls_back() {
    run(|w| {
        let child = w.child(7, 64, 64);
        let create = |w: &mut World<'_>| w.vmo_create(child.user, 3).map(|handle| handle.0);
        // Three frames, anchor, capability, object.
        assert_eq!(fails_at_every_allocation(w, child.user, create), 6);
        let (frames, objects) = w.used(child.user);
        for (frames, objects) in [(frames + 2, objects + 2), (frames + 3, objects + 1)] {
            w.limit(child.user, Some(frames), Some(objects));
            w.refuses(child.user, Error::NoMemory, Syscall::VmoCreate, &[3]);
        }
        w.limit(child.user, Some(frames + 3), Some(objects + 2));
        w.call(child.user, Syscall::VmoCreate, &[3]).unwrap();
    });
}

#[test]
fn parts_have_bounds() {
    run(|w| {
        let child = w.child(7, 64, 64);
        let memory = w.vmo_create(child.user, 4).unwrap();
        let map = Syscall::VmoMap;
        let args = |offset, len, va| [0, memory.0, offset, len, va, 1];
        let top = !(PAGE - 1);
        for (offset, len) in [
            (0, 0),
            (0, 5 * PAGE),
            (4 * PAGE, PAGE),
            (3 * PAGE, 2 * PAGE),
            (top, PAGE),
            (PAGE, top),
            (top, top),
        ] {
            w.refuses(child.user, Error::OutOfRange, map, &args(offset, len, VA));
        }
        for (offset, len, va) in
            [(1, PAGE, VA), (0, 1, VA), (0, PAGE + 8, VA), (8, PAGE + 8, VA), (0, PAGE, VA + 4)]
        {
            w.refuses(child.user, Error::Misaligned, map, &args(offset, len, va));
        }
        for va in [0, USER_END, USER_END - PAGE, 1 << 63, top] {
            w.refuses(child.user, Error::BadAddress, map, &args(0, 2 * PAGE, va));
        }
        w.vmo_map(child.user, memory, 4 * PAGE, VA, R).unwrap();
        for va in [VA, VA + 3 * PAGE, VA - PAGE] {
            w.refuses(child.user, Error::Exists, map, &args(0, 2 * PAGE, va));
        }
        w.call(child.user, map, &args(2 * PAGE, 2 * PAGE, VA + 4 * PAGE)).unwrap();
    });
}

// attack 9 F: a mapping over several tables fails at every allocation; no table stays; broken: map-rollback
#[test]
fn map_rolls_back() {
    run(|w| {
        let child = w.child(7, 64, 64);
        let memory = w.vmo_create(child.user, 4).unwrap();
        for va in [VA, VA + 0x20_0000 - PAGE, VA + 0x4000_0000 - 2 * PAGE] {
            let map = |w: &mut World<'_>| w.vmo_map(child.user, memory, 4 * PAGE, va, RW);
            assert!(fails_at_every_allocation(w, child.user, map) >= 3);
            w.unmap(child.user, va).unwrap();
        }
        // One that needs no new table fails for its record alone.
        w.vmo_map(child.user, memory, PAGE, VA, R).unwrap();
        let map = |w: &mut World<'_>| w.vmo_map(child.user, memory, PAGE, VA + PAGE, R);
        assert_eq!(fails_at_every_allocation(w, child.user, map), 1);
    });
}

// attack 10 U: mappings in new tables, and their end; every write is fenced; broken: table-fence, unmap-fence
#[test]
fn unmap_takes_whole_mappings_by_their_first_page() {
    run(|w| {
        let child = w.child(7, 64, 64);
        let memory = w.vmo_create(child.user, 4).unwrap();
        w.vmo_map(child.user, memory, 4 * PAGE, VA, R).unwrap();
        for va in [0, PAGE, VA - PAGE, VA + PAGE, VA + 4 * PAGE, USER_END, 1 << 63, !(PAGE - 1)] {
            w.refuses(child.user, Error::BadAddress, Syscall::Unmap, &[va]);
            w.refuses(child.user, Error::BadAddress, Syscall::Protect, &[va, 1]);
        }
        for va in [1, VA + 1, VA + 0xfff, u64::MAX] {
            w.refuses(child.user, Error::Misaligned, Syscall::Unmap, &[va]);
            w.refuses(child.user, Error::Misaligned, Syscall::Protect, &[va, 1]);
        }
        w.unmap(child.user, VA).unwrap();
        w.refuses(child.user, Error::BadAddress, Syscall::Unmap, &[VA]);
    });
}

#[test]
fn rights_of_mapping() {
    run(|w| {
        let child = w.child(7, 64, 200);
        let sealed = w.vmo_create(child.user, 1).unwrap();
        w.vmo_seal(child.user, sealed).unwrap();
        let open = w.vmo_create(child.user, 1).unwrap();
        for bits in 0..16u16 {
            let rights = Rights::from_bits_retain(bits);
            for (memory, prot) in [(open, R), (open, RW), (sealed, R), (sealed, RX)] {
                let cap = w.derive(child.user, memory, rights).unwrap();
                let mut needed = Rights::MAP | Rights::READ;
                needed.set(Rights::WRITE, prot == RW);
                needed.set(Rights::EXEC, prot == RX);
                let args = [0, cap.0, 0, PAGE, VA, u64::from(prot.bits())];
                if rights.contains(needed) {
                    w.call(child.user, Syscall::VmoMap, &args).unwrap();
                } else {
                    w.refuses(child.user, Error::Denied, Syscall::VmoMap, &args);
                }
                w.cap_drop(child.user, cap).unwrap();
            }
        }
        let weak = w.derive(child.user, open, Rights::MAP).unwrap();
        w.refuses(child.user, Error::Denied, Syscall::VmoSeal, &[weak.0]);
    });
}

#[test]
fn executable_when_sealed_only() {
    run(|w| {
        let child = w.child(7, 64, 64);
        let memory = w.vmo_create(child.user, 2).unwrap();
        let map = |prot: u64| [0, memory.0, 0, PAGE, VA, prot];
        w.refuses(child.user, Error::SealState, Syscall::VmoMap, &map(5));
        // Writable and executable together is no protection at all.
        for prot in [0, 2, 4, 6, 7, 8, 1 << 8, 1 << 32 | 1] {
            w.refuses(child.user, Error::InvalidProt, Syscall::VmoMap, &map(prot));
        }
        w.vmo_map(child.user, memory, 2 * PAGE, VA, RW).unwrap();
        w.refuses(child.user, Error::Busy, Syscall::VmoSeal, &[memory.0]);
        for (prot, error) in
            [(5, Error::SealState), (7, Error::InvalidProt), (4, Error::InvalidProt)]
        {
            w.refuses(child.user, error, Syscall::Protect, &[VA, prot]);
        }
        w.protect(child.user, VA, R).unwrap();
        let fences = w.machine().code_fences;
        w.vmo_seal(child.user, memory).unwrap();
        assert!(w.machine().code_fences > fences);
        // From here on it is never written again, whoever asks.
        w.refuses(child.user, Error::SealState, Syscall::Protect, &[VA, 3]);
        w.protect(child.user, VA, RX).unwrap();
        let again = [0, memory.0, 0, PAGE, VA + 8 * PAGE, 3];
        w.refuses(child.user, Error::SealState, Syscall::VmoMap, &again);
        w.vmo_seal(child.user, memory).unwrap();
    });
}

// attack 13 U: one frame through two mappings, in two processes, by map, seal and protect; never both; broken: exec-unsealed, seal-writable, writable-count
/// No way round by another alias: another capability, another process, another address.
#[test]
fn aliases_are_never_writable_and_executable() {
    run(|w| {
        let (a, b) = (w.child(7, 64, 64), w.child(8, 64, 64));
        let memory = w.vmo_create(w.init, 4).unwrap();
        let rights = USE | Rights::EXEC | Rights::MANAGE;
        let ours = w.install(w.init, a.process, memory, rights).unwrap();
        let theirs = w.install(w.init, b.process, memory, rights).unwrap();
        let map = |cap: Handle, page: u64, prot: u64| [0, cap.0, page * PAGE, PAGE, VA, prot];
        // Writable in one, even another page of it: not sealed for the other.
        w.call(a.user, Syscall::VmoMap, &map(ours, 3, 3)).unwrap();
        w.refuses(b.user, Error::Busy, Syscall::VmoSeal, &[theirs.0]);
        w.refuses(w.init, Error::Busy, Syscall::VmoSeal, &[memory.0]);
        w.refuses(b.user, Error::SealState, Syscall::VmoMap, &map(theirs, 0, 5));
        w.refuses(b.user, Error::SealState, Syscall::VmoMap, &map(theirs, 3, 5));
        w.unmap(a.user, VA).unwrap();
        w.vmo_seal(b.user, theirs).unwrap();
        w.call(b.user, Syscall::VmoMap, &map(theirs, 0, 5)).unwrap();
        w.refuses(a.user, Error::SealState, Syscall::VmoMap, &map(ours, 3, 3));
        w.refuses(a.user, Error::SealState, Syscall::VmoMap, &map(ours, 0, 3));
        w.call(a.user, Syscall::VmoMap, &map(ours, 0, 1)).unwrap();
        w.refuses(a.user, Error::SealState, Syscall::Protect, &[VA, 3]);
        // Also when nothing executable is left.
        w.unmap(b.user, VA).unwrap();
        w.refuses(a.user, Error::SealState, Syscall::Protect, &[VA, 3]);
    });
}

#[test]
fn writable_mappings_are_counted_through_every_end() {
    run(|w| {
        let child = w.child(7, 64, 64);
        let memory = w.vmo_create(w.init, 1).unwrap();
        let into = |w: &mut World<'_>, va| {
            w.vmo_map_into(w.init, child.process, memory, 0, PAGE, va, RW).unwrap();
        };
        let busy = |w: &mut World<'_>| {
            w.refuses(w.init, Error::Busy, Syscall::VmoSeal, &[memory.0]);
        };
        // Unmapped by its process.
        into(w, VA);
        busy(w);
        w.unmap(child.user, VA).unwrap();
        // Ended with a capability.
        let copy = w.install(w.init, child.process, memory, USE).unwrap();
        w.vmo_map(child.user, copy, PAGE, VA, RW).unwrap();
        w.vmo_map(child.user, copy, PAGE, VA + PAGE, RW).unwrap();
        busy(w);
        w.revoke(w.init, memory).unwrap();
        // Ended with its process.
        into(w, VA);
        into(w, VA + PAGE);
        busy(w);
        w.process_end(w.init, child.process, 0).unwrap();
        w.settle();
        w.vmo_seal(w.init, memory).unwrap();
    });
}

// attack 12 U: give other protection to what another mapped here; refused with `Denied`; broken: protect-foreign
/// What another process mapped into one stays as it was made: read-only memory that is shared
/// (a startup page, the system description) is not writable by asking.
#[test]
fn a_mapping_made_by_another_is_not_reprotected() {
    run(|w| {
        let child = w.child(7, 64, 64);
        let memory = w.vmo_create(w.init, 2).unwrap();
        w.vmo_map_into(w.init, child.process, memory, 0, PAGE, VA, R).unwrap();
        w.vmo_map_into(w.init, child.process, memory, PAGE, PAGE, VA + PAGE, RW).unwrap();
        for (va, prot) in [(VA, 3), (VA, 1), (VA, 5), (VA + PAGE, 1), (VA + PAGE, 3)] {
            w.refuses(child.user, Error::Denied, Syscall::Protect, &[va, prot]);
        }
        // It may give the page up.
        w.unmap(child.user, VA).unwrap();
    });
}

#[test]
fn mapping_into_another_needs_manage() {
    run(|w| {
        let (a, b) = (w.child(7, 64, 64), w.child(8, 64, 64));
        let memory = w.vmo_create(a.user, 1).unwrap();
        let weak = Rights::GRANT | Rights::DERIVE;
        let other = w.install(w.init, a.process, b.process, weak).unwrap();
        let args = [other.0, memory.0, 0, PAGE, VA, 1];
        w.refuses(a.user, Error::Denied, Syscall::VmoMap, &args);
        let args = [memory.0, memory.0, 0, PAGE, VA, 1];
        w.refuses(a.user, Error::WrongKind, Syscall::VmoMap, &args);
        let args = [99, memory.0, 0, PAGE, VA, 1];
        w.refuses(a.user, Error::BadHandle, Syscall::VmoMap, &args);
        // The tables and the record are the target's to pay.
        let manage = w.install(w.init, a.process, b.process, Rights::MANAGE).unwrap();
        let before = (w.used(a.user), w.used(b.user));
        w.vmo_map_into(a.user, manage, memory, 0, PAGE, VA, R).unwrap();
        let (frames, objects) = before.1;
        assert_eq!((w.used(a.user), w.used(b.user)), (before.0, (frames + 3, objects + 1)));
        let args = [manage.0, memory.0, 0, PAGE, VA, 1];
        w.refuses(a.user, Error::Exists, Syscall::VmoMap, &args);
        w.process_end(w.init, b.process, 0).unwrap();
        w.refuses(a.user, Error::BadState, Syscall::VmoMap, &args);
    });
}

// attack 7 U: a new page table in a frame that held something else; nothing of that is mapped; broken: zero-table
#[test]
fn large_mappings_cross_tables() {
    run(|w| {
        let child = w.child(7, 700, 64);
        let memory = w.vmo_create(child.user, 512).unwrap();
        for va in [VA + PAGE, VA + 0x4000_0000 - 256 * PAGE, USER_END - 512 * PAGE, PAGE] {
            let before = w.used(child.user);
            w.vmo_map(child.user, memory, 512 * PAGE, va, RW).unwrap();
            w.protect(child.user, va, R).unwrap();
            w.unmap(child.user, va).unwrap();
            assert_eq!(w.used(child.user), before);
        }
    });
}

#[test]
fn a_mapping_may_reach_from_no_table_into_one_that_exists() {
    run(|w| {
        let child = w.child(7, 64, 64);
        let memory = w.vmo_create(child.user, 4).unwrap();
        let edge = VA + 0x20_0000;
        for neighbour in [edge + 4 * PAGE, edge - 4 * PAGE] {
            let before = w.used(child.user);
            w.vmo_map(child.user, memory, PAGE, neighbour, RW).unwrap();
            w.vmo_map(child.user, memory, 3 * PAGE, edge - PAGE, RW).unwrap();
            w.unmap(child.user, edge - PAGE).unwrap();
            w.unmap(child.user, neighbour).unwrap();
            assert_eq!(w.used(child.user), before);
        }
    });
}

#[test]
fn the_boot_archive_is_read_only() {
    run(|w| {
        let args = |prot| [0, w.archive.0, 0, 4 * PAGE, VA, prot];
        let (write, exec) = (args(3), args(5));
        w.refuses(w.init, Error::Denied, Syscall::VmoMap, &write);
        w.refuses(w.init, Error::Denied, Syscall::VmoMap, &exec);
        w.vmo_map(w.init, w.archive, 4 * PAGE, VA, R).unwrap();
        // When init gives it up, its frames become ordinary memory.
        let free = w.free_frames();
        w.cap_drop(w.init, w.archive).unwrap();
        assert!(w.free_frames() >= free + 4);
    });
}

// attack 48 U: ordinary memory as a table, or as what a descriptor names; it has no right for that, and is refused; broken: memory-place
#[test]
fn memory_has_the_rights_that_calls_take_for_it() {
    run(|w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        let all = Rights::all().difference(Rights::SEND | Rights::RECV | Rights::PLACE);
        assert_eq!(w.query(w.init, memory).unwrap().rights, all);
        for rights in [Rights::PLACE, all | Rights::PLACE] {
            assert_eq!(w.derive(w.init, memory, rights), Err(Error::Denied));
        }
        let args = [memory.0, 0, memory.0, 0, 16, 0];
        w.refuses(w.init, Error::WrongKind, Syscall::DmaPlace, &args);
    });
}
