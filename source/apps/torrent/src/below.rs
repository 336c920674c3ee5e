//! Somebody below the network stack, while frames come without end, on a machine that counts instructions as time: what is
//! bounded is the same on every machine.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod measure;

use core::convert::Infallible;

use measure::Bounds;
use nexus_test::Failed;

nexus_rt::entry!(main);

/// A nanosecond is an instruction.
const BOUNDS: Bounds =
    Bounds { share_ms: 50, share: 400, away: 4_000_000, ledger: 2_500_000, disk: 40_000_000 };

fn main() -> Result<Infallible, Failed> {
    measure::run(&BOUNDS)
}
