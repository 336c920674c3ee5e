//! The trusted set: who could break what the kernel enforces for the others. It is computed from what is
//! held, and no file can say otherwise.

use super::model::{MemoryTrust, Trusted};
use nexus_abi::Rights;
use nexus_proto::ids;
use nexus_sysdesc::{Description, Device, Need, Permission, Service, sealed};

/// Devices through whose registers memory is read and written, or other devices are set up.
const REACH_MEMORY: &[&str] = &["qemu,fw-cfg-mmio", "pci-host-ecam-generic"];
/// A device that holds what the machine starts with.
const FLASH: &str = "cfi-flash";

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
    if service.id == ids::BUSD {
        with.push(String::from("setting up devices with DMA, without their addresses"));
    }
    if service.id == ids::NETSTACKD {
        with.push(String::from("who reaches whom by the network"));
    }
    with.extend(state(description, service));
    with.extend(through(description, service));
    with
}

/// Who keeps state, and whose disk it is on.
fn state(description: &Description, service: &Service) -> Vec<String> {
    let mut with = Vec::new();
    if service.id == ids::STATEFSD {
        with.push(String::from("keeping the state of every service"));
    }
    let disk = description.store().filter(|(disk, _)| service.need(*disk).is_some());
    if let Some(disk) = disk.and_then(|(disk, _)| description.device(disk)) {
        with.push(format!("the state of every service, on {}", disk.name));
    }
    with
}

/// By what each of its devices lets a service reach all memory.
fn through(description: &Description, service: &Service) -> Vec<String> {
    let needs = service.needs.iter();
    let held = needs.filter_map(|need| Some((need, description.device(need.device)?)));
    held.filter(|(need, device)| reaches_all(need, device))
        .map(|(_, device)| {
            let since = if device.compatible == FLASH { " from the next start on" } else { "" };
            format!("all memory{since}, through {}", device.name)
        })
        .collect()
}

/// True when whoever holds this of the device reaches all memory: it writes a register with an address
/// of a device with DMA, or to one that sets up others, or to what the machine starts with.
pub(super) fn reaches_all(need: &Need, device: &Device) -> bool {
    let writes = need.rights().contains(Rights::WRITE) && need.registers != Some(0);
    let addresses = need.registers.is_none_or(|mask| !sealed::is_owners(mask));
    let others = REACH_MEMORY.contains(&device.compatible.as_str()) || device.compatible == FLASH;
    writes && (others || device.dma && addresses)
}

/// Who reaches all memory, and until when.
pub(super) fn with_memory(description: &Description) -> Vec<MemoryTrust> {
    let one = |who: &str, until: Option<&str>, why: &str| MemoryTrust {
        who: who.to_owned(),
        until: until.map(str::to_owned),
        why: why.to_owned(),
    };
    let init = description.service(description.init).map_or("init", |init| init.name.as_str());
    let mut all = vec![
        one("kernel", None, "it writes page tables, and the addresses that devices use"),
        one("firmware", None, "it runs below the kernel"),
        one(
            init,
            Some("every device is given out"),
            "it holds every window, and the right to start a service",
        ),
    ];
    for service in &description.services {
        for why in through(description, service) {
            all.push(one(&service.name, None, &why));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_sysdesc::Danger;

    fn device(compatible: &str, dma: bool) -> Device {
        Device {
            id: 0,
            name: "device0".into(),
            compatible: compatible.into(),
            virtio_id: dma.then_some(2),
            instance: 0,
            base: None,
            says: None,
            store: None,
            window_len: 4096,
            irq: false,
            dma,
            danger: Danger::High,
        }
    }

    fn need(rights: Rights, registers: Option<u64>) -> Need {
        Need {
            device: 0,
            rights: rights.bits(),
            irq: false,
            polls: false,
            registers,
            queues: Vec::new(),
        }
    }

    // attack 48 H: what would let a service reach all memory; the audit says so; broken: audit-trusts
    #[test]
    fn whoever_writes_an_address_is_trusted_with_all_memory() {
        let (look, write) =
            (Rights::MAP | Rights::READ, Rights::MAP | Rights::READ | Rights::WRITE);
        let disk = device("virtio,mmio", true);
        assert!(reaches_all(&need(write, None), &disk));
        for register in (0..64).filter(|bit| sealed::OWNERS_REGISTERS & 1 << bit == 0) {
            assert!(reaches_all(&need(write, Some(1 << register)), &disk), "{register}");
        }
        for mask in [sealed::OWNERS_REGISTERS, 1 << 20, 1 << 25, 0] {
            assert!(!reaches_all(&need(write, Some(mask)), &disk), "{mask:x}");
        }
        assert!(!reaches_all(&need(look, None), &disk), "it only looks");
        assert!(!reaches_all(&need(write, None), &device("ns16550a", false)));
        for compatible in ["qemu,fw-cfg-mmio", "pci-host-ecam-generic", "cfi-flash"] {
            assert!(reaches_all(&need(write, None), &device(compatible, false)), "{compatible}");
            assert!(reaches_all(&need(write, Some(1)), &device(compatible, false)), "{compatible}");
            assert!(!reaches_all(&need(look, None), &device(compatible, false)), "{compatible}");
        }
    }
}
