//! Services.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::{EndReason, Rights};
use serde::{Deserialize, Serialize};

use super::{OpenTree, Permit, Queue, Reach, Ring, Sockets, Tree};

/// One program and what it is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Service {
    /// Its identity, which the kernel stamps on its messages. Never 0.
    pub id: u32,
    /// For people.
    pub name: String,
    /// Priority of its first thread, 0 to 31, 31 first. At least that of each of its clients.
    pub priority: u8,
    /// Budget of memory in frames of 4 KiB.
    pub frames: u32,
    /// Budget of kernel objects.
    pub objects: u32,
    /// Pages of its first stack, without the guard page.
    pub stack_pages: u32,
    /// The devices that it asks for, by ascending device. Not a permission.
    pub needs: Vec<Need>,
    /// Service ids that it may call, ascending.
    pub talks_to: Vec<u32>,
    /// True when it has an endpoint that others may call.
    pub serves: bool,
    /// What happens when it ends.
    pub restart: Restart,
    /// Milliseconds for which it may not come back to its endpoint; only time counts in which nothing above
    /// it was ready. `None`: it may take its time.
    pub answers_within: Option<u32>,
    /// Proofs that a test run must see from it, ascending. Empty in `prod`.
    pub must_prove: Vec<Proof>,
    /// What it may ask of other services beyond what everyone may, by ascending permission.
    pub permits: Vec<Permit>,
    /// The drivers that it shares memory with, to ask by a ring in it, by ascending driver.
    pub rings: Vec<Ring>,
    /// What it keeps in the store.
    pub tree: Option<Tree>,
    /// What it may see of the trees of others, by ascending owner, then prefix.
    pub opens: Vec<OpenTree>,
    /// What it may have of the network stack.
    pub sockets: Option<Sockets>,
    /// Whom it may reach by the network, and who may reach it, by ascending protocol, then direction, then ports, then
    /// addresses.
    pub reaches: Vec<Reach>,
}

/// What a test run must see from a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Proof {
    /// Its name.
    pub name: String,
    /// How many checks it rests on at least. Never 0.
    pub checks: u32,
}

/// A request for a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Need {
    /// [`crate::Device::id`].
    pub device: u16,
    /// [`Rights`] bits; within MAP, READ and WRITE.
    pub rights: u16,
    /// True when it asks for the device's interrupt line.
    pub irq: bool,
    /// True when it works without the line as well, on a machine where the kernel has no lines to give.
    /// Never without `irq`.
    pub polls: bool,
    /// The registers that it asks to write: bit n is the 32-bit register at 4n. `None`: with WRITE
    /// the whole window is mapped writable.
    pub registers: Option<u64>,
    /// What it asks the device to reach, by queue. Empty for a device that does not reach memory by
    /// itself, and for one that is to be looked at only.
    pub queues: Vec<Queue>,
}

impl Need {
    /// The rights as a set.
    #[must_use]
    pub const fn rights(&self) -> Rights {
        Rights::from_bits_truncate(self.rights)
    }
}

/// What happens when a life of a service ends, however it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Restart {
    /// It stays ended; the end is recorded.
    Never,
    /// It is started again, unless it has ended by itself with code 0.
    OnFailure,
    /// It is started again.
    Always,
}

impl Restart {
    /// Every rule.
    pub const ALL: [Restart; 3] = [Restart::Never, Restart::OnFailure, Restart::Always];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Restart::Never => "never",
            Restart::OnFailure => "on-failure",
            Restart::Always => "always",
        }
    }

    /// True when a life that ended so is followed by another one.
    #[must_use]
    pub const fn is_again(self, end: EndReason) -> bool {
        match self {
            Restart::Never => false,
            Restart::OnFailure => !matches!(end, EndReason::Exit(0)),
            Restart::Always => true,
        }
    }
}
