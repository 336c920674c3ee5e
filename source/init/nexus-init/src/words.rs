//! Refusals and ends in words, and as records.

use alloc::string::String;

use nexus_abi::EndReason;
use nexus_proto::init::{EndKind, Ordered, Refusal, killed};
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::{Asker, Subject};

use crate::grant::Refused;

/// Why a window was not given, in one word for programs.
#[must_use]
pub fn word(refused: &Refused) -> String {
    match refused {
        Refused { refusal: Refusal::PolicyDenied, ruling: Some((reason, _)), .. } => {
            alloc::format!("denied:{}", reason.word())
        }
        Refused { refusal, .. } => refusal.word().into(),
    }
}

/// The same in a sentence for people.
#[must_use]
pub fn sentence(refused: &Refused) -> &'static str {
    match refused {
        Refused { refusal: Refusal::PolicyDenied, ruling: Some((reason, _)), .. } => reason.text(),
        Refused { refusal, .. } => refusal.text(),
    }
}

/// The record of an end, and of who ordered it.
#[must_use]
pub fn exit_entry(subject: Subject, end: EndReason, asker: Asker) -> Entry {
    let (kind, detail, address, pc) = end_parts(end);
    let (base, len, reason) = (pc, address, kind.code());
    Entry { base, len, reason, detail, asker, ..Entry::about(Event::Exit, Outcome::None, subject) }
}

/// The record of an order about a service that has no life; `subject` is the last that it had.
#[must_use]
pub fn order_entry(subject: Subject, ordered: Ordered, asker: Asker) -> Entry {
    Entry { reason: ordered.code(), asker, ..Entry::about(Event::Order, Outcome::None, subject) }
}

/// Kind, code or cause, address and program counter of an end.
#[must_use]
pub fn end_parts(end: EndReason) -> (EndKind, u64, u64, u64) {
    match end {
        EndReason::Exit(code) => (EndKind::Exit, code, 0, 0),
        EndReason::Fault { cause, address, pc } => (EndKind::Fault, cause, address, pc),
        EndReason::Killed(code) => (EndKind::Killed, code, 0, 0),
    }
}

/// An end in words.
#[must_use]
pub fn end_text(end: EndReason) -> String {
    match end {
        EndReason::Exit(code) => alloc::format!("exit code {code}"),
        EndReason::Fault { cause, address, pc } => {
            alloc::format!("fault, cause {cause} at {address:#x}, pc {pc:#x}")
        }
        EndReason::Killed(killed::ORDERED) => "somebody ordered it".into(),
        EndReason::Killed(killed::STOPPED) => "somebody ordered that it stops".into(),
        EndReason::Killed(killed::RESTARTED) => "somebody ordered that it is started again".into(),
        EndReason::Killed(killed::LATE) => "it did not answer in time".into(),
        EndReason::Killed(code) => alloc::format!("ended by its supervisor, code {code}"),
    }
}
