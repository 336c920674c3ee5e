//! The meter.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use nexus_test::Failed;
use pressure::meter::Meter;

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    Meter::new()?.run()
}
