//! One of the eight.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use store_load::{Failed, client};

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    client::run()
}
