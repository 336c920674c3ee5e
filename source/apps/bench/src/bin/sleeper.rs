//! A process of the benchmark whose threads wait.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_rt::{StartError, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    Ok(bench::sleeper::serve(startup().serve()?)?)
}
