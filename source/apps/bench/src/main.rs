//! The benchmark: measures, tells the host, and ends the machine.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use bench::Failed;

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    bench::run()
}
