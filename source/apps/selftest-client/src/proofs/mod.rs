//! The proofs, in the order in which they are tried.

mod authority;
mod calls;
mod flood;
mod handles;
mod hostile;
mod memory;
mod policy;
mod protect;
mod window;

use alloc::string::String;
use alloc::vec::Vec;

use crate::check::{Check, same};
use crate::context::Context;
use crate::ledger;

pub use hostile::name as hostile_proof;

/// One fact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof {
    /// Its name in records.
    pub(crate) id: &'static str,
    /// Establishes it, or says what was seen instead.
    pub(crate) check: fn(&Context) -> Check,
}

const fn proof(id: &'static str, check: fn(&Context) -> Check) -> Proof {
    Proof { id, check }
}

const ALIVE: &[Proof] = &[
    proof("mmio-map", window::map),
    proof("mmio-refuse-range", window::range),
    proof("mmio-refuse-alignment", window::alignment),
    proof("mmio-refuse-protection", window::protection),
    proof("mmio-refuse-address", window::address),
    proof("mmio-refuse-handle", window::handle),
    proof("mmio-refuse-passing-on", window::passing_on),
    proof("mmio-refuse-reprotect", protect::window),
    proof("mmio-refuse-other-use", window::other_use),
    proof("mmio-address-hidden", window::address_hidden),
    proof("memory-write-xor-execute", protect::memory),
    proof("memory-refusals", memory::refusals),
    proof("memory-is-zeroed", memory::zeroed),
    proof("handles-cannot-be-guessed", handles::guessed),
    proof("handles-go-stale", handles::stale),
    proof("rights-only-shrink", handles::shrink),
    proof("derivation-is-bounded", handles::depth),
    proof("revoke-ends-everything", handles::revoke),
    proof("calls-malformed", calls::malformed),
    proof("calls-deadline", calls::deadline),
    proof("calls-wild", calls::wild),
    proof("threads-refused", calls::threads),
    proof("mmio-policy-deny", policy::deny),
    proof("policy-allow", policy::allow),
    proof("policy-excess-rights", policy::excess),
    proof("policy-unknown", policy::unknown),
    proof("identity-forged-payload", authority::payload),
    proof("identity-forged-sender", authority::sender),
    proof("identity-forged-line", authority::line),
    proof("log-flood", flood::flood),
    proof("ledger-chain", chain),
];

const LAST: &[Proof] =
    &[proof("exits-recorded", hostile::recorded), proof("ledger-chain-at-end", chain)];

/// Those that need everybody alive.
pub(crate) fn with_everybody_alive() -> &'static [Proof] {
    ALIVE
}

/// One for each hostile process: it is told to begin when its turn comes.
pub(crate) fn hostile(context: &Context) -> impl Iterator<Item = (String, Check)> + '_ {
    hostile::each(context)
}

/// Those after everything else.
pub(crate) fn last() -> &'static [Proof] {
    LAST
}

/// The name of every proof, in order.
#[must_use]
pub fn all() -> Vec<String> {
    let names = |proofs: &[Proof]| proofs.iter().map(|one| one.id.into()).collect::<Vec<String>>();
    let mut all = names(ALIVE);
    all.extend(hostile::names());
    all.extend(names(LAST));
    all
}

fn chain(context: &Context) -> Check {
    let records = ledger::read_all(context)?;
    ledger::verify(&records)?;
    ledger::verified_by_logd(context)?;
    let first = records.first().map(|record| record.entry.event);
    same("first record", &first, &Some(nexus_proto::log::Event::Boot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_file_asks_for_every_proof_and_no_other() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../system/services/selftest-client.toml");
        let text = std::fs::read_to_string(path).unwrap();
        let (_, list) = text.split_once("must-prove = [").expect("a list of proofs");
        let (list, _) = list.split_once(']').expect("its end");
        let asked: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(asked, all());
    }

    #[test]
    fn names_are_unique_and_fit_a_message() {
        let all = all();
        for (index, name) in all.iter().enumerate() {
            assert!(name.len() <= 48, "{name}");
            assert!(!all[..index].contains(name), "{name}");
        }
    }
}
