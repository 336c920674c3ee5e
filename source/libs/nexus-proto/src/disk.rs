//! `disk`: what the disk is, and its data in small pieces. Served by the owner of the disk.
//!
//! Everybody may ask what it is and what was done; data is for whom policy permits it (`disk`). Where statefsd
//! shares the ring, the disk holds the store, and data is statefsd's alone, by the ring: whoever else may ask for it is
//! told `BadState`, whether or not statefsd has attached. Bytes are numbered from the start of the disk. A write that is not whole sectors is a read of the sector and a
//! write of it. What was written lasts when a later flush was answered. Requests that are under way at the
//! same time have no order, but that a flush of the ring comes behind the changes ahead of it.
//!
//! Who needs more has a ring (crate nexus-ring), whose operations are in [`ring`].

use crate::{Name, Text, Zero};

/// Bytes of a sector.
pub const SECTOR: u64 = 512;

/// What a disk can do beside reads and writes: bits of [`DiskInfo::can`].
pub mod can {
    /// Writes.
    pub const WRITE: u32 = 1;
    /// Makes what was written last.
    pub const FLUSH: u32 = 2;
    /// Forgets sectors.
    pub const DISCARD: u32 = 4;
    /// Zeroes sectors without their data being sent.
    pub const ZEROES: u32 = 8;
}

/// Operations and statuses of the ring of a disk.
pub mod ring {
    /// Reads whole sectors from sector `arg` on.
    pub const READ: u8 = 0;
    /// Writes whole sectors from sector `arg` on.
    pub const WRITE: u8 = 1;
    /// Makes what was written last: every change (write, discard, zeroes) that was submitted before this. One that
    /// was not completed yet holds it back, and fails it when it fails (RFC-0004, FL1 to FL4). No data.
    pub const FLUSH: u8 = 2;
    /// Forgets sectors. The data is one range of 16 bytes, little endian: first sector (8), count (4), 0.
    pub const DISCARD: u8 = 3;
    /// Zeroes sectors. The data is a range as with [`DISCARD`].
    pub const ZEROES: u8 = 4;
    /// What [`DISCARD`] and [`ZEROES`] have as data, in bytes.
    pub const RANGE: u32 = 16;

    /// The device says that it failed.
    pub const FAILED: u8 = 1;
    /// The disk does not offer the operation, or does not let itself be written.
    pub const UNSUPPORTED: u8 = 2;
    /// The sectors are not all on the disk, or the length is not whole sectors.
    pub const OUT_OF_RANGE: u8 = 3;
    /// The device is of no use any more.
    pub const GONE: u8 = 4;
}

protocol! {
    /// Marker of the protocol.
    pub Disk = 10 "disk" {
        /// What the disk is.
        1 Info -> DiskInfo, again;
        /// Bytes of the disk. Needs the permission `disk`. `BadState`: it holds the store.
        2 Read -> Text, again;
        /// Bytes to the disk. Needs the permission `disk`. `BadState`: it holds the store.
        3 Write -> Written, again;
        /// Makes what was written last. Needs the permission `disk`. `BadState`: it holds the store.
        4 Flush -> (), again;
        /// What was done since its owner began.
        5 Stats -> DiskStats, again;
        /// The caller has begun a new attachment to the ring that it shares with the owner: what was asked
        /// before by the ring is nobody's any more. `Denied` for whoever shares none.
        6 Attach -> (), again;
    }
}

payloads! {
    /// Asks what the disk is.
    pub struct Info {}

    /// What a disk is.
    pub struct DiskInfo {
        /// Sectors of 512 bytes.
        pub sectors: u64,
        /// Bytes of a block, of which the device likes whole ones: 512 or more.
        pub block: u32,
        /// What it can do beside reads: bits of [`can`].
        pub can: u32,
        /// Its serial number; empty where it has none, or has not told it yet.
        pub serial: Name<24>,
    }

    /// Asks for bytes.
    pub struct Read {
        /// The first.
        pub offset: u64,
        /// How many: 1 to [`Text::MAX`], in one sector.
        pub len: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Gives bytes.
    pub struct Write {
        /// Where the first goes.
        pub offset: u64,
        /// The bytes: at least one, in one sector.
        pub data: Text,
    }

    /// Bytes taken.
    pub struct Written {
        /// How many.
        pub len: u64,
    }

    /// Makes what was written last.
    pub struct Flush {}

    /// Tells of a new attachment.
    pub struct Attach {}

    /// Asks what was done.
    pub struct Stats {}

    /// What was done since the owner of the disk began.
    pub struct DiskStats {
        /// Reads that the device was asked for.
        pub reads: u64,
        /// Writes that it was asked for.
        pub writes: u64,
        /// Bytes that it read.
        pub read_bytes: u64,
        /// Bytes that it wrote.
        pub written_bytes: u64,
        /// Batches of requests that it was given.
        pub batches: u64,
        /// Times that it was told of a batch: of others it was about to look by itself.
        pub doorbells: u64,
        /// Flushes that it was asked for.
        pub flushes: u32,
        /// Requests that it did not do.
        pub errors: u32,
        /// Discards and writes of zeroes that it was asked for.
        pub ranges: u32,
        /// Requests that it has now.
        pub in_flight: u16,
        /// Most requests that it had at one time.
        pub most: u16,
    }
}
