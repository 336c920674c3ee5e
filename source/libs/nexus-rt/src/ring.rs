//! The memory that this process shares with one other, for a ring, and how each tells the other.

use nexus_abi::{Error, Handle, Role, StartupCap};
use nexus_mmio::{ReadWrite, SharedMemory};

use crate::{Deadline, Start, StartError, shared, sys};

/// A ring, as the startup block names it.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    memory: &'static StartupCap,
    tell: &'static StartupCap,
    told: Handle,
}

/// How the peer is told, with no more than a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tell {
    notification: Handle,
    bit: u64,
}

impl Tell {
    /// Sets `bit` of `notification`.
    #[must_use]
    pub const fn new(notification: Handle, bit: u64) -> Tell {
        Tell { notification, bit }
    }

    /// Tells the peer.
    ///
    /// # Errors
    /// As `signal`: the notification is gone.
    pub fn tell(self) -> Result<(), Error> {
        sys::signal(self.notification, self.bit)
    }
}

impl Ring {
    /// With all that belongs to it.
    pub(crate) fn of(start: Start, memory: &'static StartupCap) -> Option<Ring> {
        let mut others = start.block().with_role(Role::Tell);
        let tell = others.find(|cap| cap.index == memory.index)?;
        Some(Ring { memory, tell, told: start.told()? })
    }

    /// Service id of the peer.
    #[must_use]
    pub const fn peer(self) -> u32 {
        self.memory.index
    }

    /// Bytes of the memory.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.memory.len
    }

    /// The bit by which this process is told of this ring.
    #[must_use]
    pub const fn bit(self) -> u64 {
        self.memory.base
    }

    /// How the peer is told.
    #[must_use]
    pub const fn tell(self) -> Tell {
        Tell::new(Handle(self.tell.handle), self.tell.base)
    }

    /// Maps the memory until the process ends, readable and writable. The peer, too, writes it at any
    /// time.
    ///
    /// # Errors
    /// `Kernel`: as `vmo_map`; `OutOfRange` when it is no whole pages.
    pub fn map(self) -> Result<SharedMemory<ReadWrite>, StartError> {
        Ok(shared::ring(self.memory)?)
    }

    /// Waits until this process is told of a ring, of this one or another: for one that serves no endpoint.
    /// Returns what it was told.
    ///
    /// # Errors
    /// As `wait`: `TimedOut` at the deadline, `Busy` when it is bound to an endpoint.
    pub fn wait(self, deadline: Deadline) -> Result<u64, Error> {
        sys::wait(self.told, deadline.ticks(), Handle::NONE)
    }
}
