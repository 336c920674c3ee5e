//! A device that was reset is set up (virtio 1.2, 3.1.1 and 4.2.3).

use nexus_abi::Handle;
use nexus_mmio::{Readable, Reg, Writable};
use nexus_sysdesc::Serial;
use nexus_sysdesc::ask::{ANSWER, Ask, TOLD, told};
use nexus_sysdesc::layout::{Layout, QueueLayout, Seal};
use nexus_sysdesc::sealed::class;
use nexus_virtio::regs::{
    ACKNOWLEDGE, DEVICE_FEATURES, DEVICE_FEATURES_SEL, DEVICE_ID, DRIVER, DRIVER_FEATURES,
    DRIVER_FEATURES_SEL, DRIVER_OK, FEATURES_OK, MAGIC, MAGIC_VALUE, MODERN, QUEUE_NOTIFY,
    QUEUE_NUM, QUEUE_NUM_MAX, QUEUE_READY, QUEUE_SEL, STATUS, VERSION,
};

use crate::memory::Made;
use crate::{Failure, Kernel, features};

/// Registers of a queue that take an address, which the kernel writes: QueueDesc, QueueDriver, QueueDevice.
const QUEUE_DESC: u64 = 0x80;
const QUEUE_DRIVER: u64 = 0x90;
const QUEUE_DEVICE: u64 = 0xa0;

/// Queues of a device that are looked at: those that are not described must not be used.
const LOOKED_AT: u32 = 16;

pub(crate) type Result<T = ()> = core::result::Result<T, Failure>;

/// What was agreed with a device that is set up: the features, and the digest of what was placed.
pub(crate) type Agreed = (u64, u64);

/// A window, while busd works on its device.
pub(crate) struct Setup<'a, K> {
    pub(crate) kernel: &'a mut K,
    pub(crate) window: Handle,
}

impl<K: Kernel> Setup<'_, K> {
    fn read<A: Readable, const AT: usize>(&mut self, _: Reg<u32, A, AT>) -> Result<u32> {
        Ok(self.kernel.read(self.window, AT)?)
    }

    fn write<A: Writable, const AT: usize>(&mut self, _: Reg<u32, A, AT>, value: u32) -> Result {
        Ok(self.kernel.write(self.window, AT, value)?)
    }

    /// Begins a reset, the first time, and looks whether it is over. The verdict is the status, read once
    /// more.
    ///
    /// # Errors
    /// It is not over when it has been looked at more than `most` times.
    pub(crate) fn reset(&mut self, polls: u32, most: u32) -> Result<bool> {
        if polls == 0 {
            match self.read(MAGIC_VALUE)? {
                MAGIC => self.write(STATUS, 0)?,
                magic => return Err(Failure::NotVirtio(magic, 0)),
            }
        }
        if self.read(STATUS)? != 0 && polls < most {
            return Ok(false);
        }
        match self.read(STATUS)? {
            0 => Ok(true),
            status => Err(Failure::NotReset(status)),
        }
    }

    /// Looks whether this is a virtio device of today, with the DeviceID that it must have, and of the list.
    pub(crate) fn identify(&mut self, id: u32) -> Result {
        match (self.read(MAGIC_VALUE)?, self.read(VERSION)?) {
            (MAGIC, MODERN) => {}
            (magic, version) => return Err(Failure::NotVirtio(magic, version)),
        }
        match self.read(DEVICE_ID)? {
            // What is not of the list may be sent addresses.
            found if found == id => class(id).map(|_| ()).ok_or(Failure::CarriesAddresses(id)),
            found => Err(Failure::AnotherDevice(found)),
        }
    }

    /// Sets a device up that was reset and identified: `id` is its DeviceID. `digest` is that of what is placed,
    /// where it was placed before.
    pub(crate) fn run(
        &mut self,
        id: u32,
        layout: &Layout,
        memory: Made,
        digest: Option<u64>,
    ) -> Result<Agreed> {
        let features = self.negotiate(id)?;
        let mut seal = digest.is_none().then(Seal::default);
        layout.descriptors().try_for_each(|one| {
            let object = if one.of_tables { memory.tables } else { memory.pool };
            seal.iter_mut().for_each(|seal| seal.descriptor(&one));
            self.kernel.place(memory.tables, object, &one)
        })?;
        for number in 0..LOOKED_AT {
            let at = usize::try_from(number).unwrap_or(usize::MAX);
            match layout.queues.get(at) {
                Some(queue) => self.queue(number, queue, memory, &mut seal)?,
                None if self.is_idle(number)? => {}
                None => return Err(Failure::QueueReady(number)),
            }
        }
        self.advance(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)?;
        Ok((features, digest.or(seal.map(Seal::finish)).unwrap_or(0)))
    }

    /// Says that the device was seen, and agrees on features.
    fn negotiate(&mut self, id: u32) -> Result<u64> {
        self.advance(ACKNOWLEDGE)?;
        self.advance(ACKNOWLEDGE | DRIVER)?;
        let features = features::agree(id, self.offered()?)?;
        for (half, bits) in [(0, features & 0xffff_ffff), (1, features >> 32)] {
            self.write(DRIVER_FEATURES_SEL, half)?;
            self.write(DRIVER_FEATURES, u32::try_from(bits).unwrap_or(0))?;
        }
        self.advance(ACKNOWLEDGE | DRIVER | FEATURES_OK)?;
        Ok(features)
    }

    fn offered(&mut self) -> Result<u64> {
        let mut offered = 0;
        for half in [1, 0] {
            self.write(DEVICE_FEATURES_SEL, half)?;
            offered = offered << 32 | u64::from(self.read(DEVICE_FEATURES)?);
        }
        Ok(offered)
    }

    /// Writes the status, which must read back: a device that refuses, or gives up, shows it there.
    fn advance(&mut self, status: u32) -> Result {
        self.write(STATUS, status)?;
        match self.read(STATUS)? {
            found if found == status => Ok(()),
            found => Err(Failure::Status(found)),
        }
    }

    /// Tells the device where the parts of a queue are, and to use it.
    fn queue(
        &mut self,
        number: u32,
        queue: &QueueLayout,
        memory: Made,
        seal: &mut Option<Seal>,
    ) -> Result {
        if !self.is_idle(number)? {
            return Err(Failure::QueueReady(number));
        }
        if self.read(QUEUE_NUM_MAX)? < u32::from(queue.size) {
            return Err(Failure::NoQueue(number));
        }
        self.write(QUEUE_NUM, queue.size.into())?;
        self.kernel.point(self.window, QUEUE_DESC, memory.tables, queue.table)?;
        self.kernel.point(self.window, QUEUE_DRIVER, memory.pool, queue.avail)?;
        self.kernel.point(self.window, QUEUE_DEVICE, memory.used, queue.used)?;
        let places = [queue.table, queue.avail, queue.used];
        seal.iter_mut().for_each(|seal| seal.queue(queue.size, places));
        self.write(QUEUE_READY, 1)?;
        match self.read(QUEUE_READY)? {
            1 => Ok(()),
            _ => Err(Failure::QueueReady(number)),
        }
    }

    /// Asks a disk that was set up for its serial number.
    pub(crate) fn ask(&mut self, ask: &Ask, memory: Made) -> Result {
        for (at, bytes) in ask.request() {
            self.kernel.put(memory.pool, at, &bytes)?;
        }
        self.write(QUEUE_NOTIFY, 0)
    }

    /// Looks whether it has answered, and what.
    ///
    /// # Errors
    /// This is no answer; or there is none when it `must` be there.
    pub(crate) fn hear(&mut self, ask: &Ask, memory: Made, must: bool) -> Result<Option<Serial>> {
        let (mut used, mut bytes) = ([0; ANSWER], [0; TOLD]);
        self.kernel.get(memory.used, ask.used, &mut used)?;
        if !ask.is_answered(used, must).map_err(Failure::NoSerial)? {
            return Ok(None);
        }
        self.kernel.get(memory.pool, ask.data, &mut bytes)?;
        told(bytes).map(Some).map_err(Failure::NoSerial)
    }

    /// Chooses a queue; true when the device does not use it.
    fn is_idle(&mut self, number: u32) -> Result<bool> {
        self.write(QUEUE_SEL, number)?;
        Ok(self.read(QUEUE_READY)? == 0)
    }
}
