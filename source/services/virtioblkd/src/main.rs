//! Owner of the disk: reads and writes it for those who may ask.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use nexus_ring::Driver;
use nexus_rt::{StartError, drive, owner, startup};
use nexus_sysdesc::{Description, Permission};
use nexus_virtio::owner::description;
use virtioblkd::engine::Engine;
use virtioblkd::requests::{ENTRIES, OPS};
use virtioblkd::server::{Consumer, Server};
use virtioblkd::start::{Memory, start};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let description = description()?;
    let permitted = permitted(&description);
    let (disk, regs) = start(&description)?;
    drop(description);
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
fn permitted(description: &Description) -> Vec<u32> {
    let ids = description.services.iter().map(|service| service.id);
    ids.filter(|id| description.permits(*id, Permission::Disk)).collect()
}
