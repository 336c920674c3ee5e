//! Processes: budgets, ends, and everything that comes back.

use crate::common::*;
use crate::ending::account;
use neuron_core::MAX_THREADS;
use nexus_abi::{EndReason, ProcessState};

#[test]
fn arguments_of_process_create() {
    run(|w| {
        let create = Syscall::ProcessCreate;
        let budget = (16 << 32) | 4;
        for id in [0, 1024, 1025, 1 << 32, (1 << 32) + 7, u64::MAX] {
            w.refuses(w.init, Error::BadArgument, create, &[w.spawn.0, id, budget, 0, 0]);
        }
        w.refuses(w.init, Error::BadArgument, create, &[w.spawn.0, 7, 16 << 32, 0, 0]);
        w.refuses(w.init, Error::WrongKind, create, &[w.console.0, 7, budget, 0, 0]);
        w.refuses(w.init, Error::BadHandle, create, &[99, 7, budget, 0, 0]);
        w.refuses(w.init, Error::BadHandle, create, &[w.spawn.0, 7, budget, 99, 0]);
        w.refuses(w.init, Error::WrongKind, create, &[w.spawn.0, 7, budget, w.spawn.0, 0]);
        let n = w.notification_create(w.init).unwrap();
        let deaf = w.derive(w.init, n, Rights::RECV).unwrap();
        w.refuses(w.init, Error::Denied, create, &[w.spawn.0, 7, budget, deaf.0, 0]);
        for id in [1, 1023] {
            w.call(w.init, create, &[w.spawn.0, id, budget, n.0, 1]).unwrap();
        }
    });
}

// attack 62 U: give more budget than there is; refused with `NoMemory`; broken: budget-cut
#[test]
fn a_budget_is_cut_from_the_makers() {
    run(|w| {
        let (frames, objects) = w.used(w.init);
        let info = w.stat(w.init, Handle::NONE).unwrap();
        let (left_frames, left_objects) = (info.frames.1 - frames, info.objects.1 - objects);
        let spawn = w.spawn.0;
        let create = |f: u32, o: u32| [spawn, 7, (u64::from(o) << 32) | u64::from(f), 0, 0];
        // A process costs eight objects, and one for the capability to it.
        let most = create(left_frames, left_objects - 9);
        for (f, o) in [
            (left_frames + 1, 0),
            (u32::MAX, 0),
            (1, left_objects - 8),
            (1, left_objects),
            (1, u32::MAX),
            (1, u32::MAX - 8),
            (u32::MAX, u32::MAX),
        ] {
            w.refuses(w.init, Error::NoMemory, Syscall::ProcessCreate, &create(f, o));
        }
        let process = Handle(w.call(w.init, Syscall::ProcessCreate, &most).unwrap());
        assert_eq!(w.used(w.init), (info.frames.1, info.objects.1));
        w.cap_drop(w.init, process).unwrap();
        w.settle();
        assert_eq!(w.used(w.init), (frames, objects));
    });
}

// attack 62 F: each allocation of making a process or thread fails in turn; nothing is left of it
#[test]
fn making_rolls_back() {
    run(|w| {
        // Anchor, capability, root table, process.
        let create =
            |w: &mut World<'_>| w.process_create(7, 8, 64, Handle::NONE, 0).map(|handle| handle.0);
        assert_eq!(fails_at_every_allocation(w, w.init, create), 4);
        let child = w.child(8, 8, 64);
        // Anchor, capability, thread.
        let thread =
            |w: &mut World<'_>| w.thread_by(w.init, child.process, 3).map(|(handle, _)| handle.0);
        assert_eq!(fails_at_every_allocation(w, w.init, thread), 3);
        // Identity is used up by processes that were made only.
        let next = w.child(7, 8, 64);
        assert_eq!(w.identity(next.user).incarnation, 2);
    });
}

#[test]
fn a_process_pays_for_what_it_makes() {
    run(|w| {
        let child = w.child(7, 8, 20);
        // Its thread.
        assert_eq!(w.used(child.user), (1, 8));
        w.refuses(child.user, Error::NoMemory, Syscall::VmoCreate, &[8]);
        let memory = w.vmo_create(child.user, 7).unwrap();
        assert_eq!(w.used(child.user), (8, 10));
        let map = [0, memory.0, 0, PAGE, VA, 1];
        w.refuses(child.user, Error::NoMemory, Syscall::VmoMap, &map);
        w.refuses(child.user, Error::NoMemory, Syscall::VmoCreate, &[1]);
        for _ in 0..5 {
            w.endpoint_create(child.user).unwrap();
        }
        assert_eq!(w.used(child.user), (8, 20));
        w.refuses(child.user, Error::NoMemory, Syscall::EndpointCreate, &[]);
        w.refuses(child.user, Error::NoMemory, Syscall::NotificationCreate, &[]);
        let bits = u64::from(USE.bits());
        w.refuses(child.user, Error::NoMemory, Syscall::CapDerive, &[memory.0, bits, 0, 0]);
        let thread = [0, 0x10_0000, 0, 0, 0];
        w.refuses(child.user, Error::NoMemory, Syscall::ThreadCreate, &thread);
        w.refuses(
            w.init,
            Error::NoMemory,
            Syscall::ThreadCreate,
            &[child.process.0, 4096, 0, 0, 0],
        );
        w.refuses(w.init, Error::NoMemory, Syscall::CapInstall, &[child.process.0, w.spawn.0, 0]);
    });
}

// attack 63 U: a thread above its maker's ceiling; refused with `BadArgument`; broken: priority-ceiling
#[test]
fn arguments_of_thread_create() {
    run(|w| {
        let child = w.child(7, 8, 64);
        let create = Syscall::ThreadCreate;
        let args = |entry, priority| [child.process.0, entry, 0, 0, priority];
        for entry in [0, 1, 0xffe, 0x10_0001, USER_END, USER_END + 2, 1 << 63, u64::MAX - 1] {
            w.refuses(w.init, Error::BadAddress, create, &args(entry, 1));
        }
        for priority in [32, 33, 255, 256, 1 << 32, u64::MAX] {
            w.refuses(w.init, Error::BadArgument, create, &args(0x10_0000, priority));
        }
        // Not above one's own.
        let (_, low) = w.thread_in(child.process, 5);
        w.refuses(low, Error::BadArgument, create, &[0, 0x10_0000, 0, 0, 6]);
        w.call(low, create, &[0, USER_END - 2, u64::MAX, u64::MAX, 5]).unwrap();
        w.call(w.init, create, &args(PAGE, 0)).unwrap();
        let weak = w.derive(w.init, child.process, Rights::GRANT).unwrap();
        w.refuses(w.init, Error::Denied, create, &[weak.0, 0x10_0000, 0, 0, 1]);
        w.refuses(w.init, Error::WrongKind, create, &[child.thread.0, 0x10_0000, 0, 0, 1]);
        w.process_end(w.init, child.process, 0).unwrap();
        w.refuses(w.init, Error::BadAddress, create, &args(0, 1));
        w.refuses(w.init, Error::BadArgument, create, &args(0x10_0000, 99));
        w.refuses(w.init, Error::BadState, create, &args(0x10_0000, 1));
    });
}

#[test]
fn a_new_thread_begins_where_it_was_told() {
    run(|w| {
        let child = w.child(7, 8, 64);
        let args = [child.process.0, 0x12_3456, 0xabc, 0xdef, 31];
        let thread = Handle(w.call(w.init, Syscall::ThreadCreate, &args).unwrap());
        let user = w.user_of(thread);
        let frame = w.frame(user);
        assert_eq!((frame.get(0), frame.get(2), frame.get(10)), (0x12_3456, 0xabc, 0xdef));
        // Nothing else is in its registers.
        let other = (1..32).filter(|n| ![2, 10].contains(n));
        assert!(other.map(|n| frame.get(n)).all(|value| value == 0));
    });
}

#[test]
fn threads_of_a_process_are_limited() {
    run(|w| {
        let child = w.child(7, 8, 700);
        for _ in 1..MAX_THREADS {
            w.thread_in(child.process, 3);
        }
        let args = [child.process.0, 0x10_0000, 0, 0, 3];
        w.refuses(w.init, Error::NoMemory, Syscall::ThreadCreate, &args);
        w.start(child.user, Syscall::ThreadExit, &[]);
        w.call(w.init, Syscall::ThreadCreate, &args).unwrap();
    });
}

#[test]
fn the_last_thread_ends_its_process() {
    run(|w| {
        let before = account(w);
        let child = w.child(7, 8, 64);
        let (second_cap, second) = w.thread_in(child.process, 31);
        assert_eq!(w.start(child.user, Syscall::ThreadExit, &[]), Status::Gone);
        assert_eq!(w.stat(w.init, child.process).unwrap().state, ProcessState::Live);
        assert!(!w.holds(w.init, child.thread) && w.holds(w.init, second_cap));
        assert_eq!(w.used(second).1, 8);
        assert_eq!(w.start(second, Syscall::ThreadExit, &[]), Status::Gone);
        assert_eq!(w.stat(w.init, child.process).unwrap().state, ProcessState::Ending);
        w.settle();
        let info = w.stat(w.init, child.process).unwrap();
        assert_eq!((info.state, info.end), (ProcessState::Ended, Some(EndReason::Exit(0))));
        w.cap_drop(w.init, child.process).unwrap();
        assert_eq!(account(w), before);
    });
}

#[test]
fn dropping_a_thread_capability_does_not_end_the_thread() {
    run(|w| {
        let child = w.child(7, 8, 64);
        w.cap_drop(w.init, child.thread).unwrap();
        assert!(w.is_ready(child.user));
        w.vmo_create(child.user, 1).unwrap();
    });
}

#[test]
fn reasons_of_an_end() {
    run(|w| {
        let n = w.notification_create(w.init).unwrap();
        for way in 0..4 {
            let process = w.process_create(7, 8, 64, n, 1 << way).unwrap();
            let (_, user) = w.thread_in(process, 31);
            let reason = match way {
                0 => {
                    w.start(user, Syscall::ProcessEnd, &[0, 42]);
                    EndReason::Exit(42)
                }
                1 => {
                    w.process_end(w.init, process, 43).unwrap();
                    EndReason::Killed(43)
                }
                2 => {
                    let pc = w.frame(user).get(0);
                    w.fault(user, 12, 0xbad);
                    EndReason::Fault { cause: 12, address: 0xbad, pc }
                }
                _ => {
                    w.start(user, Syscall::ThreadExit, &[]);
                    EndReason::Exit(0)
                }
            };
            assert_eq!(w.state(user), Some(neuron_core::object::thread::State::Ended));
            let info = w.stat(w.init, process).unwrap();
            assert_eq!((info.state, info.end), (ProcessState::Ending, Some(reason)));
            w.refuses(w.init, Error::BadState, Syscall::ProcessEnd, &[process.0, 1]);
            // The supervisor is told when everything is back, not before.
            assert_eq!(w.start(w.init, Syscall::Wait, &[n.0, 0]), Status::Blocked);
            w.advance(1);
            w.settle();
            assert_eq!(w.call(w.init, Syscall::Wait, &[n.0, 0]), Ok(1 << way));
            let info = w.stat(w.init, process).unwrap();
            assert_eq!((info.state, info.end, info.root), (ProcessState::Ended, Some(reason), 0));
            assert_eq!((info.frames.0, info.objects.0), (0, 0));
            w.refuses(w.init, Error::BadState, Syscall::ProcessEnd, &[process.0, 1]);
        }
    });
}

// attack 30 U: end a process, or act on it, without MANAGE; refused with `Denied`; broken: manage-right
#[test]
fn ending_needs_manage() {
    run(|w| {
        let (a, b) = (w.child(7, 8, 64), w.child(8, 8, 64));
        let weak = w.install(w.init, a.process, b.process, Rights::DERIVE).unwrap();
        w.refuses(a.user, Error::Denied, Syscall::ProcessEnd, &[weak.0, 1]);
        w.refuses(a.user, Error::Denied, Syscall::ProcessStat, &[weak.0]);
        w.refuses(a.user, Error::BadHandle, Syscall::ProcessEnd, &[b.process.0, 1]);
    });
}

#[test]
fn only_a_manager_sees_the_root() {
    run(|w| {
        let child = w.child(7, 8, 64);
        assert_eq!(w.stat(child.user, Handle::NONE).unwrap().root, 0);
        let info = w.stat(w.init, child.process).unwrap();
        assert_ne!(info.root, 0);
        assert_eq!(info.id, w.identity(child.user));
    });
}
