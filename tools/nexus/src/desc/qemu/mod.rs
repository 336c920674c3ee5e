//! The arguments that make QEMU the board of a system, and those of its kernel.

pub(crate) mod words;

use super::model::{Device, ProfileFile, System};

/// First address of RAM on QEMU's `virt` machine.
pub(crate) const RAM_BASE: u64 = 0x8000_0000;

/// Machine, processor, memory, and each device in its slot. Kernel, image and serial port are
/// for whoever starts it.
pub(crate) fn arguments(system: &System, profile: &ProfileFile) -> Vec<String> {
    let Some(machine) = &system.board.qemu else { return Vec::new() };
    let mut arguments = Vec::new();
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    option("-machine", machine.machine.value.clone());
    option("-cpu", machine.cpu.clone());
    option("-m", format!("{}M", machine.memory_mib.value));
    option("-smp", machine.harts.to_string());
    arguments.extend(machine.options.iter().map(|option| option.value.clone()));
    let devices = system.board.devices.iter();
    for device in devices.filter(|device| !profile.leaves_out_device(&device.name)) {
        arguments.extend(plug(device));
    }
    arguments
}

/// After whose calls the kernel checks itself, as it is told in its boot arguments.
pub(crate) fn watch(system: &System, profile: &ProfileFile) -> Option<String> {
    let watched = system.services.iter().filter(|service| profile.watches(&service.name));
    let ids: Vec<String> = watched.map(|service| service.id.value.to_string()).collect();
    (!ids.is_empty()).then(|| format!("watch={} every={}", ids.join(","), profile.watch_every))
}

/// The backend of a device, and the device at its slot; nothing for what the machine has anyway.
fn plug(device: &Device) -> Vec<String> {
    let (Some(qemu), Some(slot)) = (&device.qemu, &device.slot) else { return Vec::new() };
    let backend = device.backend.iter().map(|part| part.value.clone());
    // By its name it is found again where QEMU is asked what it has.
    let name = &device.name.value;
    let pinned = format!("{},bus=virtio-mmio-bus.{},id={name}", qemu.value, slot.value);
    backend.chain([String::from("-device"), pinned]).collect()
}
