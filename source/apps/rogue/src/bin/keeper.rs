//! The keeper of the hostile owner.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use nexus_test::Failed;
use rogue::keeper::Keeper;

nexus_rt::entry!(main);

fn main() -> Result<Infallible, Failed> {
    Keeper::new()?.run()
}
