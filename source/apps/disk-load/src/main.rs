//! Loads the disk by the ring of its driver, tells the host how long it takes, and ends the machine
//! (`cargo nexus bench --disk`).
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod load;
mod places;
mod run;
mod side;

use core::convert::Infallible;

use run::Failed;

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    run::run()
}
