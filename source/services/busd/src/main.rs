//! busd, with the kernel that runs it.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use busd::Live;
use nexus_rt::StartError;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    busd::serve(Live)
}
