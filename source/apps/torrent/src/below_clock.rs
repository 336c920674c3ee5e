//! The same as `below`, by a clock on the wall: what somebody who waits would see.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod measure;

use core::convert::Infallible;

use measure::Bounds;
use nexus_test::Failed;

nexus_rt::entry!(main);

/// QEMU 10 without a count of instructions, on a host that has other things to do.
const BOUNDS: Bounds =
    Bounds { share_ms: 200, share: 250, away: 100_000_000, ledger: 100_000_000, disk: 250_000_000 };

fn main() -> Result<Infallible, Failed> {
    measure::run(&BOUNDS)
}
