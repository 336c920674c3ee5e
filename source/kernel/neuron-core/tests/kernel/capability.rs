//! Handles, rights, the tree, dropping and revoking.

use crate::common::*;
use nexus_abi::KindCode;

#[test]
fn stale_handles_never_name_the_next_content() {
    run(|w| {
        let mut old: Vec<Handle> = Vec::new();
        for _ in 0..64 {
            let next = w.endpoint_create(w.init).unwrap();
            assert!(!old.contains(&next));
            for stale in old.iter().rev().take(4) {
                w.refuses(w.init, Error::BadHandle, Syscall::CapQuery, &[stale.0]);
                w.refuses(w.init, Error::BadHandle, Syscall::CapDrop, &[stale.0]);
            }
            w.cap_drop(w.init, next).unwrap();
            old.push(next);
        }
    });
}

#[test]
fn wild_handles_name_nothing() {
    run(|w| {
        let endpoint = w.endpoint_create(w.init).unwrap();
        let generation = endpoint.generation() as u32;
        for handle in [
            Handle::NONE,
            Handle::new(0, generation),
            Handle::new(endpoint.slot(), 0),
            Handle::new(endpoint.slot(), generation + 1),
            Handle::new(endpoint.slot(), u32::MAX),
            Handle::new(u32::MAX, generation),
            Handle::new(1 << 31, generation),
            Handle(u64::MAX),
            Handle(endpoint.0 | Handle::REPLY_BIT),
            Handle(u64::from(endpoint.slot())),
        ] {
            for call in
                [Syscall::CapQuery, Syscall::CapDrop, Syscall::CapRevoke, Syscall::CapDerive]
            {
                w.refuses(w.init, Error::BadHandle, call, &[handle.0, 0, 0, 0]);
            }
        }
    });
}

#[test]
fn handles_of_another_process_name_nothing() {
    run(|w| {
        let (a, b) = (w.child(7, 16, 64), w.child(8, 16, 64));
        let endpoint = w.endpoint_create(a.user).unwrap();
        let memory = w.vmo_create(a.user, 1).unwrap();
        for handle in [endpoint, memory, a.process, w.spawn] {
            let bad = Error::BadHandle;
            w.refuses(b.user, bad, Syscall::CapQuery, &[handle.0]);
            w.refuses(b.user, bad, Syscall::CapDrop, &[handle.0]);
            w.refuses(b.user, bad, Syscall::CapRevoke, &[handle.0]);
            w.refuses(b.user, bad, Syscall::CapDerive, &[handle.0, 0, 0, 0]);
            w.refuses(b.user, bad, Syscall::CapInstall, &[0, handle.0, 0]);
            w.refuses(b.user, bad, Syscall::Signal, &[handle.0, 1]);
            w.refuses(b.user, bad, Syscall::VmoMap, &[0, handle.0, 0, PAGE, VA, 1]);
            w.refuses(b.user, bad, Syscall::ProcessStat, &[handle.0]);
            w.refuses(b.user, bad, Syscall::ProcessEnd, &[handle.0, 1]);
            w.refuses(b.user, bad, Syscall::ProcessCreate, &[handle.0, 9, 1, 0, 0]);
        }
    });
}

// attack 16 U: guess the handle of what only the kernel holds; refused with `BadHandle`; broken: anchor-handle
/// The anchors of objects are in the same table as capabilities; no handle reaches one.
#[test]
fn anchors_have_no_handle() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let memory = w.vmo_create(child.user, 1).unwrap();
        let live = w.live()[0];
        let mut reached = 0;
        for slot in 0..live + 8 {
            for generation in 0..4 {
                let handle = Handle::new(slot, generation);
                for user in [w.init, child.user] {
                    if let Ok(info) = w.query(user, handle) {
                        reached += 1;
                        let authority = [nexus_abi::KindCode::Spawn, nexus_abi::KindCode::Console]
                            .contains(&info.kind);
                        assert!(authority || !info.rights.is_empty());
                    }
                }
            }
        }
        let _ = memory;
        // Init: three windows, the lines, two authorities, the archive, a process and its thread. The
        // child: its memory.
        assert_eq!(reached, 10);
    });
}

#[test]
fn rights_only_shrink() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let memory = w.vmo_create(w.init, 1).unwrap();
        let all = w.rights(memory).unwrap();
        for keep in 0..1u64 << 10 {
            let Some(rights) = Rights::from_bits(keep as u16) else { continue };
            if !all.contains(rights) {
                let args = [memory.0, keep, 0, 0];
                assert_eq!(w.call(w.init, Syscall::CapDerive, &args), Err(Error::Denied));
                let args = [child.process.0, memory.0, keep];
                assert_eq!(w.call(w.init, Syscall::CapInstall, &args), Err(Error::Denied));
                continue;
            }
            let derived = w.derive(w.init, memory, rights).unwrap();
            assert_eq!(w.rights(derived), Some(rights));
            if rights.contains(Rights::DERIVE) {
                let more = all.difference(rights);
                for right in more.iter() {
                    assert_eq!(w.derive(w.init, derived, right), Err(Error::Denied));
                }
            } else {
                assert_eq!(w.derive(w.init, derived, Rights::empty()), Err(Error::Denied));
            }
            w.cap_drop(w.init, derived).unwrap();
        }
    });
}

#[test]
fn derive_of_what_has_no_parts_takes_none() {
    run(|w| {
        let memory = w.vmo_create(w.init, 4).unwrap();
        for (offset, len) in [(0, PAGE), (PAGE, 0), (0, 1), (1, 0), (u64::MAX, u64::MAX)] {
            let args = [memory.0, 0, offset, len];
            w.refuses(w.init, Error::OutOfRange, Syscall::CapDerive, &args);
        }
    });
}

#[test]
fn derive_and_install_roll_back() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let memory = w.vmo_create(w.init, 1).unwrap();
        let derive = |w: &mut World<'_>| w.derive(w.init, memory, USE).map(|handle| handle.0);
        assert_eq!(fails_at_every_allocation(w, w.init, derive), 1);
        let install =
            |w: &mut World<'_>| w.install(w.init, child.process, memory, USE).map(|h| h.0);
        assert_eq!(fails_at_every_allocation(w, w.init, install), 1);
        let (_, objects) = w.used(child.user);
        w.limit(child.user, None, Some(objects));
        let args = [child.process.0, memory.0, 0];
        w.refuses(w.init, Error::NoMemory, Syscall::CapInstall, &args);
    });
}

#[test]
fn install_needs_grant_and_a_live_target() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let memory = w.vmo_create(w.init, 1).unwrap();
        let rights = w.rights(memory).unwrap();
        let kept = w.derive(w.init, memory, rights.difference(Rights::GRANT)).unwrap();
        let call = Syscall::CapInstall;
        w.refuses(w.init, Error::Denied, call, &[child.process.0, kept.0, 0]);
        let weak = w.derive(w.init, child.process, Rights::GRANT).unwrap();
        w.refuses(w.init, Error::Denied, call, &[weak.0, memory.0, 0]);
        w.process_end(w.init, child.process, 1).unwrap();
        w.refuses(w.init, Error::BadState, call, &[child.process.0, memory.0, 0]);
        // The faults of the capability come first.
        w.refuses(w.init, Error::BadHandle, call, &[child.process.0, 99, 0]);
        w.refuses(w.init, Error::Denied, call, &[child.process.0, kept.0, 0]);
        w.settle();
        w.refuses(w.init, Error::BadState, call, &[child.process.0, memory.0, 0]);
    });
}

/// `count` processes, each with a child of the capability of the one before.
fn chain(w: &mut World<'_>, first: Handle, count: u64) -> Vec<(Child, Handle)> {
    let (mut holder, mut handle) = (w.init, first);
    let mut all: Vec<(Child, Handle)> = Vec::new();
    for n in 0..count {
        let child = w.child(100 + n, 1, 32);
        let process = match holder == w.init {
            true => child.process,
            false => {
                let target = all.last().unwrap().0.process;
                w.install(w.init, target, child.process, Rights::MANAGE).unwrap()
            }
        };
        let rights = w.rights(handle).unwrap();
        handle = w.install(holder, process, handle, rights).unwrap();
        holder = child.user;
        all.push((child, handle));
    }
    all
}

#[test]
fn revoke_ends_what_was_derived_in_every_process() {
    run(|w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        let all = chain(w, memory, 6);
        for (child, handle) in &all {
            assert!(w.holds(child.user, *handle));
        }
        // From the middle: what is below ends, what is above stays.
        let (middle, handle) = all[2];
        w.revoke(middle.user, handle).unwrap();
        for (n, (child, handle)) in all.iter().enumerate() {
            assert_eq!(w.holds(child.user, *handle), n <= 2, "{n}");
        }
        w.revoke(w.init, memory).unwrap();
        assert!(all.iter().all(|(child, handle)| !w.holds(child.user, *handle)));
        assert!(w.holds(w.init, memory));
    });
}

#[test]
fn revoke_unmaps_in_every_process() {
    run(|w| {
        let memory = w.vmo_create(w.init, 2).unwrap();
        let (a, b) = (w.child(7, 16, 64), w.child(8, 16, 64));
        for child in [a, b] {
            let handle = w.install(w.init, child.process, memory, USE).unwrap();
            w.vmo_map(child.user, handle, 2 * PAGE, VA, RW).unwrap();
            w.vmo_map(child.user, handle, PAGE, VA + 8 * PAGE, R).unwrap();
        }
        // What its holder mapped itself is not derived from it.
        w.vmo_map(w.init, memory, PAGE, VA, R).unwrap();
        assert_eq!(w.live()[4], 5);
        w.revoke(w.init, memory).unwrap();
        assert_eq!(w.live()[4], 1);
        for child in [a, b] {
            w.refuses(child.user, Error::BadAddress, Syscall::Unmap, &[VA]);
            assert_eq!(w.used(child.user).0, 1);
        }
    });
}

#[test]
fn revoke_needs_its_right() {
    run(|w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        let rights = w.rights(memory).unwrap().difference(Rights::REVOKE);
        let weak = w.derive(w.init, memory, rights).unwrap();
        let below = w.derive(w.init, weak, rights).unwrap();
        w.refuses(w.init, Error::Denied, Syscall::CapRevoke, &[weak.0]);
        assert!(w.holds(w.init, below));
    });
}

// attack 23 U: revoke the deepest tree that there can be; bounded steps, and it ends
#[test]
fn revoke_of_a_deep_tree_goes_in_steps() {
    run(|w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        // The first capability is one step below the anchor.
        let mut last = memory;
        for _ in 1..64 {
            last = w.derive(w.init, last, w.rights(memory).unwrap()).unwrap();
        }
        let bits = u64::from(w.rights(memory).unwrap().bits());
        w.refuses(w.init, Error::TooDeep, Syscall::CapDerive, &[last.0, bits, 0, 0]);
        w.refuses(w.init, Error::TooDeep, Syscall::CapInstall, &[0, last.0, bits]);
        let before = w.entries;
        w.revoke(w.init, memory).unwrap();
        assert!(!w.holds(w.init, last));
        assert!(w.entries - before <= 3);
        w.derive(w.init, memory, USE).unwrap();
    });
}

// attack 64 U: revoke a wide tree, in steps; each ends a bounded number of capabilities
#[test]
fn revoke_of_a_wide_tree_goes_in_bounded_steps() {
    let objects = if cfg!(miri) { 600 } else { 4096 };
    run_with(&Config { objects, ..Config::default() }, |w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        let mut children = Vec::new();
        let count = objects / 2;
        w.checking = false;
        for n in 0..count {
            // One in four hangs a step deeper.
            let parent = if n % 4 == 3 { children[children.len() - 1] } else { memory };
            children.push(w.derive(w.init, parent, KEEP).unwrap());
        }
        w.checking = true;
        let before = w.live()[0];
        let mut steps = 0;
        while w.start(w.init, Syscall::CapRevoke, &[memory.0]) == Status::Again {
            steps += 1;
            // Bounded from above, and from below: it comes to an end.
            let ended = before - w.live()[0];
            assert!(ended <= steps * 256 && ended >= steps * 64, "{ended} in {steps}");
        }
        assert_eq!(w.result(w.init), Ok(0));
        assert!(steps >= count / 256 && steps > 1);
        assert_eq!(w.live()[0], before - count);
    });
}

// attack 20 U: others derive while a revoke goes on; it ends, nothing is left; broken: revoke-outrun
/// While one is at revoking, an equal that derives as fast as it can does not outrun it.
#[test]
fn revoke_ends_although_others_derive() {
    run(|w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        let child = w.child(7, 16, 300);
        let (_, second) = w.thread_in(child.process, 31);
        let theirs = w.install(w.init, child.process, memory, KEEP).unwrap();
        w.checking = false;
        let derive_all = |w: &mut World<'_>, user: User| {
            let mut last = theirs;
            while let Ok(next) = w.derive(user, last, KEEP) {
                // Wide and deep.
                last = if w.live()[0].is_multiple_of(3) { next } else { theirs };
            }
        };
        derive_all(w, child.user);
        for steps in 0.. {
            if w.start(w.init, Syscall::CapRevoke, &[memory.0]) != Status::Again {
                break;
            }
            derive_all(w, child.user);
            derive_all(w, second);
            assert!(steps < 20, "revoke does not end");
        }
        w.checking = true;
        w.check();
        assert!(!w.holds(child.user, theirs));
    });
}

#[test]
fn drop_moves_children_up() {
    run(|w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        let middle = w.derive(w.init, memory, KEEP).unwrap();
        let low: Vec<Handle> = (0..8).map(|_| w.derive(w.init, middle, KEEP).unwrap()).collect();
        let lowest = w.derive(w.init, low[3], KEEP).unwrap();
        assert_eq!(w.query(w.init, memory).unwrap().children, 1);
        w.cap_drop(w.init, middle).unwrap();
        assert_eq!(w.query(w.init, memory).unwrap().children, 8);
        assert!(low.iter().all(|handle| w.holds(w.init, *handle)));
        w.revoke(w.init, memory).unwrap();
        assert!(!w.holds(w.init, lowest));
        assert_eq!(w.query(w.init, memory).unwrap().children, 0);
    });
}

#[test]
fn drop_of_a_wide_capability_goes_in_steps() {
    run_with(&Config { objects: 1500, ..Config::default() }, |w| {
        let memory = w.vmo_create(w.init, 1).unwrap();
        let middle = w.derive(w.init, memory, KEEP).unwrap();
        w.checking = false;
        let count = if cfg!(miri) { 300u32 } else { 1000 };
        let low: Vec<Handle> =
            (0..count).map(|_| w.derive(w.init, middle, KEEP).unwrap()).collect();
        w.checking = true;
        let mut steps = 0;
        while w.start(w.init, Syscall::CapDrop, &[middle.0]) == Status::Again {
            // Nobody can use it between the steps.
            assert!(!w.holds(w.init, middle));
            steps += 1;
        }
        assert!(steps >= count / 256);
        assert!(!w.holds(w.init, middle));
        assert!(low.iter().all(|handle| w.holds(w.init, *handle)));
        assert_eq!(w.query(w.init, memory).unwrap().children, u64::from(count));
    });
}

// attack 21 U: drop a capability with mappings; they are gone, and fenced; broken: drop-keeps-leaf
#[test]
fn drop_unmaps() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let memory = w.vmo_create(child.user, 2).unwrap();
        let derived = w.derive(child.user, memory, USE).unwrap();
        w.vmo_map(child.user, memory, PAGE, VA, R).unwrap();
        w.vmo_map(child.user, derived, PAGE, VA + PAGE, R).unwrap();
        w.cap_drop(child.user, derived).unwrap();
        w.refuses(child.user, Error::BadAddress, Syscall::Unmap, &[VA + PAGE]);
        w.cap_drop(child.user, memory).unwrap();
        w.refuses(child.user, Error::BadAddress, Syscall::Unmap, &[VA]);
        // The last one took the memory with it.
        assert_eq!(w.used(child.user).0, 1);
        assert_eq!(w.live()[3], 1);
    });
}

#[test]
fn last_drop_ends_the_object() {
    run(|w| {
        let before = (w.live(), w.used(w.init), w.free_frames());
        for _ in 0..3 {
            let objects = [
                w.endpoint_create(w.init).unwrap(),
                w.notification_create(w.init).unwrap(),
                w.vmo_create(w.init, 3).unwrap(),
            ];
            let copies =
                objects.map(|object| w.derive(w.init, object, KEEP.difference(USE)).unwrap());
            for object in objects {
                w.cap_drop(w.init, object).unwrap();
            }
            assert_ne!(w.live()[1..4], before.0[1..4]);
            for copy in copies {
                w.cap_drop(w.init, copy).unwrap();
            }
            assert_eq!((w.live(), w.used(w.init), w.free_frames()), before);
        }
    });
}

// attack 25 U: ask for address and length of a window without MANAGE; told everything but that
#[test]
fn query_tells_addresses_to_a_manager_only() {
    run(|w| {
        let o = owner_of(w, 7, 2, 3);
        let info = w.query(o.user, o.window).unwrap();
        assert_eq!((info.base, info.len, info.object), (0, 0, 0));
        assert_eq!(info.rights, USE);
        let info = w.query(w.init, o.kept).unwrap();
        assert_eq!((info.base, info.len, info.children), (0x1000_2000, 3 * PAGE, 1));
        w.mmio_map(o.user, o.window, 0, 2 * PAGE, VA, R).unwrap();
        assert_eq!(w.query(o.user, o.window).unwrap().mapped_pages, 2);
        let memory = w.vmo_create(o.user, 5).unwrap();
        let info = w.query(o.user, memory).unwrap();
        assert_eq!((info.base, info.len), (0, 5 * PAGE));
        w.refuses(o.user, Error::BadHandle, Syscall::CapQuery, &[o.kept.0]);
    });
}

#[test]
fn inspect_tells_every_capability_once() {
    run(|w| {
        let o = owner_of(w, 7, 2, 3);
        w.endpoint_create(o.user).unwrap();
        w.vmo_create(o.user, 2).unwrap();
        let mut seen = Vec::new();
        let mut cursor = 0;
        loop {
            let (next, info) = w.inspect(w.init, o.child.process, cursor).unwrap();
            if next == 0 {
                assert_eq!(info, None);
                break;
            }
            seen.push((next, info.unwrap()));
            cursor = next;
            assert!(seen.len() < 10);
        }
        assert_eq!(seen.len(), 3);
        assert_eq!(Handle(seen[0].0), o.window);
        assert_eq!((seen[0].1.base, seen[0].1.len), (0x1000_2000, 3 * PAGE));
        // A cursor that is no capability of that process.
        for cursor in [1, o.kept.0, u64::MAX, seen[0].0 + (1 << 32)] {
            w.refuses(w.init, Error::BadHandle, Syscall::CapInspect, &[o.child.process.0, cursor]);
        }
        let weak = w.derive(w.init, o.child.process, Rights::GRANT).unwrap();
        w.refuses(w.init, Error::Denied, Syscall::CapInspect, &[weak.0, 0]);
        // Of itself a process may see its capabilities, but no address.
        let (_, own) = w.inspect(o.user, Handle::NONE, 0).unwrap();
        let own = own.unwrap();
        assert_eq!((own.kind, own.base, own.len), (KindCode::DeviceMmio, 0, 0));
    });
}

/// What is dropped and derived again and again does not run out of depth.
#[test]
fn handing_on_does_not_use_up_depth() {
    run(|w| {
        let first = w.endpoint_create(w.init).unwrap();
        let mut last = first;
        for n in 0..200 {
            let next = w.derive(w.init, last, KEEP.difference(USE));
            let next = next.unwrap_or_else(|error| panic!("{error:?} after {n} hand-overs"));
            w.cap_drop(w.init, last).unwrap();
            last = next;
        }
    });
}
