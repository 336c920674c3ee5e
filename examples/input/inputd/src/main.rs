//! Owner of a virtio input device: maps its window, finds out what is in it, and answers for it.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use inputd::driver::Driver;
use nexus_rt::proto::device::Device;
use nexus_rt::{StartError, info, owner, proof, serve, startup};

nexus_rt::entry!(main);

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let window = owner::window()?;
    let (identity, input) = Driver::new(window)
        .and_then(|mut driver| driver.describe())
        .map_err(|why| owner::wrong_device(&why, why.device_id().into()))?;
    info!("{input}");
    // Only a test run keeps it, and only a test run misses it; `must-prove` in the service file names it.
    let _ = proof("input-identified", 1);
    owner::ready(identity.device_id.into());
    let end = serve::<Device>(endpoint, |_, request| nexus_virtio::answer(&identity, &request));
    Err(StartError::Kernel(end))
}
