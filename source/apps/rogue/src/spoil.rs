//! What has a device give up its queue: heads and indices that cannot be, and requests that no driver makes.

use crate::disk::Disk;
use crate::random::Random;

/// Types of requests that QEMU answers, however wrong they are otherwise: read, write, flush, and the serial
/// number (virtio 1.2, 5.2.6).
pub const HARMLESS: [u32; 4] = [0, 1, 4, 8];
/// The same, and discard and write-zeroes.
pub const ALL: [u32; 6] = [0, 1, 4, 8, 11, 13];

/// Rounds of nonsense of one life.
const ROUNDS: u32 = 20_000;
/// Rounds of each of many lives: before and after the device gives up.
const TRIES: u32 = 300;
const AFTERWARDS: u32 = 20;

/// In which way.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Requests to heads that do not take them.
    Requests,
    /// An index that is further than the ring is long.
    Jump,
    /// A head that there is not.
    Head,
    /// Anything, anywhere in ring and slots.
    Nonsense,
}

impl Way {
    const ALL: [Way; 4] = [Way::Requests, Way::Jump, Way::Head, Way::Nonsense];
}

/// Has the device give up in a way by chance, and goes on for a while. True when it gave up.
pub fn any(disk: &mut Disk, random: &mut Random) -> bool {
    let way = Way::ALL.get(random.below(4) as usize).copied().unwrap_or(Way::Nonsense);
    let mut after = 0;
    for _ in 0..TRIES {
        one(disk, random, way);
        after += u32::from(disk.has_given_up());
        if after > AFTERWARDS {
            return true;
        }
    }
    after > 0
}

fn one(disk: &mut Disk, random: &mut Random, way: Way) {
    match way {
        Way::Requests => disk.give_any(random, &ALL),
        Way::Jump => {
            let further = random.below(u64::from(u16::MAX - disk.size())) as u16;
            let index = disk.given().wrapping_add(disk.size()).wrapping_add(further);
            disk.publish(index.wrapping_add(1));
        }
        Way::Head => {
            disk.give(disk.size().saturating_add(random.next() as u16));
            disk.publish(disk.given());
        }
        Way::Nonsense => {
            let end = random_end(disk, random);
            return scatter(disk, random, end);
        }
    }
    disk.ring(0);
}

/// Near the ring, or anywhere.
fn random_end(disk: &Disk, random: &mut Random) -> u64 {
    if random.below(2) == 0 { 512 } else { disk.bytes() as u64 - 8 }
}

/// Eight bytes of anything somewhere below `end`, and a doorbell.
fn scatter(disk: &mut Disk, random: &mut Random, end: u64) {
    let place = random.below(end) as usize & !7;
    disk.store(place, random.next());
    let queue = if random.below(2) == 0 { 0 } else { random.next() as u32 };
    disk.ring(queue);
}

/// Writes anything to the ring and the slots, and any number to the doorbell: the device gives up its
/// queue at the first head or index that cannot be, and nothing else happens.
pub fn nonsense(disk: &mut Disk, random: &mut Random) {
    let end = disk.bytes() as u64 - 8;
    for round in 0..ROUNDS {
        scatter(disk, random, if round % 2 == 0 { 512 } else { end });
    }
}
