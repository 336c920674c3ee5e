//! Many questions one after the other.

use proptest::prelude::*;

use super::*;

fn questions() -> impl Strategy<Value = Decide> {
    let base =
        prop_oneof![Just(0x1000_0000u64), Just(0x1000_6000), Just(0x1000_7000), any::<u64>()];
    let rights = prop_oneof![Just(MAP | READ), Just(MAP | READ | WRITE), any::<u16>()];
    let window = (base, prop_oneof![Just(1u16), any::<u16>()]);
    let registers = prop_oneof![Just(None), Just(Some(1 << 20)), any::<u64>().prop_map(Some)];
    let line = prop_oneof![0u16..4, any::<u16>()];
    let pool = prop_oneof![Just(0u16), Just(POOL), any::<u16>()];
    (0u32..12, 0u32..3, 0u16..4, rights, window, (registers, line, pool), 0u64..40).prop_map(
        |(id, incarnation, device, rights, (base, pages), (registers, line, pool), nonce)| Decide {
            subject: Subject { id, incarnation },
            asker: Asker::default(),
            device,
            rights,
            base,
            nonce,
            pages,
            pool,
            line,
            registers: registers.into(),
            zero: Zero::ZERO,
        },
    )
}

/// What a rule allows of registers and of a line, said in another way than policyd does.
fn is_within(ask: &Decide, rule: &Rule) -> bool {
    let written = match (rule.registers, ask.registers.mask()) {
        (Some(allowed), Some(asked)) => (0..64).all(|bit| asked & 1 << bit <= allowed & 1 << bit),
        (allowed, _) => allowed.is_none(),
    };
    let reached = if rule.device == RNG { POOL } else { 0 };
    written && ask.pool == reached && (rule.irq || ask.line == 0)
}

proptest! {
    /// An allow has a rule, a record made before it, a fresh nonce, and a window of its own.
    // attack 34 P: any sequence of questions; every allow is what a rule says
    #[test]
    fn every_allow_is_justified(asks in prop::collection::vec((questions(), any::<bool>()), 1..80)) {
        let description = lines::lined();
        let mut bench = Bench::with(description.clone());
        let (mut highest, mut given) = (None, Vec::<Decide>::new());
        for (ask, down) in asks {
            bench.ledger.down = down;
            let decision = bench.decide(&ask);
            let fresh = highest.is_none_or(|highest| ask.nonce > highest);
            highest = highest.max(Some(ask.nonce));
            prop_assert_eq!(decision.asked, ask);
            if decision.verdict == Verdict::Deny {
                continue;
            }
            let rule = description.rule(decision.rule).unwrap();
            prop_assert!(decision.allows(&ask) && fresh && !down);
            prop_assert_eq!((rule.subject, rule.device), (ask.subject.id, ask.device));
            prop_assert_eq!(ask.rights & !rule.rights, 0);
            prop_assert!(is_within(&ask, rule));
            prop_assert_eq!(decision.interval, if ask.line == 0 { 0 } else { rule.interval });
            let entry = bench.ledger.entries[decision.record as usize - 1];
            prop_assert_eq!((entry.outcome, entry.base, entry.detail),
                            (Outcome::Allow, ask.base, ask.nonce));
            prop_assert_eq!((entry.registers, entry.line, entry.interval),
                            (ask.registers, ask.line, decision.interval));
            for other in &given {
                let same = other.device == ask.device && other.base == ask.base;
                let apart = other.base.abs_diff(ask.base) >= 4096;
                prop_assert!(same || (apart && other.device != ask.device));
                let lined = ask.line != 0 && other.line != 0;
                let crossed = (other.line == ask.line) != (other.device == ask.device);
                prop_assert!(!lined || !crossed, "{:?} after {:?}", ask, other);
            }
            given.push(ask);
        }
    }
}
