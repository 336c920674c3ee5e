//! A busd that ends when it has set the first device up, before it says so.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use fakes::bus::Dying;
use nexus_rt::StartError;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    busd::serve(Dying::default())
}
