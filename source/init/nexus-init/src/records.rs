//! How each service and each device stands.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::{EndReason, Handle};
use nexus_proto::Subject;
use nexus_proto::init::{DmaState, OwnerState, Refusal, ServiceState};
use nexus_proto::policy::NO_RULE;

use crate::board::{Line, Range};
use crate::grant::{Memory, Pieces};

/// One service of the description.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceRecord {
    /// Service id.
    pub id: u32,
    /// Where it is in its life.
    pub state: ServiceState,
    /// Its process, once it has one; [`Handle::NONE`] is init itself.
    pub process: Option<Handle>,
    /// Which life of it; 0 before it has a process.
    pub incarnation: u32,
    /// The endpoint that it serves, with all rights; [`Handle::NONE`] when there is none.
    pub endpoint: Handle,
    /// The notification by which it is told of its rings, with all rights; [`Handle::NONE`] when it has a
    /// part in none.
    pub told: Handle,
    /// Memory that is mapped into it and is held for it.
    pub memory: Vec<Handle>,
    /// Why it ended, once it has.
    pub end: Option<EndReason>,
}

impl ServiceRecord {
    /// A service that is not started.
    #[must_use]
    pub fn new(id: u32) -> ServiceRecord {
        ServiceRecord {
            id,
            state: ServiceState::Waiting,
            process: None,
            incarnation: 0,
            endpoint: Handle::NONE,
            told: Handle::NONE,
            memory: Vec::new(),
            end: None,
        }
    }
}

/// One device of the description.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceRecord {
    /// Its window, where the board has it.
    pub window: Option<Range>,
    /// Its interrupt line, as the tree says.
    pub line: Line,
    /// Why nobody can have it, once it has been looked for: it is not there, or busd has not taken it.
    pub missing: Option<Refusal>,
    /// How it stands.
    pub state: OwnerState,
    /// Who holds it, or held it last; id 0 when nobody ever did.
    pub owner: Subject,
    /// What init keeps of each piece of it, and what its owner has.
    pub pieces: Pieces,
    /// Rights of its owner.
    pub rights: u16,
    /// Registers that its owner can write, one at a time.
    pub registers: Option<u64>,
    /// The interrupt line that its owner has.
    pub given_line: Option<u16>,
    /// The memory that it reaches by itself, once it was set up to reach any.
    pub memory: Option<Memory>,
    /// How that stands.
    pub dma: DmaState,
    /// The rule concerned; [`NO_RULE`] when there is none.
    pub rule: u16,
    /// Why it is not given, in the word of the reason.
    pub refusal: Option<String>,
}

impl DeviceRecord {
    /// A device that was not looked for, and that nobody has.
    pub const NEW: DeviceRecord = DeviceRecord {
        window: None,
        line: Line::None,
        missing: None,
        state: OwnerState::Unclaimed,
        owner: Subject { id: 0, incarnation: 0 },
        pieces: Pieces::NONE,
        rights: 0,
        registers: None,
        given_line: None,
        memory: None,
        dma: DmaState::None,
        rule: NO_RULE,
        refusal: None,
    };
}

/// Memory that two services share. It outlives both: whoever is left goes on with what it has mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RingRecord {
    /// Service id of who asks.
    pub consumer: u32,
    /// Service id of the driver.
    pub server: u32,
    /// The memory, with all rights.
    pub memory: Handle,
    /// Its bytes.
    pub len: u64,
    /// It is in the ledger.
    pub recorded: bool,
    /// One of the two has ended: the memory is given to nobody any more.
    pub over: bool,
}

/// What was held for a service that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Memory that was mapped into it.
    pub memory: Vec<Handle>,
    /// The endpoint that it served.
    pub endpoint: Handle,
    /// The notification by which it was told of its rings.
    pub told: Handle,
    /// Its devices, and what init keeps of them.
    pub devices: Vec<(u16, Pieces)>,
}
