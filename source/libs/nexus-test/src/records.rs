//! Lines that the host reads (docs/testing/index.md has their grammar).

use alloc::format;
use alloc::string::String;

use nexus_proto::init::CapEntry;
use nexus_proto::log::{Entry, Event, Outcome, Stamp};

/// The record `what` of the run `nonce`.
#[must_use]
pub fn line(nonce: u64, what: &str) -> String {
    format!("@nx {nonce:016x} {what}")
}

/// A record of the ledger.
#[must_use]
pub fn ledger(stamp: &Stamp, entry: &Entry) -> String {
    format!(
        "ledger {} {} {} {} {} {:x} {:x} {:x} {} {}",
        stamp.seq,
        event(entry.event),
        entry.subject.id,
        entry.subject.incarnation,
        entry.device,
        entry.base,
        entry.len,
        entry.rights,
        decision(entry.outcome),
        entry.rule,
    )
}

const fn event(event: Event) -> &'static str {
    match event {
        Event::Boot => "boot",
        Event::Decision => "decision",
        Event::Grant => "grant",
        Event::Refusal => "refusal",
        Event::Revoke => "revoke",
        Event::Exit => "exit",
        Event::Drop => "drop",
    }
}

const fn decision(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::None => "none",
        Outcome::Deny => "deny",
        Outcome::Allow => "allow",
    }
}

/// A capability of a service.
#[must_use]
pub fn capability(service: u32, cap: &CapEntry) -> String {
    format!(
        "cap {service} {} {:x} {:x} {:x} {} {}",
        cap.kind, cap.rights, cap.base, cap.len, cap.mapped_pages, cap.object
    )
}

/// The root page table of a service.
#[must_use]
pub fn root(service: u32, physical: u64) -> String {
    format!("root {service} {physical:x}")
}

/// How many owners are ready.
#[must_use]
pub fn ready(owners: u32) -> String {
    format!("ready {owners}")
}

/// The guest waits for the host to read its memory.
pub const WITNESS_READY: &str = "witness-ready";

/// What the host types when it has.
pub const WITNESS_DONE: &str = "witness-done";

/// A measurement: its name, the median in instructions, how many samples there were, and how many
/// of them equal the median.
#[must_use]
pub fn bench(name: &str, median: u64, samples: usize, equal: usize) -> String {
    format!("bench {name} {median} {samples} {equal}")
}

/// How the tests came out.
#[must_use]
pub fn verdict(passed: u32, failed: u32) -> String {
    format!("verdict {passed} {failed}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_proto::Subject;

    #[test]
    fn a_line_carries_the_number_of_the_run() {
        assert_eq!(line(0xabc, "verdict 1 0"), "@nx 0000000000000abc verdict 1 0");
    }

    #[test]
    fn a_ledger_record_has_all_that_a_replay_needs() {
        let subject = Subject { id: 7, incarnation: 1 };
        let stamp =
            Stamp { seq: 3, ticks: 5, unix_ns: 0, reporter: Subject { id: 1, incarnation: 1 } };
        let entry = Entry {
            event: Event::Grant,
            outcome: Outcome::Allow,
            device: 3,
            rights: 7,
            rule: 4,
            subject,
            base: 0x1000_8000,
            len: 0x1000,
            epoch: 1,
            reason: 0,
            detail: 9,
        };
        assert_eq!(ledger(&stamp, &entry), "ledger 3 grant 7 1 3 10008000 1000 7 allow 4");
    }

    #[test]
    fn a_capability_and_a_root_name_their_service() {
        let cap = CapEntry {
            next: 0,
            kind: 5,
            rights: 7,
            children: 0,
            base: 0x1000_8000,
            len: 0x1000,
            object: 4,
            mapped_pages: 1,
        };
        assert_eq!(capability(7, &cap), "cap 7 5 7 10008000 1000 1 4");
        assert_eq!(root(7, 0x80ab_c000), "root 7 80abc000");
    }

    #[test]
    fn a_measurement_says_how_sure_it_is() {
        assert_eq!(bench("null_syscall", 90, 65, 64), "bench null_syscall 90 65 64");
    }
}
