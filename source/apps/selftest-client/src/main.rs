//! The tests in the guest: proves what it can, tells the host, and ends the machine.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use selftest_client::{Context, Failure, run};

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failure> {
    run(&Context::new()?)
}
