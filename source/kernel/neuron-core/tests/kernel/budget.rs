//! Whether a budget can be used does not depend on what others have allocated (RFC-0001, B2).

use crate::common::*;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed, TestRunner};

// attack 75 U: pin single frames in a pattern that leaves no two free ones side by side; every budget can still be used to its last frame; broken: contiguous-memory
#[test]
fn fragments_deny_nothing() {
    run(|w| {
        w.checking = false;
        let (attacker, victim) = (w.child(7, 800, 400), w.child(8, 600, 64));
        // All frames of its budget, one by one; then every second of them goes back.
        let mut all = Vec::new();
        while let Ok(memory) = w.vmo_create(attacker.user, 1) {
            all.push(memory);
        }
        assert!(all.len() > 150);
        for memory in all.iter().step_by(2) {
            w.cap_drop(attacker.user, *memory).unwrap();
        }
        let memory = w.vmo_create(victim.user, 512).unwrap();
        w.vmo_map(victim.user, memory, 512 * PAGE, VA + PAGE, RW).unwrap();
        w.checking = true;
        w.check();
    });
}

/// What somebody else does with memory.
#[derive(Clone, Copy, Debug)]
enum Act {
    Take(u64),
    Drop(usize),
    Map(usize, u64),
    Unmap(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1u64..64).prop_map(Act::Take),
        Just(Act::Take(1)),
        any::<usize>().prop_map(Act::Drop),
        (any::<usize>(), 0u64..1 << 12).prop_map(|(which, at)| Act::Map(which, at)),
        any::<usize>().prop_map(Act::Unmap),
    ]
}

fn perform(w: &mut World<'_>, user: User, act: Act, held: &mut Vec<Handle>, at: &mut Vec<u64>) {
    let pick = |which: usize, len: usize| (len != 0).then(|| which % len.max(1));
    match act {
        Act::Take(pages) => held.extend(w.vmo_create(user, pages)),
        Act::Drop(which) => {
            if let Some(n) = pick(which, held.len()) {
                w.cap_drop(user, held.swap_remove(n)).unwrap();
            }
        }
        Act::Map(which, place) => {
            if let Some(n) = pick(which, held.len()) {
                let va = VA + place * 64 * PAGE;
                if w.vmo_map(user, held[n], PAGE, va, R).is_ok() {
                    at.push(va);
                }
            }
        }
        Act::Unmap(which) => {
            if let Some(n) = pick(which, at.len()) {
                let _ = w.unmap(user, at.swap_remove(n));
            }
        }
    }
}

// attack 75 P: others take, give back and map memory in any pattern; whoever has frames left in its budget gets them all, in any sizes
#[test]
fn what_others_take_is_never_missing() {
    let config = ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 48 },
        rng_seed: RngSeed::Fixed(20_261_128),
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let acts = prop::collection::vec(act(), 1..300);
    let sizes = prop::collection::vec(1u64..512, 1..8);
    let run_one = |(acts, sizes): (Vec<Act>, Vec<u64>)| {
        run(|w| {
            w.checking = false;
            let (attacker, victim) = (w.child(7, 700, 400), w.child(8, 700, 64));
            let (mut held, mut at) = (Vec::new(), Vec::new());
            for act in &acts {
                perform(w, attacker.user, *act, &mut held, &mut at);
            }
            // One for the root table, and three for the tables of a mapping.
            let mut left = 700 - 1 - 3;
            for size in sizes {
                let size = size.min(left);
                if size != 0 {
                    w.vmo_create(victim.user, size).unwrap();
                    left -= size;
                }
            }
            let memory =
                if left == 0 { None } else { w.vmo_create(victim.user, left.min(512)).ok() };
            assert_eq!(memory.is_some(), left != 0);
            if let Some(memory) = memory {
                w.vmo_map(victim.user, memory, PAGE, VA, RW).unwrap();
            }
            w.checking = true;
            w.check();
        });
        Ok(())
    };
    TestRunner::new(config).run(&(acts, sizes), run_one).unwrap();
}
