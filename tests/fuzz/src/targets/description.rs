//! The compiled description, as init and policyd read it.

use nexus_sysdesc::{
    Address, Description, MAPPED_BITS, NetDirection, NetProtocol, Network, NetworkSays, Ports,
    Reach, Sockets, mapped,
};

use crate::system;

// attack 40 Z: a compiled description with two equal names; refused
// attack 39 Z: a compiled description in which two services need one device; refused
// attack 92 Z: a compiled description in which two services have one tree, or state is opened that nobody keeps; refused
// attack 99 Z: a compiled description in which a service has to do with a network without sockets or without one of the board, or reaches what cannot be reached; refused
// attack 31 Z: any bytes as a compiled description; only the one encoding of a valid one is read
/// What is decoded is valid, has one encoding, and gives every device to one service at most.
pub fn description(data: &[u8]) {
    let Ok(description) = Description::decode(data) else { return };
    assert_eq!(description.validate(), Ok(()));
    assert_eq!(description.encode().as_deref(), Ok(data), "one encoding");
    invariants(&description);
}

/// What must hold in every description that is accepted, from whatever it was made.
pub(super) fn invariants(description: &Description) {
    assert!(description.epoch > 0);
    let mut owned = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for service in &description.services {
        assert!(!names.contains(&service.name.as_str()), "two services of one name");
        names.push(&service.name);
        for need in &service.needs {
            assert!(!owned.contains(&need.device), "two owners of one device");
            assert!(usize::from(need.device) < description.devices.len());
            assert_eq!(need.rights & !7, 0, "only MAP, READ and WRITE");
            let device = &description.devices[usize::from(need.device)];
            assert!(device.irq || !need.irq, "an interrupt of a device that has none");
            mask_and_rights(need.rights, need.registers);
            owned.push(need.device);
        }
    }
    state(description);
    network(description);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let devices = description.devices.iter().map(|device| device.name.as_str());
    let rules = description.rules.iter().map(|rule| rule.id.as_str());
    for name in names.into_iter().chain(devices).chain(rules) {
        assert!(!name.is_empty() && name.chars().all(plain), "{name:?}");
    }
    for device in &description.devices {
        assert!(device.window_len > 0 && device.window_len.is_multiple_of(4096));
        assert!(device.base.unwrap_or(0).checked_add(device.window_len).is_some());
    }
    for rule in &description.rules {
        let known = description.services.iter().any(|service| service.id == rule.subject);
        assert!(known && usize::from(rule.device) < description.devices.len());
        assert!(description.devices[usize::from(rule.device)].irq || !rule.irq);
        assert!(rule.interval == 0 || rule.irq && rule.interval <= 1_000_000);
        mask_and_rights(rule.rights, rule.registers);
    }
}

/// Each tree is one service's, what is opened is another's, and one disk holds the store.
fn state(description: &Description) {
    let mut trees = Vec::new();
    for tree in description.services.iter().filter_map(|service| service.tree) {
        assert!(tree.id != 0 && !trees.contains(&tree.id), "two services of one tree");
        assert!(tree.keys > 0 && tree.bytes > 0, "a tree without a quota");
        trees.push(tree.id);
    }
    for (subject, open) in description.opens() {
        let owner = description.services.iter().find(|service| service.id == open.owner);
        assert!(owner.is_some_and(|owner| owner.tree.is_some() && owner.id != subject));
        assert!(open.rights != 0 && open.rights & !7 == 0, "rights that there are not");
        let parts = open.prefix.split('/');
        let whole =
            open.prefix.is_empty() || parts.clone().all(|part| !["", ".", ".."].contains(&part));
        assert!(whole && open.prefix.len() <= 255, "{:?}", open.prefix);
    }
    let stores = description.devices.iter().filter(|device| device.store.is_some());
    assert!(stores.clone().count() <= 1 && stores.into_iter().all(|one| one.virtio_id == Some(2)));
}

/// Who has to do with a network has a quota, and there is one; what is reached can be.
fn network(description: &Description) {
    for service in description.services.iter().filter(|one| one.sockets.is_some()) {
        assert!(description.network.is_some(), "sockets without a network");
        let sockets = service.sockets.expect("it has some");
        assert!((1..=256).contains(&sockets.count) && (4096..=1 << 26).contains(&sockets.bytes));
    }
    for (subject, reach) in description.reaches() {
        let service = description.services.iter().find(|service| service.id == subject);
        assert!(service.is_some_and(|service| service.sockets.is_some()), "no sockets");
        let mut last = 0;
        for ports in &reach.ports {
            assert!(last < ports.first && ports.first <= ports.last, "ports out of order");
            last = ports.last;
        }
        assert!(!reach.addresses.is_empty() && reach.addresses.iter().all(|one| one.bits <= 128));
        let number = description.lines().position(|(id, _)| id == reach.id).expect("a line") + 1;
        let number = u16::try_from(number).expect("few lines");
        assert_eq!(description.reach(number), Some((subject, reach)), "it is found by its number");
        let (ip, port) =
            (reach.addresses[0].address, reach.ports.first().map_or(0, |one| one.first));
        let line = description.reach_of(subject, reach.protocol, reach.direction, ip, port);
        let first = line.and_then(|line| description.reach(line));
        assert!(first.is_some_and(|(who, _)| who == subject), "what it lets is let");
    }
}

/// With a mask, who may write has a register to write, and who may not has none.
fn mask_and_rights(rights: u16, registers: Option<u64>) {
    assert!(
        registers.is_none_or(|mask| (rights & 4 != 0) == (mask != 0)),
        "{rights} {registers:?}"
    );
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let test = system::either(0);
    let prod = system::either(1);
    let encoded = |description: &Description| description.encode().expect("a valid description");
    let small = Description {
        services: prod.services.iter().take(1).cloned().collect(),
        devices: Vec::new(),
        rules: Vec::new(),
        ..prod.clone()
    };
    let small = Description {
        services: small
            .services
            .iter()
            .map(|one| nexus_sysdesc::Service {
                needs: Vec::new(),
                talks_to: Vec::new(),
                ..one.clone()
            })
            .collect(),
        ..small
    };
    let mut wired = small.clone();
    wired.network =
        Some(NetworkSays { address: Address::Dhcp, leads_back: vec![mapped([10, 0, 2, 2])] });
    wired.services[0].sockets = Some(Sockets { count: 8, bytes: 1 << 20 });
    wired.services[0].reaches = vec![Reach {
        protocol: NetProtocol::Tcp,
        direction: NetDirection::Out,
        ports: vec![Ports { first: 80, last: 80 }, Ports { first: 8000, last: 8999 }],
        addresses: vec![
            Network { address: [0; 16], bits: 0 },
            Network { address: mapped([10, 0, 2, 0]), bits: MAPPED_BITS + 24 },
        ],
        id: "net-init-http".to_owned(),
        reason: "it fetches pages".to_owned(),
    }];
    let mut trailing = encoded(prod);
    trailing.push(0);
    let all = [
        ("test", encoded(test)),
        ("prod", encoded(prod)),
        ("init-alone", encoded(&small)),
        ("wired", encoded(&wired)),
        ("byte-behind", trailing),
        ("cut", encoded(prod)[..200].to_vec()),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
