//! A busd that answers with more or less than it was asked for, or with something else.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use busd::Live;
use fakes::bus::Garbled;
use nexus_rt::StartError;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    busd::serve(Garbled::new(Live))
}
