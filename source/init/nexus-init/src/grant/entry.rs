//! The records of a grant.

use nexus_proto::init::Refusal;
use nexus_proto::log::{Entry, Event, Outcome as Came};

use super::{Allowed, Memory, Question};

/// The ledger record of a refusal.
#[must_use]
pub fn refusal_entry(question: &Question, rule: u16, epoch: u32, refusal: Refusal) -> Entry {
    Entry {
        event: Event::Refusal,
        outcome: Came::Deny,
        reason: refusal.code(),
        ..grant_entry(question, &Allowed { rule, epoch, interval: 0 })
    }
}

/// The ledger record of a grant.
pub(super) fn grant_entry(question: &Question, allowed: &Allowed) -> Entry {
    Entry {
        event: Event::Grant,
        outcome: Came::Allow,
        device: question.device,
        rights: question.rights,
        rule: allowed.rule,
        subject: question.subject(),
        asker: question.asker,
        base: question.base,
        len: question.len,
        epoch: allowed.epoch,
        reason: 0,
        detail: question.nonce,
        registers: question.registers.into(),
        line: question.line,
        interval: allowed.interval,
    }
}

/// The ledger record of a device that is set up, and of the memory that it reaches.
pub(super) fn prepared_entry(question: &Question, allowed: &Allowed, memory: &Memory) -> Entry {
    Entry {
        device: question.device,
        rule: allowed.rule,
        asker: question.asker,
        len: memory.pool,
        epoch: allowed.epoch,
        detail: memory.digest,
        interval: memory.reach,
        ..Entry::about(Event::Prepared, Came::Allow, question.subject())
    }
}
