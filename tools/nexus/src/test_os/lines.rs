//! Interrupt lines: ledger and kernel's table must say the same.

use super::agree::INIT;
use super::ledger::{Holding, Replay};
use crate::protocol::{Cap, Irq};
use std::collections::BTreeSet;

/// `KindCode::Irq` as a number.
const KIND_IRQ: u64 = 10;
/// RECV: what an owner holds of its line, to bind and to acknowledge it, and not to pass it on.
const OWNER: u16 = 1 << 5;

/// `LineState::Free` as a number: bound to nothing.
const FREE: u8 = 1;

/// Differences, as sentences.
pub(super) fn differences(
    ledger: &Replay,
    caps: &[Cap],
    name: &dyn Fn(u32) -> String,
    found: &mut Vec<String>,
) {
    let lines = || caps.iter().filter(|cap| cap.kind == KIND_IRQ);
    let mut witnessed = BTreeSet::new();
    for cap in lines().filter(|cap| cap.service != INIT) {
        if !witnessed.insert((cap.service, cap.base, cap.len, cap.rights)) {
            found.push(format!(
                "{}: holds line {} twice in the kernel's table",
                name(cap.service),
                cap.base
            ));
        }
    }
    for held in ledger.holdings.iter().filter(|held| held.line != 0) {
        if !witnessed.remove(&(held.service, u64::from(held.line), 1, OWNER)) {
            found.push(format!(
                "{} -> line {}: in the ledger, missing in the kernel's table",
                name(held.service),
                held.line
            ));
        }
    }
    for (service, first, count, rights) in witnessed {
        found.push(format!(
            "{} -> line {first} ({count} of them, rights {rights:#x}): in the kernel's table, missing \
             in the ledger",
            name(service)
        ));
    }
    init_keeps_given_lines_only(ledger, lines().filter(|cap| cap.service == INIT), found);
}

/// What stays with init: the parent of each line that it granted, and no other line.
fn init_keeps_given_lines_only<'a>(
    ledger: &Replay,
    kept: impl Iterator<Item = &'a Cap>,
    found: &mut Vec<String>,
) {
    for cap in kept {
        let mut given = ledger.holdings.iter().chain(&ledger.returned);
        let is_parent = given.any(|held| held.line != 0 && u64::from(held.line) == cap.base);
        if !is_parent || cap.len != 1 {
            found.push(format!(
                "init still holds line {} ({} of them), which is not the parent of a grant",
                cap.base, cap.len
            ));
        }
    }
}

/// The lines that the interrupt controller lets through are those that the kernel's table calls bound, and
/// each of them was granted to who has it.
pub(super) fn enabled(words: &[u32], irqs: &[Irq], holdings: &[Holding]) -> Vec<String> {
    let bit = |line: u16| words.get(usize::from(line / 32)).map(|word| word >> (line % 32) & 1);
    let enabled = (0..1024).filter(|line| bit(*line) == Some(1));
    let enabled: BTreeSet<u16> = enabled.collect();
    let bound: BTreeSet<u16> =
        irqs.iter().filter(|irq| irq.state != FREE).map(|irq| irq.line).collect();
    let mut found = Vec::new();
    for line in enabled.symmetric_difference(&bound) {
        let (here, there) = match enabled.contains(line) {
            true => ("enabled at the controller", "not bound in the kernel's table"),
            false => ("bound in the kernel's table", "not enabled at the controller"),
        };
        found.push(format!("line {line} is {here}, and {there}"));
    }
    for irq in irqs {
        let granted = |held: &Holding| (held.service, held.line) == (irq.owner, irq.line);
        if !holdings.iter().any(granted) {
            found.push(format!("line {} is with {}, and was not granted", irq.line, irq.owner));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_os::ledger::Holding;

    fn holding() -> Holding {
        Holding {
            service: 4,
            device: 0,
            base: 0x1000_0000,
            len: 0x1000,
            rights: 7,
            registers: None,
            line: 10,
            interval: 0,
            memory: None,
        }
    }

    fn cap(service: u32, line: u64) -> Cap {
        Cap {
            service,
            kind: KIND_IRQ,
            rights: if service == INIT { 0x3e0 } else { OWNER },
            base: line,
            len: 1,
            mapped_pages: 0,
            object: 0,
            registers: None,
        }
    }

    #[track_caller]
    fn assert_found(holdings: &[Holding], caps: &[Cap], expected: &[&str]) {
        let ledger = Replay { holdings: holdings.to_vec(), ..Replay::default() };
        let mut found = Vec::new();
        differences(&ledger, caps, &|id| format!("service{id}"), &mut found);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} / {expected}");
        }
    }

    #[test]
    fn test_equal() {
        assert_found(&[holding()], &[cap(INIT, 10), cap(4, 10)], &[]);
        assert_found(&[Holding { line: 0, ..holding() }], &[], &[]);
        // A window of another kind at the same number is none.
        assert_found(&[], &[Cap { kind: 5, ..cap(4, 10) }], &[]);
    }

    // attack 43 H: ledger and kernel differ in who holds a line, which, how many or with which rights; found; broken: judge-lines
    #[test]
    fn test_ledger_and_kernel_agree_about_every_line() {
        let missing = "line 10: in the ledger, missing in the kernel's table";
        assert_found(&[holding()], &[], &[missing]);
        assert_found(&[], &[cap(4, 10)], &["service4 -> line 10"]);
        for (other, stranger) in [
            (cap(5, 10), "service5 -> line 10 (1 of them, rights 0x20)"),
            (cap(4, 11), "service4 -> line 11"),
            (Cap { len: 2, ..cap(4, 10) }, "line 10 (2 of them"),
            (Cap { rights: OWNER | 1 << 7, ..cap(4, 10) }, "rights 0xa0"),
            (Cap { rights: 0, ..cap(4, 10) }, "rights 0x0"),
        ] {
            assert_found(&[holding()], &[other], &[missing, stranger]);
        }
        assert_found(&[holding()], &[cap(4, 10), cap(4, 10)], &["holds line 10 twice"]);
    }

    // attack 90 H: a line is enabled that nobody has bound, or bound and not enabled, or not granted; found; broken: judge-enabled
    #[test]
    fn test_enabled_lines_are_bound_and_granted() {
        let irq = |line, owner, state| Irq { line, owner, state };
        let holdings = [holding(), Holding { service: 7, line: 40, ..holding() }];
        let both = [irq(10, 4, 2), irq(40, 7, 3)];
        assert!(enabled(&[1 << 10, 1 << 8, 0, 0], &both, &holdings).is_empty());
        assert!(
            enabled(&[1 << 10, 0, 0, 0], &[irq(10, 4, 4), irq(40, 7, FREE)], &holdings).is_empty()
        );
        assert!(enabled(&[0; 4], &[], &[]).is_empty());
        for (words, irqs, expected) in [
            ([1 << 10, 0, 0, 0], both, "line 40 is bound in the kernel's table, and not enabled"),
            ([1 << 10, 1 << 8, 0, 1 << 31], both, "line 127 is enabled at the controller"),
            ([1 << 10 | 1, 1 << 8, 0, 0], both, "line 0 is enabled at the controller"),
            ([1 << 10, 1 << 8, 0, 0], [irq(10, 4, 2), irq(40, 4, 3)], "line 40 is with 4"),
        ] {
            let found = enabled(&words, &irqs, &holdings);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
        }
    }

    // attack 43 H: init keeps a line that nobody was given, or all of them; found; broken: judge-lines
    #[test]
    fn test_init_keeps_no_other_line() {
        for kept in [cap(INIT, 11), Cap { len: 95, ..cap(INIT, 10) }, cap(INIT, 0)] {
            assert_found(&[holding()], &[cap(4, 10), kept], &["init still holds line"]);
        }
        let none = Holding { line: 0, ..holding() };
        assert_found(&[none], &[cap(INIT, 0)], &["init still holds line 0"]);
    }
}
