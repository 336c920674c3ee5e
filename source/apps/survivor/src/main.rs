//! Uses the disk and the network while their drivers are killed, and says what was lost: nothing that was
//! acknowledged, and nothing without a word.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod disk;
mod failed;
mod frames;
mod messages;
mod side;
mod victim;

use alloc::format;
use core::convert::Infallible;

use failed::Failed;
use nexus_rt::proof;
use nexus_test::Host;

nexus_rt::entry!(main);

/// A use of a driver, which counts what it has seen to be as it must.
type Use = fn() -> Result<u32, Failed>;

/// Each, by the name of what it shows.
const USES: [(&str, Use); 3] = [
    ("disk-survives", disk::by_ring),
    ("messages-survive", messages::asked),
    ("frames-survive", frames::by_ring),
];

fn main() -> Result<Infallible, Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let (mut passed, mut failed) = (0, 0);
    for (name, used) in USES {
        match used().and_then(|checks| Ok(proof(name, checks)?)) {
            Ok(()) => passed += 1,
            Err(why) => {
                failed += 1;
                host.console.line(&format!("{name}: {why:?}"))?;
            }
        }
    }
    Ok(host.end(passed, failed)?)
}
