//! How statefsd is told, waited for and attached to.

use nexus_mmio::{ReadWrite, SharedMemory, SharedMut};
use nexus_proto::ids;
use nexus_proto::state::{Attach, Info, Standing, State as Protocol, Wait, ring::ENTRIES};
use nexus_ring::Consumer;
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Client, Deadline, Ring, attach, startup};

use crate::{Error, State};

/// Milliseconds that statefsd has to say how the store stands: it does so while it waits for the disk.
const ANSWER_MS: u64 = 1000;

/// What is between a client and statefsd, beside the memory `M`.
pub trait Link<M> {
    /// Has statefsd join the attachment that `side` has begun.
    ///
    /// # Errors
    /// It does not.
    fn attach(
        &mut self,
        side: &mut Consumer<M, ENTRIES>,
        deadline: Deadline,
    ) -> Result<(), CallError>;

    /// True when statefsd says that it is opening the store: then it attaches nobody yet.
    fn is_opening(&mut self) -> bool;

    /// Tells statefsd that something was asked.
    ///
    /// # Errors
    /// It is gone.
    fn tell(&mut self) -> Result<(), KernelError>;

    /// Waits until this process is told of something.
    ///
    /// # Errors
    /// `TimedOut`; it is gone for good.
    fn wait(&mut self, deadline: Deadline) -> Result<(), KernelError>;

    /// Tells statefsd that something was asked, and waits until this process is told of something.
    ///
    /// # Errors
    /// As [`tell`](Self::tell) and [`wait`](Self::wait).
    fn tell_and_wait(&mut self, deadline: Deadline) -> Result<(), KernelError> {
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

    fn is_opening(&mut self) -> bool {
        let info = self.client.call(&Info {}, Deadline::after_ms(ANSWER_MS));
        info.is_ok_and(|info| info.standing == Standing::Opening)
    }

    fn tell(&mut self) -> Result<(), KernelError> {
        self.ring.tell().tell()
    }

    fn wait(&mut self, deadline: Deadline) -> Result<(), KernelError> {
        self.ring.wait(deadline).map(|_| ())
    }

    fn tell_and_wait(&mut self, deadline: Deadline) -> Result<(), KernelError> {
        self.ring.tell_and_wait(&self.client, &Wait {}, deadline)
    }
}

/// The store, by the ring of this process with statefsd.
///
/// # Errors
/// [`Error::NoRing`].
pub fn open() -> Result<State<RingLink, SharedMemory<ReadWrite>>, Error> {
    open_with(ids::STATEFSD)
}

/// The store, by the ring of this process with the service of this id.
///
/// # Errors
/// [`Error::NoRing`].
pub fn open_with(service: u32) -> Result<State<RingLink, SharedMemory<ReadWrite>>, Error> {
    let start = startup();
    let ring = start.ring(service).ok_or(Error::NoRing(None))?;
    let client = start.client(service).map_err(|why| Error::NoRing(Some(why)))?;
    let memory = ring.map().map_err(|why| Error::NoRing(Some(why)))?;
    State::new(RingLink { ring, client }, memory, start.block().incarnation)
}
