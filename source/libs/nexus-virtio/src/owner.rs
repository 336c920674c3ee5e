//! The whole of an owner in v1.

use nexus_mmio::Registers;
use nexus_proto::device::Device;
use nexus_rt::{StartError, owner, serve, startup};

use crate::regs::LEN;
use crate::{DeviceType, Refused, answer, identify};

/// Takes the window of this process, checks that `expected` is in it, tells how that went, and
/// answers for the device until the process ends. A test run sees the proof `mmio-window-mapped`.
///
/// # Errors
/// Why it cannot, or can no longer, do so.
pub fn run(expected: DeviceType) -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let window = owner::window()?;
    let identity = Registers::<_, LEN>::new(window)
        .map_err(Refused::TooSmall)
        .and_then(|regs| identify(&regs, expected))
        .map_err(|refused| owner::wrong_device(&refused, refused.device_id().into()))?;
    // Only a test run keeps it, and only a test run misses it.
    let _ = nexus_rt::proof("mmio-window-mapped", 2);
    owner::ready(identity.device_id.into());
    let end = serve::<Device>(endpoint, |_, request| answer(&identity, &request));
    Err(StartError::Kernel(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_that_was_given_nothing_ends() {
        assert_eq!(run(DeviceType::ENTROPY), Err(StartError::NothingToServe));
    }
}
