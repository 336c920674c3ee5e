//! The one that measures.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use store_load::{Failed, load};

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    load::run()
}
