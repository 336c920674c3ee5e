//! Init's state, and what it needs from outside.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::{CapInfo, Error, Handle, ProcessInfo};

use crate::board::{Piece, Range};
use crate::grant::{Nonces, World};
use crate::registry::Registry;

/// What init needs from outside, beyond what a grant does.
pub trait Machine: World {
    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn process_stat(&mut self, process: Handle) -> Result<ProcessInfo, Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn cap_inspect(
        &mut self,
        process: Handle,
        cursor: u64,
    ) -> Result<(u64, Option<CapInfo>), Error>;

    /// Ticks of the `time` CSR.
    fn ticks(&mut self) -> u64;

    /// Tells people, when no record can be made.
    fn say(&mut self, line: &str);
}

/// A root window: what init can hand out, until it has distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Root {
    /// Its capability.
    pub handle: Handle,
    /// Its bytes.
    pub range: Range,
}

/// Devices that may be given at a second question in one boot: each costs a pause. One that is late
/// again is the last.
pub const SECOND_QUESTIONS: u8 = 4;

/// The root task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Init<M> {
    /// What it knows.
    pub registry: Registry,
    /// The board as it is shown.
    pub board: Vec<Piece>,
    /// Devices that nobody gets, because the description means none of them: node and registers.
    pub unnamed: Vec<(String, Option<Range>)>,
    /// What it can hand out.
    pub roots: Vec<Root>,
    /// Number of the run, where a host reads records of a system in use.
    pub read_as: Option<u64>,
    /// The outside.
    pub machine: M,
    /// Devices that may still be given at a second question, because policyd or logd was late.
    pub second_questions: u8,
    pub(crate) nonces: Nonces,
    pub(crate) tries: Vec<(u32, u32)>,
}

impl<M: Machine> Init<M> {
    /// Before anything has happened.
    pub fn new(registry: Registry, roots: Vec<Root>, machine: M) -> Init<M> {
        Init {
            registry,
            board: Vec::new(),
            unnamed: Vec::new(),
            roots,
            read_as: None,
            machine,
            second_questions: SECOND_QUESTIONS,
            nonces: Nonces::default(),
            tries: Vec::new(),
        }
    }
}
