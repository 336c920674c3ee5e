//! Tests under the interpreter that knows undefined behaviour.

use crate::steps::outcome::Outcome;
use crate::steps::tools::{has, nightly};
use crate::steps::{capture, counts};
use anyhow::Result;

/// The kernel's logic, and the libraries that every program is linked with.
const PACKAGES: &[&str] = &[
    "neuron-core",
    "nexus-abi",
    "nexus-loader",
    "nexus-mmio",
    "nexus-proto",
    "nexus-rt",
    "nexus-sysdesc",
    "nexus-virtio",
];

pub(super) fn check() -> Result<Outcome> {
    let mut command = match has("nextest")? {
        true => nightly(&["miri", "nextest", "run", "--no-fail-fast"])?,
        false => nightly(&["miri", "test", "--no-fail-fast"])?,
    };
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    // What a program of Nexus keeps until its end is not a leak.
    command.env("MIRIFLAGS", "-Zmiri-ignore-leaks");
    let (good, text) = capture::run(&mut command)?;
    let outcome = counts::of_output(&text);
    let ran = good && outcome.passed > 0 || outcome.failed > 0;
    Ok(if ran { outcome } else { outcome.and(Outcome::failure("see above")) })
}
