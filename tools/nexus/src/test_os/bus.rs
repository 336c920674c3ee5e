//! Windows of devices that reach memory by themselves: who sets them up has each, with no register that holds
//! an address, and init has none from which another could be derived.

use super::agree::{DERIVE, INIT};
use super::ledger::Holding;
use crate::protocol::Cap;
use crate::witness::KIND_DEVICE;
use nexus_proto::bus::REGISTERS;
use nexus_proto::ids::BUSD;
use std::collections::BTreeSet;

/// MAP, READ, WRITE, DERIVE, GRANT, REVOKE, MANAGE and PLACE: what busd has of a device.
pub(super) const ROOT: u16 = 0x7c7;
/// PLACE: have the kernel write addresses.
const PLACE: u16 = 1 << 10;

/// First addresses of the windows that busd has.
pub(super) fn windows(caps: &[Cap]) -> BTreeSet<u64> {
    let held = caps.iter().filter(|cap| cap.kind == KIND_DEVICE && cap.service == BUSD);
    held.map(|cap| cap.base).collect()
}

/// Differences, as sentences. `sealed` are the devices that reach memory by themselves, and `is_virtio` tells
/// whether a virtio device is in the window that begins at an address.
pub(super) fn differences(
    holdings: &[Holding],
    caps: &[Cap],
    sealed: &BTreeSet<u16>,
    is_virtio: &dyn Fn(u64) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut bases = BTreeSet::new();
    for cap in caps.iter().filter(|cap| cap.kind == KIND_DEVICE && cap.service == BUSD) {
        let right = (cap.rights, cap.len, cap.mapped_pages) == (ROOT, 0x1000, 0);
        let masked = cap.registers == Some(REGISTERS);
        if !right || !masked || !bases.insert(cap.base) || !is_virtio(cap.base) {
            found.push(format!(
                "busd has window {:#x} (len {:#x}, rights {:#x}, registers {:x?}, {} pages mapped), which is \
                 not that of a device to be set up",
                cap.base, cap.len, cap.rights, cap.registers, cap.mapped_pages
            ));
        }
    }
    for held in holdings.iter().filter(|held| sealed.contains(&held.device)) {
        if !bases.contains(&held.base) {
            found
                .push(format!("window {:#x} reaches memory, and busd does not have it", held.base));
        }
    }
    for cap in caps.iter().filter(|cap| cap.kind == KIND_DEVICE && cap.service != BUSD) {
        let more = cap.rights & PLACE != 0 || bases.contains(&cap.base) && cap.rights & DERIVE != 0;
        if more {
            let who = if cap.service == INIT { "init" } else { "a driver" };
            found.push(format!(
                "{who} (service {}) could set up window {:#x}: rights {:#x}",
                cap.service, cap.base, cap.rights
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0x1000_6000;

    fn cap(service: u32, rights: u16, registers: Option<u64>) -> Cap {
        let (kind, base, len) = (KIND_DEVICE, BASE, 0x1000);
        Cap { service, kind, rights, base, len, mapped_pages: 0, object: 0, registers }
    }

    fn good() -> Vec<Cap> {
        vec![
            cap(BUSD, ROOT, Some(REGISTERS)),
            cap(INIT, 0x387, Some(1 << 20)),
            cap(7, 7, Some(1 << 20)),
            Cap { base: 0x1000_0000, ..cap(INIT, 0x3c7, None) },
        ]
    }

    fn holding() -> Holding {
        Holding {
            service: 7,
            device: 3,
            base: BASE,
            len: 0x1000,
            rights: 7,
            registers: Some(1 << 20),
            line: 0,
            interval: 0,
            memory: None,
        }
    }

    fn found(caps: &[Cap]) -> Vec<String> {
        let sealed = std::iter::once(3).collect();
        differences(&[holding()], caps, &sealed, &|base| base == BASE)
    }

    #[test]
    fn test_as_it_must_be() {
        assert_eq!(found(&good()), Vec::<String>::new());
        assert_eq!(windows(&good()).into_iter().collect::<Vec<_>>(), [BASE]);
    }

    // attack 86 H: busd has an address register, a mapping, a right too many, another device; or init or a driver could set one up; found; broken: judge-bus
    #[test]
    fn test_every_window_of_a_device_with_dma() {
        type Change = fn(&mut Vec<Cap>);
        let changes: [(&str, Change); 11] = [
            ("not that of a device", |caps| caps[0].registers = None),
            ("not that of a device", |caps| caps[0].registers = Some(REGISTERS | 1 << 32)),
            ("not that of a device", |caps| caps[0].rights |= 8),
            ("not that of a device", |caps| caps[0].mapped_pages = 1),
            ("not that of a device", |caps| caps[0].len = 0x2000),
            ("not that of a device", |caps| caps.push(caps[0].clone())),
            ("not that of a device", |caps| {
                caps.push(Cap { base: 0x1000_0000, ..caps[0].clone() });
            }),
            ("busd does not have it", |caps| caps.truncate(0)),
            ("init (service 1) could set up", |caps| caps[1].rights |= DERIVE),
            ("init (service 1) could set up", |caps| caps[3].rights |= PLACE),
            ("a driver (service 7) could set up", |caps| caps[2].rights |= DERIVE),
        ];
        for (expected, change) in changes {
            let mut caps = good();
            change(&mut caps);
            let found = found(&caps);
            assert!(found.iter().any(|one| one.contains(expected)), "{expected}: {found:?}");
        }
    }
}
