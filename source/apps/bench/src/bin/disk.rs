//! The disk of the benchmark.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_rt::StartError;

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    bench::disk::serve()
}
