//! Descriptions for the host tests of services.

use alloc::format;
use alloc::vec::Vec;

use crate::{Danger, Description, Device, Permission, Permit, Profile, Restart, Service};

/// A system of these services, whose init is service 1: no device, and no rule.
#[must_use]
pub fn system(profile: Profile, services: Vec<Service>) -> Description {
    Description {
        name: "test".into(),
        profile,
        epoch: 1,
        unlimited_restarts: false,
        init: 1,
        devices: Vec::new(),
        services,
        rules: Vec::new(),
        network: None,
    }
}

/// What a ledger is of, for tests, with `others` beside them: init and policyd, which record, and logd.
#[must_use]
pub fn with_ledger(others: impl IntoIterator<Item = Service>) -> Description {
    let mut services = Vec::from([
        service(1, "init", &[Permission::Distribute, Permission::Record]),
        service(2, "policyd", &[Permission::Record]),
        service(3, "logd", &[]),
    ]);
    services.extend(others);
    system(Profile::Test, services)
}

/// A device of which little is said, compatible with its own name.
#[must_use]
pub fn device(id: u16, name: &str) -> Device {
    Device {
        id,
        name: name.into(),
        compatible: name.into(),
        virtio_id: None,
        instance: 0,
        base: None,
        says: None,
        store: None,
        window_len: 4096,
        irq: false,
        dma: false,
        danger: Danger::Low,
    }
}

/// A service that serves, needs nothing and calls nobody.
#[must_use]
pub fn service(id: u32, name: &str, permissions: &[Permission]) -> Service {
    let permit = |permission: &Permission| Permit {
        permission: *permission,
        id: format!("permit-{id}-{}", permission.name()),
        reason: "a test".into(),
    };
    Service {
        id,
        name: name.into(),
        priority: 10,
        frames: 64,
        objects: 64,
        stack_pages: 16,
        needs: Vec::new(),
        talks_to: Vec::new(),
        serves: true,
        restart: Restart::Never,
        answers_within: None,
        must_prove: Vec::new(),
        permits: permissions.iter().map(permit).collect(),
        rings: Vec::new(),
        tree: None,
        opens: Vec::new(),
        sockets: None,
        reaches: Vec::new(),
    }
}
