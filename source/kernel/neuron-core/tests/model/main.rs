//! The kernel against a model: plain and slow code that says what each call must return and what
//! there is afterwards. Both are driven by the same random programs: several processes, hostile
//! arguments, allocations that fail. After each step results, capabilities, budgets and page
//! tables must agree, and the checker looks at the kernel.
//!
//! `NEURON_STEPS` says how many steps (default: some seconds), `NEURON_SEED` which ones; both are
//! printed. A failure is shrunk, and kept in `regressions/` to be tried first ever after.
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
mod driver;
mod model;
mod pick;
mod program;

use neuron_core::sim::{Config, run_with};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngAlgorithm, RngSeed, TestRunner};

/// Steps in one program.
const LENGTH: usize = 120;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn random_programs_do_as_the_model_says() {
    let steps = number("NEURON_STEPS", if cfg!(miri) { 120 } else { 100_000 });
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
    let programs = (any::<bool>(), prop::collection::vec(program::step(), 1..LENGTH));
    // More RAM than there is budget for, so that no block is missing where the budget has frames.
    let machine = Config { objects: 600, frames: 1200, ..Config::default() };
    let result = TestRunner::new(config).run(&programs, |(fast, program)| {
        run_with(&machine, |world| {
            world.fast = fast;
            world.limit(world.init, Some(400), None);
            driver::Driver::new(world).run(&program);
        });
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let tally = driver::tally();
    let total: u64 = tally.values().sum();
    for ((call, result), count) in &tally {
        println!("{count:>9} {call} {result}");
    }
    println!("{total:>9} in all");
    if steps >= 100_000 {
        must_reach(&tally);
    }
}

/// Programs that reach nothing would agree with any model.
fn must_reach(tally: &driver::Tally) {
    for (call, results) in [
        ("Endpoint", "Ok NoMemory"),
        ("Notification", "Ok NoMemory"),
        ("Memory", "Ok OutOfRange NoMemory"),
        ("Derive", "Ok BadHandle Denied Misaligned OutOfRange Busy NoMemory"),
        ("Drop", "Ok BadHandle"),
        ("Revoke", "Ok BadHandle Denied"),
        ("Install", "Ok BadHandle WrongKind Denied BadState Busy NoMemory"),
        (
            "MapMemory",
            "Ok BadHandle WrongKind Denied BadState InvalidProt SealState Misaligned OutOfRange \
             BadAddress Exists NoMemory",
        ),
        (
            "MapDevice",
            "Ok BadHandle WrongKind Denied ExecDenied InvalidProt Misaligned OutOfRange \
             BadAddress Exists Busy NoMemory",
        ),
        ("Unmap", "Ok Misaligned BadAddress"),
        ("Protect", "Ok Misaligned BadAddress Denied ExecDenied InvalidProt SealState"),
        ("Seal", "Ok BadHandle WrongKind Denied Busy"),
        ("Spawn", "Ok BadHandle WrongKind BadArgument NoMemory"),
        ("End", "Ok BadHandle WrongKind Denied BadState"),
        ("Fault", "Ok"),
        ("Pass", "Ok BadHandle Denied Busy NoMemory"),
    ] {
        for result in results.split_whitespace() {
            let reached = tally.contains_key(&(call.to_owned(), result.to_owned()));
            assert!(reached, "no program reached {result} of {call}");
        }
    }
}
