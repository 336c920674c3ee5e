//! virtioblkd, whose registers have random values.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use faults::ask::KEEPER;
use faults::lies::{LyingBus, begin};
use nexus_ring::Driver;
use nexus_rt::{StartError, drive, owner, startup};
use nexus_virtio::owner::description;
use virtioblkd::engine::Engine;
use virtioblkd::requests::ENTRIES;
use virtioblkd::server::Server;
use virtioblkd::start::{Memory, start_by};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let seed = begin()?;
    let endpoint = startup().serve()?;
    let (disk, regs) = start_by(&description()?, |window| LyingBus::new(window, seed))?;
    let line = owner::line(endpoint);
    let ring: Option<Driver<Memory, ENTRIES>> = None;
    let permitted = Vec::from([KEEPER]);
    let mut server = Server::new(Engine::new(disk, ring), regs, permitted, None, line.is_some());
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}
