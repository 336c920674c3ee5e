//! Tests under the interpreter that knows undefined behaviour.

use crate::steps::outcome::Outcome;
use crate::steps::tools::nightly;
use crate::steps::{capture, counts};
use anyhow::Result;

/// The kernel's logic, the libraries that every program is linked with, and those by which one reads what the store
/// keeps, and has sockets. What is over redb takes hours here, and has no unsafe code of its own.
const PACKAGES: &[&str] = &[
    "neuron-core",
    "nexus-abi",
    "nexus-archive",
    "nexus-loader",
    "nexus-mmio",
    "nexus-net",
    "nexus-proto",
    "nexus-ring",
    "nexus-rt",
    "nexus-state",
    "nexus-sysdesc",
    "nexus-virtio",
];

/// Without tests that repeat one thing hundreds of times, which Miri sees when it is done once, and
/// those that need a larger machine than it makes in a second.
const SMALL: &str = "not test(/rights_only_shrink|an_order_of_ends|is_paid_for_until|of_a_wide_|\
    handing_on_does_not|stale_handles_never|although_others_derive|everything_comes_back_from|\
    taking_apart_goes_in_bounded|large_mappings_cross|sizes_have_bounds|process_are_limited|\
    interrupts_come_between|random_deadlines|partners_in_a_call|inside_the_slice|\
    the_rest_of_a_time_slice|lengthen_a_time_slice|messages_that_fail_are|finds_hidden_bytes|\
    refuses_a_damaged_entry|a_liar_gets_to_lie|sixty_four_are_in_flight|\
    as_it_was_is_whole/)";

/// Random inputs for each property.
const CASES: &str = "4";

/// In how many parts of at most an hour.
pub(super) const PARTS: u32 = 2;

pub(super) fn check([part, parts]: [u32; 2]) -> Result<Outcome> {
    let mut command = nightly(&["miri", "nextest", "run", "--no-fail-fast", "-E", SMALL])?;
    command.arg("--partition").arg(format!("count:{part}/{parts}"));
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    // What a program of Nexus keeps until its end is not a leak; proptest looks for the seeds of
    // earlier failures in files.
    command.env("MIRIFLAGS", "-Zmiri-ignore-leaks -Zmiri-disable-isolation");
    command.env("PROPTEST_CASES", CASES).env("PROPTEST_RNG_SEED", "1");
    let (good, text) = capture::run(&mut command)?;
    let outcome = counts::of_output(&text);
    let ran = good && outcome.passed > 0 || outcome.failed > 0;
    Ok(if ran { outcome } else { outcome.and(Outcome::failure("see above")) })
}
