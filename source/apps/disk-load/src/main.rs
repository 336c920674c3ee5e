//! Loads the disk, and tells how long that takes.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use disk_load::{Failed, run};

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    run()
}
