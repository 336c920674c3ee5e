//! Features that a device offers and its driver accepts (virtio 1.2, 2.2): the bits that are agreed here.

/// A feature, by the number of its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature(u8);

impl Feature {
    /// A head may be a table of descriptors (`VIRTIO_F_INDIRECT_DESC`).
    pub const INDIRECT_DESC: Feature = Feature(28);
    /// Both sides say by an index when they want to be told (`VIRTIO_F_EVENT_IDX`).
    pub const EVENT_IDX: Feature = Feature(29);
    /// The device is no legacy device (`VIRTIO_F_VERSION_1`).
    pub const VERSION_1: Feature = Feature(32);

    /// Of a network card (5.1.3): its configuration has an MTU.
    pub const NET_MTU: Feature = Feature(3);
    /// Its configuration has a MAC address.
    pub const NET_MAC: Feature = Feature(5);
    /// Its configuration says whether the link is up.
    pub const NET_STATUS: Feature = Feature(16);

    /// Of a block device (5.2.3): the most bytes of a piece are in its configuration.
    pub const BLK_SIZE_MAX: Feature = Feature(1);
    /// The most pieces of a request are.
    pub const BLK_SEG_MAX: Feature = Feature(2);
    /// It cannot be written.
    pub const BLK_RO: Feature = Feature(5);
    /// The bytes of its blocks are in its configuration.
    pub const BLK_BLK_SIZE: Feature = Feature(6);
    /// It can be asked to make what was written last.
    pub const BLK_FLUSH: Feature = Feature(9);
    /// How its blocks lie is in its configuration.
    pub const BLK_TOPOLOGY: Feature = Feature(10);
    /// It can be told that blocks are no longer needed.
    pub const BLK_DISCARD: Feature = Feature(13);
    /// It can be asked to zero blocks.
    pub const BLK_WRITE_ZEROES: Feature = Feature(14);

    /// Its bit.
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << self.0
    }

    /// True when it is among `features`.
    #[must_use]
    pub const fn is_in(self, features: u64) -> bool {
        features & self.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_specification() {
        assert_eq!(Feature::VERSION_1.bit(), 0x1_0000_0000);
        assert_eq!(Feature::INDIRECT_DESC.bit() | Feature::EVENT_IDX.bit(), 0x3000_0000);
        assert!(Feature::BLK_FLUSH.is_in(0x200) && !Feature::BLK_FLUSH.is_in(!0x200));
    }
}
