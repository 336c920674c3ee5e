//! The kernel against a model: plain and slow code that says what each call must return and what
//! there is afterwards. Both are driven by the same random programs: several processes with several
//! threads, hostile arguments, allocations that fail, time that passes. After each step results,
//! messages, capabilities, budgets, threads, queues and page tables must agree, a call that failed
//! must have left the whole state as it was, and the checker looks at the kernel.
//!
//! Every system call is in it, as registers ([`entry`]); besides, faults and the timer. A call that
//! goes in steps, and taking a process apart, is one step here for each of its own: between them
//! others make calls, end, and run out of time, and all is compared as after any call ([`steps`]). The
//! length of a step is the kernel's in one program of four, and as short as may be in the others. Not
//! the model's is which thread runs next, because here the driver chooses the thread that acts (the
//! scheduler has tests of its own in `tests/kernel/sched.rs`).
//!
//! `NEURON_STEPS` says how many steps, `NEURON_SEED` which ones; both are printed. A failure is
//! shrunk to few steps and printed as Rust; `regressions.txt` keeps its seed, which is tried first
//! ever after. To give it a name, paste the steps into a test that hands them to `run_program`.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

mod calls;
mod compare;
mod dma;
mod driver;
mod entry;
mod lines;
mod messages;
mod model;
mod pick;
mod program;
mod steps;

use neuron_core::sim::{Config, pace, run_with};
use nexus_abi::{Error, Syscall};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, RngSeed, TestRunner};

/// Units of work in a step: as in the kernel, and as few as may be, so that calls are cut everywhere.
const PACES: &[Option<u32>] = &[None, Some(1), Some(2), Some(5)];

/// Steps in one program.
const LENGTH: usize = 120;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

// attack 1 P: random offset and length beyond a window or object; refused as the model says
// attack 2 P: random unaligned offset, length and address; `Misaligned`
// attack 3 P: offset, length or address near 2^64; refused, nothing wraps
// attack 4 P: length 0 or a byte beside a page; refused, never rounded
// attack 5 P: addresses at and past the end of the user half; `BadAddress`
// attack 6 P: addresses over mappings that there are; `Exists`
// attack 9 F: the Nth allocation of a random call fails; the whole state is as before
// attack 12 P: executable protection in any call on a window; `ExecDenied`, no leaf with X
// attack 13 P: memory shared by processes with random protections and seals; the model and no frame has W and X
// attack 16 P: no handle, handles out of range, bent handles; `BadHandle`
// attack 17 P: a capability of another kind in each call; `WrongKind`
// attack 18 P: calls without the right, rights that grow, parts that are larger; `Denied`, `OutOfRange`
// attack 19 P: handles that were good once, in slots used again; `BadHandle`
// attack 20 P: capabilities dropped and revoked while threads wait by them and bindings rest on them; `BadHandle`, and free as the model says
// attack 22 P: capabilities passed by message and by install; the giver keeps its own, the taker gets a child
// attack 23 P: revoke of random trees; everything below is gone
// attack 26 P: windows with and without GRANT passed on; only with it, and as a child
// attack 29 P: a reply used twice, by another process, bent; `BadHandle`
// attack 33 P: receivers without room for what comes; the sender keeps all, nothing stays
// attack 38 P: any handle of one process used by another; `BadHandle`
// attack 54 P: lines bound, passed on and acknowledged by anybody, with any handle; as the model says
// attack 56 P: owners of lines end, and capabilities of lines and notifications go, at any time; each line is free, and its interrupts come to the next
// attack 89 P: lines that fire at any time, bound, acknowledged and limited by random calls; as the model says
// attack 62 P: budgets run out in every call; `NoMemory`, and all comes back with the process
// attack 76 P: calls in steps cut at every step, with others about the same capabilities between; as RFC-0001, S1 to S5
// attack 77 P: messages and signals by handles that are stale, of others or too weak, mostly where a partner is ready; as the model says
// attack 48 P: memory of devices made, placed and told by anybody, with any handle and any number; the model, the tables and the stores agree
// attack 49 P: devices said to be quiet by anybody at any time, cut at every step; `Busy` as the model says, and nothing uses what is not cleared
// attack 97 P: masks set, narrowed and inherited in every way, registers written through them; the model and the stores agree
#[test]
fn random_programs_do_as_the_model_says() {
    let steps = number("NEURON_STEPS", if cfg!(miri) { 120 } else { 1_000_000 });
    let seed = number("NEURON_SEED", 20_261_122);
    let cases = steps.div_ceil(LENGTH as u64 / 2).max(1);
    println!("about {steps} steps in {cases} programs, seed {seed}");
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/model/regressions.txt");
    let config = ProptestConfig {
        cases: u32::try_from(cases).unwrap(),
        rng_seed: RngSeed::Fixed(seed),
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: match cfg!(miri) {
            true => None,
            false => Some(Box::new(FileFailurePersistence::Direct(regressions))),
        },
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    };
    let step = any::<u64>().prop_map(program::step);
    let pace = prop::sample::select(PACES);
    let programs = (any::<bool>(), prop::collection::vec(step, 1..LENGTH), pace);
    let result = TestRunner::new(config).run(&programs, |(fast, program, pace)| {
        run_program(fast, &program, pace);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let tally = driver::tally();
    for ((call, result), count) in &tally {
        println!("{count:>9} {call} {result}");
    }
    println!("{:>9} steps", driver::steps());
    if steps >= 1_000_000 {
        must_reach(&tally);
    }
}

/// Runs one program on a small machine, where things run out soon. There is more RAM than budget for
/// it, so that no block is missing where the budget has frames.
fn run_program(fast: bool, program: &[program::Step], pace: Option<u32>) {
    pace::set_step(None);
    let mut machine = Config { objects: 240, frames: 320, ..Config::default() };
    if !fast {
        machine.device = driver::ASIDE;
        machine.frames += machine.device;
        machine.windows.push(driver::DEVICES);
    }
    run_with(&machine, |world| {
        world.fast = fast;
        world.limit(world.init, Some(160), None);
        driver::Driver::new(world).run(program, pace);
    });
}

/// What is left of the calls that go in steps (RFC-0001, section 8), wherever they can be cut.
const CUT: &[&str] = &[
    "cap_drop: mappings",
    "cap_drop: children",
    "cap_drop: pages to give back",
    "cap_revoke: children",
    "cap_revoke: nothing",
    "thread_exit: capabilities",
    "vmo_create: pages to clear",
    "dma_quiet: memory of a device",
    "reply_recv: messages",
    "reply_recv: after the answer",
    "taking apart: callers",
    "taking apart: mappings",
    "taking apart: capabilities",
    "taking apart: objects",
    "taking apart: processes",
];

/// What others find there (S1 to S3).
const BETWEEN: &[&str] = &[
    "named what is being dropped",
    "derived beside what is being dropped",
    "derived below what is being revoked",
    "moved up past what is being dropped",
    "dropped while it is revoked",
    "brought to its end by another",
    "the process of a caller ended",
];

/// Programs that reach nothing would agree with any model: each call must have come to each of its
/// ends. A chain of 64 derivations is left to a test of its own.
fn must_reach(tally: &driver::Tally) {
    let reached = |call: &'static str, result: &str| {
        assert!(
            tally.contains_key(&(call, result.to_owned())),
            "no program reached {result} of {call}"
        );
    };
    for row in nexus_abi::SYSCALLS {
        for error in row.errors {
            match error {
                Error::TimedOut | Error::PeerGone => {
                    reached(driver::END_OF_WAIT, &format!("{error:?}"))
                }
                Error::TooDeep => {}
                // More lines than a notification has are in tests of their own.
                Error::NoMemory if row.number == Syscall::IrqBind.number() => {}
                error => reached(row.name, &format!("{error:?}")),
            }
        }
        match Syscall::decode(row.number) {
            Some(Syscall::Call | Syscall::ThreadExit) => {}
            _ => reached(row.name, "Ok"),
        }
    }
    for call in ["call", "reply_recv", "wait"] {
        reached(call, "Blocked");
    }
    for call in ["thread_exit", "process_end"] {
        reached(call, "Gone");
    }
    for error in ["Ok", "BadHandle", "Denied", "Busy", "NoMemory"] {
        reached(driver::END_OF_WAIT, error);
    }
    for wrong in ["stale", "of another", "too weak"] {
        reached(driver::PARTNER, wrong);
    }
    for call in
        ["call", "reply_recv", "wait", "endpoint_bind", "irq_bind", "irq_bind, by its window"]
    {
        reached(driver::WITHDRAWN, call);
    }
    reached("unknown", "BadSyscall");
    for state in ["Free", "Armed", "Delivered", "Held"] {
        reached(driver::LINE, state);
    }
    for call in ["wait", "reply_recv", "with a value"] {
        reached(driver::ACKNOWLEDGED, call);
    }
    for left in CUT {
        reached(driver::CUT, left);
    }
    for found in BETWEEN {
        reached(driver::BETWEEN, found);
    }
}
