//! What the checker holds the kernel to. Each rule has a name that a report can cite.

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// A rule. The number that comes with it in a [`Violation`] is told in brackets.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $($(#[doc = $doc])+ $name,)+ }

        impl Rule {
            /// Every rule with its meaning.
            pub const ALL: &'static [(Rule, &'static str)] =
                &[$((Rule::$name, concat!($($doc),+)),)+];
        }
    };
}

rules! {
    /// Free and live slots of a pool add up, and no live slot is free (pool, in the order of
    /// `Tables`).
    PoolFreeList,
    /// A list names live objects only (slot).
    ListDead,
    /// The links of a list agree in both directions (slot).
    ListLinks,
    /// Every object is in the lists that it belongs to, once (how many are missing).
    ListMember,

    /// A capability and its owner name each other (capability).
    CapOwner,
    /// An anchor has no parent and no rights, and names an object that names it (capability).
    CapAnchor,
    /// The parent of a capability lives, and a root is not more than 64 steps away (capability).
    CapParent,
    /// A child has no right that its parent lacks (capability).
    CapRights,
    /// A child names the object of its parent, a part of its window, or some of its lines, no faster
    /// (capability).
    CapKind,
    /// Children and mapped pages are as many as counted (capability).
    CapCount,
    /// A capability that is being made or dropped has no rights (capability).
    CapWithheld,
    /// Memory that anybody holds is cleared (slot).
    VmoCleared,
    /// Only windows, lines and authorities have no parent (capability).
    CapRoot,
    /// A window is whole pages outside RAM, and never executable (capability).
    WindowRange,
    /// No two siblings, and no two windows or lines without a parent, overlap (capability).
    CapOverlap,
    /// A window is mapped only through a capability with MAP and READ, without DERIVE, that has
    /// no child; and only by its holder (capability or mapping). One with a mask is not mapped writable.
    WindowUse,

    /// Below a window with a mask all have one, and no register that it lacks (capability).
    WindowMask,
    /// The kernel half has one device page for each mask, the first of its window, for the kernel to
    /// read and write alone, and no others (place).
    DevicePage,

    /// Memory of a device lies in one piece, set aside for devices; a table is mapped by nobody, nothing
    /// of it executable, and what is being cleared not at all (object).
    DeviceMemory,
    /// A descriptor names a part of the memory of the same device, or nothing (frame).
    Descriptor,

    /// An object lives as long as it has an anchor with a capability (slot).
    ObjectAnchor,
    /// A memory object has as many writable mappings as it counts (slot).
    VmoWritable,
    /// A sealed memory object has no writable mapping, another no executable one (mapping).
    VmoSeal,
    /// An endpoint's queue holds the threads that wait there, all the same way (thread).
    EndpointQueue,
    /// A notification with bits has no waiter, and its waiter waits for it (slot).
    NotificationWaiter,
    /// Bits of a bound notification are delivered when someone receives (slot).
    NotificationLost,

    /// A thread that waits holds the capability that it named, with the right to do so (thread).
    WaitRight,
    /// The two sides of a binding name each other, and both capabilities it was made with live and
    /// have RECV (slot).
    Binding,

    /// A line is bound by a live capability to it, with RECV, without DERIVE and children, and one to
    /// its notification with SEND, of one process that has not ended; lists and bits agree (line).
    LineReceiver,
    /// A line is enabled at the controller while it is bound, and at no other time (line).
    LineOpen,
    /// A line has an alarm while it is held, in its place, and the timer is set for it (line).
    LineAlarm,

    /// A mapping belongs to a live capability and a live process (mapping).
    MappingAlive,
    /// A mapping has no access that its capability lacks (mapping).
    MappingRights,
    /// Every page of a mapping has its leaf, and every leaf its mapping (process).
    LeafCount,
    /// A leaf names the mapping it belongs to, and lies in it (page).
    LeafReason,
    /// A leaf has exactly the access of its mapping; U, A, D set, G and reserved bits clear
    /// (page).
    LeafBits,
    /// A leaf points into the object of its mapping, in order (page).
    LeafFrame,
    /// An entry that is no leaf has no reason (page).
    LeafStale,
    /// Upper tables hold table pointers only, with no other bit (page).
    TableEntry,
    /// A table counts its entries, and is gone when it has none (frame).
    TableCount,
    /// The kernel half is the same in every root, and not for user mode (index).
    KernelHalf,
    /// No frame is writable in one mapping and executable in another (frame).
    FrameWx,

    /// A frame has one use, and it is the one recorded (frame).
    FrameUse,
    /// The free list holds the free frames, each once (frame).
    FrameFree,
    /// Free frames are as many as counted (frames).
    FrameCount,

    /// Kernel objects charged to a process are those that it has (process).
    AccountObjects,
    /// Frames charged to a process are those that it has (process).
    AccountFrames,
    /// An address space counts the frames of its page tables (process).
    AccountTables,
    /// No more is charged than the limit (process).
    AccountLimit,
    /// A process counts the processes whose budget it gave (process).
    ProcessChildren,
    /// State, root, threads and lists of a process agree (process).
    ProcessState,

    /// State and queue of a thread agree (thread).
    ThreadState,
    /// Identity and address space of a thread are those of its process (thread).
    ThreadIdentity,
    /// A deadline has an alarm by then, in its place, and the timer is set for it (thread).
    ThreadDeadline,
    /// The scheduler's masks tell which queues hold something (priority).
    ReadyMask,
    /// The current thread is the most important one, or equal with a time slice (thread).
    Current,

    /// A page-table write is fenced before user mode runs (frame; of a device page in the kernel half,
    /// its place).
    FenceMissing,
    /// A frame leaves an address space only after a fence (frame).
    FenceLate,
    /// The ledger had no room (events).
    FenceLost,
}

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// Where; what the number means stands at the rule.
    pub at: u64,
}

impl core::fmt::Display for Violation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let meaning = Rule::ALL.iter().find(|(rule, _)| *rule == self.rule);
        let meaning = meaning.map_or("", |(_, meaning)| meaning.trim_start());
        write!(f, "{:?} at {}: {}", self.rule, self.at, meaning)
    }
}

/// Refuses unless `holds`.
#[inline]
pub(super) fn ensure(holds: bool, rule: Rule, at: impl Into<u64>) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation { rule, at: at.into() }) }
}

/// Something that must be there.
pub(super) fn present<T, E>(
    found: Result<T, E>,
    rule: Rule,
    at: impl Into<u64>,
) -> Result<T, Violation> {
    found.map_err(|_| Violation { rule, at: at.into() })
}
