//! Interrupt lines, and registers that are written one at a time.

use super::*;

const MASK: u64 = OWNERS_REGISTERS;
const LINE: u16 = 7;
const INTERVAL: u32 = 100;

/// The same rules, but that rngd gets the line of its device and writes two registers, and consoled
/// gets the line of the spare device.
pub(super) fn lined() -> Description {
    let mut description = description();
    for device in [RNG, EXTRA] {
        description.devices[usize::from(device)].irq = true;
    }
    let spare = &mut description.rules[1];
    spare.irq = true;
    let own = &mut description.rules[2];
    (own.irq, own.interval) = (true, INTERVAL);
    description.validate().unwrap();
    description
}

fn masked(mask: u64, nonce: u64) -> Decide {
    Decide { registers: Registers::new(Some(mask)), line: LINE, ..rng(nonce) }
}

/// The same for the spare device, which the rule lets be written whole.
fn spare(line: u16, nonce: u64) -> Decide {
    let subject = Subject { id: 4, incarnation: 1 };
    Decide { subject, device: EXTRA, base: 0x1000_7000, pool: 0, line, ..rng(nonce) }
}

// attack 34 P: more registers than the rule allows, or all of them; denied; broken: policyd-registers
#[test]
fn registers_only_within_the_rule() {
    let mut bench = Bench::with(lined());
    let mut nonce = 0;
    let mut ask = |registers: Option<u64>| {
        nonce += 1;
        let asked = Decide { registers: registers.into(), ..masked(0, nonce) };
        let decision = bench.decide(&asked);
        assert_eq!(decision.verdict == Verdict::Allow, decision.allows(&asked));
        decision.reason
    };
    for within in [MASK, 1 << 20, 1 << 25, 0] {
        assert_eq!(ask(Some(within)), Reason::Allowed, "{within:x}");
    }
    for register in (0..64).filter(|bit| MASK & 1 << bit == 0) {
        assert_eq!(ask(Some(MASK | 1 << register)), Reason::RegistersDenied, "{register}");
    }
    assert_eq!(ask(Some(u64::MAX)), Reason::RegistersDenied);
    assert_eq!(ask(None), Reason::RegistersDenied, "mapped writable is more than any mask");

    let whole = Decide { registers: Registers::new(Some(1)), ..spare(LINE, 1) };
    let mut bench = Bench::with(lined());
    assert!(bench.decide(&whole).allows(&whole), "one register of a window that may be mapped");
}

// attack 54 U: a line that no rule allows; denied; broken: policyd-line
#[test]
fn a_line_needs_a_rule_that_says_so() {
    let mut description = lined();
    description.rules[2].irq = false;
    let mut bench = Bench::with(description);
    assert_eq!(bench.deny(&masked(MASK, 1)), Reason::LineDenied);
    let none = Decide { line: NO_LINE, ..masked(MASK, 2) };
    assert!(bench.decide(&none).allows(&none), "the window alone");
    let nobody = Decide { subject: Subject { id: GREEDY, incarnation: 1 }, ..masked(MASK, 3) };
    assert_eq!(bench.deny(&nobody), Reason::NoRule);
}

#[test]
fn a_decision_and_its_record_say_registers_line_and_interval() {
    let mut bench = Bench::with(lined());
    let asked = masked(MASK, 1);
    let decision = bench.decide(&asked);
    assert!(decision.allows(&asked));
    assert_eq!((decision.interval, decision.asked), (INTERVAL, asked));
    let told = |entry: &Entry| (entry.registers, entry.line, entry.interval);
    assert_eq!(told(&bench.ledger.entries[0]), (asked.registers, LINE, INTERVAL));

    let none = Decide { line: NO_LINE, ..masked(MASK, 2) };
    assert_eq!(bench.decide(&none).interval, 0, "an interval is of a line");
    let more = masked(u64::MAX, 3);
    assert_eq!(bench.decide(&more).interval, 0, "nothing is allowed");
    assert_eq!(told(&bench.ledger.entries[2]), (more.registers, LINE, 0));
    assert_eq!(bench.decide(&spare(8, 4)).interval, 0, "as the rule says");
}

// attack 38 U: an allow for other registers or another line; it allows nothing
#[test]
fn an_allow_is_for_its_registers_and_its_line() {
    let mut bench = Bench::with(lined());
    let decision = bench.decide(&masked(MASK, 1));
    let others = [
        masked(MASK | 1, 1),
        Decide { registers: Registers::UNMASKED, ..masked(MASK, 1) },
        Decide { line: LINE + 1, ..masked(MASK, 1) },
        Decide { line: NO_LINE, ..masked(MASK, 1) },
    ];
    for other in others {
        assert!(!decision.allows(&other), "{other:?}");
    }
}

// attack 54 U: the line of one device is asked for with another, or another line for a device; denied; broken: policyd-line-moves
#[test]
fn one_device_has_one_line_and_a_line_one_device() {
    let mut bench = Bench::with(lined());
    let first = Decide { line: NO_LINE, ..masked(MASK, 1) };
    assert!(bench.decide(&first).allows(&first), "a device that was allowed without its line");
    assert!(bench.decide(&masked(MASK, 2)).allows(&masked(MASK, 2)));
    let other = Decide { line: LINE + 1, ..masked(MASK, 3) };
    assert_eq!(bench.deny(&other), Reason::LineMismatch, "its line is known by now");
    assert_eq!(bench.deny(&spare(LINE, 4)), Reason::LineMismatch, "the other device's");
    assert!(bench.decide(&spare(LINE + 1, 5)).allows(&spare(LINE + 1, 5)));
    let taken = Decide { line: LINE + 1, ..masked(MASK, 6) };
    assert_eq!(bench.deny(&taken), Reason::LineMismatch);
    assert!(bench.decide(&masked(MASK, 7)).allows(&masked(MASK, 7)), "the same again");
    let without = Decide { line: NO_LINE, ..masked(MASK, 8) };
    assert!(bench.decide(&without).allows(&without));
    let other = Decide { line: LINE + 2, ..masked(MASK, 9) };
    assert_eq!(bench.deny(&other), Reason::LineMismatch, "its line is still known");
}

#[test]
fn an_explanation_says_registers_line_and_interval_of_the_rule() {
    let mut bench = Bench::with(lined());
    let mut ask = |service, device| bench.ask(NSH, Explain { service, device, rights: 0 }).unwrap();
    let own = ask(RNGD, RNG);
    assert_eq!((own.verdict, own.irq, own.interval), (Verdict::Allow, true, INTERVAL));
    assert_eq!(own.registers, Registers::new(Some(MASK)));
    let none = ask(4, UART);
    assert_eq!((none.irq, none.interval, none.registers), (false, 0, Registers::UNMASKED));
    let nobody = ask(GREEDY, RNG);
    assert_eq!((nobody.irq, nobody.interval, nobody.registers), (false, 0, Registers::UNMASKED));
}
