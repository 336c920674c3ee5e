//! The store, by the ring that this shell shares with statefsd.

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_state::{Error, RingLink, State};

/// How the shell asks statefsd.
pub type Client = State<RingLink, SharedMemory<ReadWrite>>;

/// The store: its ring is mapped when it is first used, and kept.
#[derive(Debug, Default)]
pub struct Store(Option<Client>);

impl Store {
    /// What is asked.
    ///
    /// # Errors
    /// [`Error::NoRing`].
    pub fn open(&mut self) -> Result<&mut Client, Error> {
        if self.0.is_none() {
            self.0 = Some(nexus_state::open()?);
        }
        self.0.as_mut().ok_or(Error::NoRing(None))
    }
}
