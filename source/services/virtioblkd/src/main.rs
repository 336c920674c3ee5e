//! Owner of the disk: reads and writes it for those who may ask.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use nexus_ring::Driver;
use nexus_rt::abi::Role;
use nexus_rt::{StartError, drive, owner, startup};
use nexus_sysdesc::{Description, Permission};
use virtioblkd::engine::Engine;
use virtioblkd::requests::{ENTRIES, OPS};
use virtioblkd::server::{Consumer, Server};
use virtioblkd::start::{Memory, start};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let permitted = permitted()?;
    let (disk, regs) = start()?;
    let line = owner::line(endpoint);
    let ring = owner::ring();
    let peer = ring.as_ref().map(|(ring, _)| *ring);
    let driver = ring.and_then(|(_, memory)| driver(memory));
    let consumer = peer.filter(|_| driver.is_some());
    let consumer = consumer.map(|ring| Consumer::new(ring.peer(), ring.bit(), ring.tell()));
    let engine = Engine::new(disk, driver);
    let mut server = Server::new(engine, regs, permitted, consumer, line.is_some());
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
}

/// Its side of the ring with its consumer, if there is room for one.
fn driver(memory: Memory) -> Option<Driver<Memory, ENTRIES>> {
    let driver = Driver::new(memory, OPS);
    driver.inspect_err(|error| nexus_rt::error!("no ring: {error}")).ok()
}

/// The services that may read and write the disk.
fn permitted() -> Result<Vec<u32>, StartError> {
    let memory = startup().map_memory(Role::Description)?;
    let description = Description::decode(memory.bytes()).map_err(|error| {
        nexus_rt::error!("{error}");
        StartError::BadMemory
    })?;
    let ids = description.services.iter().map(|service| service.id);
    Ok(ids.filter(|id| description.permits(*id, Permission::Disk)).collect())
}
