//! A hostile owner of a disk that was set up for it, as any driver's. It tries what it has no right to, and
//! then gives its device 100,000 heads as it likes: with requests that nobody would make, in any order, one
//! head many times at once. In the end it writes the rings full of nonsense and rings with any number.
//!
//! What it could have changed is looked at by others: the host reads the tables, and that nothing stands
//! behind the device's memory; the other services go on; here are pages with a pattern. Should the kernel
//! let it write where its device has its queue, it has the device write all over memory, until it hits them.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use nexus_rt::proto::device::{Device, Identity};
use nexus_rt::{StartError, owner, proof, serve, startup};

use rogue::attempts;
use rogue::canary::Canary;
use rogue::disk::{Disk, must_prove};
use rogue::random::Random;
use rogue::spoil;

nexus_rt::entry!(main);

/// DeviceID of a disk (virtio 1.2, 5.2.1).
const DISK: u32 = 2;

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let canary = Canary::new()?;
    let mut disk = Disk::take()?;
    let aimed = disk.aim(&canary);
    let refused = attempts::all(&disk.handles, aimed);
    prove("rogue-refused", refused.unwrap_or(0));
    let mut random = Random::new(startup().block().nonce);
    let heads = must_prove(startup().block().service_id, "rogue-heads")?;
    let served = disk.requests(&mut random, heads, &spoil::HARMLESS);
    prove("rogue-heads", served.unwrap_or(0));
    spoil::nonsense(&mut disk, &mut random);
    prove("rogue-canary", u32::from(canary.is_whole()));
    owner::ready(DISK.into());
    let identity = Identity { magic: 0, version: 2, device_id: DISK, vendor_id: 0 };
    let end = serve::<Device>(endpoint, |_, request| nexus_virtio::answer(&identity, &request));
    Err(StartError::Kernel(end))
}

/// Says that so many checks came out as they must; none is no proof. A test run misses it.
fn prove(name: &str, checks: u32) {
    if checks > 0 {
        // Only a test run keeps it.
        let _ = proof(name, checks);
    }
}
