//! Devices: each in a place of its own, and each found in one way only.

use crate::desc::classes;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Board, Device, ProfileFile, System};
use crate::desc::report::Reporter;
use crate::desc::source::Span;
use crate::desc::tests_layer::reserved;
use nexus_sysdesc::{Profile, Says};

/// Slots of the virtio bus of QEMU's `virt` machine.
const SLOTS: usize = 8;

/// What QEMU needs to be told for registers of virtio 1.0 and newer.
const MODERN: [&str; 2] = ["virtio-mmio.force-legacy=off", "virtio-mmio.force-legacy=false"];

pub(super) fn check(system: &System, reporter: &Reporter) {
    for device in &system.board.devices {
        check_class(device, reporter);
        check_says(device, reporter);
        check_plug(device, reporter);
        check_end(device, reporter);
    }
    for profile in &system.profiles {
        check_built(system, profile, reporter);
    }
}

/// The devices that a profile has, together.
fn check_built(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    let devices = system.board.devices.iter();
    let built: Vec<&Device> =
        devices.filter(|device| !profile.leaves_out_device(&device.name)).collect();
    for (index, device) in built.iter().enumerate() {
        for other in built.iter().take(index) {
            check_pair(other, device, reporter);
        }
        check_instance(&built, device, profile, reporter);
    }
    check_empty(&built, profile, reporter);
    check_slots(&built, profile, reporter);
    check_layout(&system.board, &built, reporter);
}

/// DeviceID 0 is no device: only tests hold the registers of an empty slot.
fn check_empty(built: &[&Device], profile: &ProfileFile, reporter: &Reporter) {
    if profile.kind.value != Profile::Prod {
        return;
    }
    for device in built {
        let id = device.virtio_id.as_ref().filter(|id| id.value == classes::EMPTY_SLOT);
        let Some(id) = id else { continue };
        let (name, profile_name) = (&device.name.value, &profile.name.value);
        let message =
            format!("{name} is an empty slot, no device, and profile {profile_name} is for use");
        let fix = format!(
            "name {name} under `without-devices` in profiles/{profile_name}.toml, or write the \
             DeviceID of the device that is meant"
        );
        let diagnostic = Diagnostic::at(Kind::EmptySlotInProd, &id.span, message, fix);
        reporter.add(diagnostic.see(&profile.kind.span, "the profile"));
    }
}

/// Every virtio device has a slot, and so has every empty one that is named.
fn check_slots(built: &[&Device], profile: &ProfileFile, reporter: &Reporter) {
    let virtio: Vec<&&Device> = built.iter().filter(|one| classes::is_virtio(one)).collect();
    let Some(last) = virtio.get(SLOTS) else { return };
    let message = format!(
        "in profile {} the virtio bus has {SLOTS} slots, and {} devices and empty slots are to be on \
         it; {} is one too many",
        profile.name.value,
        virtio.len(),
        last.name.value
    );
    let names: Vec<&str> = virtio.iter().map(|one| one.name.value.as_str()).collect();
    let fix = format!(
        "leave out one of {}: remove it, or name it under `without-devices` in profiles/{}.toml",
        names.join(", "),
        profile.name.value
    );
    let place = virtio.iter().rev().find(|one| !reserved::is_name(&one.name)).unwrap_or(last);
    reporter.add(Diagnostic::at(Kind::NoSlotLeft, &place.name.span, message, fix));
}

/// The registers of the virtio devices are those of the layout that drivers speak.
fn check_layout(board: &Board, built: &[&Device], reporter: &Reporter) {
    let Some(device) = built.iter().find(|one| classes::is_virtio(one)) else { return };
    let Some(qemu) = &board.qemu else { return };
    if qemu.options.iter().any(|option| MODERN.contains(&option.value.as_str())) {
        return;
    }
    let (who, span) = match reserved::is_name(&device.name) {
        true => ("the slot of the tests", &qemu.memory_mib.span),
        false => (device.name.as_str(), &device.compatible.span),
    };
    let message =
        format!("QEMU would give {who} the registers of the legacy layout, which no driver speaks");
    let fix = format!("add \"-global\", \"{}\" to `options` under [qemu]", MODERN[0]);
    reporter.add(Diagnostic::at(Kind::LegacyVirtio, span, message, fix));
}

/// The device can be found at all, and is not the kernel's.
fn check_class(device: &Device, reporter: &Reporter) {
    let name = &device.name.value;
    if classes::is_kernels(device) {
        let message = format!(
            "{name} is a {}, which is the kernel's own: no service can ever hold it",
            device.compatible.value
        );
        let span = &device.compatible.span;
        reporter.add(Diagnostic::at(Kind::KernelDevice, span, message, "remove this [[device]]"));
    }
    match (&device.virtio_id, classes::is_virtio(device)) {
        (None, true) => {
            let message =
                format!("the key `virtio-id` is missing: {name} is found by its DeviceID");
            let fix = "add it: 1 for a network device, 2 for a disk, 4 for entropy";
            reporter.add(Diagnostic::at(Kind::MissingKey, &device.span, message, fix));
        }
        (Some(id), false) => {
            let message = format!("`virtio-id` is not a key of a {}", device.compatible.value);
            let fix = format!("remove it, or write `compatible = \"{}\"`", classes::VIRTIO);
            reporter.add(Diagnostic::at(Kind::UnknownKey, &id.span, message, fix));
        }
        _ => {}
    }
}

/// Only a network device has an address, and only a disk a size or a serial number.
fn check_says(device: &Device, reporter: &Reporter) {
    let Some(says) = &device.says else { return };
    let id = device.virtio_id.as_ref().map(|id| id.value);
    if id == Some(says.virtio_id()) {
        return;
    }
    let (key, what) = match says.value {
        Says::Mac(_) => ("mac", "a network device, with `virtio-id = 1`"),
        Says::Capacity(_) => ("capacity", "a disk, with `virtio-id = 2`"),
        Says::Serial(_) => ("serial", "a disk, with `virtio-id = 2`"),
    };
    let message = format!("`{key}` is a key of {what}, which {} is not", device.name.value);
    let fix = format!("remove `{key}`");
    reporter.add(Diagnostic::at(Kind::UnknownKey, &says.span, message, fix));
}

/// QEMU is told which device to plug in, and where.
fn check_plug(device: &Device, reporter: &Reporter) {
    let name = &device.name.value;
    match (&device.qemu, &device.slot) {
        (Some(qemu), None) => {
            let message =
                format!("QEMU would plug {name} into the highest free slot, wherever that is");
            let fix = "pin it: add `slot = 0`, or another number up to 7 that is free";
            reporter.add(Diagnostic::at(Kind::UnpinnedDevice, &qemu.span, message, fix));
        }
        (None, Some(slot)) => missing_plug(name, "slot", &slot.span, reporter),
        (None, None) => {
            if let Some(backend) = device.backend.first() {
                missing_plug(name, "backend", &backend.span, reporter);
            }
        }
        (Some(_), Some(_)) => {}
    }
}

fn missing_plug(name: &str, key: &str, span: &Span, reporter: &Reporter) {
    let message =
        format!("the key `qemu` is missing: {name} has a `{key}`, and nothing to plug in");
    let fix = format!("add `qemu = \"virtio-…-device\"`, or remove `{key}`");
    reporter.add(Diagnostic::at(Kind::MissingKey, span, message, fix));
}

/// The window ends before addresses do.
fn check_end(device: &Device, reporter: &Reporter) {
    let Some(base) = &device.base else { return };
    if base.checked_add(device.window()).is_none() {
        let message = format!("the window of {} does not end", device.name.value);
        let fix = "write the physical address of its first register";
        reporter.add(Diagnostic::at(Kind::OutOfRange, &base.span, message, fix));
    }
}

/// No two devices share a place.
fn check_pair(other: &Device, device: &Device, reporter: &Reporter) {
    let (one, two) = (&other.name.value, &device.name.value);
    if device.same_class(other) && device.instance() == other.instance() {
        let message = format!(
            "{two} and {one} are the same registers: both are instance {} of {}",
            device.instance(),
            device.class()
        );
        let fix = "give them `instance = 0`, `instance = 1`, … in order of address";
        let span = device.instance.as_ref().map_or(&device.name.span, |instance| &instance.span);
        reporter.add(
            Diagnostic::at(Kind::OverlappingWindows, span, message, fix)
                .see(&other.name.span, format!("here is {one}")),
        );
    }
    if let (Some(a), Some(b)) = (&other.base, &device.base)
        && a.value < b.saturating_add(device.window())
        && b.value < a.saturating_add(other.window())
    {
        let message = format!("the windows of {two} and {one} overlap");
        let fix = format!("correct `base` or `window`; {one} takes {}", range_text(other));
        reporter.add(
            Diagnostic::at(Kind::OverlappingWindows, &b.span, message, fix)
                .see(&a.span, format!("here is {one}")),
        );
    }
    if let (Some(a), Some(b)) = (&other.says, &device.says)
        && device.same_class(other)
        && a.value == b.value
    {
        let message = format!("nothing tells {two} from {one}: both say the same of themselves");
        let fix = "write what each of them says";
        reporter.add(
            Diagnostic::at(Kind::OverlappingWindows, &b.span, message, fix)
                .see(&a.span, format!("here is {one}")),
        );
    }
    check_serials(other, device, reporter);
    if let (Some(a), Some(b)) = (&other.slot, &device.slot)
        && a.value == b.value
    {
        let message = format!("slot {} is taken by {one}", b.value);
        let fix = "give one of them a slot of its own, from 0 to 7";
        reporter.add(
            Diagnostic::at(Kind::SlotTaken, &b.span, message, fix)
                .see(&a.span, format!("here is {one}")),
        );
    }
}

/// Where one disk is known by its serial number all are: the others would be asked for theirs, too.
fn check_serials(other: &Device, device: &Device, reporter: &Reporter) {
    let (known, unknown) = match (other.serial(), device.serial()) {
        (Some((_, known)), None) => (known, device),
        (None, Some((_, known))) => (known, other),
        _ => return,
    };
    if !device.same_class(other) {
        return;
    }
    let name = &unknown.name;
    let message = format!(
        "the key `serial` is missing: another disk is known by its serial number, and {} is not",
        name.value
    );
    let fix = "write the `serial` of each disk, or of none";
    let diagnostic = Diagnostic::at(Kind::MissingKey, &name.span, message, fix);
    reporter.add(diagnostic.see(known, "here is one"));
}

fn range_text(device: &Device) -> String {
    let base = device.base.as_ref().map_or(0, |base| base.value);
    format!("{base:#x} to {:#x}", base.saturating_add(device.window() - 1))
}

/// Instances of a class count from 0, in order of address.
fn check_instance(built: &[&Device], device: &Device, profile: &ProfileFile, reporter: &Reporter) {
    let Some(instance) = &device.instance else { return };
    let peers = || built.iter().filter(|other| other.same_class(device));
    let before = instance.checked_sub(1);
    if before.is_some_and(|before| !peers().any(|other| other.instance() == before)) {
        let message = format!(
            "{} is instance {} of {}, and profile {} has no instance {}",
            device.name.value,
            instance.value,
            device.class(),
            profile.name.value,
            instance.value - 1
        );
        let fix = "number the devices of a class from 0, in order of address";
        reporter.add(Diagnostic::at(Kind::InstanceOrder, &instance.span, message, fix));
    }
    let misplaced =
        peers().find(|other| other.instance() < instance.value && address(other) > address(device));
    if let (Some(other), Some(_)) = (misplaced, address(device)) {
        let message = format!(
            "{} is instance {}, and its address comes before that of {}, instance {}",
            device.name.value,
            instance.value,
            other.name.value,
            other.instance()
        );
        let fix = "number the devices of a class from 0, in order of address";
        reporter.add(
            Diagnostic::at(Kind::InstanceOrder, &instance.span, message, fix)
                .see(&other.name.span, format!("here is {}", other.name.value)),
        );
    }
}

/// What is known of where a device stands: its address, or the slot that decides it.
fn address(device: &Device) -> Option<u64> {
    let base = device.base.as_ref().map(|base| base.value);
    base.or_else(|| device.slot.as_ref().map(|slot| u64::from(slot.value)))
}
