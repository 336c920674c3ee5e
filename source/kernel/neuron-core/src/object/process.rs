//! Processes: an address space, capabilities, a budget and an identity.

use nexus_abi::{EndReason, Error, Handle, ProcessState, Sender};

use crate::Result;
use crate::object::capability::{CapState, Capability, Held};
use crate::object::line::{Line, Received};
use crate::object::mapping::Mapping;
use crate::object::space::Space;
use crate::object::thread::{Team, Thread};
use crate::store::list::{Links, List, linked};
use crate::store::pool::{Id, Slot};

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
    pub(crate) const fn new(limit: u32) -> Account {
        Account { used: 0, limit }
    }

    /// True when `count` more can be charged.
    pub(crate) fn has(self, count: u32) -> bool {
        self.limit.saturating_sub(self.used) >= count
    }

    /// Charges `count`.
    ///
    /// # Errors
    /// `NoMemory` when less is left, and nothing is charged.
    pub fn charge(&mut self, count: u32) -> Result {
        if !self.has(count) {
            return Err(Error::NoMemory);
        }
        self.used = self.used.wrapping_add(count);
        Ok(())
    }

    /// Gives `count` back.
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
    /// Its address space; `None` once it is gone.
    pub space: Option<Space>,
    /// Capabilities it holds.
    pub held: List<Capability, Held>,
    /// Anchors of the objects it made, and capabilities of its own that are being made or dropped.
    pub owned: List<Capability, Held>,
    /// The interrupt lines that it has bound.
    pub lines: List<Line, Received>,
    /// Its threads.
    pub threads: List<Thread, Team>,
    /// The notification that is signalled with these bits when it has ended, by its handle in the
    /// table of notifications: it may be gone by then.
    pub notify: Option<(Handle, u64)>,
    /// Root of its capabilities; `None` for init, and once nobody holds one.
    pub anchor: Option<Id<Capability>>,
    /// It is taken apart at this priority: no thread of it ever had a higher one, so that no
    /// client of it has.
    pub reap_priority: u8,
    /// Thread slots below this hold no call to it, once it is ending.
    pub swept: u32,
    ending: Links<Process>,
    room: [u64; ROOM],
}

/// Words that make a slot of the pool 256 bytes, as those of a thread.
const ROOM: usize = 2;
const _: () = assert!(size_of::<Slot<Process>>() == 256, "the room of a process does not fit");

linked!(Process, Ending, ending);

impl Process {
    /// A live process in no list yet, without an address space.
    pub(crate) fn new(
        id: Sender,
        frames: u32,
        objects: u32,
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
            space: None,
            held: List::EMPTY,
            owned: List::EMPTY,
            lines: List::EMPTY,
            threads: List::EMPTY,
            notify: None,
            anchor: None,
            reap_priority: REAP_PRIORITY,
            swept: 1,
            ending: Links::NONE,
            room: [0; ROOM],
        }
    }

    /// The list for a capability of its own in this state.
    pub(crate) fn list(&mut self, state: CapState) -> &mut List<Capability, Held> {
        if state == CapState::Held { &mut self.held } else { &mut self.owned }
    }

    /// Its address space.
    ///
    /// # Errors
    /// `BadState` once it is gone.
    pub(crate) fn space(&self) -> Result<&Space> {
        self.space.as_ref().ok_or(Error::BadState)
    }

    /// The first of the mappings in its address space.
    pub(crate) fn first_mapping(&self) -> Option<Id<Mapping>> {
        self.space.as_ref()?.mappings.first()
    }
}

/// Processes are taken apart at this priority at least: above applications, below services.
pub(crate) const REAP_PRIORITY: u8 = 15;

/// Most threads of one process: bounds the time that ending it takes at once.
pub const MAX_THREADS: u32 = 64;
