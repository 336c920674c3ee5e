//! The keeper of the virtioblkd that dies.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use mortal::device_keeper::{Keeper, sector};
use nexus_test::Failed;

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    Keeper::new(sector)?.run()
}
