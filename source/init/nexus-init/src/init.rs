//! Init's state, and what it needs from outside.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::{CapInfo, Error, Handle, IrqInfo, ProcessInfo, Received};
use nexus_proto::bus::Take;
use nexus_proto::init::Refusal;
use nexus_proto::log::Entry;

use crate::board::{Piece, Range};
use crate::grant::{Nonces, World};
use crate::records::RingRecord;
use crate::registry::Registry;
use crate::serials::Asked;
use crate::start::Loader;

/// What init needs from outside, beyond what a grant does.
pub trait Machine: World + Loader {
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

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn irq_stat(&mut self, irq: Handle) -> Result<IrqInfo, Error>;

    /// As the system call of that name, by the authority to make processes.
    ///
    /// # Errors
    /// As there.
    fn time_stat(&mut self, priority: u64) -> Result<u64, Error>;

    /// Has busd take a device, with its window, and waits for its answer for a bounded time.
    ///
    /// # Errors
    /// As for [`World::decide`].
    fn take(&mut self, ask: &Take, window: Handle) -> Result<Received, Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn process_end(&mut self, process: Handle, code: u64) -> Result<(), Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn notification_create(&mut self) -> Result<Handle, Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn vmo_create(&mut self, pages: u64) -> Result<Handle, Error>;

    /// What a service answers to when it is asked whether it does, and with which bit; `None` for one that
    /// need not.
    fn answer(&self, service: u32) -> Option<(Handle, u64)>;

    /// From here on this life of a service is watched, which is asked by this notification.
    fn watch(&mut self, service: u32, process: Handle, asked_by: Handle);

    /// A service has ended: it is watched no more. If it is one that init asks, it is asked no more until it runs again.
    fn forget(&mut self, service: u32);

    /// From here on whoever calls `endpoint`, by which the service was asked, is told that it is gone.
    fn answer_gone(&mut self, service: u32, endpoint: Handle);

    /// Ends that, before the service is started again.
    fn answer_no_more(&mut self, service: u32);

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn signal(&mut self, notification: Handle, bits: u64) -> Result<(), Error>;

    /// Ticks of the `time` CSR.
    fn ticks(&mut self) -> u64;

    /// Tells people, when no record can be made.
    fn say(&mut self, line: &str);
}

/// A window that init can hand out. After distribution, only that of a device which it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Root {
    /// Its capability.
    pub handle: Handle,
    /// Its bytes.
    pub range: Range,
}

/// The interrupt lines that init can hand out, until it has distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lines {
    /// The capability to all of them.
    pub handle: Handle,
    /// Number of the first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// Ticks of the `time` CSR in a second.
    pub timebase_hz: u64,
}

impl Lines {
    /// True when this line is one of them.
    #[must_use]
    pub fn have(&self, line: u64) -> bool {
        line.checked_sub(self.first).is_some_and(|offset| offset < self.count)
    }

    /// As many ticks as this many microseconds are, or the next more. More than a capability can be
    /// limited to when they cannot be counted.
    #[must_use]
    pub fn ticks(&self, microseconds: u32) -> u64 {
        let ticks = u128::from(microseconds) * u128::from(self.timebase_hz);
        u64::try_from(ticks.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
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
    /// Devices that nobody gets, because the description means none of them: node, registers, and why.
    pub unnamed: Vec<(String, Option<Range>, Refusal)>,
    /// Virtio slots with a device in them, and its number in the description, or
    /// [`NO_DEVICE`](nexus_proto::log::NO_DEVICE): each reaches memory by itself. Empty once busd has
    /// them.
    pub reaching: Vec<(u16, Range)>,
    /// What busd was told by disks that are known by their serial numbers.
    pub asked: Asked,
    /// What it can hand out.
    pub roots: Vec<Root>,
    /// What happened while logd was not there: it is recorded when it is.
    pub(crate) unrecorded: Vec<Entry>,
    /// The interrupt lines that it can hand out: all of the board, until it has distributed; none on a board
    /// without them.
    pub lines: Vec<Lines>,
    /// Memory for rings: of every one of the description, or of none yet.
    pub rings: Vec<RingRecord>,
    /// Number of the run, where a host reads records of a system in use.
    pub read_as: Option<u64>,
    /// Ticks of the `time` CSR in a second.
    pub timebase_hz: u64,
    /// The outside.
    pub machine: M,
    /// Devices that may still be given at a second question, because policyd or logd was late.
    pub second_questions: u8,
    /// It was told that all owners are ready that will be.
    pub(crate) ready_told: bool,
    pub(crate) nonces: Nonces,
    pub(crate) tries: Vec<(u32, u32)>,
}

impl<M: Machine> Init<M> {
    /// Before anything has happened.
    pub fn new(registry: Registry, roots: Vec<Root>, timebase_hz: u64, machine: M) -> Init<M> {
        Init {
            registry,
            board: Vec::new(),
            unnamed: Vec::new(),
            reaching: Vec::new(),
            asked: Asked::default(),
            roots,
            unrecorded: Vec::new(),
            lines: Vec::new(),
            rings: Vec::new(),
            read_as: None,
            timebase_hz,
            machine,
            second_questions: SECOND_QUESTIONS,
            ready_told: false,
            nonces: Nonces::default(),
            tries: Vec::new(),
        }
    }
}
