//! A small valid system to start from.

use nexus_sysdesc::sealed::OWNERS_REGISTERS;
use nexus_sysdesc::{
    Danger, Description, Device, Need, Permission, Permit, Profile, Proof, Restart, Rule, Service,
};

pub(crate) use nexus_sysdesc::testing::device;

pub(crate) const MAP_READ_WRITE: u16 = 0b111;

pub(crate) fn service(id: u32, name: &str) -> Service {
    Service {
        id,
        name: name.into(),
        priority: 8,
        frames: 128,
        objects: 64,
        stack_pages: 16,
        needs: vec![],
        talks_to: vec![],
        serves: false,
        restart: Restart::Never,
        answers_within: None,
        must_prove: vec![],
        permits: vec![],
        rings: vec![],
        tree: None,
        opens: vec![],
        sockets: None,
        reaches: vec![],
    }
}

pub(crate) fn rule(number: u16, subject: u32, device: u16) -> Rule {
    Rule {
        number,
        id: format!("rule-{number}"),
        subject,
        device,
        rights: MAP_READ_WRITE,
        irq: false,
        registers: (device == 1).then_some(OWNERS_REGISTERS),
        interval: 0,
        queues: Vec::new(),
        reason: "it is the driver of this device".into(),
    }
}

pub(crate) fn permit(service: u32, permission: Permission) -> Permit {
    let id = format!("permit-{service}-{}", permission.name());
    Permit { permission, id, reason: format!("{} is its work", permission.name()) }
}

/// init and logd, a clock and an entropy device, each with its owner.
pub(crate) fn system() -> Description {
    let clock = Device { base: Some(0x10_1000), ..device(0, "rtc0") };
    let entropy = Device {
        compatible: "virtio,mmio".into(),
        virtio_id: Some(4),
        dma: true,
        danger: Danger::High,
        ..device(1, "rng0")
    };
    let need = |device| {
        vec![Need {
            device,
            rights: MAP_READ_WRITE,
            irq: false,
            polls: false,
            registers: (device == 1).then_some(OWNERS_REGISTERS),
            queues: Vec::new(),
        }]
    };
    Description {
        name: "small".into(),
        profile: Profile::Test,
        epoch: 1,
        unlimited_restarts: false,
        init: 1,
        devices: vec![clock, entropy],
        services: vec![
            Service { permits: vec![permit(1, Permission::Distribute)], ..service(1, "init") },
            Service { serves: true, ..service(3, "logd") },
            Service { needs: need(0), talks_to: vec![3], ..service(5, "rtcd") },
            Service {
                needs: need(1),
                talks_to: vec![3],
                must_prove: vec![Proof { name: "mmio-window-mapped".into(), checks: 2 }],
                ..service(7, "rngd")
            },
        ],
        rules: vec![rule(1, 5, 0), rule(2, 7, 1)],
        network: None,
    }
}
