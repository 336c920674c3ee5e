//! Memory that services share: audit, ledger and the kernel's tables say the same.

use super::agree::{BUSD, INIT};
use super::ledger::{Replay, Ring};
use crate::protocol::Cap;
use crate::witness::KIND_MEMORY;
use nexus_abi::Rights;
use std::collections::{BTreeMap, BTreeSet};

/// WRITE (nexus-abi).
const WRITE: u16 = Rights::WRITE.bits();
/// GRANT (nexus-abi).
const GRANT: u16 = Rights::GRANT.bits();

/// Differences between the three, as sentences; empty when they are equal.
#[must_use]
pub(super) fn differences(
    audit: &[Ring],
    ledger: &Replay,
    caps: &[Cap],
    name: &dyn Fn(u32) -> String,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |ring: &Ring, what: &str| {
        let Ring { consumer, driver, len, rights } = ring;
        let (consumer, driver) = (name(*consumer), name(*driver));
        found.push(format!(
            "{driver} shares {len} bytes with {consumer} (rights {rights:#x}): {what}"
        ));
    };
    let audit: BTreeSet<Ring> = audit.iter().copied().collect();
    audit
        .difference(&ledger.rings)
        .for_each(|ring| differ(ring, "in the audit, not in the ledger"));
    ledger
        .rings
        .difference(&audit)
        .for_each(|ring| differ(ring, "in the ledger, not in the audit"));
    let lives = |id: &u32| !ledger.ended.contains_key(id);
    for ring in ledger.rings.difference(&ledger.over) {
        if !lives(&ring.consumer) || !lives(&ring.driver) {
            differ(ring, "one of them has ended, and its end is not in the ledger");
        }
    }
    let recorded = ledger.rings.iter().filter(|ring| lives(&ring.consumer) && lives(&ring.driver));
    let mut shared = shared(caps);
    for ring in recorded {
        let place = shared.iter().position(|(holders, len)| {
            let both = [(ring.consumer, ring.rights), (ring.driver, ring.rights)];
            *holders == BTreeSet::from(both) && *len == ring.len
        });
        match place {
            Some(place) => drop(shared.swap_remove(place)),
            None => differ(ring, "in the ledger, not in the kernel's table"),
        }
    }
    for (holders, len) in shared {
        let holders: Vec<String> = holders
            .iter()
            .map(|(id, rights)| format!("{} (rights {rights:#x})", name(*id)))
            .collect();
        found.push(format!(
            "{} hold an object of {len} bytes, which one of them can write: not in the ledger",
            holders.join(" and ")
        ));
    }
    found
}

/// Who holds a memory object, and with which rights.
type Holders = BTreeSet<(u32, u16)>;

/// The memory objects that two services and more hold, and one of them can write; and their bytes. Who made
/// an object does not count: init, and busd for what a device reaches.
fn shared(caps: &[Cap]) -> Vec<(Holders, u64)> {
    let mut objects: BTreeMap<u64, (Holders, u64)> = BTreeMap::new();
    let made = |cap: &&Cap| cap.service == INIT || cap.service == BUSD && cap.rights & GRANT != 0;
    let memory = caps.iter().filter(|cap| cap.kind == KIND_MEMORY && !made(cap));
    for cap in memory {
        let (holders, len) = objects.entry(cap.object).or_default();
        holders.insert((cap.service, cap.rights));
        *len = cap.len;
    }
    let is_shared = |holders: &Holders| {
        let services: BTreeSet<u32> = holders.iter().map(|(service, _)| *service).collect();
        services.len() > 1 && holders.iter().any(|(_, rights)| rights & WRITE != 0)
    };
    objects.into_values().filter(|(holders, _)| is_shared(holders)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHTS: u16 = 7;
    const RING: Ring = Ring { consumer: 9, driver: 8, len: 8192, rights: RIGHTS };

    fn cap(service: u32, object: u64) -> Cap {
        Cap {
            service,
            kind: KIND_MEMORY,
            rights: RIGHTS,
            base: 0,
            len: RING.len,
            mapped_pages: 0,
            object,
            registers: None,
        }
    }

    fn found(audit: &[Ring], ledger: &[Ring], caps: &[Cap]) -> Vec<String> {
        let rings = ledger.iter().copied().collect();
        let replay = Replay { rings, ..Replay::default() };
        differences(audit, &replay, caps, &|id| format!("service{id}"))
    }

    #[test]
    fn test_what_is_shared_is_said_three_times() {
        let none: [String; 0] = [];
        let caps = [cap(9, 3), cap(8, 3), cap(INIT, 3), cap(8, 4), cap(INIT, 4)];
        assert_eq!(found(&[RING], &[RING], &caps), none);
        let made = Cap { rights: RIGHTS | GRANT, ..cap(BUSD, 4) };
        assert_eq!(found(&[], &[], &[cap(8, 4), made]), none);
        assert_eq!(found(&[], &[], &[cap(8, 4), cap(BUSD, 4)]).len(), 1);
        // One driver shares with two, each by memory of its own.
        let other = Ring { consumer: 10, ..RING };
        let two = [cap(9, 3), cap(8, 3), cap(10, 6), cap(8, 6)];
        assert_eq!(found(&[RING, other], &[RING, other], &two), none);
        // What nobody can write may be held by many.
        let reads = |service| Cap { rights: 3, ..cap(service, 5) };
        assert_eq!(found(&[], &[], &[reads(8), reads(9)]), none);
        for ended in [8, 9] {
            let (rings, over) = ([RING].into(), [RING].into());
            let mut replay = Replay { rings, over, ..Replay::default() };
            replay.ended.insert(ended, 1);
            let left = cap(17 - ended, 3);
            assert_eq!(differences(&[RING], &replay, &[left], &|_| String::new()), none);
        }
    }

    // attack 92 H: one of two that share memory has ended, and the ledger does not say that it is over; found; broken: judge-ring-over
    #[test]
    fn test_the_end_of_a_ring_is_in_the_ledger() {
        for ended in [8, 9] {
            let mut replay = Replay { rings: [RING].into(), ..Replay::default() };
            replay.ended.insert(ended, 1);
            let left = cap(17 - ended, 3);
            let found = differences(&[RING], &replay, &[left], &|_| String::new());
            assert!(found.len() == 1 && found[0].contains("one of them has ended"), "{found:?}");
        }
    }

    // attack 92 H: memory that two services share, and the audit or the ledger does not say, or with other holders, rights or bytes; found; broken: judge-rings
    #[test]
    fn test_what_is_shared_otherwise_is_found() {
        let caps = [cap(9, 3), cap(8, 3)];
        for (audit, ledger, caps, what) in [
            (&[][..], &[RING][..], &caps[..], "in the ledger, not in the audit"),
            (&[RING], &[], &[], "in the audit, not in the ledger"),
            (&[RING], &[RING], &[cap(9, 3), cap(8, 4)], "not in the kernel's table"),
            (&[], &[], &caps, "not in the ledger"),
            (&[], &[], &[cap(9, 3), Cap { rights: 3, ..cap(8, 3) }], "not in the ledger"),
        ] {
            let found = found(audit, ledger, caps);
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        }
        for other in [
            Cap { rights: 0xf, ..cap(8, 3) },
            Cap { len: 4096, ..cap(8, 3) },
            Cap { service: 7, ..cap(8, 3) },
        ] {
            assert_eq!(found(&[RING], &[RING], &[cap(9, 3), other]).len(), 2);
        }
        assert_eq!(found(&[RING], &[RING], &[cap(9, 3), cap(8, 3), cap(7, 3)]).len(), 2);
        // One consumer holds the memory of another.
        let other = Ring { consumer: 10, ..RING };
        let both = [cap(9, 3), cap(8, 3), cap(10, 6), cap(8, 6), cap(9, 6)];
        assert_eq!(found(&[RING, other], &[RING, other], &both).len(), 2);
    }
}
