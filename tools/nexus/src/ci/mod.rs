//! `cargo nexus ci`: everything that must hold, in the order of what it costs.

mod attacks;
mod debugger;
mod docs;
mod examples;
pub(crate) mod guest;
pub(crate) mod host;
mod kernel_size;
mod licences;
mod production;
mod systems;
mod unsafe_code;
pub(crate) mod web;

use crate::exit::Exit;
use crate::steps::{self, Choice, Step, Work};
use anyhow::Result;
use clap::Args;
use std::time::Duration;

/// Arguments of `cargo nexus ci`.
#[derive(Args, Debug)]
pub struct CiArgs {
    #[command(flatten)]
    choice: Choice,
}

/// Seconds are the share of the step in the 15 minutes that all may take on two idle cores.
const fn step(name: &'static str, seconds: u64, about: &'static str, work: Work) -> Step {
    let share = Some(Duration::from_secs(seconds));
    Step { name, about, always: true, share, parts: 1, needs: &[], work }
}

const STEPS: &[Step] = &[
    step("fmt", 4, "rustfmt finds nothing to change", |_| host::fmt()),
    // attack 71 H: unsafe code over its budget anywhere in the tree; the run fails
    step("unsafe", 5, "no unsafe code beyond its budget", |_| unsafe_code::check()),
    step("size", 1, "the kernel within its budget of code lines", |_| kernel_size::check()),
    // attack 71 H: a dependency that is not pinned, not licensed or from elsewhere; the run fails
    step("licences", 5, "dependencies are pinned, licensed and from the registry", |_| {
        licences::check()
    }),
    step(
        "check",
        5,
        "the description holds, and each row of tests/broken.toml fits the code",
        |_| guest::check(),
    ),
    step("clippy", 90, "lints, for the host and for the target", |_| host::clippy()),
    step("host", 235, "tests on the host", |_| host::tests()),
    step("examples", 45, "the crates of the examples: format, lints, tests", |_| examples::check()),
    step("doc", 45, "rustdoc without warnings", |_| host::doc()),
    // attack 7 Q: the host walks every page table; no user page is kernel, firmware or table; broken: kernel-write-exec, kernel-text-alias
    // attack 41 H: the same image with every service renamed; the same verdict
    // attack 41 Q: hostile processes under other names; the same ends
    // attack 42 Q: the host reads magic, version and DeviceID at each granted window; another device fails the run
    // attack 43 H: audit, ledger and the kernel's tables at every boot; a difference fails the run; broken: init-keeps-roots, tests-run-nothing
    // attack 7 Q: the host walks page tables in guest memory; none over kernel memory; broken: kernel-memory-given, kernel-memory-untold, memory-not-had
    // attack 15 Q: the host reads the status of the hart; user pages are closed to the kernel, MXR is 0; broken: user-memory
    // attack 94 Q: all that firmware can leave open is, before the kernel's first instruction; the host reads it closed; broken: environment-as-left, guest-memory
    // attack 32 Q: the kernel checks threads after each end of a hostile program; none waits for it; broken: server-death
    // attack 62 Q: the kernel checks accounts after each end of a hostile program; all of it is back; broken: budget-return
    // attack 13 Q: the kernel counts writable mappings after each call of hostile programs; no count is wrong; broken: writable-count
    // attack 10 Q: the kernel checks itself after each call of hostile programs; every write is fenced; broken: map-fence, unmap-fence
    // attack 105 Q: slow heads, heads, lines and requests without end, bodies, and requests that can be read in two ways, against the page in QEMU; each is refused or let go, and who means it is served; broken: page-head-late, page-room-kept, page-head-long, page-kept-for-ever, page-host-twice
    step("os", 60, "proofs in QEMU: twice, with equal records, and with other names", |_| {
        guest::os()
    }),
    // attack 70 H: what is asserted of the production image, read out of it; no test program, only the declared owners
    step("audit", 5, "the built image, and what is asserted of it", |_| guest::audit()),
    // attack 70 H: the checker in the kernel of a prod image; no symbol, source line or text of it
    step("production", 5, "nothing that is for tests in the kernel of a prod image", |_| {
        production::check()
    }),
    step(
        "bench",
        20,
        "instructions for each operation and switches for the disk, within their limits",
        |_| guest::bench(),
    ),
    step("systems", 190, "other systems: those that must not come up, and the examples", |_| {
        systems::check()
    }),
    step("docs", 10, "documents show what commands print, and name what is there", |_| {
        docs::check()
    }),
    step("gdb", 10, "a debugger at one service of a machine that runs", |_| debugger::check()),
    step("broken", 140, "a few defences left out, each of which must be noticed", |_| {
        guest::broken()
    }),
    step("mutants", 20, "a few changes of the code, each of which a test must notice", |_| {
        guest::mutants()
    }),
    // Whoever asks for a browser waits for it longer than fifteen minutes.
    Step {
        share: None,
        ..step("web", 0, "the page in a browser, where NEXUS_WEB=1 asks for that", |_| web::check())
    },
    step("attacks", 5, "every attack has a test, which ran and passed in this run", |context| {
        attacks::check(context.ran)
    }),
    Step {
        always: false,
        ..step("reproducible", 180, "two clean builds in two places, the same bytes", |_| {
            guest::reproducible_prod()
        })
    },
    Step {
        always: false,
        ..step("mmio", 60, "the device part of `host` and `os`", |_| guest::mmio())
    },
];

/// Runs the steps.
///
/// # Errors
/// When there is no such step.
pub fn run(args: &CiArgs) -> Result<Exit> {
    steps::run("ci", STEPS, &args.choice, 0, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_shares_are_within_fifteen_minutes() {
        let shares = STEPS.iter().filter(|step| step.always).filter_map(|step| step.share);
        let all: Duration = shares.sum();
        assert!(all <= Duration::from_secs(15 * 60), "{all:?}");
        let without = STEPS.iter().filter(|step| step.share.is_none()).map(|step| step.name);
        assert_eq!(
            without.collect::<Vec<_>>(),
            ["web"],
            "which is left out unless it is asked for"
        );
    }
}
