//! Several harts: what they may do to each other through the lock. `loom` tries the orders in which
//! three of them take it, with up to six preemptions, and the steps at which a long call gives it back.
//!
//! Shown: whatever the order of the entries into the kernel, revoking wins over mapping, passing on
//! and ending, the checker is content after each, and the lock alone orders them (the kernel has no
//! state outside it). Not shown, because v1 has one hart and this is not written yet: the state that
//! each hart has of its own, and the fences of other harts' translations.
// The coroutines of `loom` are not for Miri.
#![cfg(not(miri))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

use std::sync::atomic::{AtomicU64, Ordering};

use loom::sync::{Arc, Mutex};
use loom::thread;
use neuron_core::sim::{Config, Status, User, World, pace};
use nexus_abi::{Handle, Rights, Syscall};

const PAGE: u64 = 4096;
/// How often a hart loses the lock to another that could have waited.
const PREEMPTIONS: usize = 6;
const VA: u64 = 0x10_0000_0000;
const USE: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::GRANT);

type Shared = Arc<Mutex<World<'static>>>;

/// Makes a call as a hart does: each step of it under the lock, which others may take in between.
fn call(world: &Shared, user: User, call: Syscall, args: &[u64]) {
    loop {
        let mut world = world.lock().unwrap();
        // It may have been ended since.
        if !world.is_ready(user) || world.start(user, call, args) != Status::Again {
            return;
        }
    }
}

/// A thread with a stack that the kernel and its checker fit on, in words.
fn hart(run: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::Builder::new().stack_size(1 << 16).spawn(run).unwrap()
}

/// One order: what the harts do, and what is left.
fn scene(run: &impl Fn(Shared, [User; 3], [Handle; 3])) {
    pace::set_step(Some(3));
    let config = Config { objects: 60, frames: 64, ..Config::default() };
    let mut world = World::leaked(&config);
    let (init, root) = (world.init, world.roots[0]);
    let b = world.child(2, 8, 12);
    let (_, second) = world.thread_by(init, Handle::NONE, 31).unwrap();
    let keep = USE | Rights::DERIVE | Rights::REVOKE;
    let kept = world.derive_part(init, root, keep, 0, PAGE).unwrap();
    let window = world.install(init, b.process, kept, USE).unwrap();
    let shared = Arc::new(Mutex::new(world));
    run(shared.clone(), [init, second, b.user], [kept, window, b.process]);
    let mut world = shared.lock().unwrap();
    world.settle();
    world.check();
    let left = world.view();
    let below = left.caps.iter().filter(|(_, cap)| cap.parent == Some(kept.0)).count();
    assert_eq!((below, left.pages.len()), (0, 0), "something is left of what was revoked");
    pace::set_step(None);
}

/// Runs what three harts do, by two threads of init and one of an owner of a window.
fn explore(run: impl Fn(Shared, [User; 3], [Handle; 3]) + Sync + Send + 'static) {
    static ORDERS: AtomicU64 = AtomicU64::new(0);
    ORDERS.store(0, Ordering::Relaxed);
    let run = std::sync::Arc::new(run);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(move || {
        let run = run.clone();
        hart(move || scene(&*run)).join().unwrap();
        ORDERS.fetch_add(1, Ordering::Relaxed);
    });
    println!("{} orders", ORDERS.load(Ordering::Relaxed));
}

// attack 20 M: one hart revokes a window while another maps it and a third ends its owner; loom, every order of entries
#[test]
fn revoke_against_map_and_end() {
    explore(|world, [init, second, b], [kept, window, process]| {
        let mapper = {
            let world = world.clone();
            hart(move || {
                call(&world, b, Syscall::MmioMap, &[window.0, 0, PAGE, VA, 3]);
                call(&world, b, Syscall::MmioMap, &[window.0, 0, PAGE, VA + PAGE, 1]);
            })
        };
        let reaper = {
            let world = world.clone();
            hart(move || {
                call(&world, second, Syscall::ProcessEnd, &[process.0, 1]);
                world.lock().unwrap().step_reaper();
            })
        };
        call(&world, init, Syscall::CapRevoke, &[kept.0]);
        mapper.join().unwrap();
        reaper.join().unwrap();
    });
}
