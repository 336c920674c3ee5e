//! The trusted set: who could break what the kernel enforces for the others.

use super::model::Trusted;
use nexus_proto::ids;
use nexus_sysdesc::{Description, Permission, Service};

/// Every service that must be trusted, by id, and with what.
pub(super) fn trusted(description: &Description) -> Vec<Trusted> {
    let services = description.services.iter();
    services
        .map(|service| Trusted { service: service.name.clone(), with: with(description, service) })
        .filter(|trusted| !trusted.with.is_empty())
        .collect()
}

fn with(description: &Description, service: &Service) -> Vec<String> {
    let mut with = Vec::new();
    if service.id == description.init {
        with.push(String::from("starting every service"));
    }
    if service.has(Permission::Distribute) {
        with.push(String::from("giving out every device"));
    }
    if service.id == ids::POLICYD {
        with.push(String::from("deciding who may receive a device"));
    }
    if service.id == ids::LOGD {
        with.push(String::from("keeping the record"));
    }
    for need in &service.needs {
        if let Some(device) = description.device(need.device)
            && device.dma
        {
            with.push(format!("all memory, through {}", device.name));
        }
    }
    with
}
