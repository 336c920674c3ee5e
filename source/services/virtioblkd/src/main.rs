//! Owner of the disk: reads and writes it for those who may ask.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_rt::abi::Role;
use nexus_rt::{StartError, drive, owner, startup};
use nexus_sysdesc::{Description, Permission};
use nexus_virtio::DeviceType;
use virtioblkd::config::{Config, LEN};
use virtioblkd::disk::Disk;
use virtioblkd::engine::Engine;
use virtioblkd::server::Server;

nexus_rt::entry!(main);

/// Heads of the queue, of all shapes: as many as services/virtioblkd.toml asks for.
const HEADS: usize = 161;

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let mut device = nexus_virtio::owner::take::<LEN>(DeviceType::BLOCK)?;
    let (queue, heads, slots) = device.queue::<HEADS>(0)?;
    let refused =
        |why: &dyn core::fmt::Display| owner::wrong_device(why, DeviceType::BLOCK.id().into());
    let config =
        Config::read(&device.regs, |feature| device.has(feature)).map_err(|why| refused(&why))?;
    let disk = Disk::new(config, queue, heads, slots).map_err(|why| refused(&why))?;
    let permitted = permitted()?;
    device.ready();
    let line = owner::line(endpoint);
    let engine = Engine::new(disk, None::<nexus_ring::Driver<SharedMemory<ReadWrite>, 64>>);
    let mut server = Server::new(engine, device.regs, permitted, line.is_some());
    Err(StartError::Kernel(drive(endpoint, line, &mut server)))
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
