//! Where requests go.

use nexus_proto::disk::SECTOR;

use crate::load::{Load, Order};

/// First sectors of the requests of a load, for ever; the same in each run.
#[derive(Debug)]
pub(crate) struct Places {
    order: Order,
    /// Requests that have room on the disk, one beside the other.
    blocks: u64,
    /// Sectors of each.
    sectors: u64,
    state: u64,
}

impl Places {
    /// On a disk of so many bytes. `None` when not one request has room there.
    pub(crate) fn new(load: &Load, disk: u64, seed: u64) -> Option<Places> {
        let bytes = u64::from(load.bytes);
        let (blocks, sectors) = (disk.checked_div(bytes)?, bytes / SECTOR);
        let state = match load.order {
            // xorshift stays at 0 for ever.
            Order::Random => seed | 1,
            Order::Sequential => 0,
        };
        (blocks > 0).then_some(Places { order: load.order, blocks, sectors, state })
    }

    /// The next.
    pub(crate) fn next(&mut self) -> u64 {
        let block = match self.order {
            Order::Random => self.random(),
            Order::Sequential => {
                let block = self.state % self.blocks;
                self.state = block + 1;
                block
            }
        };
        block * self.sectors
    }

    /// Any block, with xorshift64* (Vigna 2016), whose upper bits are the better ones.
    fn random(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let wide = u128::from(number) * u128::from(self.blocks);
        (wide >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::LOADS;
    use std::collections::BTreeSet;

    fn places(name: &str, disk: u64, count: usize) -> Vec<u64> {
        let load = LOADS.into_iter().find(|load| load.name == name).unwrap();
        let mut places = Places::new(&load, disk, 7).unwrap();
        (0..count).map(|_| places.next()).collect()
    }

    #[test]
    fn sequential_goes_round() {
        let sectors = places("sequential_read_64k", 3 * 65_536 + 512, 5);
        assert_eq!(sectors, [0, 128, 256, 0, 128]);
    }

    #[test]
    fn random_is_all_over_the_disk_and_on_it() {
        let sectors = places("random_read_4k_8", 64 * 4096, 2000);
        assert!(sectors.iter().all(|sector| sector % 8 == 0 && *sector < 64 * 8));
        let seen: BTreeSet<u64> = sectors.iter().copied().collect();
        assert_eq!(seen.len(), 64);
        assert_eq!(sectors, places("random_read_4k_8", 64 * 4096, 2000));
    }

    #[test]
    fn a_disk_without_room_has_no_place() {
        assert!(LOADS.iter().all(|load| Places::new(load, 4095, 1).is_none()));
    }
}
