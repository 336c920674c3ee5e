//! The disk of this process.

use core::fmt::Display;

use nexus_mmio::{Bus, ReadOnly, ReadWrite, Registers, SharedMemory};
use nexus_rt::{DeviceWindow, StartError, owner};
use nexus_sysdesc::Description;
use nexus_virtio::DeviceType;
use nexus_virtio::block::{Config, LEN};
use nexus_virtio::owner::take_by;

use crate::disk::Disk;

/// Heads of the queue, of all shapes: as many as services/virtioblkd.toml asks for.
pub const HEADS: usize = 161;

/// Memory that the device, or the consumer at the ring, reaches as well.
pub type Memory = SharedMemory<ReadWrite>;
/// The disk of this process.
pub type OwnDisk = Disk<Memory, SharedMemory<ReadOnly>, Memory, HEADS>;
/// Its registers.
pub type OwnRegisters = Registers<DeviceWindow, LEN>;

/// Takes the one device of this process, which must be a disk, and tells that it serves it. What is wrong is
/// logged and told to init.
///
/// # Errors
/// Why it cannot work with it.
pub fn start(description: &Description) -> Result<(OwnDisk, OwnRegisters), StartError> {
    start_by(description, |window| window)
}

/// The same, with something of the caller's between the driver and the registers.
///
/// # Errors
/// As [`start`].
pub fn start_by<B: Bus>(
    description: &Description,
    by: impl FnOnce(DeviceWindow) -> B,
) -> Result<(OwnDisk, Registers<B, LEN>), StartError> {
    let mut device = take_by::<LEN, B>(DeviceType::BLOCK, description, by)?;
    let (queue, heads, slots) = device.queue::<HEADS>(0)?;
    let config = Config::read(&device.regs, |feature| device.has(feature));
    let config = config.map_err(|why| refused(&why))?;
    let disk = Disk::new(config, queue, heads, slots).map_err(|why| refused(&why))?;
    device.ready();
    Ok((disk, device.regs))
}

fn refused(why: &dyn Display) -> StartError {
    owner::wrong_device(why, DeviceType::BLOCK.id().into())
}
