//! Every way in which a system, or an assertion about one, can be refused. Each has a fixture
//! under `tests/fixtures/check`.

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $Name:ident = $name:literal,)+) => {
        /// Why a system is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $($(#[doc = $doc])+ $Name,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Kind] = &[$(Kind::$Name),+];

            /// Its name: that of its fixture.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Kind::$Name => $name,)+ }
            }

            /// What it is about.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Kind::$Name => concat!($($doc),+),)+ }
            }
        }
    };
}

kinds! {
    /// A file that must be there is not, or cannot be read.
    MissingFile = "missing-file",
    /// What stands in a file's place is none, leads nowhere, or has no end.
    NotAFile = "not-a-file",
    /// Characters that a reader does not see: controls, direction overrides, separators, fillers.
    HiddenCharacter = "hidden-character",
    /// A file is not TOML.
    Syntax = "syntax",
    /// A key that no such file has.
    UnknownKey = "unknown-key",
    /// A key that every such file must have.
    MissingKey = "missing-key",
    /// A value of the wrong type.
    WrongType = "wrong-type",
    /// A word where only certain words can stand.
    UnknownWord = "unknown-word",
    /// A number out of its range.
    OutOfRange = "out-of-range",
    /// A text that cannot be shown on every terminal.
    BadText = "bad-text",
    /// A name that is not made of a-z, 0-9 and `-`.
    BadName = "bad-name",
    /// The same thing twice in one list.
    DuplicateEntry = "duplicate-entry",
    /// More things than an image can hold.
    TooMany = "too-many",

    /// A system that extends itself.
    ExtendsLoop = "extends-loop",
    /// A removal of what the base does not have.
    RemovesNothing = "removes-nothing",
    /// A removed service that something left over still speaks of.
    RemovedService = "removed-service",

    /// Two names that can be mistaken for each other.
    LookAlike = "look-alike",
    /// Two services with one id.
    DuplicateId = "duplicate-id",
    /// Two things of one name.
    DuplicateName = "duplicate-name",

    /// Two devices that would be found at the same place.
    OverlappingWindows = "overlapping-windows",
    /// Two devices in one slot.
    SlotTaken = "slot-taken",
    /// A device that QEMU would plug in wherever it likes.
    UnpinnedDevice = "unpinned-device",
    /// Instance numbers with a gap, or against the order of addresses.
    InstanceOrder = "instance-order",
    /// A device that is the kernel's own.
    KernelDevice = "kernel-device",
    /// A device that reaches memory by itself, or may, and does not say so.
    UnmarkedDma = "unmarked-dma",
    /// A device that is marked for DMA and has none.
    NeedlessDma = "needless-dma",
    /// A word that would let a device reach all memory.
    UnconfinedDma = "unconfined-dma",
    /// A device of a class that cannot be sealed.
    NotSealable = "not-sealable",
    /// A device that reaches memory by itself, and is not in the highest danger class.
    DangerTooLow = "danger-too-low",

    /// A device that the board does not have.
    UnknownDevice = "unknown-device",
    /// A service that the system does not have.
    UnknownService = "unknown-service",
    /// A run of a profile that the system does not have.
    UnknownProfile = "unknown-profile",
    /// A program that is not there.
    MissingBinary = "missing-binary",
    /// Two services that ask for one device.
    TwoOwners = "two-owners",
    /// Two services that ask for a ring with one owner of a device.
    TwoConsumers = "two-consumers",
    /// A ring with a service that the consumer does not call.
    RingWithoutCall = "ring-without-call",
    /// A prefix that no key can begin with, or that nobody sees whole.
    BadPrefix = "bad-prefix",
    /// Two services with one tree.
    DuplicateTree = "duplicate-tree",
    /// The state of a service that has none, or of itself.
    NoTree = "no-tree",
    /// State without a ring to ask for it by.
    StateWithoutRing = "state-without-ring",
    /// Ports that there are not, or not in their order.
    BadPorts = "bad-ports",
    /// An address that there is not, a name in the place of one, or addresses not in their order.
    BadAddress = "bad-address",
    /// An echo that others ask a service for: the network stack answers those by itself.
    EchoInward = "echo-inward",
    /// Something with the network, on a board that has none.
    NoNetwork = "no-network",
    /// Something with the network, and no sockets for it.
    ReachesWithoutSockets = "reaches-without-sockets",
    /// Sockets without a ring to ask for them by.
    SocketsWithoutRing = "sockets-without-ring",
    /// A store on what is no disk.
    NoDisk = "no-disk",
    /// Two devices that would hold the store.
    TwoStores = "two-stores",
    /// Rights that no window can have, or that nobody can use.
    WindowRights = "window-rights",
    /// Of a device that reaches memory by itself, registers that nobody can be given, or all of them.
    DmaRegisters = "dma-registers",
    /// Queues of a device that has none.
    NeedlessQueues = "needless-queues",
    /// Queues that are not those of such a device: too many, too few, or too large.
    WrongQueues = "wrong-queues",
    /// An interrupt of a device that has none, or a time between interrupts that are not allowed.
    NoLine = "no-line",
    /// Not exactly one service that the kernel starts.
    OneInit = "one-init",
    /// Something that init cannot ask for.
    InitAsks = "init-asks",
    /// A service that would be started again, and cannot be.
    NotAgain = "not-again",
    /// A time to answer in of a service that has no endpoint, or would not be replaced when it is late.
    NothingToAnswer = "nothing-to-answer",
    /// A service that others look for under an id that it has not, or that is not there at all.
    FixedId = "fixed-id",

    /// A call to a service that has no endpoint.
    NotServing = "not-serving",
    /// Services that could wait for each other for ever.
    CallCycle = "call-cycle",
    /// A server that its client could keep from running.
    PriorityInversion = "priority-inversion",

    /// A request that no policy line allows.
    NotAllowed = "not-allowed",
    /// A policy line that nothing requests.
    NothingRequests = "nothing-requests",
    /// A policy line that allows more than is requested.
    AllowsMore = "allows-more",
    /// Two policy lines about the same thing.
    DuplicateRule = "duplicate-rule",
    /// A distributor that is not init, or none.
    Distributor = "distributor",

    /// A profile that leaves out what the rest of it needs.
    LeftOut = "left-out",
    /// Proofs where nobody looks at them.
    ProofsInProd = "proofs-in-prod",
    /// A checker where nobody looks for what it finds.
    WatchInProd = "watch-in-prod",
    /// A service that prints records for a host, where there is none.
    ReportInProd = "report-in-prod",
    /// Restarts without end, in a system for use.
    UnlimitedInProd = "unlimited-in-prod",
    /// A slot with nothing in it, which no service in use could do anything with.
    EmptySlotInProd = "empty-slot-in-prod",
    /// A budget that does not hold the program, its stack, and what the kernel needs for them.
    BudgetTooSmall = "budget-too-small",
    /// Memory for devices that is more than their share of the machine's.
    PoolsTooLarge = "pools-too-large",
    /// Budgets that are more than the machine has.
    Overcommitted = "overcommitted",

    /// A name or an id that is for the tests alone.
    Reserved = "reserved",
    /// A system that lacks what the tests need that are laid over it.
    CannotBeJudged = "cannot-be-judged",
    /// More virtio devices than the bus has slots.
    NoSlotLeft = "no-slot-left",
    /// A virtio device whose registers are those of the legacy layout.
    LegacyVirtio = "legacy-virtio",

    /// A word that is no option of QEMU, or one that stands elsewhere already.
    QemuOption = "qemu-option",
    /// A name that QEMU takes once, or not in that form.
    QemuName = "qemu-name",
    /// Something that a device of QEMU needs, and that is not there, or another's.
    QemuBackend = "qemu-backend",
    /// A device that QEMU does not have, or that is another than the board says.
    WrongModel = "wrong-model",

    /// An assertion that is not one.
    BadSentence = "bad-sentence",
}
