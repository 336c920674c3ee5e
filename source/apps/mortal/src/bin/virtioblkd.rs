//! virtioblkd, which dies where it is told to.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use mortal::ask::KEEPER;
use mortal::life::{Life, MortalBus, MortalServer};
use nexus_abi::Handle;
use nexus_ring::Driver;
use nexus_rt::{StartError, drive, log, owner, startup};
use nexus_virtio::owner::description;
use virtioblkd::engine::Engine;
use virtioblkd::requests::ENTRIES;
use virtioblkd::server::Server;
use virtioblkd::start::{Memory, start_by};

nexus_rt::entry!(main);

/// No handle: each life would tell the log the same lines and the same proofs again.
const NOBODY: Handle = Handle(u64::MAX);

fn main() -> Result<(), StartError> {
    log::to_logd(NOBODY);
    let endpoint = startup().serve()?;
    let life = Life::begin()?;
    life.step();
    let (disk, regs) = start_by(&description()?, |window| MortalBus::new(window, &life))?;
    life.step();
    let line = owner::line(endpoint);
    life.step();
    let ring: Option<Driver<Memory, ENTRIES>> = None;
    let permitted = Vec::from([KEEPER]);
    let server = Server::new(Engine::new(disk, ring), regs, permitted, None, line.is_some());
    Err(StartError::Kernel(drive(endpoint, line, &mut MortalServer::new(server, &life))))
}
