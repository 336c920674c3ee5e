//! `bus`: sets up devices that reach memory by themselves, and takes them back. Served by busd, to init
//! alone.
//!
//! busd knows no address: the kernel writes addresses, and only those of memory that is the device's own
//! (RFC-0004).

use crate::Zero;

/// The registers of a virtio device (virtio 1.2, 4.2.2) that the bus writes, as a mask has them: bit n for
/// the register at byte offset 4n. DeviceFeaturesSel, DriverFeatures, DriverFeaturesSel, QueueSel, QueueNum,
/// QueueReady, QueueNotify, InterruptACK, Status: none of them holds an address.
pub const REGISTERS: u64 = mask(&[0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70]);

const fn mask(offsets: &[u8]) -> u64 {
    let (mut mask, mut rest) = (0, offsets);
    while let [offset, others @ ..] = rest {
        mask |= 1 << (*offset / 4);
        rest = others;
    }
    mask
}

protocol! {
    /// Marker of the protocol.
    pub Bus = 8 "bus" {
        /// Takes a device, and resets it. Carries one capability: its window, with PLACE and with a mask
        /// that has no address register. A disk that is not told which of the description it is, where
        /// disks are known by their serial numbers, is asked for its own, and then reset again.
        /// `DeviceFailed` when it does not reset, or tells none.
        1 Take -> Taken;
        /// Sets a device up for an owner, as the rule for both says. The answer carries the window that the
        /// owner is to have; and the pool and the used rings, where the rule has queues.
        2 Prepare -> Prepared;
        /// Resets a device whose owner has ended, and clears its memory. `Busy` while somebody still has a
        /// part of it, `DeviceFailed` when it does not stop: then it stays as it is, and nobody gets it.
        3 Release -> ();
    }
}

payloads! {
    /// Gives a device to the bus.
    pub struct Take {
        /// Its number in the description; [`crate::log::NO_DEVICE`] when the description has none such.
        pub device: u16,
        /// Padding.
        pub zero: Zero<6>,
    }

    /// A device that the bus has.
    pub struct Taken {
        /// The serial number that it told, and zeroes behind it; only zeroes when it was not asked.
        pub serial: [u8; 20],
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Asks for a device to be set up.
    pub struct Prepare {
        /// Service id of the owner.
        pub service: u32,
        /// Number of the device.
        pub device: u16,
        /// Padding.
        pub zero: Zero<2>,
        /// A number that the asker uses once.
        pub nonce: u64,
    }

    /// A device that is set up.
    pub struct Prepared {
        /// That of the question.
        pub nonce: u64,
        /// The features that were agreed with the device (virtio 1.2, 2.2).
        pub features: u64,
        /// The first eight bytes of the hash over what was placed, as `nexus_sysdesc::layout` makes it.
        pub digest: u64,
    }

    /// Asks for a device to be taken back.
    pub struct Release {
        /// Number of the device.
        pub device: u16,
        /// Padding.
        pub zero: Zero<6>,
    }
}
