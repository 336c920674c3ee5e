//! The records that the guest prints on the serial line in the test profile.
//!
//! A record is one line that begins with `@nx `; everything else on the line is for people. Fields
//! are separated by single spaces. Nothing is guessed: a line that begins like a record and is not
//! one is an error. The grammar is in docs/testing/index.md.

mod read;

pub use read::read;
use std::fmt;

/// What every record line begins with.
pub const PREFIX: &str = "@nx ";

/// What the host sends when it has read guest memory.
pub const WITNESS_DONE: &str = "witness-done\n";

/// Most bytes that are typed at once: what a pipe holds.
const MAX_PASTE: u32 = 1 << 16;

/// What the host types when the guest waits for so many bytes: printable characters, in an order in
/// which one that is lost, doubled or moved shows.
#[must_use]
pub fn paste(bytes: u32) -> String {
    let byte = |at: u32| b'!' + u8::try_from((at * 31 + at / 97) % 94).unwrap_or_default();
    (0..bytes.min(MAX_PASTE)).map(|at| char::from(byte(at))).collect()
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A service has shown something; the name is the one that the kernel stamped on its message.
    Proof(Proof),
    /// One line of the security ledger.
    Ledger(Entry),
    /// A hole in the ledger: the last number that is missing, and the hash that the record with it had.
    Hole(Head),
    /// How long the ledger is, and the hash of its last record.
    Head(Head),
    /// One capability, as the kernel's table has it.
    Cap(Cap),
    /// A process and its root page table.
    Root(Root),
    /// How an interrupt line that is given stands in the kernel's table.
    Irq(Irq),
    /// The guest waits until the host has read its memory.
    WitnessReady,
    /// The guest asks for the power to be cut, at some time from now on.
    Cut,
    /// The guest waits for so many bytes to be typed.
    Paste {
        /// How many.
        bytes: u32,
    },
    /// All `owners` owner services hold their windows.
    Ready {
        /// How many.
        owners: u32,
    },
    /// init did not grant a device, in a system that cannot reach its prompt.
    Refused(Refused),
    /// How many devices init granted in such a system.
    Granted {
        /// How many.
        devices: u32,
    },
    /// A measurement.
    Bench(Bench),
    /// How long a disk took.
    Load(Load),
    /// How long a store took.
    StoreLoad(StoreLoad),
    /// A load of the network ends here.
    NetLoad {
        /// Which.
        number: u64,
    },
    /// The guest's own opinion, just before it ends the machine.
    Verdict {
        /// Tests passed.
        passed: u32,
        /// Tests failed.
        failed: u32,
    },
}

/// A proof and who gave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proof {
    /// Name of the service.
    pub service: String,
    /// Name of the proof.
    pub id: String,
    /// How many checks it rests on, or must rest on.
    pub checks: u32,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.id)
    }
}

/// What happened, in a ledger entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The system started; the first entry.
    Boot,
    /// policyd decided.
    Decision,
    /// init put a window into a service's table.
    Grant,
    /// init did not grant.
    Refusal,
    /// A life of a service ended, and all that it held came back.
    Exit,
    /// A window came back, and no end of its owner says so.
    Revoke,
    /// init let go of an authority.
    Drop,
    /// The wall clock of the log was set.
    Clock,
    /// init had a device set up: what it reaches by itself is its own memory.
    Prepared,
    /// init shares memory between two services.
    Share,
    /// One of the two ended for good.
    Unshare,
    /// A later life of a service without a device has begun.
    Start,
    /// Somebody has ordered the start of a service without a life, or that none follows.
    Order,
    /// logd folded records of lives that have ended away.
    Fold,
    /// A later life of logd went on with the ledger.
    Resume,
    /// The archive told where its ledgers of the boots before this one end.
    Anchor,
    /// Who keeps state for others refused it to one: the first of its kind.
    Access,
}

/// What was decided, in a ledger entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The event is not about a decision.
    None,
    /// Refused.
    Deny,
    /// Allowed.
    Allow,
}

/// A device that was not granted, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// Name of the service.
    pub service: String,
    /// Name of the device.
    pub device: String,
    /// A word of `nexus_proto::init::Refusal`, or `denied:` and the policy's reason.
    pub reason: String,
}

/// A ledger entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position in the ledger, from 1.
    pub seq: u64,
    /// What happened.
    pub event: Event,
    /// Service id of the subject.
    pub subject: u32,
    /// Which life of it.
    pub incarnation: u32,
    /// Number of the device in the description.
    pub device: u16,
    /// First physical address of the window.
    pub base: u64,
    /// Bytes of the window.
    pub len: u64,
    /// Rights (nexus-abi bits).
    pub rights: u16,
    /// The registers that can be written, where the window has a mask: bit n is the one at 4n.
    pub registers: Option<u64>,
    /// Number of the interrupt line, 0 for none.
    pub line: u16,
    /// Microseconds between two interrupts, at least; 0 for no such bound.
    pub interval: u32,
    /// What was decided.
    pub decision: Decision,
    /// Number of the rule, 65535 for none.
    pub rule: u16,
    /// Who recorded it: service id, and which life of it.
    pub reporter: (u32, u32),
    /// On whose behalf it was asked; service id 0 for nobody.
    pub asker: u32,
    /// Version of the rules; 0 when they were not asked.
    pub epoch: u32,
    /// Why, in a code of the event.
    pub reason: u8,
    /// More about it, by event: nonce of the run or of the question, exit code, time.
    pub detail: u64,
    /// When, in ticks.
    pub ticks: u64,
    /// The same in nanoseconds since 1970; 0 when that was not known.
    pub unix_ns: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// The head of the ledger at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the last record: how many there ever were.
    pub records: u64,
    /// Hash of the last one.
    pub hash: [u8; 32],
}

/// A capability in the kernel's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Who holds it.
    pub service: u32,
    /// Its kind (`KindCode`).
    pub kind: u64,
    /// Its rights.
    pub rights: u16,
    /// First physical address of a window; number of the first of interrupt lines.
    pub base: u64,
    /// Bytes; how many interrupt lines.
    pub len: u64,
    /// Pages mapped through it.
    pub mapped_pages: u64,
    /// Which object of its kind, but for windows.
    pub object: u64,
    /// The registers that can be written, for a window with a mask: bit n is the one at 4n.
    pub registers: Option<u64>,
}

/// A process and its root page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Service id.
    pub service: u32,
    /// Physical address of the root page table.
    pub phys: u64,
}

/// An interrupt line that is given, as the kernel's table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Irq {
    /// Its number at the controller.
    pub line: u16,
    /// Service id of who has it.
    pub owner: u32,
    /// `nexus_abi::LineState` as a number.
    pub state: u8,
}

/// A measurement in instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bench {
    /// Which operation.
    pub name: String,
    /// Median of the samples.
    pub median: u64,
    /// How many samples.
    pub samples: u64,
    /// How many of them equal the median.
    pub equal: u64,
}

/// A disk under load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Which load.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// Bytes read or written in all.
    pub bytes: u64,
    /// Nanoseconds from before the first request to after the last.
    pub ns: u64,
    /// Batches that the driver gave its device.
    pub batches: u64,
    /// How often it rang the doorbell for them.
    pub doorbells: u64,
}

/// A store under load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLoad {
    /// Which load.
    pub name: String,
    /// Puts, gets or rows.
    pub operations: u64,
    /// Nanoseconds from before the first to after the last.
    pub ns: u64,
    /// Flushes that the disk was asked for meanwhile.
    pub flushes: u64,
}

/// A line of the serial output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// For people.
    Text(String),
    /// A record of the run with this nonce.
    Record {
        /// Number of the run.
        nonce: u64,
        /// The record.
        record: Record,
    },
    /// It begins like a record and is not one.
    Malformed(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Event::Boot => "boot",
            Event::Decision => "decision",
            Event::Grant => "grant",
            Event::Refusal => "refusal",
            Event::Exit => "exit",
            Event::Revoke => "revoke",
            Event::Drop => "drop",
            Event::Clock => "clock",
            Event::Prepared => "prepared",
            Event::Share => "share",
            Event::Unshare => "unshare",
            Event::Fold => "fold",
            Event::Resume => "resume",
            Event::Start => "start",
            Event::Order => "order",
            Event::Anchor => "anchor",
            Event::Access => "access",
        })
    }
}

/// Without what differs from run to run: times, nonces, and so hashes, those in a fold and an anchor, too.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = match self.decision {
            Decision::None => "none",
            Decision::Deny => "deny",
            Decision::Allow => "allow",
        };
        let (base, len, registers) = match self.event {
            Event::Fold => (0, self.len, None),
            Event::Anchor => (0, 0, None),
            _ => (self.base, self.len, self.registers),
        };
        write!(
            f,
            "{} {} {} {} {} {:x} {:x} {:x} {} {} {} {decision} {} {} {} {} {} {}",
            self.seq,
            self.event,
            self.subject,
            self.incarnation,
            self.device,
            base,
            len,
            self.rights,
            registers.map_or_else(|| "-".to_owned(), |mask| format!("{mask:x}")),
            self.line,
            self.interval,
            self.rule,
            self.reporter.0,
            self.reporter.1,
            self.asker,
            self.epoch,
            self.reason
        )
    }
}
