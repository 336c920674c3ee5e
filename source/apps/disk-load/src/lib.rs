//! Loads the disk by the ring of its driver, tells the host how long it takes, and ends the machine
//! (`cargo nexus bench --disk`).
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod load;
mod places;
mod run;
mod side;

pub use run::{Failed, run};
