//! What a device is made to reach by itself, and what its owner writes to it.

use super::*;

fn spare(pool: u16, nonce: u64) -> Decide {
    let subject = Subject { id: 4, incarnation: 1 };
    Decide { subject, device: EXTRA, base: 0x1000_7000, pool, ..rng(nonce) }
}

// attack 48 U: more memory for a device than the rule says, or less; denied; broken: policyd-pool
#[test]
fn the_pages_of_the_rule_and_no_others() {
    let mut bench = Bench::new();
    assert!(bench.decide(&rng(1)).allows(&rng(1)));
    for (nonce, pool) in (2..).zip([0, 1, POOL - 1, POOL + 1, u16::MAX]) {
        assert_eq!(bench.deny(&Decide { pool, ..rng(nonce) }), Reason::QueuesDenied, "{pool}");
    }
    let other = Decide { pool: POOL - 1, ..rng(1) };
    assert!(!bench.decide(&rng(10)).allows(&other), "an allow is for its pages");
}

#[test]
fn no_memory_for_a_device_that_reaches_none() {
    let mut bench = Bench::new();
    for (nonce, pool) in (1..).zip([1, POOL, u16::MAX]) {
        assert_eq!(bench.deny(&spare(pool, nonce)), Reason::QueuesDenied, "{pool}");
    }
    assert!(bench.decide(&spare(0, 9)).allows(&spare(0, 9)));
}

#[test]
fn without_queues_a_device_is_only_looked_at() {
    let mut description = description();
    description.rules[2].queues = Vec::new();
    description.services[2].needs[0].queues = Vec::new();
    description.validate().unwrap();
    let mut bench = Bench::with(description);
    assert_eq!(bench.deny(&rng(1)), Reason::QueuesDenied);
    let none = Decide { pool: 0, ..rng(2) };
    assert!(bench.decide(&none).allows(&none));
}

// attack 48 U: all registers of a device that does DMA, by a damaged rule; denied; broken: policyd-unmasked
#[test]
fn whatever_the_rule_says_a_device_with_dma_is_not_given_whole() {
    let mut description = description();
    description.rules[2].registers = None;
    let mut bench = Bench::with(description);
    let mut ask = |registers: Option<u64>, nonce| {
        bench.decide(&Decide { registers: registers.into(), ..rng(nonce) }).reason
    };
    assert_eq!(ask(None, 1), Reason::RegistersDenied);
    for register in (0..64).filter(|bit| OWNERS_REGISTERS & 1 << bit == 0) {
        let mask = OWNERS_REGISTERS | 1 << register;
        assert_eq!(ask(Some(mask), 2 + register), Reason::RegistersDenied, "{register}");
    }
    for (nonce, mask) in (100..).zip([OWNERS_REGISTERS, 1 << 20, 1 << 25, 0]) {
        assert_eq!(ask(Some(mask), nonce), Reason::Allowed, "{mask:x}");
    }
}
