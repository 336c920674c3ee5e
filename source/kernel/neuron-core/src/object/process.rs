//! Processes: an address space, capabilities, a budget and an identity.

use nexus_abi::{EndReason, Error, ProcessState, Sender};

use crate::object::capability::{Capability, Held};
use crate::object::endpoint::Notification;
use crate::object::mapping::{InSpace, Mapping};
use crate::object::thread::{Team, Thread};
use crate::platform::Asid;
use crate::store::addr::Frame;
use crate::store::list::{Links, List, linked};
use crate::store::pool::{Id, Weak};

/// What a process may use of one resource, and what it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// Charged now.
    pub used: u32,
    /// Most that can be charged.
    pub limit: u32,
}

impl Account {
    /// Nothing used of `limit`.
    #[must_use]
    pub const fn new(limit: u32) -> Account {
        Account { used: 0, limit }
    }

    /// True when `count` more can be charged.
    #[inline]
    #[must_use]
    pub fn has(self, count: u32) -> bool {
        self.limit.saturating_sub(self.used) >= count
    }

    /// Charges `count`.
    ///
    /// # Errors
    /// `NoMemory` when less is left, and nothing is charged.
    #[inline]
    pub fn charge(&mut self, count: u32) -> Result<(), Error> {
        if !self.has(count) {
            return Err(Error::NoMemory);
        }
        self.used = self.used.wrapping_add(count);
        Ok(())
    }

    /// Gives `count` back.
    #[inline]
    pub fn refund(&mut self, count: u32) {
        self.used = self.used.saturating_sub(count);
    }
}

/// Kernel objects that a process or a thread costs; everything else costs 1.
pub const HEAVY: u32 = 8;

/// List of the processes that are being taken apart.
#[derive(Debug)]
pub struct Ending;

/// One process.
#[derive(Debug, Hash)]
pub struct Process {
    /// Who it is.
    pub id: Sender,
    /// Where it is in its life.
    pub state: ProcessState,
    /// Why it ended.
    pub end: Option<EndReason>,
    /// Frames charged to it.
    pub frames: Account,
    /// Kernel objects charged to it.
    pub objects: Account,
    /// Whose budget its own was cut from; `None` for init.
    pub parent: Option<Id<Process>>,
    /// Processes whose budget was cut from this one's and has not come back.
    pub child_processes: u32,
    /// Root page table; `None` once it is gone.
    pub root: Option<Frame>,
    /// Its address space in the TLB.
    pub asid: Asid,
    /// Capabilities it holds.
    pub held: List<Capability, Held>,
    /// Anchors of the objects it made, and capabilities of its own that are being made or dropped.
    pub owned: List<Capability, Held>,
    /// Mappings in its address space.
    pub mappings: List<Mapping, InSpace>,
    /// Its threads.
    pub threads: List<Thread, Team>,
    /// Signalled with these bits when it has ended.
    pub notify: Option<(Weak<Notification>, u64)>,
    /// Root of its capabilities; `None` for init, and once nobody holds one.
    pub anchor: Option<Id<Capability>>,
    /// It is taken apart at this priority: no thread of it ever had a higher one, so that no
    /// client of it has.
    pub reap_priority: u8,
    /// Thread slots below this hold no call to it, once it is ending.
    pub swept: u32,
    ending: Links<Process>,
}

linked!(Process, Ending, ending);

impl Process {
    /// A live process in no list yet.
    pub(crate) fn new(
        id: Sender,
        frames: u32,
        objects: u32,
        root: Frame,
        asid: Asid,
        parent: Option<Id<Process>>,
    ) -> Process {
        Process {
            id,
            state: ProcessState::Live,
            end: None,
            frames: Account::new(frames),
            objects: Account::new(objects),
            parent,
            child_processes: 0,
            root: Some(root),
            asid,
            held: List::EMPTY,
            owned: List::EMPTY,
            mappings: List::EMPTY,
            threads: List::EMPTY,
            notify: None,
            anchor: None,
            reap_priority: REAP_PRIORITY,
            swept: 1,
            ending: Links::NONE,
        }
    }
}

/// Processes are taken apart at this priority at least: above applications, below services.
pub(crate) const REAP_PRIORITY: u8 = 15;

/// Most threads of one process: bounds the time that ending it takes at once.
pub const MAX_THREADS: u32 = 64;
