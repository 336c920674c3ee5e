//! Descriptions under random input.

mod common;

use common::{device, permit, rule, service, system};
use nexus_sysdesc::{
    Address, Description, MAPPED_BITS, Need, NetDirection, NetProtocol, Network, NetworkSays,
    OpenTree, Permission, Ports, Profile, Reach, Restart, Service, Sockets, Tree, bounds, mapped,
};
use proptest::prelude::*;

/// Service `id` opens a part of the state of `owner`.
fn open(id: u32, owner: u32, rights: u32, parts: usize) -> OpenTree {
    OpenTree {
        owner,
        prefix: ["a", "b", "c"].into_iter().take(parts).collect::<Vec<_>>().join("/"),
        rights: u8::try_from(rights % 7 + 1).expect("few bits"),
        id: format!("open-{id}-{owner}"),
        reason: "it shows it".into(),
    }
}

/// Service `id` has to do with the network, in up to `lines` ways that follow from the numbers.
fn reaches(id: u32, lines: usize, number: u32) -> Vec<Reach> {
    let byte = |n: u32| n.to_le_bytes()[0];
    let reach = |index: u32| {
        let protocol = NetProtocol::ALL[usize::from(byte(number.wrapping_add(index)) % 3)];
        let first = u16::try_from(1000 * index + number).expect("few lines");
        let ports = vec![Ports { first, last: first + 7 }];
        let v4 = Network { address: mapped([10, byte(number), 0, 0]), bits: MAPPED_BITS + 16 };
        let v6 = Network { address: [0; 16], bits: byte(number) % 97 };
        let direction = NetDirection::ALL[usize::from(byte(number >> index) % 2)];
        Reach {
            protocol,
            direction: if protocol == NetProtocol::Echo { NetDirection::Out } else { direction },
            ports: if protocol == NetProtocol::Echo { vec![] } else { ports },
            addresses: vec![v6, v4],
            id: format!("net-{id}-{index}"),
            reason: "it fetches pages".into(),
        }
    };
    let mut all: Vec<Reach> = (0..3).take(lines).map(reach).collect();
    let terms =
        |one: &Reach| (one.protocol, one.direction, one.ports.clone(), one.addresses.clone());
    all.sort_by_key(terms);
    all.dedup_by_key(|one| terms(one));
    all
}

/// A valid description with up to 12 services, each with at most one device.
fn any_valid() -> impl Strategy<Value = Description> {
    let one = (1u32..100, any::<bool>(), 0u8..32, 1u32..1000, any::<bool>(), 0usize..5);
    let one = (one, 0usize..3, proptest::option::of(bounds::ANSWERS_WITHIN));
    (proptest::collection::vec(one, 1..12), 1u32..9, any::<bool>(), any::<bool>()).prop_map(
        |(parts, epoch, test, unlimited)| {
            let mut description = system();
            description.profile = if test { Profile::Test } else { Profile::Prod };
            description.epoch = epoch;
            description.unlimited_restarts = unlimited && test;
            let (mut id, mut devices, mut rules) = (0, vec![], vec![]);
            let mut services: Vec<Service> = vec![];
            for ((gap, serves, priority, frames, owns, permissions), restart, within) in parts {
                id += gap;
                let mut next = Service { serves, priority, frames, ..service(id, "x") };
                if !services.is_empty() && id != bounds::BUSD {
                    next.restart = Restart::ALL[restart];
                    let may = serves && next.restart != Restart::Never;
                    next.answers_within = within.filter(|_| may);
                }
                next.tree = serves.then_some(Tree {
                    id: u128::from(frames) << 64 | u128::from(id),
                    keys: u64::from(frames),
                    bytes: u64::from(frames) << 12,
                });
                let trees = services.iter().filter(|other| other.tree.is_some()).take(3);
                next.opens = trees.map(|other| open(id, other.id, frames, restart)).collect();
                if serves {
                    description.network =
                        Some(NetworkSays { address: Address::Dhcp, leads_back: vec![] });
                    next.sockets = Some(Sockets { count: frames % 256 + 1, bytes: 4096 });
                    next.reaches = reaches(id, permissions, frames);
                }
                next.name = format!("service-{id}");
                next.permits =
                    Permission::ALL[..permissions].iter().map(|one| permit(id, *one)).collect();
                next.talks_to = services.iter().filter(|s| s.serves).map(|s| s.id).collect();
                if owns {
                    let number = u16::try_from(devices.len()).expect("few devices");
                    devices.push(device(number, &format!("device{number}")));
                    next.needs = vec![Need {
                        device: number,
                        rights: 0b011,
                        irq: false,
                        polls: false,
                        registers: None,
                        queues: Vec::new(),
                    }];
                    rules.push(rule(number + 1, id, number));
                }
                services.push(next);
            }
            description.init = services[0].id;
            (description.devices, description.rules) = (devices, rules);
            description.services = services;
            description
        },
    )
}

proptest! {
    #[test]
    fn round_trip(description in any_valid()) {
        let bytes = description.encode().expect("valid");
        prop_assert_eq!(Description::decode(&bytes), Ok(description));
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let _ = Description::decode(&bytes);
    }

    // attack 31 P: a damaged description; refused, or the one encoding of a valid one
    #[test]
    fn damaged_bytes_never_panic_and_have_one_encoding(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = system().encode().expect("valid");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(description) = Description::decode(&bytes) {
            prop_assert_eq!(description.encode(), Ok(bytes));
        }
    }
}
