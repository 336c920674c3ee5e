//! Capabilities and the tree of their derivation.

use nexus_abi::{CapInfo, Error, KindCode, Rights};

use crate::Result;
use crate::object::endpoint::{Endpoint, Notification, Vmo};
use crate::object::line::Lines;
use crate::object::mapping::{Mapping, ThroughCap};
use crate::object::process::Process;
use crate::object::register::Registers;
use crate::object::thread::Thread;
use crate::object::window::Window;
use crate::store::list::{Links, List, linked};
use crate::store::pool::{Id, Slot};

/// What a capability gives access to. The one-use reply capability has no entry here: it lives in
/// the thread that waits for the answer (see `ipc`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CapabilityKind {
    /// Messages go through it.
    Endpoint(Id<Endpoint>),
    /// A word of event bits.
    Notification(Id<Notification>),
    /// Memory.
    Vmo(Id<Vmo>),
    /// The registers of one device: whole pages, disjoint from RAM and from what the kernel owns.
    DeviceMmio(Window),
    /// Interrupt lines.
    Irq(Lines),
    /// A process.
    Process(Id<Process>),
    /// A thread.
    Thread(Id<Thread>),
    /// The authority to make processes and give them identities.
    Spawn,
    /// The authority to write to the kernel's console.
    Console,
}

impl CapabilityKind {
    /// The kind as the interface names it, and the number of the object; 0 where there is none.
    pub(crate) fn code(self) -> (KindCode, u32) {
        match self {
            CapabilityKind::Endpoint(id) => (KindCode::Endpoint, id.slot()),
            CapabilityKind::Notification(id) => (KindCode::Notification, id.slot()),
            CapabilityKind::Vmo(id) => (KindCode::Vmo, id.slot()),
            CapabilityKind::DeviceMmio(_) => (KindCode::DeviceMmio, 0),
            CapabilityKind::Irq(_) => (KindCode::Irq, 0),
            CapabilityKind::Process(id) => (KindCode::Process, id.slot()),
            CapabilityKind::Thread(id) => (KindCode::Thread, id.slot()),
            CapabilityKind::Spawn => (KindCode::Spawn, 0),
            CapabilityKind::Console => (KindCode::Console, 0),
        }
    }

    /// True for what is given out in parts, each of which has one owner.
    pub(crate) fn has_parts(self) -> bool {
        matches!(self, CapabilityKind::DeviceMmio(_) | CapabilityKind::Irq(_))
    }

    /// True when the two share a page of a window, or a line.
    pub(crate) fn overlaps(self, other: CapabilityKind) -> bool {
        match (self, other) {
            (CapabilityKind::Irq(one), CapabilityKind::Irq(two)) => one.overlaps(two),
            (CapabilityKind::DeviceMmio(one), CapabilityKind::DeviceMmio(two)) => one.overlaps(two),
            _ => false,
        }
    }
}

/// What capabilities of one kind are to.
pub(crate) trait Named: Sized {
    /// What a capability of this kind is to.
    ///
    /// # Errors
    /// `WrongKind` when it is to something else.
    fn of(kind: CapabilityKind) -> Result<Self>;
}

macro_rules! named {
    ($($Kind:ident($What:ty)),*) => {$(
        impl Named for $What {
            #[inline(always)]
            fn of(kind: CapabilityKind) -> Result<Self> {
                match kind {
                    CapabilityKind::$Kind(what) => Ok(what),
                    _ => Err(Error::WrongKind),
                }
            }
        }
    )*};
}
named!(Endpoint(Id<Endpoint>), Notification(Id<Notification>), Vmo(Id<Vmo>));
named!(DeviceMmio(Window), Irq(Lines), Process(Id<Process>));

/// Most steps from a root of the tree to a capability: bounds the way down in a revoke.
pub const MAX_DEPTH: u32 = 64;

/// What a capability is to the tables and the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CapState {
    /// Its owner holds it, by a handle.
    Held,
    /// What it is to is being made, in steps: no handle names it yet, and it has no rights.
    New,
    /// It is being dropped, in steps: no handle names it and it has no rights. It keeps its place
    /// in the tree until nothing is mapped through it and nothing hangs below it.
    Zombie,
    /// The root of the tree of one object, which no handle reaches. The object lives as long as
    /// its anchor has children.
    Anchor,
}

/// List of the children of a capability.
#[derive(Debug)]
pub struct Siblings;
/// List of the capabilities of a process (`held`), or of the others that it pays (`owned`).
#[derive(Debug)]
pub struct Held;

/// One capability.
///
/// `repr(C)` keeps what a new one has other than zero between the lists: the compiler fills a
/// longer run of zeros by a call that costs more than making the rest.
#[derive(Debug, Hash)]
#[repr(C)]
pub struct Capability {
    /// What it gives access to.
    pub kind: CapabilityKind,
    /// Who holds it.
    pub owner: Id<Process>,
    /// What it was derived from.
    pub parent: Option<Id<Capability>>,
    /// What was derived from it.
    pub children: List<Capability, Siblings>,
    /// What is mapped through it.
    pub mappings: List<Mapping, ThroughCap>,
    /// What its holder may do.
    pub rights: Rights,
    /// Whether a handle names it.
    pub state: CapState,
    /// True while what was derived from it is being ended, step by step.
    pub revoking: bool,
    /// How many children.
    pub child_count: u32,
    /// How many pages are mapped through it.
    pub mapped_pages: u32,
    /// Slot of the mask of its registers; 0 for none.
    registers: u32,
    siblings: Links<Capability>,
    held: Links<Capability>,
}

const _: () = assert!(size_of::<Slot<Capability>>() == 128, "a capability is looked up by a shift");

linked!(Capability, Siblings, siblings);
linked!(Capability, Held, held);

impl Capability {
    /// A capability that is in no list yet.
    pub(crate) fn new(kind: CapabilityKind, rights: Rights, owner: Id<Process>) -> Capability {
        Capability {
            kind,
            rights,
            owner,
            state: CapState::Held,
            revoking: false,
            parent: None,
            children: List::EMPTY,
            child_count: 0,
            mappings: List::EMPTY,
            mapped_pages: 0,
            registers: 0,
            siblings: Links::NONE,
            held: Links::NONE,
        }
    }

    /// Of a window: what `mmio_write` may write through it. `None` where no mask says so.
    pub(crate) fn registers(&self) -> Option<Id<Registers>> {
        Id::from_slot(u64::from(self.registers)).ok()
    }

    /// Gives it a mask, or none.
    pub(crate) fn set_registers(&mut self, registers: Option<Id<Registers>>) {
        self.registers = registers.map_or(0, Id::slot);
    }

    /// What the interface tells about it; `manage` shows where it is. `vmo_bytes` is the size of a memory
    /// object, and 0 for anything else; `registers` is its mask.
    pub(crate) fn info(&self, manage: bool, vmo_bytes: u64, registers: Option<u64>) -> CapInfo {
        let (base, len) = match self.kind {
            CapabilityKind::DeviceMmio(window) if manage => window.place(),
            CapabilityKind::Irq(lines) if manage => lines.range(),
            _ => (0, vmo_bytes),
        };
        let (kind, object) = self.kind.code();
        let object = u64::from(object).wrapping_add(u64::from(self.registers));
        CapInfo {
            kind,
            rights: self.rights,
            base,
            len,
            object: if manage { object } else { 0 },
            mapped_pages: u64::from(self.mapped_pages),
            children: u64::from(self.child_count),
            registers,
        }
    }
}

/// Rights on an object for its maker, besides those of its kind.
pub(crate) const OBJECT_RIGHTS: Rights =
    Rights::DERIVE.union(Rights::GRANT).union(Rights::REVOKE).union(Rights::MANAGE);
