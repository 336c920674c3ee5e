//! Why a description was refused.

use core::fmt;

/// Why a description was refused: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// A place in a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The description as a whole.
    Description,
    /// The device at this index.
    Device(usize),
    /// The service at this index (not its id).
    Service(usize),
    /// The rule at this index.
    Rule(usize),
}

macro_rules! problems {
    ($($(#[doc = $doc:literal])+ $Name:ident = $text:literal,)+) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Problem { $($(#[doc = $doc])+ $Name,)+ }

        impl Problem {
            /// Every problem.
            pub const ALL: &'static [Problem] = &[$(Problem::$Name),+];

            /// In words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Problem::$Name => $text,)+ }
            }
        }
    };
}

problems! {
    /// It cannot be decoded: cut short, longer than it may be, or not a description.
    Malformed = "cannot be decoded",
    /// It is not the one encoding of what it decodes to (for example, bytes follow it).
    NotCanonical = "is not in its canonical encoding",
    /// More items than there can be.
    TooMany = "has more items than there can be",
    /// A name is malformed.
    BadName = "has a malformed name",
    /// A text is empty, too long, or not printable ASCII.
    BadText = "has a malformed text",
    /// The policy epoch is 0.
    BadEpoch = "has policy epoch 0",
    /// Init is not among the services.
    NoInit = "names an init that is not among the services",
    /// An id is 0, out of order, or taken.
    BadId = "has an id that is zero, taken or out of order",
    /// A name is taken.
    NameTaken = "has a name that is taken",
    /// Two devices would be found at the same place, or fixed windows overlap.
    WindowTaken = "has a window that overlaps another one's",
    /// A window is empty, too long, not whole pages, or wraps.
    BadWindow = "has a window that is not whole pages",
    /// Instances of a class do not count from 0.
    BadInstance = "has an instance number with a gap before it",
    /// A device says what its class does not say, or what another of its class says.
    BadSays = "says of itself what its class does not say, or what another says",
    /// A disk is known by its serial number, and another disk is not; or it is set up in another way than
    /// another such disk, or cannot be asked for the number.
    Unasked = "is known by its serial number, and disks cannot be asked for it",
    /// A device with DMA is not in the highest danger class.
    BadDanger = "has DMA and is not in the highest danger class",
    /// A priority, budget or stack is out of range.
    BadBudget = "has a priority, budget or stack out of range",
    /// Rights are not MAP and READ, with or without WRITE.
    BadRights = "has rights that no window can have",
    /// A mask of registers with WRITE that names none, or without WRITE that names some.
    BadRegisters = "has a mask of registers that does not go with its rights",
    /// It is about an interrupt line, and the device has none.
    NoLine = "is about an interrupt line of a device that has none",
    /// An interval that is too long, or of a line that is not given.
    BadInterval = "has an interval that is too long, or of no line",
    /// It names a device that does not exist.
    UnknownDevice = "names a device that does not exist",
    /// It names a service that does not exist.
    UnknownService = "names a service that does not exist",
    /// It calls a service that has no endpoint, or itself.
    NotServed = "calls a service that has no endpoint",
    /// A ring of more or fewer pages than there can be, or with a service that has one with it already.
    BadRing = "has a ring that there cannot be",
    /// Another service has a ring with the same owner of a device.
    SecondConsumer = "has a ring with an owner of a device that another service has one with",
    /// A GUID that is zero, or of what is no disk.
    BadStore = "holds a store that there cannot be",
    /// Another disk holds a store.
    SecondStore = "holds a store, as another device does",
    /// The id of a tree is 0, or a quota is out of its bounds.
    BadTree = "has a tree with id 0, or a quota out of its bounds",
    /// Another service has a tree of this id.
    TreeTaken = "has a tree with the id of another one's",
    /// It opens the state of a service that has none, or of itself.
    NoTree = "opens the state of a service that has none, or of itself",
    /// A prefix that no key can begin with.
    BadPrefix = "opens what no key can begin with",
    /// A tree is opened for nothing, or for more than there is.
    BadOpen = "opens state for nothing, or for more than there is",
    /// The network of the board is one that there cannot be.
    BadNetwork = "has a network that there cannot be",
    /// A quota of sockets is out of its bounds.
    BadSockets = "has a quota of sockets out of its bounds",
    /// Ports or addresses that there are not, or not in their order.
    BadReach = "reaches ports or addresses that there are not, or not in their order",
    /// It would have to do with a network, and may have no sockets, or the board has none.
    NoNetwork = "has to do with a network, without sockets or without one of the board",
    /// A list is not strictly ascending.
    NotSorted = "has a list that is not strictly ascending",
    /// Another service needs the same device.
    SecondOwner = "needs a device that another service needs",
    /// A device reaches memory by itself, and is of a class that cannot be sealed; or is of one that
    /// can, and does not say that it reaches memory.
    NotSealable = "reaches memory and cannot be sealed, or does not say so",
    /// Of a device that reaches memory by itself all registers are given, or one that is not its owner's.
    NotOwners = "gives registers of a device with DMA that are not its owner's",
    /// Queues of a device that does not reach memory by itself.
    NoDma = "has queues for a device that has no DMA",
    /// Queues that no device of the class can have, or that need more memory than one can be given.
    BadQueues = "has queues that the device cannot have",
    /// A rule allows other queues than its subject asks for.
    OtherQueues = "allows other queues than are asked for",
    /// A proof may rest on no check.
    NoChecks = "has a proof that may rest on no check",
    /// A production image carries proofs.
    ProofsInProd = "has proofs in the prod profile",
    /// A production image names a slot with nothing in it.
    EmptySlotInProd = "is an empty slot in the prod profile",
    /// Init, or who sets up devices, would be started again.
    NotAgain = "cannot be started again, and would be",
    /// A time to answer in of a service that has no endpoint, or is not started again; or one that is too
    /// short or too long.
    BadAnswersWithin = "has a time to answer in that it cannot have",
    /// A production image in which services are started again without end.
    UnlimitedInProd = "starts services again without end in the prod profile",
    /// A production image has a service that prints records for a host.
    ReportInProd = "may report to the host in the prod profile",
}

impl fmt::Display for DescError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Description => f.write_str("the description")?,
            Place::Device(index) => write!(f, "device at index {index}")?,
            Place::Service(index) => write!(f, "service at index {index}")?,
            Place::Rule(index) => write!(f, "rule at index {index}")?,
        }
        write!(f, " {}", self.problem.text())
    }
}

impl core::error::Error for DescError {}
