//! How each service and each device stands.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::{EndReason, Handle};
use nexus_proto::init::{DmaState, Last, OwnerState, Refusal, ServiceState};
use nexus_proto::policy::NO_RULE;
use nexus_proto::{Asker, Subject};
use nexus_sysdesc::restart::Deaths;

use crate::board::{Line, Range};
use crate::grant::{Laid, Memory, Pieces};

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
    /// How its last life ended, once one has.
    pub end: Option<EndReason>,
    /// How many of its lives have run.
    pub lives: u32,
    /// Tick at which its program began to run, in its last life.
    pub born: u64,
    /// Tick at which it came into its state.
    pub since: u64,
    /// Tick at which it is started again, while nothing else is waited for.
    pub again: Option<u64>,
    /// When it has died.
    pub deaths: Deaths,
    /// Somebody has ordered the end of this life.
    pub order: Option<Order>,
    /// Why no life follows the last one by itself, if none does.
    pub last: Option<Last>,
}

impl ServiceRecord {
    /// True while it has a life: its program runs, or has ended without that init has seen it.
    #[must_use]
    pub const fn lives(&self) -> bool {
        self.state.lives()
    }
}

/// Who ordered the end of a life, and what is to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// Who.
    pub asker: Asker,
    /// What.
    pub then: Then,
}

/// What follows the end of a life that was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// What the service file says.
    AsRuled,
    /// Another life.
    Again,
    /// No other life.
    Stop,
}

impl ServiceRecord {
    /// A service that is not started.
    #[must_use]
    pub fn new(id: u32, unlimited_restarts: bool) -> ServiceRecord {
        ServiceRecord {
            id,
            state: ServiceState::Waiting,
            process: None,
            incarnation: 0,
            endpoint: Handle::NONE,
            told: Handle::NONE,
            memory: Vec::new(),
            end: None,
            lives: 0,
            born: 0,
            since: 0,
            again: None,
            deaths: Deaths::new(unlimited_restarts),
            order: None,
            last: None,
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
    /// What its queues come to, once somebody asked for it.
    pub laid: Option<Laid>,
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
        laid: None,
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

/// What was held for a life that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Memory that was mapped into it.
    pub memory: Vec<Handle>,
    /// Its devices, and what init keeps of them.
    pub devices: Vec<(u16, Pieces)>,
}
