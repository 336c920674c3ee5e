//! The proofs, in the order in which they are tried.

mod authority;
mod calls;
mod flood;
mod handles;
mod hostile;
mod memory;
#[cfg(test)]
mod page;
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
    /// The fact, in a sentence.
    pub(crate) fact: &'static str,
    /// Establishes it, or says what was seen instead.
    pub(crate) check: fn(&Context) -> Check,
}

const fn proof(id: &'static str, fact: &'static str, check: fn(&Context) -> Check) -> Proof {
    Proof { id, fact, check }
}

const ALIVE: &[Proof] = &[
    proof(
        "mmio-map",
        "the window of this service can be mapped, and holds the device that it must",
        window::map,
    ),
    proof(
        "mmio-refuse-range",
        "nothing outside the window is mapped: not a page more, not nothing, and no sum that wraps",
        window::range,
    ),
    proof("mmio-refuse-alignment", "offset, length and address are whole pages", window::alignment),
    proof(
        "mmio-refuse-protection",
        "a device page is never executable, never write-only, never anything unknown",
        window::protection,
    ),
    proof(
        "mmio-refuse-address",
        "nothing is mapped outside the user half or where something is",
        window::address,
    ),
    proof(
        "mmio-refuse-handle",
        "a handle that names nothing, something else, or what is no more maps nothing",
        window::handle,
    ),
    proof(
        "mmio-refuse-passing-on",
        "an owner passes its window on by no message, no install and no derivation",
        window::passing_on,
    ),
    proof(
        "mmio-refuse-reprotect",
        "a mapped device page does not become executable later",
        protect::window,
    ),
    proof(
        "mmio-refuse-other-use",
        "a window is no memory, no process, no endpoint, no authority",
        window::other_use,
    ),
    proof(
        "mmio-address-hidden",
        "an owner learns what its window is, and not where",
        window::address_hidden,
    ),
    proof(
        "memory-write-xor-execute",
        "memory is writable or executable, never both, and what init mapped stays as it is",
        protect::memory,
    ),
    proof(
        "memory-refusals",
        "memory is made and mapped within its bounds and the rights on it",
        memory::refusals,
    ),
    proof("memory-is-zeroed", "new memory holds nothing of whoever had it before", memory::zeroed),
    proof(
        "handles-cannot-be-guessed",
        "no number names a capability of another process",
        handles::guessed,
    ),
    proof("handles-go-stale", "a handle never names what comes to its slot later", handles::stale),
    proof("rights-only-shrink", "a child has no right that its parent lacks", handles::shrink),
    proof(
        "derivation-is-bounded",
        "a chain of derivations ends after 63 steps, and goes whole with its root",
        handles::depth,
    ),
    proof(
        "revoke-ends-everything",
        "revoking ends every child and every mapping made through one, and gives back their cost",
        handles::revoke,
    ),
    proof(
        "calls-malformed",
        "a malformed message is refused before anybody sees it",
        calls::malformed,
    ),
    proof(
        "calls-deadline",
        "a wait ends when its time is over, neither before nor much later",
        calls::deadline,
    ),
    proof(
        "calls-wild",
        "no number and no words make a system call do anything but fail",
        calls::wild,
    ),
    proof(
        "threads-refused",
        "no thread runs above its maker's priority, or where no instruction can be",
        calls::threads,
    ),
    proof(
        "mmio-policy-deny",
        "what no rule allows is denied by policyd, for that reason, and recorded",
        policy::deny,
    ),
    proof("policy-allow", "the owner of a device is allowed, by its rule", policy::allow),
    proof(
        "policy-excess-rights",
        "a rule that allows reading does not allow writing",
        policy::excess,
    ),
    proof(
        "policy-unknown",
        "a service or device that does not exist is no way around a rule",
        policy::unknown,
    ),
    proof(
        "identity-forged-payload",
        "a name in a message is no authority; who asked is recorded as who the kernel says",
        authority::payload,
    ),
    proof(
        "identity-forged-sender",
        "nothing that a sender leaves in its registers becomes its identity",
        authority::sender,
    ),
    proof(
        "identity-forged-line",
        "a log line stands under its sender, whatever it says",
        authority::line,
    ),
    proof(
        "log-flood",
        "while one service floods the log, decisions are made and recorded in time",
        flood::flood,
    ),
    proof(
        "ledger-chain",
        "every record is chained to the one before, by hashes computed here",
        chain,
    ),
];

const LAST: &[Proof] = &[
    proof(
        "exits-recorded",
        "every end is in the ledger, with its cause, and who has ended is not reached any more",
        hostile::recorded,
    ),
    proof("ledger-chain-at-end", "the same, after everything that happened", chain),
];

/// Those that need everybody alive.
pub(crate) fn with_everybody_alive() -> &'static [Proof] {
    ALIVE
}

/// One for each hostile process, which is told to begin when its turn comes: name, fact, and
/// what came of it.
pub(crate) fn hostile(context: &Context) -> impl Iterator<Item = (String, String, Check)> + '_ {
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
