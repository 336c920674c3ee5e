//! The service that sees the others go on.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use faults::others::Others;
use nexus_rt::{StartError, run, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let end = run(startup().serve()?, &mut Others::new()?);
    Err(StartError::Kernel(end))
}
