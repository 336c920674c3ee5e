//! The complete set of required proofs, each exactly once.

use crate::protocol::Proof;
use std::collections::BTreeMap;

/// What is wrong with the proofs of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ProofCheck {
    /// Required and not given.
    pub(super) missing: Vec<Proof>,
    /// Given more than once.
    pub(super) repeated: Vec<Proof>,
    /// Given by a service that does not have to prove it, or by nobody's demand.
    pub(super) undeclared: Vec<Proof>,
}

impl ProofCheck {
    /// As sentences.
    pub(super) fn findings(&self) -> impl Iterator<Item = String> + '_ {
        let missing = self.missing.iter().map(|proof| format!("proof missing: {proof}"));
        let repeated = self.repeated.iter().map(|proof| format!("proof given twice: {proof}"));
        let undeclared =
            self.undeclared.iter().map(|proof| format!("proof that nothing requires: {proof}"));
        missing.chain(repeated).chain(undeclared)
    }
}

/// Compares what was given with what is required. Both the service and the name count.
#[must_use]
pub(super) fn check(required: &[Proof], given: &[Proof]) -> ProofCheck {
    let mut counts: BTreeMap<&Proof, usize> = BTreeMap::new();
    for proof in given {
        *counts.entry(proof).or_default() += 1;
    }
    let mut result = ProofCheck::default();
    for proof in required {
        match counts.remove(proof) {
            None => result.missing.push(proof.clone()),
            Some(1) => {}
            Some(_) => result.repeated.push(proof.clone()),
        }
    }
    result.undeclared = counts.into_keys().cloned().collect();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(service: &str, id: &str) -> Proof {
        Proof { service: service.into(), id: id.into() }
    }

    #[test]
    fn test_complete_set_in_any_order() {
        let required = [proof("a", "one"), proof("b", "two")];
        let given = [proof("b", "two"), proof("a", "one")];
        assert_eq!(check(&required, &given), ProofCheck::default());
        assert_eq!(check(&required, &given[..1]).missing, required[..1]);
    }

    #[test]
    fn test_proof_of_the_wrong_service_does_not_count() {
        let result = check(&[proof("rngd", "mmio-map")], &[proof("hostile", "mmio-map")]);
        let findings: Vec<String> = result.findings().collect();
        let expected =
            ["proof missing: rngd mmio-map", "proof that nothing requires: hostile mmio-map"];
        assert_eq!(findings, expected);
    }

    #[test]
    fn test_twice_is_wrong() {
        let one = proof("a", "one");
        let result = check(std::slice::from_ref(&one), &[one.clone(), one.clone()]);
        assert_eq!(result.repeated, vec![one]);
    }
}
