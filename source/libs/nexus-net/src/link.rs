//! How netstackd is told, waited for and attached to.

use nexus_mmio::{ReadWrite, SharedMemory, SharedMut};
use nexus_proto::ids;
use nexus_proto::socket::{Attach, Socket as Protocol, Wait, ring::ENTRIES};
use nexus_ring::Consumer;
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Client, Deadline, Ring, attach, startup};

use crate::{Error, Net};

/// What is between a client and netstackd, beside the memory `M`.
pub trait Link<M> {
    /// Has netstackd join the attachment that `side` has begun.
    ///
    /// # Errors
    /// It does not.
    fn attach(
        &mut self,
        side: &mut Consumer<M, ENTRIES>,
        deadline: Deadline,
    ) -> Result<(), CallError>;

    /// Tells netstackd that something was asked.
    ///
    /// # Errors
    /// It is gone.
    fn tell(&mut self) -> Result<(), KernelError>;

    /// Waits until this process is told of something, of this ring or another.
    ///
    /// # Errors
    /// `TimedOut`; it is gone for good.
    fn wait(&mut self, deadline: Deadline) -> Result<(), KernelError>;

    /// Tells netstackd that something was asked, and waits until this process is told of something: when `calm`, not of
    /// what is merely sent, finished or let go.
    ///
    /// # Errors
    /// As [`tell`](Self::tell) and [`wait`](Self::wait).
    fn tell_and_wait(&mut self, _calm: bool, deadline: Deadline) -> Result<(), KernelError> {
        self.tell()?;
        self.wait(deadline)
    }
}

/// The link of a process that serves no endpoint: it waits for what it is told.
#[derive(Clone, Copy, Debug)]
pub struct RingLink {
    ring: Ring,
    client: Client<Protocol>,
}

impl<M: SharedMut> Link<M> for RingLink {
    fn attach(
        &mut self,
        side: &mut Consumer<M, ENTRIES>,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        attach(&self.client, &Attach {}, [side], deadline)
    }

    fn tell(&mut self) -> Result<(), KernelError> {
        self.ring.tell().tell()
    }

    fn wait(&mut self, deadline: Deadline) -> Result<(), KernelError> {
        self.ring.wait(deadline).map(|_| ())
    }

    fn tell_and_wait(&mut self, calm: bool, deadline: Deadline) -> Result<(), KernelError> {
        self.ring.tell_and_wait(&self.client, &Wait::new(calm), deadline)
    }
}

/// The network as a service of the system has it.
pub type System = Net<RingLink, SharedMemory<ReadWrite>>;

/// The network, by the ring of this process with netstackd.
///
/// # Errors
/// [`Error::NoRing`].
pub fn open() -> Result<System, Error> {
    open_with(ids::NETSTACKD)
}

/// The network, by the ring of this process with the service of this id.
///
/// # Errors
/// [`Error::NoRing`].
pub fn open_with(service: u32) -> Result<System, Error> {
    let start = startup();
    let ring = start.ring(service).ok_or(Error::NoRing(None))?;
    let client = start.client(service).map_err(|why| Error::NoRing(Some(why)))?;
    let memory = ring.map().map_err(|why| Error::NoRing(Some(why)))?;
    Net::new(RingLink { ring, client }, memory, start.block().incarnation)
}
