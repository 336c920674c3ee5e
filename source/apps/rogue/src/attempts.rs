//! What an owner has no right to.

use nexus_abi::{Error, Handle, Rights};
use nexus_rt::{StartError, sys};

/// What the process was given of its device.
#[derive(Clone, Copy, Debug)]
pub struct Handles {
    /// Its registers.
    pub window: Handle,
    /// What it reads and writes.
    pub pool: Handle,
    /// The ring that it writes.
    pub used: Handle,
}

/// Byte offsets that are tried as a register.
const OFFSETS: u64 = 1029;
/// QueueNotify and InterruptACK: what the owner may write.
const OWN: [u64; 2] = [0x50, 0x64];
/// Where registers with addresses are (virtio 1.2, 4.2.2), and those of the older layout.
const ADDRESSES: [u64; 8] = [0x40, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xac];

/// Tries all of it. How many attempts were refused: all, with those before.
///
/// # Errors
/// `WrongDevice`: one was not, which is logged.
pub fn all(given: &Handles, before: u32) -> Result<u32, StartError> {
    let mut refused = before;
    let mut must_fail = |what: &str, result: Result<(), Error>| match result {
        Err(_) => {
            refused += 1;
            Ok(())
        }
        Ok(()) => {
            nexus_rt::error!("it was not refused to {what}");
            Err(StartError::WrongDevice)
        }
    };
    for offset in (0..OFFSETS).filter(|offset| !OWN.contains(offset)) {
        must_fail("write a register", sys::mmio_write(given.window, offset, 0))?;
    }
    let Handles { window, pool, used } = *given;
    for (cap, name) in [(window, "window"), (pool, "pool"), (used, "used rings")] {
        must_fail(name, sys::cap_derive(cap, Rights::READ, 0, 0).map(drop))?;
        must_fail(name, sys::cap_derive(cap, Rights::MAP | Rights::WRITE, 0, 4096).map(drop))?;
        must_fail(name, sys::cap_install(Handle::NONE, cap, Rights::READ).map(drop))?;
        must_fail(name, sys::cap_revoke(cap))?;
        must_fail(name, sys::cap_limit(cap, u64::MAX))?;
        must_fail(name, sys::vmo_seal(cap))?;
        must_fail(name, sys::dma_quiet(cap))?;
        for role in 0..4 {
            must_fail(name, sys::dma_create(cap, 1, role).map(drop))?;
        }
        for object in [window, pool, used] {
            for flags in [0, 1, 2, 4] {
                must_fail(name, sys::dma_place(cap, 0, object, 0, 16, flags))?;
            }
            for register in ADDRESSES {
                must_fail(name, sys::mmio_write_dma(cap, register, object, 0))?;
            }
        }
    }
    Ok(refused)
}
