//! `device`: identity of a device, and its data. Served by the owner of a device that has both.
//!
//! The data of a device has a protocol of its own where its owner offers it; an owner that does no input or
//! output answers those operations with `NotSupported`.

use crate::{Text, Zero};

protocol! {
    /// Marker of the protocol.
    pub Device = 7 "device" {
        /// What the identity registers say.
        1 Identify -> Identity, again;
        /// Data from the device.
        2 Read -> Text;
        /// Data to the device.
        3 Write -> Written;
        /// Makes what was written last.
        4 Flush -> (), again;
    }
}

payloads! {
    /// Asks for the identity.
    pub struct Identify {}

    /// What the device says it is. The meaning is that of virtio's identity registers (virtio 1.2,
    /// 4.2.2); of another device, its owner says what it puts here.
    pub struct Identity {
        /// MagicValue, 0x74726976.
        pub magic: u32,
        /// Version, 2.
        pub version: u32,
        /// DeviceID: 1 network, 2 block, 4 entropy.
        pub device_id: u32,
        /// VendorID.
        pub vendor_id: u32,
    }

    /// Asks for data.
    pub struct Read {
        /// First byte; 0 where the device has no positions.
        pub offset: u64,
        /// Most bytes wanted.
        pub len: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Gives data.
    pub struct Write {
        /// First byte; 0 where the device has no positions.
        pub offset: u64,
        /// The data.
        pub data: Text,
    }

    /// Data taken.
    pub struct Written {
        /// Bytes.
        pub len: u64,
    }

    /// Makes data last.
    pub struct Flush {}
}
