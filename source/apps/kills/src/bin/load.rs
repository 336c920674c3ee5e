//! The load by messages of the drivers that are killed.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_test::Failed;

nexus_rt::entry!(main);

fn main() -> Result<(), Failed> {
    kills::load::by_messages()
}
