//! A busd that takes every device, and never says of any that it is set up, or taken back.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use fakes::bus::Silent;
use nexus_rt::StartError;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    busd::serve(Silent::default())
}
