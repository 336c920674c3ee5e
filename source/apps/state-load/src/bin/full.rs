//! Puts values until the disk is full.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use nexus_test::Failed;

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    state_load::full::run()
}
