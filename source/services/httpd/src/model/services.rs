//! Services, and what they have.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Service {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its priority.
    pub priority: u32,
    /// Where it is in its life.
    pub state: String,
    /// True when it runs and can work.
    pub well: bool,
    /// Lives, with this one.
    pub lives: u32,
    /// Deaths that count towards the limit.
    pub deaths: u32,
    /// Milliseconds for which it has been in this state.
    pub for_ms: u64,
    /// How its last life has ended.
    pub last_end: Option<String>,
    /// When the next life begins, or why none does.
    pub next: Option<String>,
    /// Bytes of memory that it uses, and may.
    pub memory: Option<Use>,
    /// Kernel objects that it uses, and may.
    pub objects: Option<Use>,
    /// Capabilities that it holds.
    pub holds: Vec<Holding>,
    /// Ids of the services that it may call.
    pub calls: Vec<u32>,
}

/// How much of something is in use.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Use {
    /// So much is.
    pub used: u64,
    /// So much may be.
    pub most: u64,
}

/// Capabilities of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Holding {
    /// The kind.
    pub kind: String,
    /// How many.
    pub count: u32,
}

/// Memory that two services share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ring {
    /// Id of the one who asks.
    pub consumer: u32,
    /// Id of the one who is asked.
    pub driver: u32,
    /// Bytes.
    pub bytes: u64,
    /// Number of the line of the policy.
    pub rule: Option<u32>,
}
