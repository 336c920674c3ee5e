//! Drivers that are asked by messages.

use nexus_proto::disk::{Disk, Flush, Read, SECTOR, Write};
use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::{Text, Zero, ids};
use nexus_rt::{Client, startup};

use crate::failed::Failed;
use crate::victim::{Victim, soon};

/// Deaths of each driver.
const DEATHS: u32 = 20;
/// Where bytes are written: behind what is written by the ring.
const PLACE: u64 = 512 * SECTOR;

/// The disk and the source of random bytes are killed, and asked at once: the next life answers. What was
/// acknowledged is there.
pub(crate) fn asked() -> Result<u32, Failed> {
    let disk: Client<Disk> = startup().client(ids::VIRTIOBLKD)?;
    let entropy: Client<Entropy> = startup().client(ids::RNGD)?;
    let [blk, rng] = [Victim::new(ids::VIRTIOBLKD)?, Victim::new(ids::RNGD)?];
    let mut checks = 0;
    for round in 0..DEATHS {
        let data = Text::piece(&round.to_le_bytes());
        disk.call(&Write { offset: PLACE, data }, soon())?;
        disk.call(&Flush {}, soon())?;
        blk.kill()?;
        rng.kill()?;
        let seen = disk.call(&Read { offset: PLACE, len: 4, zero: Zero::ZERO }, soon())?;
        if seen.as_bytes() != round.to_le_bytes() {
            return Err(Failed::Lost(round, 0));
        }
        let random = entropy.call(&Random { len: 32 }, soon())?;
        if random.as_bytes().len() != 32 {
            return Err(Failed::Lost(round, 1));
        }
        checks += 2;
    }
    Ok(checks)
}
