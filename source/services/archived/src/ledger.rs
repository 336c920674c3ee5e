//! The ledger, as logd lets the archive read it.

use nexus_archive::{Hash, Record};
use nexus_proto::log::{Anchor, Await, HeadInfo, Log};
use nexus_rt::{CallError, Client, Deadline, record_in_chain};

/// Milliseconds that logd has for an answer.
const ANSWER_MS: u64 = 10_000;
/// Milliseconds after which what failed is tried again, if the ledger stays as it is.
const PAUSE_MS: u64 = 1_000;

/// A record, and the hash that logd says it has.
pub type Told = (Record, Hash);

/// What the archive asks of logd.
pub trait Ledger {
    /// The first record with this number or a higher one; `None` past the end.
    ///
    /// # Errors
    /// logd does not answer, or refuses.
    fn record(&mut self, seq: u64) -> Result<Option<Told>, CallError>;

    /// Where the ledger ends, once it has a record above this number.
    ///
    /// # Errors
    /// logd does not answer, or refuses.
    fn wait(&mut self, after: u64) -> Result<HeadInfo, CallError>;

    /// Has the anchor recorded.
    ///
    /// # Errors
    /// logd does not answer, or refuses.
    fn anchor(&mut self, anchor: &Anchor) -> Result<(), CallError>;
}

/// logd.
#[derive(Clone, Copy, Debug)]
pub struct LiveLedger(Client<Log>);

impl LiveLedger {
    /// By this endpoint.
    #[must_use]
    pub const fn new(logd: Client<Log>) -> LiveLedger {
        LiveLedger(logd)
    }

    /// Returns when the ledger has changed; with `soon`, after a second at the latest.
    pub fn pause(&mut self, soon: bool) {
        let deadline = if soon { Deadline::after_ms(PAUSE_MS) } else { Deadline::NEVER };
        // When logd is not there either, its next life is waited for.
        if let Ok(now) = self.0.call(&Await { after: 0 }, deadline) {
            let _ = self.0.call(&Await { after: now.records }, deadline);
        }
    }
}

impl Ledger for LiveLedger {
    fn record(&mut self, seq: u64) -> Result<Option<Told>, CallError> {
        let found = record_in_chain(self.0, seq, Deadline::after_ms(ANSWER_MS))?;
        Ok(found.map(|(stamp, entry, hashes)| {
            (Record { previous: hashes.previous, stamp, entry }, hashes.own)
        }))
    }

    fn wait(&mut self, after: u64) -> Result<HeadInfo, CallError> {
        self.0.call(&Await { after }, Deadline::NEVER)
    }

    fn anchor(&mut self, anchor: &Anchor) -> Result<(), CallError> {
        self.0.call(anchor, Deadline::after_ms(ANSWER_MS)).map(|_| ())
    }
}
