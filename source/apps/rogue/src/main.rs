//! A hostile owner of a disk that was set up for it, as any driver's. It tries what it has no right to, and
//! then gives its device 100,000 heads as it likes: with requests that nobody would make, in any order, one
//! head many times at once. In the end it writes the rings full of nonsense and rings with any number.
//!
//! What it could have changed is looked at by others: the host reads the tables, and that nothing stands
//! behind the device's memory; the other services go on; here are pages with a pattern.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

extern crate alloc;

mod attempts;
mod disk;
mod random;

use nexus_rt::proto::device::{Device, Identity};
use nexus_rt::{Memory, StartError, owner, proof, serve, startup};

use disk::Disk;
use random::Random;

nexus_rt::entry!(main);

/// Pages with a pattern: 1 MiB.
const CANARY: u64 = 256;
/// DeviceID of a disk (virtio 1.2, 5.2.1).
const DISK: u32 = 2;

fn main() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let mut canary = Memory::new(CANARY)?;
    canary.bytes_mut().fill(0xa5);
    let mut disk = Disk::take()?;
    prove("rogue-refused", attempts::all(&disk.handles)?);
    let mut random = Random::new(startup().block().nonce);
    let served = disk.requests(&mut random).ok_or(StartError::WrongDevice)?;
    prove("rogue-heads", served);
    disk.nonsense(&mut random);
    let whole = canary.bytes().iter().all(|byte| *byte == 0xa5);
    prove("rogue-canary", u32::from(whole));
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
