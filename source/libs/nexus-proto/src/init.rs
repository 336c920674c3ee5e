//! `init`: what runs, who holds what, and what an owner reports. Served by init.
//!
//! Lists are read one item a call: cursor 0 begins, the answer holds the cursor of the next item,
//! 0 when there is none; an empty list answers `NotFound`.

use crate::policy::{Reason, Verdict};
use crate::{Name, Registers, Subject, Zero};

protocol! {
    /// Marker of the protocol.
    pub Init = 3 "init" {
        /// The services, in order of id.
        1 Services -> ServiceInfo, again;
        /// The devices of the description and who holds them. Needs the permission to view.
        /// Addresses, here and below, are 0 for a sender that may not read the log.
        2 Owners -> OwnerInfo, again;
        /// The capabilities of a service, as the kernel tells. Needs the permission to view.
        3 Caps -> CapEntry, again;
        /// How a service stands, as the kernel tells.
        4 Stat -> ServiceStat, again;
        /// Memory and kernel objects, as the kernel tells.
        5 Mem -> MemInfo, again;
        /// Asks policyd, the proper way, whether a service would be given a device. Gives nothing.
        /// Needs the permission to ask.
        6 Try -> TryAnswer;
        /// How far distribution is.
        7 Ready -> Readiness, again;
        /// What the board has, as a tree in depth-first order.
        8 Board -> BoardEntry, again;
        /// An owner tells how it stands.
        9 Report -> (), again;
        /// The interrupt lines that are given, as the kernel tells. Needs the permission to view.
        10 Irqs -> IrqEntry, again;
        /// The devices that reach memory by themselves, and what they reach. Needs the permission to
        /// view.
        11 Dma -> DmaEntry, again;
        /// The lives of the services, in order of id.
        12 Lives -> LifeInfo, again;
        /// Ends a service, if it lives, or starts it, if it does not. Needs the permission to supervise,
        /// like those below. What was asked for has begun when the answer comes, and is not over.
        13 Restart -> ();
        /// Ends a service, and starts it no more by itself.
        14 Stop -> ();
        /// Ends a service. What follows is what its file says of any end.
        15 Kill -> ();
        /// The time of the priorities that ran, as the kernel tells. Needs the permission to view.
        16 Times -> TimeInfo, again;
    }
}

codes! {
    /// Where a service is in its life.
    pub enum ServiceState: u8 {
        /// Not started.
        1 Waiting,
        /// Started; what it needs has been given.
        2 Started,
        /// It has reported that it is ready.
        3 Ready,
        /// It has reported that it cannot work.
        4 Failed,
        /// It has ended.
        5 Ended,
        /// It could not be loaded.
        6 NotLoaded,
        /// It has ended, and is started again when its time has come.
        7 Restarting,
        /// It has ended, and is not started again by itself: too often, or something that it needs is not
        /// to be had.
        8 GivenUp,
        /// It has ended because somebody had it stopped.
        9 Stopped,
    }
}

impl ServiceState {
    /// True while a life of the service runs: before that it has no process, and after it the process has
    /// ended.
    #[must_use]
    pub const fn lives(self) -> bool {
        matches!(self, ServiceState::Started | ServiceState::Ready | ServiceState::Failed)
    }
}

codes! {
    /// Why no life of a service follows its last one by itself.
    pub enum Last: u8 {
        /// Another one follows, or this one lives.
        0 None,
        /// It is started once.
        1 Never,
        /// It has ended well, and is started again only when it does not.
        2 EndedWell,
        /// Somebody had it stopped.
        3 Stopped,
        /// It has ended too often in too short a time.
        4 TooOften,
        /// A device that it needs could not be given to it again; that of the device says why.
        5 NoDevice,
        /// It could not be loaded again.
        6 NotLoaded,
    }
}

codes! {
    /// How a device stands.
    pub enum OwnerState: u8 {
        /// Its owner holds the window.
        1 Held,
        /// Nobody asks for it.
        2 Unclaimed,
        /// The board does not have it, or not as described.
        3 NotFound,
        /// policyd has denied it.
        4 Denied,
        /// It was given, and its owner has ended.
        5 OwnerEnded,
        /// There was no valid answer from policyd, or no record, in time.
        6 NotGranted,
    }
}

codes! {
    /// Why a device was not given to the service that asks for it.
    pub enum Refusal: u8 {
        /// The board has no such device, or not that many.
        1 Absent,
        /// The device tree gives it no single range of registers.
        2 NotOneRange,
        /// Its registers do not begin on a page, or are not as long as described.
        3 WrongSize,
        /// Another device has registers in the same page.
        4 SharedPage,
        /// The device tree says that it is not to be used.
        5 Disabled,
        /// Its registers say that it is something else.
        6 WrongDevice,
        /// It is not where the description says.
        7 WrongPlace,
        /// A slot could not be read, so that nobody can say which device is which.
        8 ProbeFailed,
        /// init holds no authority over its registers.
        9 OutOfReach,
        /// policyd said no; its record says why.
        10 PolicyDenied,
        /// policyd is not there.
        11 PolicyGone,
        /// policyd did not answer in time.
        12 PolicyLate,
        /// policyd's answer makes no sense, or answers another question.
        13 PolicyGarbled,
        /// The rules changed between the decision and the grant.
        14 EpochChanged,
        /// The kernel refused: someone else holds it, or a budget is spent.
        15 KernelRefused,
        /// The grant could not be recorded, and was taken back.
        16 NotRecorded,
        /// The service ended before it could be given anything.
        17 SubjectEnded,
        /// The service could not be loaded.
        18 NotLoaded,
        /// The board has another number of these than the description, or two that look alike.
        19 Ambiguous,
        /// The device tree names no one interrupt line for it at the controller.
        20 NoLine,
        /// Another device that is switched on has the same line.
        21 LineShared,
        /// busd is not there.
        22 BusGone,
        /// busd did not answer in time.
        23 BusLate,
        /// busd could not set the device up.
        24 BusRefused,
        /// What busd gave is not what policy allows.
        25 BusGarbled,
        /// No disk tells the serial number that it is known by.
        26 WrongSerial,
        /// It did not come to rest when its owner ended, or nobody could tell.
        27 NotAtRest,
    }
}

codes! {
    /// How the memory stands that a device reaches by itself.
    pub enum DmaState: u8 {
        /// It reaches none.
        1 None,
        /// It is set up for its owner.
        2 InUse,
        /// Its owner has ended; it is reset, and its memory is cleared.
        3 Quiet,
        /// It did not come to rest, or nobody knows: it is given to nobody any more.
        4 Quarantined,
    }
}

codes! {
    /// How a service ended.
    pub enum EndKind: u8 {
        /// It has not.
        1 None,
        /// By its own wish.
        2 Exit,
        /// By a fault.
        3 Fault,
        /// By its supervisor.
        4 Killed,
    }
}

/// In place of a priority: nothing runs.
pub const IDLE: u8 = 32;

/// Codes with which init ends a process.
pub mod killed {
    /// Nobody can tell.
    pub const UNKNOWN: u64 = 0;
    /// Somebody ordered it who may; what follows is as its file says.
    pub const ORDERED: u64 = 1;
    /// It did not answer in time.
    pub const LATE: u64 = 2;
    /// The same as [`ORDERED`], and no other life is to follow.
    pub const STOPPED: u64 = 3;
    /// The same as [`ORDERED`], and another life is to follow.
    pub const RESTARTED: u64 = 4;
}

codes! {
    /// What was ordered of a service that has no life.
    pub enum Ordered: u8 {
        /// Another life.
        1 Start,
        /// That none follows.
        2 Stop,
    }
}

codes! {
    /// What an owner reports.
    pub enum ReportState: u8 {
        /// It has its device and serves.
        1 Ready,
        /// Its device is not what it must be.
        2 WrongDevice,
        /// It was given no window, or could not map it.
        3 NoWindow,
    }
}

codes! {
    /// What a piece of the board is.
    pub enum BoardKind: u8 {
        /// A node that only holds others.
        1 Bus,
        /// Memory.
        2 Memory,
        /// A device of the description.
        3 Device,
        /// Registers that no service can have: the kernel's own.
        4 Kernel,
        /// Registers that the description does not name; nobody has them.
        5 Unused,
        /// A slot with no device in it.
        6 EmptySlot,
    }
}

payloads! {
    /// Asks for a service.
    pub struct Services {
        /// Cursor.
        pub cursor: u64,
    }

    /// A service.
    pub struct ServiceInfo {
        /// Cursor of the next.
        pub next: u64,
        /// Who it is; incarnation 0 before it is started.
        pub service: Subject,
        /// Where it is in its life.
        pub state: ServiceState,
        /// Its priority, 0 to 31.
        pub priority: u8,
        /// Padding.
        pub zero: Zero<6>,
        /// Its name.
        pub name: Name<32>,
    }

    /// Asks for the lives of a service.
    pub struct Lives {
        /// Cursor.
        pub cursor: u64,
    }

    /// The lives of a service.
    pub struct LifeInfo {
        /// Cursor of the next.
        pub next: u32,
        /// How many there were, with this one.
        pub lives: u32,
        /// Who it is; incarnation 0 before it is started.
        pub service: Subject,
        /// Where it is in its life.
        pub state: ServiceState,
        /// How the last life that is over has ended.
        pub end: EndKind,
        /// Why none follows, when none does.
        pub last: Last,
        /// Padding.
        pub zero: Zero<1>,
        /// Deaths that count towards the limit, as of now.
        pub deaths: u32,
        /// Exit code of that end, its cause for a fault, or the code that whoever ended it gave.
        pub code: u64,
        /// Tick of the `time` CSR at which it came into its state.
        pub since: u64,
        /// Tick at which it is started again; 0 when no such time is set: it has ended for good, or waits
        /// until policyd and logd run.
        pub again: u64,
    }

    /// Has a service ended, or started.
    pub struct Restart {
        /// Service id.
        pub service: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Has a service ended for good.
    pub struct Stop {
        /// Service id.
        pub service: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Has a service ended.
    pub struct Kill {
        /// Service id.
        pub service: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Asks for a device and its owner.
    pub struct Owners {
        /// Cursor.
        pub cursor: u64,
    }

    /// A device and its owner.
    pub struct OwnerInfo {
        /// Cursor of the next.
        pub next: u32,
        /// Number of the device.
        pub device: u16,
        /// Rights that the owner has ([`nexus_abi::Rights`] bits).
        pub rights: u16,
        /// Who holds it; id 0 when nobody does.
        pub owner: Subject,
        /// First physical address.
        pub base: u64,
        /// Bytes.
        pub len: u64,
        /// Rule that allowed or denied it; [`crate::policy::NO_RULE`] when none did.
        pub rule: u16,
        /// How it stands.
        pub state: OwnerState,
        /// It reaches memory by itself: a pool of its own.
        pub dma: bool,
        /// Number of the interrupt line that its owner has; [`crate::policy::NO_LINE`] when it has
        /// none.
        pub line: u16,
        /// Registers that its owner can write.
        pub registers: Registers,
        /// Padding.
        pub zero: Zero<1>,
        /// Name of the device.
        pub name: Name<16>,
    }

    /// Asks for a capability of a service.
    pub struct Caps {
        /// Service id.
        pub service: u32,
        /// Padding.
        pub zero: Zero<4>,
        /// Cursor.
        pub cursor: u64,
    }

    /// A capability.
    pub struct CapEntry {
        /// Cursor of the next.
        pub next: u64,
        /// [`nexus_abi::KindCode`] as a number.
        pub kind: u16,
        /// [`nexus_abi::Rights`] bits.
        pub rights: u16,
        /// Live children.
        pub children: u32,
        /// First physical address of a window; number of the first of interrupt lines.
        pub base: u64,
        /// Bytes of a window or memory object; how many interrupt lines.
        pub len: u64,
        /// Equal for capabilities to the same object of the same kind.
        pub object: u64,
        /// Pages mapped through it.
        pub mapped_pages: u64,
        /// Registers that can be written through a window, one at a time.
        pub registers: Registers,
        /// Padding.
        pub zero: Zero<7>,
    }

    /// Asks how a service stands.
    pub struct Stat {
        /// Service id.
        pub service: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// How a service stands.
    pub struct ServiceStat {
        /// Who it is.
        pub service: Subject,
        /// Frames of 4 KiB charged.
        pub frames: u32,
        /// Its limit of them.
        pub frames_limit: u32,
        /// Kernel objects charged.
        pub objects: u32,
        /// Its limit of them.
        pub objects_limit: u32,
        /// Where it is in its life.
        pub state: ServiceState,
        /// How it ended.
        pub end: EndKind,
        /// Padding.
        pub zero: Zero<6>,
        /// Exit, killed: the code. Fault: `scause`.
        pub code: u64,
        /// Fault: the address or instruction concerned; 0 for a sender that may not read the log.
        pub address: u64,
        /// Fault: where it was; likewise.
        pub pc: u64,
        /// Physical address of its root page table; 0 for a sender that may not report.
        pub root: u64,
    }

    /// Asks for memory and kernel objects.
    pub struct Mem {}

    /// Memory and kernel objects of the whole system: init's own budget and what it has cut from
    /// it for others.
    pub struct MemInfo {
        /// Frames of 4 KiB in use by init itself.
        pub frames: u64,
        /// Frames that init may still use or give.
        pub frames_free: u64,
        /// Frames given to services.
        pub frames_given: u64,
        /// Kernel objects in use by init itself.
        pub objects: u64,
        /// Kernel objects that init may still use or give.
        pub objects_free: u64,
        /// Kernel objects given to services.
        pub objects_given: u64,
    }

    /// Asks whether a service would be given a device.
    pub struct Try {
        /// Service id.
        pub service: u32,
        /// Number of the device.
        pub device: u16,
        /// Rights ([`nexus_abi::Rights`] bits).
        pub rights: u16,
    }

    /// policyd's answer, and what would follow.
    pub struct TryAnswer {
        /// Version of the rules.
        pub epoch: u32,
        /// Number of the rule; [`crate::policy::NO_RULE`] when none applied.
        pub rule: u16,
        /// Yes or no.
        pub verdict: Verdict,
        /// Why.
        pub reason: Reason,
        /// The service that holds the device now, which bars any other; id 0 when nobody does.
        pub owner: Subject,
        /// Sequence number of the ledger record of the decision.
        pub record: u64,
    }

    /// Asks how far distribution is.
    pub struct Ready {}

    /// How far distribution is.
    pub struct Readiness {
        /// Owners that have reported ready.
        pub owners_ready: u32,
        /// Owners in the description.
        pub owners: u32,
        /// Services started.
        pub services_started: u32,
        /// Services in the description.
        pub services: u32,
        /// Authorities that init has dropped.
        pub dropped: u32,
        /// True once nothing more will be given.
        pub distributed: bool,
        /// Padding.
        pub zero: Zero<3>,
        /// Tick at which the last owner was ready; 0 before.
        pub ready_ticks: u64,
        /// Owners that will not report any more: ended, not started, or without their device.
        pub owners_lost: u32,
        /// Padding.
        pub zero_end: Zero<4>,
    }

    /// Asks for a piece of the board.
    pub struct Board {
        /// Cursor.
        pub cursor: u64,
    }

    /// A piece of the board.
    pub struct BoardEntry {
        /// Cursor of the next.
        pub next: u32,
        /// Number of the device; [`crate::log::NO_DEVICE`] when the description has none here.
        pub device: u16,
        /// What it is.
        pub kind: BoardKind,
        /// Depth in the tree, from 0.
        pub depth: u8,
        /// First physical address.
        pub base: u64,
        /// Bytes.
        pub len: u64,
        /// virtio DeviceID; 0 when it is not a virtio device.
        pub virtio_id: u32,
        /// Padding.
        pub zero: Zero<4>,
        /// Name of the node, cut to fit.
        pub name: Name<32>,
    }

    /// Tells how the sender stands.
    pub struct Report {
        /// How.
        pub state: ReportState,
        /// Padding.
        pub zero: Zero<7>,
        /// What it saw: of a virtio device its DeviceID, else 0.
        pub detail: u64,
    }

    /// Asks for an interrupt line that is given.
    pub struct Irqs {
        /// Cursor.
        pub cursor: u64,
    }

    /// An interrupt line that is given. Counts are since the machine started.
    pub struct IrqEntry {
        /// Cursor of the next.
        pub next: u32,
        /// Number of its device.
        pub device: u16,
        /// Its number at the controller.
        pub line: u16,
        /// Who holds it.
        pub owner: Subject,
        /// Interrupts delivered.
        pub delivered: u64,
        /// Acknowledgements that were held back, because they came before the interval was over.
        pub held_back: u64,
        /// Tick of the last one delivered; 0 before the first.
        pub last: u64,
        /// Least ticks between two interrupts; 0 for no such bound.
        pub interval: u64,
        /// Interrupts of any line that came to nobody; all ones for that many and more.
        pub strays: u32,
        /// [`nexus_abi::LineState`] as a number.
        pub state: u8,
        /// Padding.
        pub zero: Zero<3>,
    }

    /// Asks for a device that reaches memory by itself.
    pub struct Dma {
        /// Cursor.
        pub cursor: u64,
    }

    /// What a device reaches by itself. Where that lies is told to nobody.
    pub struct DmaEntry {
        /// Cursor of the next.
        pub next: u32,
        /// Number of the device.
        pub device: u16,
        /// Number of its pool: the same.
        pub pool: u16,
        /// Who holds the device, or held it last; id 0 when nobody ever did.
        pub owner: Subject,
        /// Bytes of the pool; 0 before it was set up.
        pub len: u64,
        /// Bytes of the pool that the device can be made to read or write.
        pub reach: u64,
        /// The digest of what is placed, as in [`crate::bus::Prepared`].
        pub digest: u64,
        /// How its memory stands.
        pub state: DmaState,
        /// Padding.
        pub zero: Zero<7>,
    }

    /// Asks for the time of a priority.
    pub struct Times {
        /// Cursor.
        pub cursor: u64,
    }

    /// The time of a priority. The kernel looks about every 31 ms: the numbers together are the time from its
    /// start to its last look.
    pub struct TimeInfo {
        /// Cursor of the next.
        pub next: u32,
        /// The priority, 0 to 31; [`IDLE`] where nothing ran.
        pub priority: u8,
        /// Padding.
        pub zero: Zero<3>,
        /// Ticks of the `time` CSR in which threads of it ran, as far as looks tell.
        pub ticks: u64,
    }
}
