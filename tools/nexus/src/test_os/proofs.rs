//! The complete set of required proofs, each exactly once, and each by enough checks. Where services have ended
//! and were started again, each life gives its proofs, and the console may show again what it has shown.

use crate::protocol::Proof;
use std::collections::BTreeMap;

/// What is wrong with the proofs of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ProofCheck {
    /// Required and not given.
    pub(super) missing: Vec<Proof>,
    /// Given more than once.
    pub(super) repeated: Vec<Proof>,
    /// Given, by fewer checks than it must rest on; and how many these are.
    pub(super) thin: Vec<(Proof, u32)>,
    /// Given by a service that does not have to prove it, or by nobody's demand.
    pub(super) undeclared: Vec<Proof>,
}

impl ProofCheck {
    /// As sentences.
    pub(super) fn findings(&self) -> impl Iterator<Item = String> + '_ {
        let missing = self.missing.iter().map(|proof| format!("proof missing: {proof}"));
        let repeated = self.repeated.iter().map(|proof| format!("proof given twice: {proof}"));
        let thin = self.thin.iter().map(|(proof, needed)| {
            format!("proof by {} of {needed} checks: {proof}", proof.checks)
        });
        let undeclared =
            self.undeclared.iter().map(|proof| format!("proof that nothing requires: {proof}"));
        missing.chain(repeated).chain(thin).chain(undeclared)
    }

    /// How many of the `required` proofs were given as they must be.
    pub(super) fn passed(&self, required: &[Proof]) -> usize {
        required.len() - self.missing.len() - self.repeated.len() - self.thin.len()
    }
}

/// Compares what was given with what is required. Both the service and the name count, and a proof
/// by no check is none, whatever is required. `lives`: services were started again, so that each may be given
/// more than once, each time by enough.
#[must_use]
pub(super) fn check(required: &[Proof], given: &[Proof], lives: bool) -> ProofCheck {
    let mut by_name: BTreeMap<(&str, &str), Vec<&Proof>> = BTreeMap::new();
    for proof in given {
        by_name.entry(key(proof)).or_default().push(proof);
    }
    let mut result = ProofCheck::default();
    for proof in required {
        let Some(given) = by_name.remove(&key(proof)) else {
            result.missing.push(proof.clone());
            continue;
        };
        let needed = proof.checks.max(1);
        match given.iter().find(|one| one.checks < needed) {
            _ if given.len() > 1 && !lives => result.repeated.push(proof.clone()),
            Some(thin) => result.thin.push(((*thin).clone(), needed)),
            None => {}
        }
    }
    result.undeclared = by_name.into_values().flatten().cloned().collect();
    result
}

fn key(proof: &Proof) -> (&str, &str) {
    (&proof.service, &proof.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(service: &str, id: &str) -> Proof {
        Proof { service: service.into(), id: id.into(), checks: 4 }
    }

    #[test]
    fn test_complete_set_in_any_order() {
        let required = [proof("a", "one"), proof("b", "two")];
        let given = [proof("b", "two"), proof("a", "one")];
        assert_eq!(check(&required, &given, false), ProofCheck::default());
        assert_eq!(check(&required, &given, false).passed(&required), 2);
        assert_eq!(check(&required, &given[..1], false).missing, required[..1]);
        assert_eq!(check(&required, &given[..1], false).passed(&required), 1);
    }

    #[test]
    fn test_proof_of_the_wrong_service_does_not_count() {
        let result = check(&[proof("rngd", "mmio-map")], &[proof("hostile", "mmio-map")], false);
        let findings: Vec<String> = result.findings().collect();
        let expected =
            ["proof missing: rngd mmio-map", "proof that nothing requires: hostile mmio-map"];
        assert_eq!(findings, expected);
    }

    #[test]
    fn test_twice_is_wrong() {
        let one = proof("a", "one");
        let required = std::slice::from_ref(&one);
        // With another number of checks it is the same proof.
        for second in [one.clone(), Proof { checks: 9, ..one.clone() }] {
            let result = check(required, &[one.clone(), second], false);
            assert_eq!(result.repeated, vec![one.clone()]);
            assert_eq!(result.passed(required), 0);
            assert!(result.findings().eq(["proof given twice: a one"]));
        }
    }

    #[test]
    fn test_each_life_gives_its_proofs() {
        let one = proof("a", "one");
        let required = std::slice::from_ref(&one);
        let again = |checks| check(required, &[one.clone(), Proof { checks, ..one.clone() }], true);
        assert_eq!(again(4), ProofCheck::default());
        assert_eq!(again(4).passed(required), 1);
        assert_eq!(again(3).thin, [(Proof { checks: 3, ..one.clone() }, 4)]);
    }

    // attack 43 H: the tests in the guest run no check, or fewer than they have; the proof does not count; broken: proofs-by-no-check
    #[test]
    fn test_a_proof_rests_on_as_many_checks_as_it_must() {
        let with = |checks| Proof { checks, ..proof("a", "one") };
        let found = |needed, given| check(&[with(needed)], &[with(given)], false);
        for (needed, given, at_least) in [(4, 3, 4), (4, 0, 4), (1, 0, 1), (0, 0, 1)] {
            let result = found(needed, given);
            let expected = format!("proof by {given} of {at_least} checks: a one");
            assert!(result.findings().eq([expected]), "{result:?}");
            assert_eq!(result.passed(&[with(needed)]), 0);
        }
        for (needed, given) in [(4, 4), (4, 5), (0, 1)] {
            assert_eq!(found(needed, given), ProofCheck::default());
        }
    }
}
