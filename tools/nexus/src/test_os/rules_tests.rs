//! Each condition of the replay and of the agreement, alone: a test for what one of them decides.

use super::agree::{Expected, differences};
use super::chain::tests::blank;
use super::ledger::{Holding, Memory, Replay, replay};
use crate::protocol::{Cap, Decision, Entry, Event};
use crate::witness::KIND_DEVICE;

const BASE: u64 = 0x1000_8000;
const INIT: u32 = 1;
/// MAP, READ, WRITE, and what init keeps a parent with.
const OWNER: u16 = 7;
const PARENT: u16 = 0x3c7;

fn at(seq: u64, event: Event, device: u16, base: u64) -> Entry {
    Entry { device, base, ..blank(seq, event) }
}

/// A window that is decided and granted.
fn granted(seq: u64, device: u16, base: u64) -> [Entry; 2] {
    [at(seq, Event::Decision, device, base), at(seq + 1, Event::Grant, device, base)]
}

#[track_caller]
fn assert_errors(entries: &[Entry], expected: &[&str]) {
    let errors = replay(entries).errors;
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.contains(expected), "{error} / {expected}");
    }
}

// attack 37 H: an allow that a later denial or refusal took back; the grant that follows is found; broken: judge-ledger
#[test]
fn test_a_later_denial_ends_an_allow() {
    let [decision, grant] = granted(1, 3, BASE);
    let grant = Entry { seq: 3, ..grant };
    for later in [Event::Decision, Event::Refusal] {
        let denial = Entry { decision: Decision::Deny, ..at(2, later, 3, BASE) };
        assert_errors(&[decision.clone(), denial.clone(), grant.clone()], &["without a decision"]);
        // Of another device, life or set of rights it says nothing about this one.
        for other in [
            Entry { device: 4, ..denial.clone() },
            Entry { incarnation: 2, ..denial.clone() },
            Entry { rights: 3, ..denial.clone() },
        ] {
            assert_errors(&[decision.clone(), other, grant.clone()], &[]);
        }
    }
    // What init asks for another does not take back what it was allowed itself.
    let asked = Entry { decision: Decision::Deny, asker: 10, ..at(2, Event::Decision, 3, BASE) };
    assert_errors(&[decision, asked, grant], &[]);
}

// attack 39 H: one device in two places, two devices in one; found; broken: judge-ledger
#[test]
fn test_one_device_has_one_place() {
    let both = |device, base| [granted(1, 3, BASE), granted(3, device, base)].concat();
    assert_errors(&both(4, BASE + 0x1000), &[]);
    assert_errors(&both(3, BASE + 0x1000), &["second owner"]);
    assert_errors(&both(4, BASE), &["second owner"]);
}

// attack 39 H: a window over the end or the beginning of another; found
#[test]
fn test_windows_do_not_overlap_in_part() {
    for (base, len, errors) in [
        (BASE - 0x1000, 0x1000, 0),
        (BASE - 0x1000, 0x2000, 1),
        (BASE + 0x1000, 0x2000, 1),
        (BASE + 0x2000, 0x1000, 0),
        (0, u64::MAX, 1),
    ] {
        let mut entries = [granted(1, 3, BASE), granted(3, 4, base)].concat();
        entries[..2].iter_mut().for_each(|entry| entry.len = 0x2000);
        entries[2..].iter_mut().for_each(|entry| entry.len = len);
        assert_eq!(replay(&entries).errors.len(), errors, "{base:#x} {len:#x}");
    }
}

// attack 38 H: a grant that differs from its decision in one thing; found
#[test]
fn test_a_grant_is_of_what_was_decided() {
    let [decision, grant] = granted(1, 3, BASE);
    for other in [
        Entry { subject: 8, ..grant.clone() },
        Entry { incarnation: 2, ..grant.clone() },
        Entry { device: 4, ..grant.clone() },
        Entry { base: BASE + 0x1000, ..grant.clone() },
        Entry { len: 0x2000, ..grant.clone() },
        Entry { rights: 15, ..grant.clone() },
        Entry { registers: Some(1), ..grant.clone() },
        Entry { line: 8, ..grant.clone() },
        Entry { interval: 50, ..grant.clone() },
    ] {
        assert_errors(&[decision.clone(), other], &["without a decision"]);
    }
    assert_errors(&[decision, grant], &[]);
}

#[test]
fn test_a_revoke_ends_the_holding_that_it_names() {
    let revoke = at(3, Event::Revoke, 3, BASE);
    for other in [
        Entry { subject: 8, ..revoke.clone() },
        Entry { device: 4, ..revoke.clone() },
        Entry { incarnation: 2, ..revoke.clone() },
    ] {
        let entries = [&granted(1, 3, BASE)[..], &[other]].concat();
        let Replay { holdings, returned, .. } = replay(&entries);
        assert_eq!((holdings.len(), returned.len()), (1, 0));
    }
    let entries = [&granted(1, 3, BASE)[..], &[revoke]].concat();
    let Replay { holdings, returned, .. } = replay(&entries);
    assert_eq!((holdings.len(), returned.len()), (0, 1));
}

#[test]
fn test_only_a_later_life_lives_again() {
    let exit = Entry { incarnation: 2, ..at(1, Event::Exit, 3, 0) };
    for (life, ended) in [(1, true), (2, true), (3, false)] {
        let later = Entry { incarnation: life, ..at(2, Event::Decision, 3, BASE) };
        assert_eq!(replay(&[exit.clone(), later]).ended.contains_key(&7), ended, "life {life}");
    }
}

fn expected() -> Expected {
    Expected {
        service: 7,
        device: 3,
        device_name: "rng0".into(),
        len: 0x1000,
        rights: OWNER,
        registers: Some(1),
        irq: true,
        interval: 50,
        dma: false,
        again: false,
        memory: Some(Memory { pool: 0x2000, reach: 256, digest: 9 }),
    }
}

fn with_memory(memory: Memory) -> Expected {
    Expected { memory: Some(memory), ..expected() }
}

fn holding() -> Holding {
    Holding {
        service: 7,
        device: 3,
        base: BASE,
        len: 0x1000,
        rights: OWNER,
        registers: Some(1),
        line: 8,
        interval: 50,
        memory: Some(Memory { pool: 0x2000, reach: 256, digest: 9 }),
    }
}

fn cap(service: u32, rights: u16) -> Cap {
    let mapped_pages = u64::from(service != INIT);
    let (kind, base, len) = (KIND_DEVICE, BASE, 0x1000);
    Cap { service, kind, rights, base, len, mapped_pages, object: 0, registers: Some(1) }
}

/// The line of the owner, as the kernel's table has it.
fn line() -> Cap {
    let (kind, rights, base, len) = (10, 1 << 5, 8, 1);
    Cap { kind, rights, base, len, mapped_pages: 0, registers: None, ..cap(7, OWNER) }
}

fn found(audit: &[Expected], ledger: &Replay, caps: &[Cap]) -> Vec<String> {
    let lines = ledger.holdings.iter().map(|_| line());
    let caps: Vec<Cap> = caps.iter().cloned().chain(lines).collect();
    differences(audit, ledger, &caps, &|id| format!("service{id}"))
}

// attack 43 H: audit and ledger differ in service, device, length, rights, registers, line, interval or memory; found; broken: judge-agreement, judge-registers, judge-line-asked, judge-memory
#[test]
fn test_audit_and_ledger_agree_in_everything() {
    let ledger = Replay { holdings: vec![holding()], ..Replay::default() };
    assert_eq!(found(&[expected()], &ledger, &[cap(7, OWNER)]), Vec::<String>::new());
    for other in [
        Expected { rights: 3, ..expected() },
        Expected { rights: 15, ..expected() },
        Expected { service: 8, ..expected() },
        Expected { device: 4, ..expected() },
        Expected { len: 0x2000, ..expected() },
        Expected { registers: None, ..expected() },
        Expected { registers: Some(3), ..expected() },
        Expected { irq: false, ..expected() },
        Expected { interval: 0, ..expected() },
        Expected { memory: None, ..expected() },
        with_memory(Memory { pool: 0x1000, reach: 256, digest: 9 }),
        with_memory(Memory { pool: 0x2000, reach: 255, digest: 9 }),
        with_memory(Memory { pool: 0x2000, reach: 256, digest: 8 }),
    ] {
        let found = found(&[other], &ledger, &[cap(7, OWNER)]);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("in the audit, missing in the ledger"), "{found:#?}");
        assert!(found[1].contains("in the ledger, missing in the audit"), "{found:#?}");
    }
}

// attack 43 H: a line that the ledger grants is in no table of the kernel; found; broken: judge-lines
#[test]
fn test_lines_are_compared_with_the_windows() {
    let ledger = Replay { holdings: vec![holding()], ..Replay::default() };
    let name = |id| format!("service{id}");
    let found = differences(&[expected()], &ledger, &[cap(7, OWNER)], &name);
    assert_eq!(found, ["service7 -> line 8: in the ledger, missing in the kernel's table"]);
}

#[test]
fn test_what_came_back_is_what_was_expected() {
    let mut ledger = Replay { returned: [holding()].into(), ..Replay::default() };
    ledger.ended.insert(7, 1);
    assert_eq!(found(&[expected()], &ledger, &[]), Vec::<String>::new());
    for other in [
        Holding { rights: 3, ..holding() },
        Holding { len: 0x2000, ..holding() },
        Holding { registers: None, ..holding() },
        Holding { line: 0, interval: 0, ..holding() },
    ] {
        let ledger =
            Replay { returned: [other].into(), ended: ledger.ended.clone(), ..Replay::default() };
        assert_eq!(found(&[expected()], &ledger, &[]).len(), 1);
    }
}

// attack 43 H: ledger and kernel differ in service, address, length, rights or registers; found
#[test]
fn test_ledger_and_kernel_agree_in_everything() {
    let ledger = Replay { holdings: vec![holding()], ..Replay::default() };
    for other in [
        cap(7, 3),
        cap(8, OWNER),
        Cap { base: BASE + 0x1000, ..cap(7, OWNER) },
        Cap { len: 0x2000, ..cap(7, OWNER) },
        Cap { registers: None, ..cap(7, OWNER) },
        Cap { registers: Some(3), ..cap(7, OWNER) },
    ] {
        let found = found(&[expected()], &ledger, &[other]);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("missing in the kernel's table"), "{found:#?}");
        assert!(found[1].contains("missing in the ledger"), "{found:#?}");
    }
}

// attack 43 H: init keeps a parent that it could map, has mapped, or that is none; found; broken: judge-agreement
#[test]
fn test_init_can_map_no_parent() {
    let ledger = Replay { holdings: vec![holding()], ..Replay::default() };
    let with = |parent: Cap| found(&[expected()], &ledger, &[cap(7, OWNER), parent]);
    assert_eq!(with(cap(INIT, PARENT)), Vec::<String>::new());
    for wrong in [
        cap(INIT, OWNER),
        cap(INIT, PARENT & !(1 << 6)),
        Cap { mapped_pages: 1, ..cap(INIT, PARENT) },
        Cap { base: BASE - 0x1000, ..cap(INIT, PARENT) },
        Cap { len: 0x2000, ..cap(INIT, PARENT) },
    ] {
        let found = with(wrong.clone());
        assert!(found.len() == 1 && found[0].contains("init still holds"), "{wrong:?} {found:#?}");
    }
}
