//! The end of processes: from wherever they stand, everything comes back.

use crate::common::*;
use crate::message::pair;
use neuron_core::sim::pace;
use nexus_abi::EndReason;

/// All that can be counted, once nothing is being taken apart.
pub fn account(w: &mut World<'_>) -> ([u32; 7], (u32, u32), u32) {
    w.settle();
    (w.live(), w.used(w.init), w.free_frames())
}

/// How a process stands when it is killed.
type Stage = fn(&mut World<'_>, Child);

const STAGES: &[(&str, Stage)] = &[
    ("new", |_, _| {}),
    ("holding objects", |w, c| {
        for _ in 0..4 {
            w.endpoint_create(c.user).unwrap();
            w.notification_create(c.user).unwrap();
            w.vmo_create(c.user, 2).unwrap();
        }
    }),
    ("mapped", |w, c| {
        let memory = w.vmo_create(c.user, 8).unwrap();
        for n in 0..5 {
            w.vmo_map(c.user, memory, 8 * PAGE, VA + n * 0x20_0000, RW).unwrap();
        }
    }),
    ("device mapped", |w, c| {
        let kept = w.derive_part(w.init, w.roots[0], KEEP, 0, 4 * PAGE).unwrap();
        let window = w.install(w.init, c.process, kept, USE).unwrap();
        w.mmio_map(c.user, window, 0, 4 * PAGE, VA, RW).unwrap();
        w.cap_drop(w.init, kept).unwrap();
    }),
    ("mapped by another", |w, c| {
        let memory = w.vmo_create(w.init, 8).unwrap();
        w.vmo_map_into(w.init, c.process, memory, 0, 8 * PAGE, VA, RW).unwrap();
        w.cap_drop(w.init, memory).unwrap();
    }),
    ("sending", |w, c| {
        let endpoint = w.endpoint_create(c.user).unwrap();
        let deadline = w.now() + 1_000_000;
        w.send(c.user, endpoint, &Message::new(1, &[1]), deadline);
    }),
    ("receiving", |w, c| {
        let endpoint = w.endpoint_create(c.user).unwrap();
        w.receive(c.user, endpoint);
    }),
    ("receiving with a bound notification", |w, c| {
        let endpoint = w.endpoint_create(c.user).unwrap();
        let n = w.notification_create(c.user).unwrap();
        w.endpoint_bind(c.user, endpoint, n).unwrap();
        w.signal(c.user, n, 0).unwrap();
        w.receive(c.user, endpoint);
    }),
    ("waiting", |w, c| {
        let n = w.notification_create(c.user).unwrap();
        w.start(c.user, Syscall::Wait, &[n.0, NO_DEADLINE]);
    }),
    ("waiting with a deadline", |w, c| {
        let n = w.notification_create(c.user).unwrap();
        let deadline = w.now() + 1_000_000;
        w.start(c.user, Syscall::Wait, &[n.0, deadline]);
    }),
    ("awaiting an answer of its own second thread", |w, c| {
        let endpoint = w.endpoint_create(c.user).unwrap();
        let (_, second) = w.thread_in(c.process, 31);
        w.receive(second, endpoint);
        w.send(c.user, endpoint, &Message::new(1, &[1]), NO_DEADLINE);
    }),
    ("many threads", |w, c| {
        let endpoint = w.endpoint_create(c.user).unwrap();
        for n in 0..6 {
            let (_, user) = w.thread_in(c.process, 31);
            match n % 3 {
                0 => w.receive(user, endpoint),
                1 => w.start(user, Syscall::Yield, &[]),
                _ => w.send(user, endpoint, &Message::new(1, &[]), NO_DEADLINE),
            };
        }
    }),
    ("with children", |w, c| {
        let spawn = w.install(w.init, c.process, w.spawn, Rights::empty()).unwrap();
        for id in 0..3 {
            let args = [spawn.0, 40 + id, (16 << 32) | 3, 0, 0];
            let process = Handle(w.call(c.user, Syscall::ProcessCreate, &args).unwrap());
            let (_, user) = w.thread_by(c.user, process, 31).unwrap();
            let memory = w.vmo_create(user, 1).unwrap();
            let _ = memory;
            w.endpoint_create(user).unwrap();
        }
    }),
    ("with children that have ended", |w, c| {
        let spawn = w.install(w.init, c.process, w.spawn, Rights::empty()).unwrap();
        for id in 0..3 {
            let args = [spawn.0, 40 + id, (16 << 32) | 3, 0, 0];
            let process = Handle(w.call(c.user, Syscall::ProcessCreate, &args).unwrap());
            w.process_end(c.user, process, 1).unwrap();
        }
        w.settle();
    }),
    ("holding itself", |w, c| {
        w.install(w.init, c.process, c.process, Rights::MANAGE).unwrap();
        w.install(w.init, c.process, c.thread, Rights::MANAGE).unwrap();
    }),
    ("half through a drop", |w, c| {
        let endpoint = w.endpoint_create(c.user).unwrap();
        w.checking = false;
        for _ in 0..270 {
            w.derive(c.user, endpoint, KEEP.difference(USE)).unwrap();
        }
        w.checking = true;
        assert_eq!(w.start(c.user, Syscall::CapDrop, &[endpoint.0]), Status::Again);
    }),
    ("half through a revoke", |w, c| {
        let endpoint = w.endpoint_create(c.user).unwrap();
        w.checking = false;
        while w.derive(c.user, endpoint, KEEP.difference(USE)).is_ok() {}
        w.checking = true;
        assert_eq!(w.start(c.user, Syscall::CapRevoke, &[endpoint.0]), Status::Again);
    }),
];

// attack 62 F: a process ends at every stage of its making and using; frames, objects and slots are as before; broken: end-fence
#[test]
fn everything_comes_back_from_every_stage() {
    for (name, stage) in STAGES {
        for way in 0..3 {
            run(|w| {
                let before = account(w);
                let child = w.child(7, 64, 300);
                stage(w, child);
                match way {
                    0 => w.process_end(w.init, child.process, 9).unwrap(),
                    1 => {
                        w.revoke(w.init, child.process).unwrap();
                        w.cap_drop(w.init, child.process).unwrap();
                        assert!(!w.holds(w.init, child.process));
                    }
                    _ if w.is_ready(child.user) => w.fault(child.user, 2, 0),
                    _ => return,
                }
                w.settle();
                if way != 1 {
                    w.cap_drop(w.init, child.process).unwrap();
                }
                assert_eq!(account(w), before, "{name}, way {way}");
            });
        }
    }
}

/// Clients and servers of a process that ends are left in peace.
#[test]
fn others_go_on_when_one_ends() {
    run(|w| {
        let p = pair(w);
        let before = w.used(p.client.user);
        // The server holds what the client gave it, and maps it.
        let memory = w.vmo_create(p.client.user, 2).unwrap();
        w.receive(p.server.user, p.serve);
        w.send(p.client.user, p.call, &Message::with_cap(1, &[], memory), NO_DEADLINE);
        let got = w.received(p.server.user).unwrap();
        let theirs = got.message.caps().next().unwrap();
        w.vmo_map(p.server.user, theirs, 2 * PAGE, VA, RW).unwrap();
        w.refuses(w.init, Error::BadHandle, Syscall::VmoSeal, &[theirs.0]);
        w.process_end(w.init, p.server.process, 0).unwrap();
        w.settle();
        assert_eq!(w.result(p.client.user), Err(Error::PeerGone));
        // It can be sealed: the writable mapping is gone.
        w.vmo_seal(p.client.user, memory).unwrap();
        w.cap_drop(p.client.user, memory).unwrap();
        assert_eq!(w.used(p.client.user), before);
    });
}

/// What a process made ends with it, wherever it went.
#[test]
fn objects_end_with_their_maker() {
    run(|w| {
        let p = pair(w);
        let memory = w.vmo_create(p.client.user, 2).unwrap();
        let endpoint = w.endpoint_create(p.client.user).unwrap();
        w.receive(p.server.user, p.serve);
        let mut message = Message::with_cap(1, &[], memory);
        message.words[6] = endpoint.0;
        message.tag = Tag::new(1, 8, 2);
        w.send(p.client.user, p.call, &message, NO_DEADLINE);
        let got = w.received(p.server.user).unwrap();
        let caps: Vec<Handle> = got.message.caps().collect();
        w.vmo_map(p.server.user, caps[1], 2 * PAGE, VA, RW).unwrap();
        w.send(p.server.user, caps[0], &Message::new(1, &[]), NO_DEADLINE);
        let free = w.free_frames();
        w.process_end(w.init, p.client.process, 0).unwrap();
        w.settle();
        assert!(caps.iter().all(|cap| !w.holds(p.server.user, *cap)));
        assert_eq!(w.result(p.server.user), Err(Error::PeerGone));
        assert!(w.free_frames() > free + 2);
    });
}

#[test]
fn nothing_leaks_in_a_thousand_lives() {
    run(|w| {
        let memory = w.vmo_create(w.init, 2).unwrap();
        let before = account(w);
        let rounds = if cfg!(miri) { 10 } else { 1000 };
        for round in 0..rounds {
            w.checking = round % 50 == 0;
            let child = w.child(7, 40, 300);
            let (name, stage) = STAGES[round % STAGES.len()];
            stage(w, child);
            w.install(w.init, child.process, memory, USE).unwrap();
            w.checking = round % 50 == 0;
            w.process_end(w.init, child.process, 9).unwrap();
            w.settle();
            w.cap_drop(w.init, child.process).unwrap();
            assert_eq!(account(w), before, "round {round}: {name}");
        }
        w.checking = true;
        w.check();
    });
}

/// A process that has ended keeps its slot while someone names it, and its maker pays for it: ends
/// without drops run into the budget, and never exhaust the table of processes for others.
#[test]
fn an_ended_process_is_paid_for_until_it_is_forgotten() {
    run(|w| {
        let other = w.child(500, 8, 64);
        let spawn = w.install(w.init, other.process, w.spawn, Rights::empty()).unwrap();
        let before = w.used(w.init);
        let mut zombies = Vec::new();
        loop {
            w.checking = zombies.len() % 16 == 0;
            match w.process_create(7, 1, 0, Handle::NONE, 0) {
                Ok(process) => {
                    w.process_end(w.init, process, 0).unwrap();
                    w.settle();
                    zombies.push(process);
                }
                Err(error) => {
                    assert_eq!(error, Error::NoMemory);
                    break;
                }
            }
        }
        w.checking = true;
        assert_eq!(w.used(w.init).1, before.1 + 9 * zombies.len() as u32);
        // Whoever has budget can still make one.
        let args = [spawn.0, 8, 1, 0, 0];
        w.call(other.user, Syscall::ProcessCreate, &args).unwrap();
        for process in zombies {
            w.checking = false;
            w.cap_drop(w.init, process).unwrap();
        }
        w.checking = true;
        assert_eq!(w.used(w.init), before);
    });
}

#[test]
fn taking_apart_goes_in_bounded_steps() {
    let config = Config { objects: 2500, frames: 2500, ..Config::default() };
    run_with(&config, |w| {
        let child = w.child(7, 2000, 2000);
        w.checking = false;
        let memory = w.vmo_create(child.user, 512).unwrap();
        for n in 0..20 {
            w.vmo_map(child.user, memory, 512 * PAGE, VA + n * 0x20_0000, RW).unwrap();
        }
        let endpoint = w.endpoint_create(child.user).unwrap();
        while w.derive(child.user, endpoint, Rights::SEND).is_ok() {}
        w.checking = true;
        w.process_end(w.init, child.process, 0).unwrap();
        // No step does more than end about 256 capabilities or 1,024 + 512 pages.
        let mut last = (w.live()[0], w.mapped_pages());
        let steps = w.settle_with(|w| {
            let now = (w.live()[0], w.mapped_pages());
            assert!(last.0 - now.0 <= 260 && last.1 - now.1 <= 1600, "{last:?} to {now:?}");
            last = now;
        });
        assert!(steps >= 10, "{steps}");
    });
}

/// Objects that others hold end many in a step.
#[test]
fn objects_end_as_many_at_once_as_a_step_allows() {
    run(|w| {
        let (maker, other) = (w.child(7, 16, 300), w.child(8, 16, 300));
        let to = w.install(w.init, maker.process, other.process, Rights::MANAGE).unwrap();
        w.checking = false;
        for _ in 0..100 {
            let endpoint = w.endpoint_create(maker.user).unwrap();
            w.install(maker.user, to, endpoint, Rights::SEND).unwrap();
        }
        w.checking = true;
        w.process_end(w.init, maker.process, 0).unwrap();
        let steps = w.settle();
        assert!(steps <= 6, "{steps}");
    });
}

/// Each counts as a unit, also one that nobody names.
#[test]
fn threads_end_a_few_at_a_time_in_small_steps() {
    run(|w| {
        let child = w.child(7, 16, 600);
        w.cap_drop(w.init, child.thread).unwrap();
        for _ in 0..40 {
            let (thread, _) = w.thread_in(child.process, 3);
            w.cap_drop(w.init, thread).unwrap();
        }
        w.process_end(w.init, child.process, 0).unwrap();
        pace::set_step(Some(4));
        let mut last = w.live()[6];
        w.settle_with(|w| {
            let now = w.live()[6];
            assert!(last - now <= 5, "{last} to {now}");
            last = now;
        });
        pace::set_step(None);
    });
}

// attack 64 U: a process ends that made much memory; each step of taking it apart gives back a bounded number of frames
#[test]
fn memory_comes_back_in_bounded_steps() {
    let objects = if cfg!(miri) { 8 } else { 64 };
    let config = Config { frames: objects * 512 + 600, ..Config::default() };
    run_with(&config, |w| {
        let child = w.child(7, objects as u64 * 512 + 8, 400);
        w.checking = false;
        for _ in 0..objects {
            w.vmo_create(child.user, 512).unwrap();
        }
        w.checking = true;
        w.process_end(w.init, child.process, 0).unwrap();
        let mut last = w.free_frames();
        w.settle_with(|w| {
            let now = w.free_frames();
            // Two for each unit of a step; and at the end the frames of its page tables.
            assert!(now - last <= 2 * 256 + 8, "{last} to {now}");
            last = now;
        });
        assert!(last > 512 * objects);
    });
}

#[test]
fn when_init_ends_the_system_is_over() {
    run(|w| {
        assert_eq!(w.kernel.init_ended(), None);
        w.fault(w.init, 15, 0x1000);
        assert!(matches!(w.kernel.init_ended(), Some(EndReason::Fault { cause: 15, .. })));
    });
}

#[test]
fn an_order_of_ends_does_not_matter() {
    // A grandparent, a parent and a child end in every order.
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        run(|w| {
            let before = account(w);
            let a = w.child(7, 64, 300);
            let spawn = w
                .install(w.init, a.process, w.spawn, KEEP.intersection(w.rights(w.spawn).unwrap()))
                .unwrap();
            let args = [spawn.0, 8, (120 << 32) | 20, 0, 0];
            let b = Handle(w.call(a.user, Syscall::ProcessCreate, &args).unwrap());
            let (_, b_user) = w.thread_by(a.user, b, 31).unwrap();
            let spawn = w.install(a.user, b, spawn, Rights::empty()).unwrap();
            let args = [spawn.0, 9, (40 << 32) | 5, 0, 0];
            let c = Handle(w.call(b_user, Syscall::ProcessCreate, &args).unwrap());
            let (_, c_user) = w.thread_by(b_user, c, 31).unwrap();
            let all = [a.user, b_user, c_user];
            for n in order {
                if w.state(all[n]).is_some() && w.is_ready(all[n]) {
                    w.fault(all[n], 5, 0);
                }
                w.step_reaper();
            }
            w.settle();
            w.cap_drop(w.init, a.process).unwrap();
            assert_eq!(account(w), before, "{order:?}");
        });
    }
}

// attack 19 U: drop the notification that an end is told to, and make another in its slot; the other is told nothing; broken: weak-generation
#[test]
fn an_end_is_told_to_the_notification_that_was_named_and_no_other() {
    run(|w| {
        let told = w.notification_create(w.init).unwrap();
        let process = w.process_create(7, 8, 64, told, 1).unwrap();
        w.thread_in(process, 9);
        w.cap_drop(w.init, told).unwrap();
        let other = w.notification_create(w.init).unwrap();
        assert_eq!(other.slot(), told.slot());
        w.process_end(w.init, process, 0).unwrap();
        w.settle();
        // It would say so at once if it had been told.
        w.start(w.init, Syscall::Wait, &[other.0, 0]);
        w.advance(0);
        assert_eq!(w.result(w.init), Err(Error::TimedOut));
    });
}
