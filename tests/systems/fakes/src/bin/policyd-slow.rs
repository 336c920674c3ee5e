//! A policyd that takes every question and answers none.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    Err(fakes::ignore_all(startup().serve()?).into())
}
