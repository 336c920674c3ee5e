//! DMA: a device that reaches memory by itself says so, and can be sealed.

use crate::desc::classes::{Dma, class_of, dma_of, is_virtio};
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Board, Device, DmaMark};
use crate::desc::report::Reporter;
use nexus_sysdesc::{Danger, sealed};

pub(super) fn check(board: &Board, reporter: &Reporter) {
    for device in &board.devices {
        check_mark(device, reporter);
        check_danger(device, reporter);
    }
}

fn check_mark(device: &Device, reporter: &Reporter) {
    let name = &device.name.value;
    let mark = device.dma.as_ref();
    let span = mark.map_or(&device.compatible.span, |mark| &mark.span);
    let (kind, message, fix) = match (dma_of(device), mark.map(|mark| mark.value)) {
        (dma, Some(DmaMark::Unconfined)) => return refuse_unconfined(device, dma, reporter),
        (Dma::Never, Some(DmaMark::Sealed)) => (
            Kind::NeedlessDma,
            format!("{name} is marked for DMA, and has none ({})", device.class()),
            "remove `dma`: no memory is to be set aside for it",
        ),
        (Dma::Always, _) | (_, Some(DmaMark::Sealed)) if class_of(device).is_none() => {
            return refuse_class(device, reporter);
        }
        (Dma::Always, None | Some(DmaMark::None)) => (
            Kind::UnmarkedDma,
            format!(
                "{name} reaches memory by itself ({}), and is not marked for it",
                device.class()
            ),
            "write `dma = \"sealed\"` and `danger = \"high\"`",
        ),
        (Dma::Unknown, None) => (
            Kind::UnmarkedDma,
            format!("nothing is known about {}: it could reach memory", device.compatible.value),
            "find out, and write `dma = \"none\"`; if it does, remove this [[device]]: it cannot be \
             sealed",
        ),
        _ => return,
    };
    reporter.add(Diagnostic::at(kind, span, message, fix));
}

/// The word of old.
fn refuse_unconfined(device: &Device, dma: Dma, reporter: &Reporter) {
    let Some(mark) = &device.dma else { return };
    let message = format!("{} would reach all memory, and no device may", device.name.value);
    let fix = match (dma, class_of(device)) {
        (Dma::Never, _) => "remove `dma`: this device reaches no memory",
        (_, Some(_)) => {
            "write `dma = \"sealed\"`; what it reaches is then in the `queues` of its owner and of the \
             policy line"
        }
        (_, None) => "remove this [[device]]: it cannot be sealed",
    };
    reporter.add(Diagnostic::at(Kind::UnconfinedDma, &mark.span, message, fix));
}

/// Nothing bounds what it reaches.
fn refuse_class(device: &Device, reporter: &Reporter) {
    // That a virtio device has no DeviceID is said elsewhere.
    if is_virtio(device) && device.virtio_id.is_none() {
        return;
    }
    let span = device.virtio_id.as_ref().map_or(&device.compatible.span, |id| &id.span);
    let message = format!(
        "{} cannot be sealed: nothing bounds what it reaches ({})",
        device.name.value,
        device.class()
    );
    let names = sealed::CLASSES.map(|class| format!("{} ({})", class.virtio_id, class.name));
    let fix = format!(
        "remove this [[device]]; what can be sealed is a virtio device with DeviceID {}",
        names.join(", ")
    );
    reporter.add(Diagnostic::at(Kind::NotSealable, span, message, fix));
}

fn check_danger(device: &Device, reporter: &Reporter) {
    if device.has_dma() && device.danger.value != Danger::High {
        let message = format!(
            "{} reaches memory by itself, and is marked as `{}` danger",
            device.name.value,
            device.danger.name()
        );
        let span = &device.danger.span;
        let fix = "write `danger = \"high\"`";
        reporter.add(Diagnostic::at(Kind::DangerTooLow, span, message, fix));
    }
}
