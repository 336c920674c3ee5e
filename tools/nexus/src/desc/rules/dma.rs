//! DMA: a device that reaches all memory says so.

use crate::desc::classes::{Dma, dma_of};
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Board, Device, DmaMark};
use crate::desc::report::Reporter;
use nexus_sysdesc::Danger;

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
    match (dma_of(device), mark.map(|mark| mark.value)) {
        (Dma::Always, None | Some(DmaMark::None)) => {
            let message = format!(
                "{name} reaches all memory by itself ({}), and is not marked for it",
                device.class()
            );
            let fix = "write `dma = \"unconfined\"` and `danger = \"high\"`: whoever owns it is \
                       trusted with all memory";
            reporter.add(Diagnostic::at(Kind::UnmarkedDma, span, message, fix));
        }
        (Dma::Unknown, None) => {
            let message = format!(
                "nothing is known about {}: it could reach all memory",
                device.compatible.value
            );
            let fix = "find out, and write `dma = \"none\"` or `dma = \"unconfined\"`";
            reporter.add(Diagnostic::at(Kind::UnmarkedDma, span, message, fix));
        }
        (Dma::Never, Some(DmaMark::Unconfined)) => {
            let message = format!("{name} is marked for DMA, and has none ({})", device.class());
            let fix = "remove `dma`: its owner is not to be trusted with all memory for nothing";
            reporter.add(Diagnostic::at(Kind::NeedlessDma, span, message, fix));
        }
        _ => {}
    }
}

fn check_danger(device: &Device, reporter: &Reporter) {
    if device.has_dma() && device.danger.value != Danger::High {
        let message = format!(
            "{} reaches all memory, and is marked as `{}` danger",
            device.name.value,
            device.danger.name()
        );
        let span = &device.danger.span;
        let fix = "write `danger = \"high\"`";
        reporter.add(Diagnostic::at(Kind::DangerTooLow, span, message, fix));
    }
}
