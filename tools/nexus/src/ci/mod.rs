//! `cargo nexus ci`: everything that must hold, in the order of what it costs.

mod attacks;
mod examples;
pub(crate) mod guest;
mod host;
mod licences;
mod production;
mod unsafe_code;

use crate::exit::Exit;
use crate::steps::{self, Choice, Step, Work};
use anyhow::Result;
use clap::Args;

/// Arguments of `cargo nexus ci`.
#[derive(Args, Debug)]
pub struct CiArgs {
    #[command(flatten)]
    choice: Choice,
}

const fn step(name: &'static str, about: &'static str, work: Work) -> Step {
    Step { name, about, always: true, minutes: None, needs: &[], work }
}

const STEPS: &[Step] = &[
    step("fmt", "rustfmt finds nothing to change", |_| host::fmt()),
    // attack 71 H: unsafe code over its budget anywhere in the tree; the run fails
    step("unsafe", "no unsafe code beyond its budget", |_| unsafe_code::check()),
    // attack 71 H: a dependency that is not pinned, not licensed or from elsewhere; the run fails
    step("licences", "dependencies are pinned, licensed and from the registry", |_| {
        licences::check()
    }),
    step("check", "the description holds, and each row of tests/broken.toml fits the code", |_| {
        guest::check()
    }),
    step("clippy", "lints, for the host and for the target", |_| host::clippy()),
    step("host", "tests on the host", |_| host::tests()),
    step("examples", "the crates of the examples: format, lints, tests", |_| examples::check()),
    step("doc", "rustdoc without warnings", |_| host::doc()),
    // attack 7 Q: the host walks every page table; no user page is kernel, firmware or table; broken: kernel-write-exec, kernel-text-alias
    // attack 41 H: the same image with every service renamed; the same verdict
    // attack 41 Q: hostile processes under other names; the same ends
    // attack 42 Q: the host reads magic, version and DeviceID at each granted window; another device fails the run
    // attack 43 H: audit, ledger and the kernel's tables at every boot; a difference fails the run; broken: init-keeps-roots
    // attack 7 Q: the host walks page tables in guest memory; none over kernel memory; broken: kernel-memory-given, kernel-memory-untold
    // attack 15 Q: the host reads the status of the hart; user pages are closed to the kernel, MXR is 0; broken: user-memory
    // attack 18 Q: the kernel checks each mapping after each call of hostile programs; none has more than its capability; broken: map-right
    // attack 21 Q: the kernel checks its lists after each call of hostile programs; no mapping outlives its capability; broken: drop-keeps-leaf
    // attack 32 Q: the kernel checks threads after each end of a hostile program; none waits for it; broken: server-death
    // attack 62 Q: the kernel checks accounts after each end of a hostile program; all of it is back; broken: budget-return
    // attack 13 Q: the kernel counts writable mappings after each call of hostile programs; no count is wrong; broken: writable-count
    // attack 10 Q: the kernel checks itself after each call of hostile programs; every write is fenced; broken: map-fence, unmap-fence
    step("os", "proofs in QEMU: twice, with equal records, and with other names", |_| guest::os()),
    // attack 70 H: what is asserted of the production image, read out of it; no test program, only the declared owners
    step("audit", "the built image, and what is asserted of it", |_| guest::audit()),
    // attack 70 H: the checker in the kernel of a prod image; no symbol, source line or text of it
    step("production", "nothing that is for tests in the kernel of a prod image", |_| {
        production::check()
    }),
    step("bench", "instructions for each operation, within their limits", |_| guest::bench()),
    step("systems", "other systems: those that must not come up, and the examples", |_| {
        guest::systems()
    }),
    step("broken", "a few defences left out, each of which must be noticed", |_| guest::broken()),
    step("attacks", "every attack has a test, which ran and passed in this run", |context| {
        attacks::check(context.ran)
    }),
    Step {
        always: false,
        ..step("reproducible", "two clean builds in two places, the same bytes", |_| {
            guest::reproducible_prod()
        })
    },
    Step { always: false, ..step("mmio", "the device part of `host` and `os`", |_| guest::mmio()) },
];

/// Runs the steps.
///
/// # Errors
/// When there is no such step.
pub fn run(args: &CiArgs) -> Result<Exit> {
    steps::run("ci", STEPS, &args.choice, 0)
}
