//! `cargo nexus assure`: what takes longer than `cargo nexus ci` may, and what needs more tools.
//!
//! A tool that is missing is a failure here: a run that could not look has assured nothing.

mod broken;
mod clients;
mod coverage;
mod cuts;
mod deny;
mod flood;
mod fuzz;
mod kills;
mod machines;
mod miri;
mod model;
pub(crate) mod mutants;
mod packets;
mod properties;
mod reproducible;
mod rogue;
mod states;
mod wild;
mod wire;

use crate::exit::Exit;
use crate::steps::results::Results;
use crate::steps::tools::{
    CURL, DENY, FUZZ, JSONSCHEMA, LLVM_COV, MIRI, MUTANTS, NC, NEXTEST, NIGHTLY, TSHARK, WRK,
};
use crate::steps::{self, Choice, Step, Work};
use crate::test_os::fresh_nonce;
use anyhow::Result;
use clap::Args;
use std::time::Duration;

/// Arguments of `cargo nexus assure`.
#[derive(Args, Debug)]
pub struct AssureArgs {
    #[command(flatten)]
    choice: Choice,
    /// Where random runs begin; a new one each time when absent.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Go on with the last run: what it came to counts, when it was of this very tree.
    #[arg(long)]
    resume: bool,
}

const fn step(name: &'static str, minutes: u64, about: &'static str, work: Work) -> Step {
    let share = Some(Duration::from_secs(60 * minutes));
    Step { name, about, always: true, share, parts: 1, needs: &[], work }
}

/// In the order of what they cost. A random step takes its seed from [`steps::Context`]; one that uses
/// what not every machine has says so in [`Step::needs`].
const STEPS: &[Step] = &[
    // attack 72 H: a second clean build in another place; the same bytes
    step("reproducible", 3, "two clean builds in two places, the same bytes", |_| {
        reproducible::check()
    }),
    step("model", 35, "10^8 random steps of kernel and reference model", |context| {
        model::check(context.seed)
    }),
    Step {
        needs: &[NEXTEST],
        ..step("properties", 8, "tests on the host, with new and more random inputs", |context| {
            properties::check(context.seed)
        })
    },
    // attack 68 F: 10^6 frames of every kind, each changed at random, with the right sums or wrong ones; the stack goes on, each is counted and none recorded
    step("packets", 5, "10^6 frames changed at random, by the network stack", |context| {
        packets::check(context.seed)
    }),
    step("wild", 8, "10^6 random calls of hostile processes in QEMU", |context| {
        wild::check(context.seed)
    }),
    Step {
        needs: &[TSHARK],
        // attack 68 Q: 10^6 malformed packets of every kind by the wire, with the right sums and with wrong ones; the stack answers all the while in its first life, and what it sends is well-formed
        ..step(
            "wire",
            15,
            "10^6 malformed packets in QEMU; what the guest sends, by tshark",
            |context| wire::check(context.seed),
        )
    },
    // attack 69 Q: frames without end, each buffer full at once, by a clock on the wall; whoever is below the stack has its part of the time, and the ledger and the disk answer it in time
    step("flood", 2, "a flood by a clock on the wall, on the QEMU that NEXUS_QEMU10 names", |_| {
        flood::check()
    }),
    Step {
        needs: &[CURL, WRK, NC, JSONSCHEMA],
        // attack 105 Q: silent and slow connections, heads without end, rubbish and thousands of requests by others' clients; refused or let go, others are served, and nothing is left behind
        ..step("clients", 3, "the page, asked by curl, wrk and nc", |_| clients::check())
    },
    // attack 87 Q: 10^7 heads at random in 1,500 lives of a hostile owner; nothing outside its pool is another
    step("rogue", 15, "10^7 heads at random, in lives of a hostile owner in QEMU", |context| {
        rogue::check(context.seed)
    }),
    // attack 57 Q: a thousand deaths of each driver under load; nothing that was acknowledged is lost, no call hangs
    step("kills", 15, "a thousand deaths of each driver under load, in QEMU", |context| {
        kills::check(context.seed)
    }),
    // attack 65 F: 500 power cuts under load, each at a random time, with any part of what was not flushed lost; what was acknowledged is there
    step("cuts", 8, "500 power cuts under load, in QEMU", |context| cuts::check(context.seed)),
    // attack 79 Q: trees edited in every way, on many machines; the prompt, and no device in doubt with an owner
    // attack 80 Q: a second disk, network device or serial port; nobody gets either, and the prompt comes
    step(
        "machines",
        12,
        "the system in use on many machines; NEXUS_QEMU10 names a second QEMU",
        |_| machines::check(),
    ),
    step("states", 8, "every state of init, policyd and logd, to a larger bound", |_| {
        states::check()
    }),
    Step {
        needs: &[NIGHTLY, FUZZ],
        ..step("fuzz", 10, "libFuzzer on each target, a fixed number of inputs", |context| {
            fuzz::check(context.seed)
        })
    },
    Step {
        parts: broken::PARTS,
        ..step(
            "broken",
            80,
            "every defence left out in turn, each of which is noticed",
            |context| broken::check(context.part),
        )
    },
    Step {
        needs: &[NIGHTLY, LLVM_COV],
        ..step("coverage", 3, "branches that the tests on the host reach", |_| coverage::check())
    },
    Step {
        needs: &[MIRI, NEXTEST],
        parts: miri::PARTS,
        ..step("miri", 40, "kernel logic and libraries have no undefined behaviour", |context| {
            miri::check(context.part)
        })
    },
    Step {
        needs: &[MUTANTS, NEXTEST],
        parts: mutants::PARTS,
        ..step("mutants", 240, "changes of the code that decides or judges", |context| {
            let [part, _] = context.part;
            mutants::check(part)
        })
    },
    Step { needs: &[DENY], ..step("deny", 1, "dependencies, by cargo-deny", |_| deny::check()) },
];

/// Runs the steps.
///
/// # Errors
/// When there is no such step.
pub fn run(args: &AssureArgs) -> Result<Exit> {
    let results = Results::open("assure", args.resume)?;
    let seed = match args.seed.or_else(|| results.seed()) {
        Some(seed) => seed,
        None => fresh_nonce()?,
    };
    if !args.choice.list {
        println!("seed {seed}; `--seed {seed}` runs the same again");
    }
    steps::run("assure", STEPS, &args.choice, seed, Some(&results))
}
