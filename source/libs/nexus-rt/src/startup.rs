//! What this process was given at its start.

use nexus_abi::{Error, Handle, Role, Startup, StartupCap};
use nexus_mmio::{ReadOnly, ReadWrite, SharedMemory};
use nexus_proto::Protocol;

use crate::{Client, DeviceWindow, ReadOnlyMemory, Ring, shared};

/// The startup block, for reading.
#[derive(Clone, Copy, Debug)]
pub struct Start(&'static Startup);

/// Something that this process needs is not in its startup block, or could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// No endpoint to serve.
    NothingToServe,
    /// No endpoint of the service with this id.
    NoService(u32),
    /// No device window.
    NoWindow,
    /// More than one device window, where one is meant.
    ManyWindows,
    /// The device in the window is not what it must be.
    WrongDevice,
    /// No such memory.
    NoMemory,
    /// What is in that memory is damaged.
    BadMemory,
    /// The kernel refused to map it.
    Kernel(Error),
}

impl From<Error> for StartError {
    fn from(error: Error) -> StartError {
        StartError::Kernel(error)
    }
}

/// The startup block of this process.
#[must_use]
pub fn startup() -> Start {
    Start(crate::entry::block())
}

impl Start {
    #[cfg(test)]
    pub(crate) fn for_test(block: Startup) -> Start {
        Start(std::boxed::Box::leak(std::boxed::Box::new(block)))
    }

    /// The block itself.
    #[must_use]
    pub fn block(self) -> &'static Startup {
        self.0
    }

    fn first(self, role: Role) -> Option<&'static StartupCap> {
        self.0.with_role(role).next()
    }

    /// The endpoint that this process serves.
    ///
    /// # Errors
    /// `NothingToServe`.
    pub fn serve(self) -> Result<Handle, StartError> {
        self.first(Role::Serve).map(|cap| Handle(cap.handle)).ok_or(StartError::NothingToServe)
    }

    /// The endpoint of the service with this id.
    ///
    /// # Errors
    /// `NoService`.
    pub fn service(self, id: u32) -> Result<Handle, StartError> {
        let cap = self.0.with_role(Role::Service).find(|cap| cap.index == id);
        cap.map(|cap| Handle(cap.handle)).ok_or(StartError::NoService(id))
    }

    /// A client of the service with this id (see [`nexus_proto::ids`]).
    ///
    /// # Errors
    /// `NoService`.
    pub fn client<P: Protocol>(self, id: u32) -> Result<Client<P>, StartError> {
        self.service(id).map(Client::new)
    }

    /// The device windows.
    pub fn windows(self) -> impl Iterator<Item = &'static StartupCap> {
        self.0.with_role(Role::Window)
    }

    /// The one device window of a driver.
    ///
    /// # Errors
    /// `NoWindow`, `ManyWindows`.
    pub fn window(self) -> Result<&'static StartupCap, StartError> {
        let mut windows = self.windows();
        let window = windows.next().ok_or(StartError::NoWindow)?;
        if windows.next().is_some() { Err(StartError::ManyWindows) } else { Ok(window) }
    }

    /// Maps the one device window of a driver.
    ///
    /// # Errors
    /// `NoWindow`, `ManyWindows`, `Kernel`.
    pub fn map_window(self) -> Result<DeviceWindow, StartError> {
        Ok(crate::map_window(self.window()?)?)
    }

    /// The interrupt line of the one device of a driver, if it was given one.
    #[must_use]
    pub fn line(self) -> Option<&'static StartupCap> {
        self.first(Role::Line)
    }

    /// The rings that this process has a part in.
    pub fn rings(self) -> impl Iterator<Item = Ring> {
        self.0.with_role(Role::Ring).filter_map(move |memory| Ring::of(self, memory))
    }

    /// The ring of this process with the service of this id, if it was given one.
    #[must_use]
    pub fn ring(self, peer: u32) -> Option<Ring> {
        self.rings().find(|ring| ring.peer() == peer)
    }

    /// The notification by which this process is told of its rings; a line can be bound to it, too.
    #[must_use]
    pub fn told(self) -> Option<Handle> {
        self.first(Role::Told).map(|cap| Handle(cap.handle))
    }

    /// What a device reaches of this process: its pool and its used rings. `device` is its number in the
    /// description, as in the entry of its window.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn device_memory(self, device: u32) -> Result<DeviceMemory, StartError> {
        let of_it = |role| {
            self.0.with_role(role).find(|cap| cap.index == device).ok_or(StartError::NoMemory)
        };
        Ok(DeviceMemory { pool: of_it(Role::Pool)?, used: of_it(Role::Used)? })
    }

    /// Maps the memory that the ledger lies in until the process ends, readable and writable. Nobody else
    /// has it mapped.
    ///
    /// # Errors
    /// `NoMemory`; `Kernel`: as `vmo_map`.
    pub fn map_record(self) -> Result<SharedMemory<ReadWrite>, StartError> {
        let cap = self.first(Role::Record).ok_or(StartError::NoMemory)?;
        Ok(shared::record(cap)?)
    }

    /// Maps memory with this role: `Description`, `BootArchive` or `DeviceTree`.
    ///
    /// # Errors
    /// `NoMemory`, `Kernel`.
    pub fn map_memory(self, role: Role) -> Result<ReadOnlyMemory, StartError> {
        let given = matches!(role, Role::Description | Role::BootArchive | Role::DeviceTree);
        let cap = self.first(role).filter(|_| given).ok_or(StartError::NoMemory)?;
        Ok(ReadOnlyMemory::map(cap)?)
    }
}

/// The memory of a device, as the startup block names it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceMemory {
    pool: &'static StartupCap,
    used: &'static StartupCap,
}

impl DeviceMemory {
    /// The features that were agreed with the device (virtio 1.2, 2.2).
    #[must_use]
    pub const fn features(self) -> u64 {
        self.pool.base
    }

    /// Bytes of the pool.
    #[must_use]
    pub const fn pool_len(self) -> u64 {
        self.pool.len
    }

    /// Bytes of the used rings.
    #[must_use]
    pub const fn used_len(self) -> u64 {
        self.used.len
    }

    /// Maps the pool until the process ends, readable and writable, 512 pages a call of the kernel.
    ///
    /// # Errors
    /// `Kernel`: as `vmo_map`; `OutOfRange` when it is no whole pages.
    pub fn map_pool(self) -> Result<SharedMemory<ReadWrite>, StartError> {
        Ok(shared::pool(self.pool)?)
    }

    /// Maps the used rings until the process ends, to be read only.
    ///
    /// # Errors
    /// As [`map_pool`](Self::map_pool).
    pub fn map_used(self) -> Result<SharedMemory<ReadOnly>, StartError> {
        Ok(shared::used(self.used)?)
    }
}
