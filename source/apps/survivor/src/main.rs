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
use nexus_rt::Deadline;
use nexus_test::{Facts, Host};

nexus_rt::entry!(main);

/// A use of a driver, which counts what it has seen to be as it must.
type Use = fn() -> Result<u32, Failed>;

/// Each, by the name of what it shows.
const USES: [(&str, Use); 3] = [
    ("disk-survives", disk::by_ring),
    ("messages-survive", messages::asked),
    ("frames-survive", frames::by_ring),
];

fn main() -> Result<Infallible, nexus_test::Failed> {
    let host = Host::new()?;
    host.wait_for_owners()?;
    let mut facts = Facts::new(host);
    for (name, used) in USES {
        facts.tell(name, &used().map_err(|why| format!("{why:?}")))?;
    }
    facts.host.witness(Deadline::NEVER)?;
    facts.end()
}
