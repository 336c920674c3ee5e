//! The hostile consumer.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use faults::consumer::Hostile;
use nexus_rt::{StartError, run, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let end = run(startup().serve()?, &mut Hostile::new()?);
    Err(StartError::Kernel(end))
}
