//! A small system for tests.

use nexus_proto::init::{EndKind, Last, LifeInfo, OwnerInfo, OwnerState, ServiceState};
use nexus_proto::policy::NO_LINE;
use nexus_proto::{Name, Registers, Subject, Zero};

use crate::names::Names;

/// The names of the standard system.
pub(crate) fn names() -> Names {
    let services = [
        (1, "init"),
        (2, "policyd"),
        (3, "logd"),
        (4, "consoled"),
        (5, "rtcd"),
        (6, "powerd"),
        (7, "rngd"),
        (8, "virtioblkd"),
        (9, "virtionetd"),
        (10, "nsh"),
    ];
    let devices = ["uart0", "rtc0", "power0", "rng0", "blk0", "net0"];
    Names {
        services: services.iter().map(|(id, name)| (*id, (*name).into())).collect(),
        devices: (0..).zip(devices).map(|(id, name)| (id, name.into())).collect(),
        rules: [
            (1, "allow-consoled-uart0".into()),
            (4, "allow-rngd-rng0".into()),
            (5, "allow-virtioblkd-blk0".into()),
        ]
        .into(),
    }
}

/// A device and its owner: the virtio ones do DMA, and the rule has the next number.
pub(crate) fn owner(device: u16, service: u32, state: OwnerState) -> OwnerInfo {
    OwnerInfo {
        next: 0,
        device,
        rights: 7,
        owner: Subject { id: service, incarnation: 1 },
        base: 0x1000_0000 + 0x1000 * u64::from(device),
        len: 4096,
        rule: device + 1,
        state,
        dma: device >= 3,
        line: NO_LINE,
        registers: Registers::UNMASKED,
        zero: Zero::ZERO,
        name: Name::new(&names().device(device)),
    }
}

/// A service that began a second ago, at tick 0, and lives.
pub(crate) fn life(service: u32, lives: u32, state: ServiceState) -> LifeInfo {
    LifeInfo {
        next: 0,
        lives,
        service: Subject { id: service, incarnation: lives },
        state,
        end: EndKind::None,
        last: Last::None,
        zero: Zero::ZERO,
        deaths: 0,
        code: 0,
        since: 0,
        again: 0,
    }
}

/// Ticks in a second of the tests.
pub(crate) const SECOND: u64 = 10_000_000;
