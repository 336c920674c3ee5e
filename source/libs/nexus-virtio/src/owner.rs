//! What every owner of a virtio device does first.

use alloc::format;
use alloc::string::String;

use nexus_mmio::{Bus, ReadOnly, ReadWrite, Registers, SharedMemory};
use nexus_proto::device::Identity;
use nexus_rt::abi::Role;
use nexus_rt::{DeviceWindow, Start, StartError, owner, startup};
use nexus_sysdesc::Description;
use nexus_sysdesc::layout::Layout;

use crate::sealed::{Driven, Misfit, Mismatch, Sealed, lengths};
use crate::{DeviceType, Feature, Refused, identify};

/// A queue of this process: see [`Owner::queue`].
pub type OwnQueue<const HEADS: usize> =
    Driven<SharedMemory<ReadWrite>, SharedMemory<ReadOnly>, HEADS>;

type OwnQueues = Sealed<SharedMemory<ReadWrite>, SharedMemory<ReadOnly>>;

/// A device of this process that was set up for it. `BYTES` is the length of the driver's block of registers:
/// [`regs::LEN`](crate::regs::LEN), and as much of the configuration space as it uses; `B` is how it reaches
/// them.
#[derive(Debug)]
pub struct Owner<const BYTES: usize, B = DeviceWindow> {
    /// Its registers, the doorbell among them.
    pub regs: Registers<B, BYTES>,
    /// What it says it is.
    pub identity: Identity,
    sealed: OwnQueues,
}

/// The description of the system, which says what the device of this process reaches, and who may ask for what.
/// What is wrong is logged.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn description() -> Result<Description, StartError> {
    let memory = startup().map_memory(Role::Description)?;
    Description::decode(memory.bytes()).map_err(|error| {
        nexus_rt::error!("the description cannot be read: {error}");
        StartError::BadMemory
    })
}

/// Takes the one device of this process: maps its window, checks that `expected` is in it, finds what it
/// reaches in the description of the system, and maps the pool and the used rings if they are exactly that
/// long. What is wrong is logged, told to init, and the end of the driver.
///
/// # Errors
/// Why it cannot work with it.
pub fn take<const BYTES: usize>(expected: DeviceType) -> Result<Owner<BYTES>, StartError> {
    let (regs, identity) = identified(expected, |window| window)?;
    Owner::new(regs, identity, &description()?)
}

/// The same, by a [`description`] that the caller has, since to read it is most of what a driver does when it begins;
/// and with something of the caller's between the driver and the registers.
///
/// # Errors
/// As [`take`].
pub fn take_by<const BYTES: usize, B: Bus>(
    expected: DeviceType,
    description: &Description,
    by: impl FnOnce(DeviceWindow) -> B,
) -> Result<Owner<BYTES, B>, StartError> {
    let (regs, identity) = identified(expected, by)?;
    Owner::new(regs, identity, description)
}

impl<const BYTES: usize, B> Owner<BYTES, B> {
    fn new(
        regs: Registers<B, BYTES>,
        identity: Identity,
        description: &Description,
    ) -> Result<Self, StartError> {
        let sealed = sealed(startup(), description, &identity)?;
        Ok(Owner { regs, identity, sealed })
    }

    /// True when `feature` was agreed with the device.
    #[must_use]
    pub const fn has(&self, feature: Feature) -> bool {
        self.sealed.has(feature)
    }

    /// Takes queue `number`, with its heads and their slots. `HEADS` is how many the driver is built for;
    /// how many there are is in the description. What is wrong is logged and told to init.
    ///
    /// # Errors
    /// `WrongDevice`: there is no such queue, or it has another number of heads.
    pub fn queue<const HEADS: usize>(
        &mut self,
        number: u16,
    ) -> Result<OwnQueue<HEADS>, StartError> {
        self.sealed.queue(number).map_err(|misfit| refused(&misfit, &self.identity))
    }

    /// Tells logd and init that this process serves the device. A test run sees the proof
    /// `mmio-window-mapped`.
    pub fn ready(&self) {
        ready(&self.identity);
    }
}

fn identified<const BYTES: usize, B: Bus>(
    expected: DeviceType,
    by: impl FnOnce(DeviceWindow) -> B,
) -> Result<(Registers<B, BYTES>, Identity), StartError> {
    Registers::new(by(owner::window()?))
        .map_err(Refused::TooSmall)
        .and_then(|regs| identify(&regs, expected).map(|identity| (regs, identity)))
        .map_err(|refused| owner::wrong_device(&refused, refused.device_id().into()))
}

fn refused(misfit: &Misfit, identity: &Identity) -> StartError {
    owner::wrong_device(misfit, identity.device_id.into())
}

fn ready(identity: &Identity) {
    // Only a test run keeps it, and only a test run misses it.
    let _ = nexus_rt::proof("mmio-window-mapped", 2);
    owner::ready(identity.device_id.into());
}

/// The memory of the one device, mapped.
fn sealed(
    start: Start,
    description: &Description,
    identity: &Identity,
) -> Result<OwnQueues, StartError> {
    let device = start.window()?.index;
    let (place, layout) = described(description, start.block().service_id, device)?;
    let wrong = |what| refused(&Misfit { place: place.clone(), what }, identity);
    let layout = layout.ok_or_else(|| wrong(Mismatch::NoQueues))?;
    let memory = start.device_memory(device).map_err(|_| wrong(Mismatch::NoMemory))?;
    // Before anything is mapped.
    lengths(&layout, memory.pool_len(), memory.used_len()).map_err(wrong)?;
    let (pool, used) = (memory.map_pool()?, memory.map_used()?);
    Sealed::new(&place, layout, memory.features(), pool, used)
        .map_err(|misfit| refused(&misfit, identity))
}

/// What a service asks its device to reach, and where that is said.
fn described(
    description: &Description,
    service: u32,
    device: u32,
) -> Result<(String, Option<Layout>), StartError> {
    let number = u16::try_from(device).map_err(|_| StartError::BadMemory)?;
    let service = description.service(service).ok_or(StartError::BadMemory)?;
    let name = description.device(number).map_or("?", |device| &device.name);
    let place = format!("services/{}.toml, needs {name}", service.name);
    let need = service.need(number).filter(|need| !need.queues.is_empty());
    Ok((place, need.and_then(|need| Layout::of(&need.queues))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regs::LEN;

    #[test]
    fn an_owner_that_was_given_nothing_ends() {
        let taken = take::<LEN>(DeviceType::ENTROPY).map(|_| ());
        assert_eq!(taken, Err(StartError::NoWindow));
    }
}
