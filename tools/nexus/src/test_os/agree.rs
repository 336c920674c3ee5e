//! Audit, ledger and witness must say the same.

use super::ledger::{Holding, Memory, Replay};
use super::lines;
use crate::protocol::Cap;
use crate::witness::KIND_DEVICE;
use nexus_proto::ids;
use std::collections::BTreeSet;

/// Who may touch what, from the image, before boot: it knows devices, not addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Service id.
    pub service: u32,
    /// Number of the device.
    pub device: u16,
    /// Name of the device, for people.
    pub device_name: String,
    /// Bytes of its window.
    pub len: u64,
    /// Rights (nexus-abi bits).
    pub rights: u16,
    /// The registers that can be written, where the window has a mask: bit n is the one at 4n.
    pub registers: Option<u64>,
    /// True when it receives the interrupts of the device.
    pub irq: bool,
    /// Microseconds between two interrupts, at least; 0 for no such bound.
    pub interval: u32,
    /// True when it reaches memory by itself: its parent is busd's, and not init's.
    pub dma: bool,
    /// True when the service may be started again: init keeps what the window is given from, too.
    pub again: bool,
    /// What it is set up to reach.
    pub memory: Option<Memory>,
}

impl Expected {
    /// True when the ledger says the same; which line it is, the image does not know.
    fn is(&self, held: &Holding) -> bool {
        let window = (self.service, self.device, self.len, self.rights, self.registers);
        let line = (self.irq, self.interval);
        window == (held.service, held.device, held.len, held.rights, held.registers)
            && line == (held.line != 0, held.interval)
            && self.memory == held.memory
    }
}

/// The service that distributes: it keeps the parent of every window that it handed out.
pub(super) const INIT: u32 = 1;
/// The service that sets devices up: it holds the parents of those that reach memory by themselves.
pub(super) const BUSD: u32 = ids::BUSD;
/// Rights of which a parent kept by init may have no use itself: it is never mapped.
pub(super) const DERIVE: u16 = 1 << 6;

/// Differences between the three, as sentences; empty when they are equal.
#[must_use]
pub fn differences(
    audit: &[Expected],
    ledger: &Replay,
    caps: &[Cap],
    name: &dyn Fn(u32) -> String,
) -> Vec<String> {
    let mut found = Vec::new();
    audit_and_ledger(audit, ledger, name, &mut found);
    ledger_and_witness(audit, &ledger.holdings, caps, name, &mut found);
    init_keeps_parents_only(audit, ledger, caps, &mut found);
    lines::differences(ledger, caps, name, &mut found);
    found
}

/// Each window of the audit is with its owner, or has come back from one that has ended.
fn audit_and_ledger(
    audit: &[Expected],
    ledger: &Replay,
    name: &dyn Fn(u32) -> String,
    found: &mut Vec<String>,
) {
    for expected in audit {
        let returned = ledger.ended.contains_key(&expected.service)
            && ledger.returned.iter().any(|held| expected.is(held));
        if !returned && !ledger.holdings.iter().any(|held| expected.is(held)) {
            found.push(format!(
                "{} -> {} (len {:#x}, rights {:#x}, registers {}, {}{}): in the audit, missing in the \
                 ledger",
                name(expected.service),
                expected.device_name,
                expected.len,
                expected.rights,
                mask_text(expected.registers),
                line_text(if expected.irq { "a line" } else { "no line" }, expected.interval),
                memory_text(expected.memory)
            ));
        }
    }
    for held in &ledger.holdings {
        if !audit.iter().any(|expected| expected.is(held)) {
            found.push(format!("{}: in the ledger, missing in the audit", show(held, audit, name)));
        }
    }
}

type Place = (u32, u64, u64, u16, Option<u64>);

fn ledger_and_witness(
    audit: &[Expected],
    ledger: &[Holding],
    caps: &[Cap],
    name: &dyn Fn(u32) -> String,
    found: &mut Vec<String>,
) {
    let mut witnessed: BTreeSet<Place> = BTreeSet::new();
    let owners = |cap: &&Cap| cap.kind == KIND_DEVICE && ![INIT, BUSD].contains(&cap.service);
    for cap in caps.iter().filter(owners) {
        if !witnessed.insert((cap.service, cap.base, cap.len, cap.rights, cap.registers)) {
            found.push(format!(
                "{}: holds window {:#x} twice in the kernel's table",
                name(cap.service),
                cap.base
            ));
        }
    }
    for held in ledger {
        if !witnessed.remove(&(held.service, held.base, held.len, held.rights, held.registers)) {
            found.push(format!(
                "{}: in the ledger, missing in the kernel's table",
                show(held, audit, name)
            ));
        }
    }
    for (service, base, len, rights, registers) in witnessed {
        found.push(format!(
            "{} -> window {base:#x} (len {len:#x}, rights {rights:#x}, registers {}): in the kernel's \
             table, missing in the ledger",
            name(service),
            mask_text(registers)
        ));
    }
}

/// What stays with init: the unmapped parent of each window that it granted, what that comes from when it may be
/// granted again, and nothing wider; of a device that reaches memory by itself what it takes the window back by, and derives nothing from. What came back
/// from an owner that has ended is with nobody else.
fn init_keeps_parents_only(
    audit: &[Expected],
    ledger: &Replay,
    caps: &[Cap],
    found: &mut Vec<String>,
) {
    let has_dma = |device| audit.iter().any(|expected| expected.device == device && expected.dma);
    for cap in caps.iter().filter(|cap| cap.kind == KIND_DEVICE && cap.service == INIT) {
        let mut granted = ledger.holdings.iter().chain(&ledger.returned);
        let granted = granted.find(|held| (held.base, held.len) == (cap.base, cap.len));
        let derives = cap.rights & DERIVE != 0;
        let right = granted.is_some_and(|held| derives != has_dma(held.device));
        if !right || cap.mapped_pages != 0 {
            found.push(format!(
                "init still holds window {:#x} (len {:#x}, rights {:#x}, {} pages mapped), which is \
                 not the parent of a grant",
                cap.base, cap.len, cap.rights, cap.mapped_pages
            ));
        }
    }
    for held in &ledger.holdings {
        let own = caps.iter().filter(|cap| cap.kind == KIND_DEVICE && cap.service == INIT);
        let kept = own.filter(|cap| (cap.base, cap.len) == (held.base, held.len)).count();
        let again = audit.iter().any(|expected| expected.is(held) && expected.again);
        if kept > 1 + usize::from(again) {
            found.push(format!(
                "init holds window {:#x} {kept} times, and may give it to nobody again",
                held.base
            ));
        }
    }
}

fn show(held: &Holding, audit: &[Expected], name: &dyn Fn(u32) -> String) -> String {
    let device = audit
        .iter()
        .find(|expected| expected.device == held.device)
        .map_or_else(|| format!("device {}", held.device), |found| found.device_name.clone());
    format!(
        "{} -> {device} at {:#x} (len {:#x}, rights {:#x}, registers {}, {}{})",
        name(held.service),
        held.base,
        held.len,
        held.rights,
        mask_text(held.registers),
        line_text(&format!("line {}", held.line), held.interval),
        memory_text(held.memory)
    )
}

fn mask_text(registers: Option<u64>) -> String {
    registers.map_or_else(|| "all".to_owned(), |mask| format!("{mask:#x}"))
}

fn line_text(line: &str, interval: u32) -> String {
    if interval == 0 { line.to_owned() } else { format!("{line} every {interval} us at most") }
}

fn memory_text(memory: Option<Memory>) -> String {
    memory.map_or_else(String::new, |Memory { pool, reach, digest }| {
        format!(", reaches {reach} bytes of a pool of {pool:#x}, digest {digest:016x}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audit() -> Vec<Expected> {
        vec![Expected {
            service: 7,
            device: 3,
            device_name: "rng0".into(),
            len: 0x1000,
            rights: 7,
            registers: None,
            irq: false,
            interval: 0,
            dma: false,
            again: false,
            memory: None,
        }]
    }

    fn holding() -> Holding {
        Holding {
            service: 7,
            device: 3,
            base: 0x1000_8000,
            len: 0x1000,
            rights: 7,
            registers: None,
            line: 0,
            interval: 0,
            memory: None,
        }
    }

    fn ledger() -> Replay {
        Replay { holdings: vec![holding()], ..Replay::default() }
    }

    fn cap(service: u32, rights: u16) -> Cap {
        Cap {
            service,
            kind: KIND_DEVICE,
            rights,
            base: 0x1000_8000,
            len: 0x1000,
            mapped_pages: u64::from(service != INIT),
            object: 0,
            registers: None,
        }
    }

    fn check(audit: &[Expected], ledger: &Replay, caps: &[Cap]) -> Vec<String> {
        differences(audit, ledger, caps, &|id| format!("service{id}"))
    }

    #[track_caller]
    fn assert_found(found: &[String], expected: &[&str]) {
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} / {expected}");
        }
    }

    #[test]
    fn test_equal() {
        assert_found(&check(&audit(), &ledger(), &[cap(1, 0x3c7), cap(7, 7)]), &[]);
        let vmo = Cap { kind: 4, base: 0, ..cap(9, 7) };
        assert_found(&check(&audit(), &ledger(), &[cap(7, 7), vmo]), &[]);
    }

    #[test]
    fn test_each_side_can_be_missing() {
        assert_found(&check(&[], &ledger(), &[cap(7, 7)]), &["missing in the audit"]);
        assert_found(
            &check(&audit(), &ledger(), &[]),
            &[
                "rng0 at 0x10008000 (len 0x1000, rights 0x7, registers all, line 0): in the ledger, \
                 missing in the kernel's",
            ],
        );
        assert_found(
            &check(&audit(), &Replay::default(), &[cap(7, 7)]),
            &["service7 -> rng0", "in the kernel's table, missing in the ledger"],
        );
    }

    #[test]
    fn test_what_a_device_reaches_is_told() {
        let memory = |reach| Some(Memory { pool: 0x9000, reach, digest: 0xab });
        let audit = [Expected { memory: memory(4112), ..audit()[0].clone() }];
        let other = Holding { memory: memory(16), ..holding() };
        let ledger = Replay { holdings: vec![other], ..Replay::default() };
        assert_found(
            &check(&audit, &ledger, &[cap(7, 7)]),
            &[
                ", reaches 4112 bytes of a pool of 0x9000, digest 00000000000000ab",
                ", reaches 16 bytes of a pool of 0x9000, digest 00000000000000ab",
            ],
        );
    }

    #[test]
    fn test_windows_come_back_from_the_dead_only() {
        let mut ledger = Replay { returned: [holding()].into(), ..Replay::default() };
        assert_found(&check(&audit(), &ledger, &[cap(1, 0x3c7)]), &["missing in the ledger"]);
        ledger.ended.insert(7, 1);
        assert_found(&check(&audit(), &ledger, &[cap(1, 0x3c7)]), &[]);
        assert_found(&check(&audit(), &ledger, &[cap(7, 7)]), &["missing in the ledger"]);
    }

    // attack 39 H: the kernel's table has a second holder of a window; found
    #[test]
    fn test_second_owner_in_the_kernel_is_found() {
        let caps = [cap(7, 7), cap(9, 7)];
        assert_found(&check(&audit(), &ledger(), &caps), &["service9 -> window 0x10008000"]);
        let caps = [cap(7, 7), cap(7, 7)];
        assert_found(&check(&audit(), &ledger(), &caps), &["twice"]);
    }

    // attack 48 H: init keeps what a window of a device with DMA can be derived from; found; broken: judge-agreement
    #[test]
    fn test_init_derives_nothing_from_devices_with_dma() {
        let check = |rights, dma| {
            let audit = [Expected { dma, ..audit()[0].clone() }];
            check(&audit, &ledger(), &[cap(7, 7), cap(INIT, rights)])
        };
        assert_found(&check(0x3c7, false), &[]);
        assert_found(&check(0x387, true), &[]);
        assert_found(&check(0x387, false), &["init still holds"]);
        assert_found(&check(0x3c7, true), &["init still holds"]);
    }

    #[test]
    fn test_rights_count() {
        let caps = [cap(7, 7 | DERIVE)];
        assert_found(
            &check(&audit(), &ledger(), &caps),
            &["missing in the kernel's table", "missing in the ledger"],
        );
    }

    // attack 43 H: init keeps a root window, or maps one, or keeps what is given once; found; broken: judge-again
    #[test]
    fn test_init_keeps_no_root() {
        let root = Cap { base: 0x1000_0000, len: 0x10_0000, ..cap(1, 0x3c7) };
        assert_found(&check(&audit(), &ledger(), &[cap(7, 7), root]), &["init still holds"]);
        let mapped = Cap { mapped_pages: 1, ..cap(1, 0x3c7) };
        assert_found(&check(&audit(), &ledger(), &[cap(7, 7), mapped]), &["init still holds"]);
        let twice = [cap(7, 7), cap(1, 0x3c7), cap(1, 0x3c7)];
        assert_found(&check(&audit(), &ledger(), &twice), &["may give it to nobody again"]);
        let again = [Expected { again: true, ..audit()[0].clone() }];
        assert_found(&check(&again, &ledger(), &twice), &[]);
        let thrice = [&twice[..], &[cap(1, 0x3c7)]].concat();
        assert_found(&check(&again, &ledger(), &thrice), &["may give it to nobody again"]);
    }
}
