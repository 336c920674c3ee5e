//! The compiled description, as init and policyd read it.

use nexus_sysdesc::Description;

use crate::system;

// attack 40 Z: a compiled description with two equal names; refused
// attack 39 Z: a compiled description in which two services need one device; refused
// attack 92 Z: a compiled description in which two services have one tree, or state is opened that nobody keeps; refused
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
    let mut trailing = encoded(prod);
    trailing.push(0);
    let all = [
        ("test", encoded(test)),
        ("prod", encoded(prod)),
        ("init-alone", encoded(&small)),
        ("byte-behind", trailing),
        ("cut", encoded(prod)[..200].to_vec()),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
