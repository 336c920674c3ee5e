//! What every owner of a device does first: take its window, and tell how that went.

use core::fmt::Display;

use nexus_abi::Handle;
use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::init::{Init, Report, ReportState};
use nexus_proto::{Zero, ids};

use crate::{Deadline, DeviceWindow, Line, Ring, StartError, map_window_part, startup, sys};

/// Milliseconds that init has to take a report.
const REPORT_MS: u64 = 20_000;

/// Maps the one device window of this process.
///
/// # Errors
/// There is none, or it could not be mapped; that is logged and told to init.
pub fn window() -> Result<DeviceWindow, StartError> {
    or_report(startup().map_window())
}

/// Maps `len` bytes of the one device window of this process from `offset`, both whole pages: for
/// a window that is larger than what its driver uses, or than the 2 MiB that one call maps.
///
/// # Errors
/// As [`window`].
pub fn window_part(offset: u64, len: u64) -> Result<DeviceWindow, StartError> {
    let part = startup().window().and_then(|window| Ok(map_window_part(window, offset, len)?));
    or_report(part)
}

/// Has what tells this driver of its rings, and its interrupt line, as far as it was given them, delivered
/// at `endpoint`, for [`crate::drive`]. `None` when there is no line, and when it cannot be bound, which is
/// logged: then the driver looks at its device from time to time.
#[must_use]
pub fn line(endpoint: Handle) -> Option<Line> {
    let told = listen(endpoint);
    let bound = Line::bind(startup().line()?, endpoint, told);
    bound.inspect_err(|error| crate::error!("no interrupts: {error:?}")).ok()
}

/// Has what tells this process of its rings delivered at `endpoint`, as [`crate::Service::notified`].
/// `None` when it has no part in any, and when it cannot be bound, which is logged. As [`line()`] does, for a
/// server without one.
pub fn listen(endpoint: Handle) -> Option<Handle> {
    let told = startup().told()?;
    let bound = sys::endpoint_bind(endpoint, told);
    bound.inspect_err(|error| crate::error!("no rings: {error:?}")).ok().map(|()| told)
}

/// The ring of this driver with its one consumer, if it was given one; its memory, mapped. One that cannot
/// be mapped is logged: the driver serves messages alone.
#[must_use]
pub fn ring() -> Option<(Ring, SharedMemory<ReadWrite>)> {
    let ring = startup().rings().next()?;
    let memory = ring.map().inspect_err(|error| crate::error!("no ring: {error:?}")).ok()?;
    Some((ring, memory))
}

fn or_report(window: Result<DeviceWindow, StartError>) -> Result<DeviceWindow, StartError> {
    if let Err(error) = window {
        crate::error!("no device window: {error:?}");
        report(ReportState::NoWindow, 0);
    }
    window
}

/// Tells logd and init that the device is what it must be, and that this process serves it. `seen`
/// is what identifies the device: of a virtio device its DeviceID, else 0. It proves nothing: what a
/// test run must see, the service says itself (`nexus_rt::proof`) and its file names (`must-prove`).
pub fn ready(seen: u64) {
    crate::info!("mmio window mapped ok");
    report(ReportState::Ready, seen);
}

/// Tells logd and init that what is in the window is not the device that this process is for.
/// `seen` is as for [`ready`]. Returns what the program ends with.
pub fn wrong_device(why: &dyn Display, seen: u64) -> StartError {
    crate::error!("device refused: {why}");
    report(ReportState::WrongDevice, seen);
    StartError::WrongDevice
}

fn report(state: ReportState, detail: u64) {
    let report = Report { state, zero: Zero::ZERO, detail };
    let told = startup().client::<Init>(ids::INIT).map(|init| {
        let deadline = Deadline::after_ms(REPORT_MS);
        init.call(&report, deadline)
    });
    if !matches!(told, Ok(Ok(()))) {
        crate::warn!("init did not take the report: {told:?}");
    }
}
