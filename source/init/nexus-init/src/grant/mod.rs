//! One grant, from the question to the record: a state machine.
//!
//! The order is the contract's: policyd decides and records; a device that reaches memory by itself is
//! set up by busd, and what busd hands over is compared with what was allowed; of any other device the
//! window is derived and limited to the registers that are allowed. The pieces are put into the table of
//! their owner, and so is the interrupt line, if there is one; the outcome is recorded; only then may the
//! owner run. Any failure on the way, and any doubt, takes back what was done, has busd reset the device,
//! and ends in a refusal. One that says no more than that policyd or logd was late is followed by a second
//! question, once, while the system boots: it is a whole grant anew, under a nonce of its own.
//!
//! Each step makes one call to the outside ([`World`]) and nothing else, so that a model checker
//! can let anything happen between two steps: a death, another epoch, a lost answer.

mod answer;
mod bus;
mod entry;
mod machine;
mod pieces;
mod steps;
#[cfg(test)]
mod tests;

use nexus_abi::{CapInfo, Error, Handle, PAGE_SIZE, Received, Rights};
use nexus_proto::bus::{Prepare, Release};
use nexus_proto::log::Entry;
use nexus_proto::policy::{Decide, Epoch};
use nexus_proto::{Asker, Subject, Zero};

pub use answer::{Allowed, check};
pub(crate) use bus::release;
pub use bus::{Bus, Laid, Memory, is_done};
pub use entry::refusal_entry;
pub use machine::{Grant, Granted, LineRoute, Outcome, Refused, Route, Source};
pub use pieces::{Given, Piece, Pieces};
pub(crate) use steps::{KEPT, KEPT_LINE, not_derived, state_after};

/// What a grant needs from outside.
pub trait World {
    /// Asks policyd, and waits for its answer for a bounded time.
    ///
    /// # Errors
    /// `TimedOut`, `PeerGone`, or whatever else the kernel says.
    fn decide(&mut self, ask: &Decide) -> Result<Received, Error>;

    /// Asks policyd for its version of the rules, likewise.
    ///
    /// # Errors
    /// As for `decide`.
    fn epoch(&mut self, ask: &Epoch) -> Result<Received, Error>;

    /// Has busd set a device up, likewise. What the answer carries is init's from here on, whatever else
    /// the answer says.
    ///
    /// # Errors
    /// As for `decide`.
    fn prepare(&mut self, ask: &Prepare) -> Result<Received, Error>;

    /// Has busd take a device back, likewise.
    ///
    /// # Errors
    /// As for `decide`.
    fn release(&mut self, ask: &Release) -> Result<Received, Error>;

    /// Appends to the ledger, and waits for a bounded time. The number of the record; `None` when
    /// there is none.
    fn record(&mut self, entry: &Entry) -> Option<u64>;

    /// Waits until policyd and logd may be asked again, for a bounded time, after one was late.
    fn wait_out(&mut self);

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn cap_derive(
        &mut self,
        cap: Handle,
        rights: Rights,
        offset: u64,
        len: u64,
    ) -> Result<Handle, Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn cap_limit(&mut self, cap: Handle, limit: u64) -> Result<(), Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn cap_query(&mut self, cap: Handle) -> Result<CapInfo, Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn cap_install(
        &mut self,
        process: Handle,
        cap: Handle,
        rights: Rights,
    ) -> Result<Handle, Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn cap_revoke(&mut self, cap: Handle) -> Result<(), Error>;

    /// As the system call of that name.
    ///
    /// # Errors
    /// As there.
    fn cap_drop(&mut self, cap: Handle) -> Result<(), Error>;
}

/// Who would be given what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// On whose behalf it is asked: init itself, or who has it `try`.
    pub asker: Asker,
    /// Service id.
    pub service: u32,
    /// Which life of it.
    pub incarnation: u32,
    /// Number of the device.
    pub device: u16,
    /// Rights on the window.
    pub rights: u16,
    /// First physical address of the window.
    pub base: u64,
    /// Its bytes: whole pages.
    pub len: u64,
    /// The registers of it that are to be written, one at a time: bit n is the 32-bit register at 4n.
    /// `None` for a window that is mapped writable.
    pub registers: Option<u64>,
    /// Number of the interrupt line; [`NO_LINE`](nexus_proto::policy::NO_LINE) for the window alone.
    pub line: u16,
    /// Pages of all memory that the device is to reach by itself; 0 for none.
    pub pool: u16,
    /// A number that is used once.
    pub nonce: u64,
}

impl Question {
    /// As policyd is asked.
    #[must_use]
    pub fn to_decide(self) -> Decide {
        Decide {
            subject: self.subject(),
            asker: self.asker,
            device: self.device,
            rights: self.rights,
            base: self.base,
            nonce: self.nonce,
            // No device has a window of more pages than can be said.
            pages: u16::try_from(self.len / PAGE_SIZE).unwrap_or(u16::MAX),
            pool: self.pool,
            line: self.line,
            registers: self.registers.into(),
            zero: Zero::ZERO,
        }
    }

    /// Who it is about.
    #[must_use]
    pub fn subject(self) -> Subject {
        Subject { id: self.service, incarnation: self.incarnation }
    }
}

/// Numbers that are used once, each above all before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Nonces(u64);

impl Nonces {
    /// The next number.
    pub fn take(&mut self) -> u64 {
        self.0 = self.0.saturating_add(1);
        self.0
    }
}
