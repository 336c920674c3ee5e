//! Lines that the host reads (docs/testing/index.md has their grammar).

use alloc::format;
use alloc::string::String;

use nexus_proto::init::{CapEntry, IrqEntry};
use nexus_proto::log::{Entry, Event, HeadInfo, Outcome, Stamp};

/// The record `what` of the run `nonce`.
#[must_use]
pub fn line(nonce: u64, what: &str) -> String {
    format!("@nx {nonce:016x} {what}")
}

/// A record of the ledger: all that its hash is made from, and its hash.
#[must_use]
pub fn ledger(stamp: &Stamp, entry: &Entry, own: &[u8; 32]) -> String {
    let Entry { asker, epoch, reason, detail, registers, line, interval, .. } = entry;
    let Stamp { ticks, unix_ns, reporter, .. } = stamp;
    let before = format!(
        "ledger {} {} {} {} {} {:x} {:x} {:x} {registers} {line} {interval} {} {}",
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
    );
    format!(
        "{before} {} {} {} {epoch} {reason} {detail:x} {ticks:x} {unix_ns:x} {}",
        reporter.id,
        reporter.incarnation,
        asker.id,
        hex(own)
    )
}

/// Behind the record before it the ledger has a hole: the last number that is missing, and the hash that
/// the record with it had.
#[must_use]
pub fn hole(last: u64, hash: &[u8; 32]) -> String {
    format!("hole {last} {}", hex(hash))
}

/// How long a store took for so many operations, and how often the disk was asked to flush meanwhile.
#[must_use]
pub fn store_load(name: &str, operations: u64, ns: u64, flushes: u64) -> String {
    format!("store-load {name} {operations} {ns} {flushes}")
}

/// A load of the network with this number ends here.
#[must_use]
pub fn net_load(number: u64) -> String {
    format!("net-load {number}")
}

/// How long the ledger is, and the hash of its last record.
#[must_use]
pub fn head(head: &HeadInfo) -> String {
    format!("head {} {}", head.records, hex(&head.head))
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
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
        "cap {service} {} {:x} {:x} {:x} {} {} {}",
        cap.kind, cap.rights, cap.base, cap.len, cap.mapped_pages, cap.object, cap.registers
    )
}

/// The root page table of a service.
#[must_use]
pub fn root(service: u32, physical: u64) -> String {
    format!("root {service} {physical:x}")
}

/// How an interrupt line that is given stands.
#[must_use]
pub fn irq(line: &IrqEntry) -> String {
    format!("irq {} {} {}", line.line, line.owner.id, line.state)
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

/// The host is to cut the power at some time from now on; the guest goes on meanwhile.
pub const CUT: &str = "cut";

/// The guest waits for so many bytes to be typed.
#[must_use]
pub fn paste(bytes: u32) -> String {
    format!("paste {bytes}")
}

/// Byte number `at` of what the host types then.
#[must_use]
pub fn pasted(at: u32) -> u8 {
    // What is left of a division by 94 fits a byte.
    b'!'.wrapping_add(u8::try_from((at * 31 + at / 97) % 94).unwrap_or_default())
}

/// A measurement: its name, the median in instructions, how many samples there were, and how many
/// of them equal the median.
#[must_use]
pub fn bench(name: &str, median: u64, samples: usize, equal: usize) -> String {
    format!("bench {name} {median} {samples} {equal}")
}

/// How long a disk took for a load: so many requests, with so many bytes in all; how many batches its driver
/// gave it, and how often it rang its doorbell for them.
#[must_use]
pub fn load(name: &str, requests: u64, bytes: u64, ns: u64, [batches, rang]: [u64; 2]) -> String {
    format!("load {name} {requests} {bytes} {ns} {batches} {rang}")
}

/// How the tests came out.
#[must_use]
pub fn verdict(passed: u32, failed: u32) -> String {
    format!("verdict {passed} {failed}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_proto::{Asker, Registers, Subject, Zero};

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
            asker: Asker::new(1),
            base: 0x1000_8000,
            len: 0x1000,
            epoch: 1,
            reason: 0,
            detail: 9,
            registers: Registers::UNMASKED,
            line: 0,
            interval: 0,
        };
        let line = ledger(&stamp, &entry, &[0xab; 32]);
        let expected = "ledger 3 grant 7 1 3 10008000 1000 7 - 0 0 allow 4 1 1 1 1 0 9 5 0 ";
        assert_eq!(line, format!("{expected}{}", "ab".repeat(32)));
        let entry =
            Entry { registers: Registers::new(Some(0x8001)), line: 11, interval: 50, ..entry };
        let line = ledger(&stamp, &entry, &[0xab; 32]);
        let expected = "ledger 3 grant 7 1 3 10008000 1000 7 8001 11 50 allow 4 1 1 1 1 0 9 5 0 ";
        assert_eq!(line, format!("{expected}{}", "ab".repeat(32)));
    }

    #[test]
    fn the_longest_record_of_the_ledger_is_one_line() {
        let subject = Subject { id: u32::MAX, incarnation: 1 };
        let stamp = Stamp { seq: 1024, ticks: 1 << 44, unix_ns: u64::MAX, reporter: subject };
        let entry = Entry {
            event: Event::Decision,
            outcome: Outcome::Allow,
            device: u16::MAX,
            rights: u16::MAX,
            rule: u16::MAX,
            subject,
            asker: Asker::new(u32::MAX),
            base: u64::MAX,
            len: 1 << 32,
            epoch: 1,
            reason: 18,
            detail: u64::MAX,
            registers: Registers::new(Some(u64::MAX)),
            line: 1023,
            interval: 1_000_000,
        };
        assert!(
            line(0, &ledger(&stamp, &entry, &[0; 32])).len() <= 320,
            "consoled breaks longer ones"
        );
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
            registers: Registers::UNMASKED,
            zero: Zero::ZERO,
        };
        assert_eq!(capability(7, &cap), "cap 7 5 7 10008000 1000 1 4 -");
        let masked = CapEntry { registers: Registers::new(Some(0)), ..cap };
        assert_eq!(capability(7, &masked), "cap 7 5 7 10008000 1000 1 4 0");
        assert_eq!(root(7, 0x80ab_c000), "root 7 80abc000");
    }

    #[test]
    fn a_measurement_says_how_sure_it_is() {
        assert_eq!(bench("null_syscall", 90, 65, 64), "bench null_syscall 90 65 64");
    }

    #[test]
    fn a_load_says_what_it_was_and_how_long_it_took() {
        assert_eq!(load("read_8", 16, 65_536, 1_000, [3, 2]), "load read_8 16 65536 1000 3 2");
    }
}
