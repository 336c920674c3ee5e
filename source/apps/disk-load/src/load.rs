//! What is measured.

use nexus_proto::disk::ring as wire;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Its name in a record.
    pub(crate) name: &'static str,
    /// Operation of the ring.
    pub(crate) op: u8,
    /// Bytes of each request: whole sectors.
    pub(crate) bytes: u32,
    /// Requests that are in flight at one time.
    pub(crate) depth: u16,
    pub(crate) order: Order,
}

/// Where the requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Anywhere on the disk.
    Random,
    /// One after the other, from the first sector on.
    Sequential,
}

const KIB: u32 = 1024;

const fn random(name: &'static str, op: u8, depth: u16) -> Load {
    Load { name, op, bytes: 4 * KIB, depth, order: Order::Random }
}

const fn sequential(name: &'static str, op: u8, bytes: u32) -> Load {
    Load { name, op, bytes, depth: 1, order: Order::Sequential }
}

/// Every load of a round, in its order.
pub(crate) const LOADS: [Load; 10] = [
    random("random_read_4k_1", wire::READ, 1),
    random("random_read_4k_8", wire::READ, 8),
    random("random_read_4k_32", wire::READ, 32),
    random("random_write_4k_1", wire::WRITE, 1),
    random("random_write_4k_8", wire::WRITE, 8),
    random("random_write_4k_32", wire::WRITE, 32),
    sequential("sequential_read_64k", wire::READ, 64 * KIB),
    sequential("sequential_write_64k", wire::WRITE, 64 * KIB),
    sequential("sequential_read_1m", wire::READ, 1024 * KIB),
    sequential("sequential_write_1m", wire::WRITE, 1024 * KIB),
];

/// Bytes of a disk for each request of a random load: of one with a single request in flight, and of others.
const RANDOM: [u64; 2] = [64 * KIB as u64, 32 * KIB as u64];

impl Load {
    /// Requests of this load, on a disk of so many bytes: the larger the disk, the longer it is loaded.
    pub(crate) const fn requests(&self, disk: u64) -> u64 {
        let [one, many] = RANDOM;
        match self.order {
            Order::Random if self.depth == 1 => disk / one,
            Order::Random => disk / many,
            Order::Sequential => disk / 2 / self.bytes as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fits_the_ring() {
        for load in LOADS {
            assert!(load.depth >= 1 && load.depth <= 64, "{}", load.name);
            assert!(u64::from(load.bytes) * u64::from(load.depth) <= 1 << 20, "{}", load.name);
            assert!(load.bytes.is_multiple_of(512) && load.name.len() <= 48);
        }
    }

    #[test]
    fn a_larger_disk_is_loaded_longer() {
        let requests = |disk| LOADS.map(|load| load.requests(disk));
        let expected = [8192, 16384, 16384, 8192, 16384, 16384, 4096, 4096, 256, 256];
        assert_eq!(requests(512 << 20), expected);
        assert_eq!(requests(16 << 20), expected.map(|count| count / 32));
        assert_eq!(requests(0), [0; 10]);
    }
}
