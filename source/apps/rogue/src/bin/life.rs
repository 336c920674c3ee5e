//! A hostile owner of a disk, as often as it is started.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_abi::Handle;
use nexus_rt::proto::device::{Device, Identity};
use nexus_rt::{StartError, log, owner, serve, startup};

nexus_rt::entry!(main);

/// No handle: each life would tell the log the same lines again.
const NOBODY: Handle = Handle(u64::MAX);
/// DeviceID of a disk (virtio 1.2, 5.2.1).
const DISK: u32 = 2;

fn main() -> Result<(), StartError> {
    log::to_logd(NOBODY);
    rogue::life::live()?;
    let _window = owner::window()?;
    owner::ready(DISK.into());
    let identity = Identity { magic: 0, version: 2, device_id: DISK, vendor_id: 0 };
    let end = serve::<Device>(startup().serve()?, |_, ask| nexus_virtio::answer(&identity, &ask));
    Err(StartError::Kernel(end))
}
