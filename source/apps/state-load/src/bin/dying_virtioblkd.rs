//! virtioblkd, of which the lives die at their requests ([`state_load::dying`]): the first at the first step, the second
//! at the second, and so on ([`steps`]). A later one lasts.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use nexus_abi::Handle;
use nexus_ring::Driver;
use nexus_rt::{StartError, drive, entry, log, owner, startup};
use nexus_virtio::owner::description;
use state_load::deaths::steps;
use state_load::dying::{Dying, Steps};
use virtioblkd::engine::Engine;
use virtioblkd::requests::{ENTRIES, OPS};
use virtioblkd::server::{Consumer, Server};
use virtioblkd::start::{Memory, start_by};

nexus_rt::entry!(main);

/// No handle: each life would tell the log the same lines and the same proofs again.
const NOBODY: Handle = Handle(u64::MAX);
/// The code that it ends with.
const DEAD: u64 = 3;

fn main() -> Result<(), StartError> {
    log::to_logd(NOBODY);
    let endpoint = startup().serve()?;
    let life = startup().block().incarnation;
    let steps = Steps::new(steps(life), || entry::end(DEAD));
    let (disk, regs) = start_by(&description()?, |window| Dying::new(window, steps.clone()))?;
    let line = owner::line(endpoint);
    let ring = owner::ring();
    let peer = ring.as_ref().map(|(ring, _)| *ring);
    let driver = ring.and_then(|(_, memory): (_, Memory)| {
        Driver::<_, ENTRIES>::new(Dying::new(memory, steps), OPS).ok()
    });
    let consumer = peer.map(|ring| Consumer::new(ring.peer(), ring.bit(), ring.tell()));
    let engine = Engine::new(disk, driver);
    let mut server = Server::new(engine, regs, Vec::new(), consumer, line.is_some());
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}
