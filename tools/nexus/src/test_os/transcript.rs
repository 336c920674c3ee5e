//! What a run said, sorted.

use crate::protocol::{
    Bench, Cap, Entry, Event, Head, Irq, Line, Load, Proof, Record, Refused, Root, StoreLoad, read,
};
use std::collections::VecDeque;
use std::ops::Range;

/// Console lines that are kept for the report of a run that went wrong.
const KEPT_LINES: usize = 20;

/// Everything a guest said so far.
#[derive(Debug, Default)]
pub struct Transcript {
    nonce: u64,
    /// Proofs, in order.
    pub proofs: Vec<Proof>,
    /// Ledger entries, in order.
    pub ledger: Vec<Entry>,
    /// How many of them were there when the guest asked to be read, once it has.
    read_after: Option<usize>,
    /// Where the ledger has holes, and what is known of the last record in each.
    pub holes: Vec<Head>,
    /// Heads of the ledger, in order.
    pub heads: Vec<Head>,
    /// Capabilities.
    pub caps: Vec<Cap>,
    /// Root page tables.
    pub roots: Vec<Root>,
    /// Interrupt lines that are given.
    pub irqs: Vec<Irq>,
    /// Measurements.
    pub bench: Vec<Bench>,
    /// Disks under load.
    pub loads: Vec<Load>,
    /// How long a store took.
    pub store_loads: Vec<StoreLoad>,
    /// Numbers of the loads of the network that ended.
    pub net_loads: Vec<u64>,
    /// Devices that were not granted.
    pub refused: Vec<Refused>,
    /// How many devices were granted, in a system that cannot reach its prompt.
    pub granted: Option<u32>,
    /// How many owners were ready, once they were.
    pub ready: Option<u32>,
    /// Passed and failed, once the guest has said so.
    pub verdict: Option<(u32, u32)>,
    /// Physical memory that the firmware keeps from everyone else, as it says before the kernel
    /// runs.
    pub firmware: Vec<Range<u64>>,
    /// Physical memory that the kernel keeps for its tables, as it says at boot.
    pub kernel_memory: Vec<Range<u64>>,
    /// What the kernel said when it panicked.
    pub panic: Option<String>,
    /// Lines that a guest must not print: near-records, and records of another run.
    pub wrong: Vec<String>,
    /// What tests in the guest say that they saw instead: for people, and no part of a verdict.
    pub failures: Vec<String>,
    /// Warnings and errors of services, the first of them: init says there what it could not start.
    pub warnings: Vec<String>,
    /// The last lines for people.
    pub last_lines: VecDeque<String>,
}

/// What one more line means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A line for people.
    Text,
    /// A record, kept.
    Record,
    /// The guest waits for its memory to be read.
    WitnessReady,
    /// The power is to be cut.
    Cut,
    /// The guest waits for so many bytes to be typed.
    Paste(u32),
    /// The guest has said its verdict.
    Verdict,
}

/// `SERVICE: warning: TEXT`, as consoled shows lines of the log.
fn is_warning(line: &str) -> bool {
    let said = line.split_once(": ").map_or("", |(_, said)| said);
    said.starts_with("warning: ") || said.starts_with("error: ")
}

impl Transcript {
    /// An empty transcript of the run with this nonce.
    #[must_use]
    pub fn new(nonce: u64) -> Transcript {
        Transcript { nonce, ..Transcript::default() }
    }

    /// Number of the run.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Takes one line.
    pub fn take(&mut self, line: &str) -> Meaning {
        match read(line) {
            Line::Text(text) => {
                self.firmware.extend(firmware_memory(&text));
                self.kernel_memory.extend(kernel_memory(&text));
                // Somebody may have left a line unfinished.
                if let Some((_, message)) = text.split_once("neuron: panic: ") {
                    self.panic.get_or_insert_with(|| message.to_owned());
                }
                if text.starts_with("SELFTEST: ") && text.contains(" FAILED") {
                    self.failures.push(text.clone());
                }
                if self.warnings.len() < KEPT_LINES && is_warning(&text) {
                    self.warnings.push(text.clone());
                }
                if self.last_lines.len() == KEPT_LINES {
                    self.last_lines.pop_front();
                }
                self.last_lines.push_back(text);
                Meaning::Text
            }
            Line::Record { nonce, record } if nonce == self.nonce => self.record(record),
            Line::Record { .. } => {
                self.wrong.push(format!("record of another run: {line}"));
                Meaning::Record
            }
            Line::Malformed(line) => {
                self.wrong.push(format!("not a record: {line}"));
                Meaning::Record
            }
        }
    }

    /// What the ledger said when the guest was read: who ended later lived then.
    pub fn ledger_when_read(&self) -> &[Entry] {
        let count = self.read_after.unwrap_or(self.ledger.len());
        self.ledger.get(..count).unwrap_or_default()
    }

    fn record(&mut self, record: Record) -> Meaning {
        if self.verdict.is_some() {
            self.wrong.push(format!("record after the verdict: {record:?}"));
        }
        match record {
            Record::Proof(proof) => self.proofs.push(proof),
            Record::Ledger(entry) => self.ledger.push(entry),
            Record::Hole(hole) => self.holes.push(hole),
            Record::Head(head) => self.heads.push(head),
            Record::Cap(cap) => self.caps.push(cap),
            Record::Root(root) => self.roots.push(root),
            Record::Irq(irq) => self.irqs.push(irq),
            Record::Bench(bench) => self.bench.push(bench),
            Record::Load(load) => self.loads.push(load),
            Record::StoreLoad(load) => self.store_loads.push(load),
            Record::NetLoad { number } => self.net_loads.push(number),
            Record::Refused(refused) => self.refused.push(refused),
            Record::Granted { devices } => self.granted = Some(devices),
            Record::Ready { owners } => self.ready = Some(owners),
            Record::WitnessReady => {
                self.read_after = Some(self.ledger.len());
                return Meaning::WitnessReady;
            }
            Record::Cut => return Meaning::Cut,
            Record::Paste { bytes } => return Meaning::Paste(bytes),
            Record::Verdict { passed, failed } => {
                self.verdict = Some((passed, failed));
                return Meaning::Verdict;
            }
        }
        Meaning::Record
    }

    /// The proofs without nonce and order of arrival: equal for two runs of one system.
    #[must_use]
    pub fn proof_lines(&self) -> String {
        let mut proofs: Vec<&Proof> = self.proofs.iter().collect();
        proofs.sort();
        proofs.iter().map(|proof| format!("{proof} {}\n", proof.checks)).collect()
    }

    /// The ledger without nonce and times: equal for two runs of one system.
    #[must_use]
    pub fn ledger_lines(&self) -> String {
        // When the anchor comes depends on the disk: it stands at the end, and is not counted.
        let is_anchor = |entry: &&Entry| entry.event == Event::Anchor;
        let anchors = self.ledger.iter().filter(is_anchor);
        let mut before = 0;
        let others = self.ledger.iter().filter_map(|entry| {
            before += u64::from(is_anchor(&entry));
            let seq = entry.seq.saturating_sub(before);
            (!is_anchor(&entry)).then(|| Entry { seq, ..entry.clone() })
        });
        let anchors = anchors.map(|entry| Entry { seq: 0, interval: 0, ..entry.clone() });
        others.chain(anchors).map(|entry| format!("{entry}\n")).collect()
    }
}

/// The range in OpenSBI's `Domain0 Region01 : 0x0000000080000000-0x000000008007ffff ()`, or the same
/// with `M: (R,W) S/U: ()` since 1.3: what the kernel's mode may not touch. What such a line names
/// can only be forbidden, never allowed, so it does no harm if another prints it.
fn firmware_memory(line: &str) -> Option<Range<u64>> {
    let (_, rest) = line.strip_prefix("Domain0 Region")?.split_once(": 0x")?;
    let (range, access) = rest.split_once(' ')?;
    let (first, last) = range.split_once("-0x")?;
    let closed = access.trim() == "()" || access.ends_with("S/U: ()");
    let end = u64::from_str_radix(last, 16).ok()?.checked_add(1)?;
    closed.then_some(u64::from_str_radix(first, 16).ok()?..end)
}

/// The range in `neuron: keeps 0x80257000 to 0x80300000`. A program can not print such a line, and
/// what it names can only be forbidden, never allowed.
fn kernel_memory(line: &str) -> Option<Range<u64>> {
    let (start, end) = line.strip_prefix("neuron: keeps 0x")?.split_once(" to 0x")?;
    Some(u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_os::chain::tests::blank;

    #[test]
    fn test_lines_are_sorted() {
        let mut transcript = Transcript::new(0x5);
        let nonce = "@nx 0000000000000005";
        assert_eq!(transcript.take("hello"), Meaning::Text);
        assert_eq!(transcript.take(&format!("{nonce} proof rngd b 2")), Meaning::Record);
        assert_eq!(transcript.take(&format!("{nonce} proof rngd a 1")), Meaning::Record);
        assert_eq!(transcript.take(&format!("{nonce} witness-ready")), Meaning::WitnessReady);
        assert_eq!(transcript.take(&format!("{nonce} verdict 2 0")), Meaning::Verdict);
        assert_eq!(transcript.proof_lines(), "rngd a 1\nrngd b 2\n");
        assert_eq!(transcript.verdict, Some((2, 0)));
        assert_eq!(transcript.wrong, Vec::<String>::new());
    }

    #[test]
    fn test_who_ended_after_the_guest_was_read_lived_then() {
        let mut transcript = Transcript::new(0x5);
        transcript.ledger = vec![blank(1, Event::Boot)];
        assert_eq!(transcript.ledger_when_read().len(), 1);
        transcript.take("@nx 0000000000000005 witness-ready");
        transcript.ledger.push(blank(2, Event::Exit));
        assert_eq!(transcript.ledger_when_read().len(), 1);
    }

    #[test]
    fn test_other_runs_and_near_records_are_wrong() {
        let mut transcript = Transcript::new(0x5);
        transcript.take("@nx 0000000000000006 proof rngd a 1");
        transcript.take("@nx 0000000000000005 proof rngd");
        transcript.take("@nx 0000000000000005 verdict 1 0");
        transcript.take("@nx 0000000000000005 proof rngd late 1");
        assert_eq!(transcript.wrong.len(), 3, "{:?}", transcript.wrong);
    }

    #[test]
    fn test_firmware_memory() {
        let old = "Domain0 Region01          : 0x0000000080000000-0x000000008007ffff ()";
        assert_eq!(firmware_memory(old), Some(0x8000_0000..0x8008_0000));
        let new =
            "Domain0 Region02          : 0x0000000080040000-0x000000008005ffff M: (R,W) S/U: ()";
        assert_eq!(firmware_memory(new), Some(0x8004_0000..0x8006_0000));
        for open in [
            "Domain0 Region02          : 0x0000000000000000-0xffffffffffffffff (R,W,X)",
            "Domain0 Region03          : 0x0000000000000000-0xffffffffffffffff M: () S/U: (R,W,X)",
            "Domain0 Region00          : 0x0000000002000000-0x000000000200ffff (I)",
            "Domain0 Name              : root",
        ] {
            assert_eq!(firmware_memory(open), None, "{open}");
        }
    }

    #[test]
    fn test_kernel_memory() {
        let line = "neuron: keeps 0x80257000 to 0x80300000";
        assert_eq!(kernel_memory(line), Some(0x8025_7000..0x8030_0000));
        assert_eq!(kernel_memory("rngd: neuron: keeps 0x1 to 0x2"), None);
    }

    #[test]
    fn test_last_lines_are_bounded() {
        let mut transcript = Transcript::new(0);
        for number in 0..100 {
            transcript.take(&number.to_string());
        }
        assert_eq!(transcript.last_lines.len(), KEPT_LINES);
        assert_eq!(transcript.last_lines.back().unwrap(), "99");
    }

    #[test]
    fn test_what_people_are_told_is_kept_and_bounded() {
        let mut transcript = Transcript::new(7);
        assert_eq!(transcript.nonce(), 7);
        for line in [
            "SELFTEST: a FAILED: it was b",
            "SELFTEST: a passed",
            "rngd: a FAILED",
            "rngd: warning: one",
            "rngd: error: two",
            "rngd: info: three",
            "warning: four",
            "rngd warning: five",
        ] {
            assert_eq!(transcript.take(line), Meaning::Text);
        }
        assert_eq!(transcript.failures, ["SELFTEST: a FAILED: it was b"]);
        assert_eq!(transcript.warnings, ["rngd: warning: one", "rngd: error: two"]);
        for _ in 0..2 * KEPT_LINES {
            transcript.take("rngd: warning: again");
        }
        assert_eq!(transcript.warnings.len(), KEPT_LINES, "the first of them");
    }

    // What differs from run to run, where the anchor stands and what it is tied to, is no difference.
    #[test]
    fn test_where_the_anchor_stands_is_no_difference() {
        use crate::test_os::chain::tests::blank;
        let lines = |ledger: Vec<Entry>| Transcript { ledger, ..Transcript::new(1) }.ledger_lines();
        let events = |at: usize| {
            let mut events = vec![Event::Boot, Event::Grant, Event::Exit];
            events.insert(at, Event::Anchor);
            (1..).zip(events).map(|(seq, event)| blank(seq, event)).collect::<Vec<Entry>>()
        };
        let mut late = events(3);
        late[3].interval = 77;
        assert_eq!(lines(events(1)), lines(late));
        assert_ne!(lines(events(1)), lines(events(1)[..3].to_vec()));
        let mut other = events(1);
        other[3].subject = 9;
        assert_ne!(lines(events(1)), lines(other));
    }
}
