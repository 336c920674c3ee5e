//! The proofs, in the order in which they are tried.

mod authority;
mod calls;
mod disk;
mod flood;
mod handles;
mod hostile;
mod input;
mod line;
mod memory;
mod net;
#[cfg(test)]
mod page;
mod persist;
mod policy;
mod protect;
mod random;
mod register;
mod ring;
mod stack;
mod state;
mod switch;
mod times;
mod window;

use alloc::string::String;
use alloc::vec::Vec;

use nexus_proto::ids;

use crate::check::{Check, same};
use crate::context::Context;
use crate::ledger;

pub use hostile::name as hostile_proof;
pub(crate) use hostile::{check as attack, fact, there as hostile};

/// One fact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proof {
    /// Its name in records.
    pub(crate) id: &'static str,
    /// The fact, in a sentence.
    pub(crate) fact: &'static str,
    /// Establishes it, or says what was seen instead.
    pub(crate) check: fn(&Context) -> Check,
    about: About,
}

/// What a proof is about, where not every system has it.
#[derive(Clone, Copy, Debug)]
enum About {
    /// What every system has.
    All,
    /// A service.
    Service(u32),
    /// A ring of this service with a driver, which has no other consumer.
    Ring(u32),
}

impl About {
    /// True when this system has it.
    fn is_there(self, context: &Context) -> bool {
        match self {
            About::All => true,
            About::Service(service) => context.has(service),
            About::Ring(driver) => {
                context.own_service().is_ok_and(|own| own.ring(driver).is_some())
            }
        }
    }
}

const fn proof(id: &'static str, fact: &'static str, check: fn(&Context) -> Check) -> Proof {
    Proof { id, fact, check, about: About::All }
}

/// In the first of two boots, and nothing else there.
pub(crate) const FIRST: Proof = Proof {
    id: "statefs-put",
    fact: "values that follow from the number of the run are put into the store, and a sync is answered",
    check: persist::put,
    about: About::Ring(ids::STATEFSD),
};

/// Whether this is the first of two boots: the system has a store, and it holds nothing yet.
pub(crate) fn is_first_boot(context: &Context) -> bool {
    FIRST.about.is_there(context) && persist::is_first_boot() == Ok(true)
}

const ALIVE: &[Proof] = &[
    // attack 65 F: the machine is turned off after a sync, and boots again with the same disk and number; what was put is there
    Proof {
        id: "statefs-persist",
        fact: "what was put and synced in the boot before this one is there, whole",
        check: persist::found,
        about: About::Ring(ids::STATEFSD),
    },
    proof(
        "mmio-map",
        "the window of this service can be mapped, and holds the device that it must",
        window::map,
    ),
    // attack 1 Q: offsets at and past the end, a page more than there is; refused with `OutOfRange`; broken: window-end
    // attack 3 Q: an offset and a length whose sum wraps; refused with `OutOfRange`; broken: wrap
    // attack 4 Q: no bytes at all; refused with `OutOfRange`; broken: zero-length
    proof(
        "mmio-refuse-range",
        "nothing outside the window is mapped: not a page more, not nothing, and no sum that wraps",
        window::range,
    ),
    // attack 2 Q: offset, length and address off by 1, 8 and 4095 bytes; refused with `Misaligned`; broken: alignment
    // attack 4 Q: a byte more than a page; refused with `Misaligned`, never rounded
    proof("mmio-refuse-alignment", "offset, length and address are whole pages", window::alignment),
    // attack 12 Q: map the window executable in any combination; refused with `ExecDenied`; broken: device-exec
    // attack 14 Q: write without read, bits that mean nothing; refused with `InvalidProt`
    proof(
        "mmio-refuse-protection",
        "a device page is never executable, never write-only, never anything unknown",
        window::protection,
    ),
    // attack 5 Q: page zero, the kernel half, what Sv39 does not have; refused with `BadAddress`; broken: kernel-half, page-zero
    // attack 6 Q: over code, stack, startup block and a mapping; refused with `Exists`; broken: over-mapping
    proof(
        "mmio-refuse-address",
        "nothing is mapped outside the user half or where something is",
        window::address,
    ),
    // attack 16 Q: no handle, a slot without generation, the highest ones; refused with `BadHandle`
    // attack 17 Q: a notification and an endpoint as a window; refused with `WrongKind`
    proof(
        "mmio-refuse-handle",
        "a handle that names nothing, something else, or what is no more maps nothing",
        window::handle,
    ),
    // attack 26 Q: pass the window on by message, by install, as a part; refused with `Denied`; broken: grant-right, derive-right, init-grant-right
    proof(
        "mmio-refuse-passing-on",
        "an owner passes its window on by no message, no install and no derivation",
        window::passing_on,
    ),
    // attack 12 Q: make a mapped device page executable by `protect`; refused with `ExecDenied`
    proof(
        "mmio-refuse-reprotect",
        "a mapped device page does not become executable later",
        protect::window,
    ),
    // attack 24 Q: the window as memory, process, endpoint, place of a stack; refused with `WrongKind`; broken: other-kind
    // attack 17 Q: the window in every call that takes another kind; refused with `WrongKind`; broken: other-kind
    proof(
        "mmio-refuse-other-use",
        "a window is no memory, no process, no endpoint, no authority",
        window::other_use,
    ),
    // attack 25 Q: ask for the address of the own window; told kind and rights, and neither address nor length
    proof(
        "mmio-address-hidden",
        "an owner learns what its window is, and not where",
        window::address_hidden,
    ),
    // attack 97 Q: write at every offset from 0 to 1,028, with values of more than 32 bits, by what is no window; refused but for two registers; broken: mask-ignored
    proof(
        "mmio-write-mask",
        "of its window a service writes the registers that policy names, and nothing else",
        register::mask,
    ),
    // attack 97 Q: map the window writable, make a mapping writable, widen the mask, derive without one; refused; broken: mask-mapped
    proof(
        "mmio-write-map",
        "a mask of registers is got round by no mapping, no derivation and no other mask",
        register::no_way_round,
    ),
    // attack 89 Q: acknowledge a line before it is bound, and before it is delivered; `BadState`; broken: irq-ack-any-state
    // attack 54 Q: bind a line that is bound; `Busy`
    proof(
        "irq-own-line",
        "a line is bound once, and acknowledged when it was delivered and not before",
        line::own,
    ),
    // attack 54 Q: bind, acknowledge, inspect and limit by handles of nothing, of other kinds, of what the owner may not; refused; broken: irq-wait-bad-line
    proof(
        "irq-refuse-other",
        "no handle but that of its own line lets a service receive or acknowledge interrupts",
        line::refusals,
    ),
    // attack 13 Q: one page writable here and executable there, in every order; refused; broken: exec-unsealed, seal-writable
    proof(
        "memory-write-xor-execute",
        "memory is writable or executable, never both, and what init mapped stays as it is",
        protect::memory,
    ),
    // attack 62 Q: more memory than the budget has; refused with `NoMemory`; broken: budget
    proof(
        "memory-refusals",
        "memory is made and mapped within its bounds and the rights on it",
        memory::refusals,
    ),
    // attack 59 Q: make memory that others had before; it holds nothing of theirs; broken: zero-memory
    proof("memory-is-zeroed", "new memory holds nothing of whoever had it before", memory::zeroed),
    // attack 77 Q: call and signal by every number; `BadHandle`, while all servers wait; broken: fast-owner
    // attack 54 Q: bind, acknowledge, inspect and limit lines by every number; `BadHandle`; broken: handle-owner
    // attack 97 Q: write registers and set masks by every number; `BadHandle`; broken: handle-owner
    // attack 16 Q: every slot with several generations; none names a capability of another; broken: handle-owner
    proof(
        "handles-cannot-be-guessed",
        "no number names a capability of another process",
        handles::guessed,
    ),
    // attack 19 Q: 64 capabilities come and go in a slot; no old handle names the next; broken: generation
    // attack 77 Q: call by a stale handle and by one without the right while the server waits; `BadHandle`, `Denied`; broken: fast-generation, fast-right
    proof("handles-go-stale", "a handle never names what comes to its slot later", handles::stale),
    // attack 81 Q: two threads with numbers of their own in all registers, and a reservation; nothing is left over at a switch; broken: switch-registers
    proof(
        "switch-keeps-registers",
        "each of the 31 registers is the thread's own, and no reservation outlives a switch",
        switch::registers,
    ),
    // attack 18 Q: derive with rights that the parent lacks; refused with `Denied`; broken: rights-grow
    proof("rights-only-shrink", "a child has no right that its parent lacks", handles::shrink),
    // attack 23 Q: revoke a chain of 63 derivations; all of it is gone
    proof(
        "derivation-is-bounded",
        "a chain of derivations ends after 63 steps, and goes whole with its root",
        handles::depth,
    ),
    // attack 23 Q: revoke 16 mapped children; all gone, and their cost is back; broken: revoke-nothing
    proof(
        "revoke-ends-everything",
        "revoking ends every child and every mapping made through one, and gives back their cost",
        handles::revoke,
    ),
    // attack 31 Q: tags with lengths and counts that lie; refused with `BadMessage`, nobody sees them; broken: bad-tag
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
    // attack 16 Q: calls that do not exist, handles of nothing, any words; each an error that changes nothing
    proof(
        "calls-wild",
        "no number and no words make a system call do anything but fail",
        calls::wild,
    ),
    // attack 63 Q: a thread above its maker's priority; refused with `BadArgument`
    proof(
        "threads-refused",
        "no thread runs above its maker's priority, or where no instruction can be",
        calls::threads,
    ),
    // attack 108 Q: compute, and wait; found running for as long as it computes, and no longer; broken: times-unlooked
    proof(
        "times-looked",
        "who computes is found at its priority, who waits is not, and all of it is the time that passed",
        times::looked,
    ),
    // attack 34 Q: ask for a device that no rule gives; denied for that reason, and recorded; broken: policyd-rule
    // attack 8 Q: ask for power, clock, console and every other device; denied, as policy does not name the two
    // attack 39 Q: ask for devices that have an owner; denied, and the owner stays
    proof(
        "mmio-policy-deny",
        "what no rule allows is denied by policyd, for that reason, and recorded",
        policy::deny,
    ),
    proof("policy-allow", "the owner of a device is allowed, by its rule", policy::allow),
    // attack 34 Q: ask for more rights than the rule has; denied; broken: policyd-rights
    proof(
        "policy-excess-rights",
        "a rule allows no right beyond those that it names",
        policy::excess,
    ),
    // attack 34 Q: a service and a device that do not exist; denied, and recorded
    proof(
        "policy-unknown",
        "a service or device that does not exist is no way around a rule",
        policy::unknown,
    ),
    // attack 73 Q: ask for random bytes again and again; no two answers are equal, none is of few values; broken: entropy-constant
    Proof {
        id: "random-differ",
        fact: "random bytes are as many as were asked for, and different each time",
        check: random::differ,
        about: About::Service(ids::RNGD),
    },
    Proof {
        id: "disk-read-back",
        fact: "what is written to the disk is read back where it was written, and nowhere else",
        check: disk::read_back,
        about: About::Ring(ids::VIRTIOBLKD),
    },
    Proof {
        id: "disk-refuse-range",
        fact: "nothing is read or written that is not on the disk",
        check: disk::refusals,
        about: About::Ring(ids::VIRTIOBLKD),
    },
    Proof {
        id: "disk-ring",
        fact: "what is written to the disk by a ring, 32 requests at once, is read back by it and by messages",
        check: disk::by_ring,
        about: About::Ring(ids::VIRTIOBLKD),
    },
    // attack 98 Q: with the permission to, read, write and flush the disk that holds the store; told that it is statefsd's; broken: disk-of-the-store
    Proof {
        id: "disk-of-the-store",
        fact: "a disk that holds the store is read and written by statefsd alone",
        check: disk::of_the_store,
        about: About::Service(ids::STATEFSD),
    },
    Proof {
        id: "state-kept",
        fact: "what is put into the store by a ring is there, listed in order, durable when that is answered, and gone when it is deleted",
        check: state::kept,
        about: About::Ring(ids::STATEFSD),
    },
    // attack 92 Q: ask for the trees of others, of services that have none, and of ids that nobody has; put under keys that are none; denied; broken: state-owner
    Proof {
        id: "state-refused",
        fact: "the tree of another is shown to nobody whom no line opens it to, and no key leads out of a tree",
        check: state::refused,
        about: About::Ring(ids::STATEFSD),
    },
    // attack 27 Q: name init and rngd in the message; denied by the kernel's stamp; broken: policyd-asker
    // attack 30 Q: ask policyd on behalf of others; denied, and recorded under who asked; broken: logd-permission
    proof(
        "identity-forged-payload",
        "a name in a message is no authority; who asked is recorded as who the kernel says",
        authority::payload,
    ),
    // attack 27 Q: leave the sender's word of init in every register; the receiver sees who sent
    proof(
        "identity-forged-sender",
        "nothing that a sender leaves in its registers becomes its identity",
        authority::sender,
    ),
    // attack 46 Q: a line that reads like a record of another; kept as a line of its sender; broken: logd-text
    proof(
        "identity-forged-line",
        "a log line stands under its sender, whatever it says",
        authority::line,
    ),
    // attack 44 Q: more lines than one sender may write; refused and counted, decisions are recorded in time; broken: logd-rate
    proof(
        "log-flood",
        "while one service floods the log, decisions are made and recorded in time",
        flood::flood,
    ),
    // attack 92 Q: with the permission to, ask for the rings of the card, which are netstackd's, and for frames without attaching; ask netstackd for sockets without a ring; denied, and the frames stay netstackd's; broken: net-rings-of-another
    Proof {
        id: "net-of-the-stack",
        fact: "where there is a network stack, it has the frames, and nobody else has its rings, or sockets without a ring",
        check: stack::has_the_frames,
        about: About::Service(ids::NETSTACKD),
    },
    Proof {
        id: "net-address",
        fact: "this machine has the address that the board says, or one by DHCP, and it holds",
        check: stack::has_an_address,
        about: About::Service(ids::NETSTACKD),
    },
    Proof {
        id: "net-listens",
        fact: "whom others may reach by TCP listens where they may, and nobody listens anywhere else",
        check: stack::who_may_listens,
        about: About::Service(ids::NETSTACKD),
    },
    Proof {
        id: "net-refused",
        fact: "no frame goes out or comes in for whoever is not attached, and none of a wrong length goes out",
        check: net::refused,
        about: About::Ring(ids::VIRTIONETD),
    },
    Proof {
        id: "net-arp",
        fact: "a frame goes out to the network, and the answer comes to whoever sent it",
        check: net::arp,
        about: About::Ring(ids::VIRTIONETD),
    },
    Proof {
        id: "net-echo",
        fact: "frames of 42 to 1,514 bytes go out and come back, and not a byte of them is another",
        check: net::echo,
        about: About::Ring(ids::VIRTIONETD),
    },
    Proof {
        id: "net-ring",
        fact: "a frame goes out by a ring, and the answer comes into a buffer of another",
        check: net::by_ring,
        about: About::Ring(ids::VIRTIONETD),
    },
    proof(
        "console-paste",
        "of 20,000 bytes that are typed at once, each arrives, once and in its place",
        input::paste,
    ),
    // attack 47 Q: the chain is computed again in another process; the hashes are the same; broken: logd-chain
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

/// Those that need everybody alive, as far as the system has whom they are about.
pub(crate) fn with_everybody_alive(context: &Context) -> impl Iterator<Item = &'static Proof> + '_ {
    ALIVE.iter().filter(|proof| proof.about.is_there(context))
}

/// Those after everything else.
pub(crate) fn last() -> &'static [Proof] {
    LAST
}

/// The name of every proof, in order.
#[must_use]
pub fn all() -> Vec<String> {
    let names = |proofs: &[Proof]| proofs.iter().map(|one| one.id.into()).collect::<Vec<String>>();
    let mut all = names(&[FIRST]);
    all.extend(names(ALIVE));
    all.extend(hostile::names());
    all.extend(names(LAST));
    all
}

fn chain(context: &Context) -> Check {
    let records = ledger::read_all(context)?;
    ledger::verify(&records)?;
    ledger::verified_by_logd(context)?;
    let last = records.last().map(|record| record.stamp.seq);
    same("last record read", &last, &Some(ledger::count(context)?))?;
    let first = records.first().map(|record| record.entry.event);
    same("first record", &first, &Some(nexus_proto::log::Event::Boot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_file_asks_for_every_proof_and_no_other() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../tests/overlay/services/selftest-client.toml"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.replace("first-boot]\n", "must-prove]\n");
        let lists =
            text.split("must-prove]\n").skip(1).filter_map(|rest| rest.split("\n\n").next());
        let rows = lists.flat_map(|list| list.lines().filter_map(|line| line.split_once(" = ")));
        let mut asked: Vec<&str> = rows.map(|(name, _)| name).collect();
        let mut all = all();
        asked.sort_unstable();
        all.sort_unstable();
        assert_eq!(asked, all);
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
