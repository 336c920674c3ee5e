//! What every driver of a block device needs (virtio 1.2, 5.2): what the device says that it is, what it can
//! be asked for, and the pieces of a request.

mod config;
#[cfg(test)]
mod config_tests;
mod heads;
mod shape;

pub use config::{Config, ConfigError, LEN};
pub use heads::{Class, Entry, Heads, NoUse};
pub use shape::{HEADER, RANGE, SECTOR, SERIAL, Shape, Use};

/// What a device is asked for (5.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Data of sectors.
    Read,
    /// Data to sectors.
    Write,
    /// What was written lasts.
    Flush,
    /// The data of sectors is not needed any more.
    Discard,
    /// Sectors are zero.
    Zeroes,
    /// The serial number.
    Serial,
}

impl Op {
    /// The type of the request: the first four bytes of its header, of which the next four are 0.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Op::Read => 0,
            Op::Write => 1,
            Op::Flush => 4,
            Op::Serial => 8,
            Op::Discard => 11,
            Op::Zeroes => 13,
        }
    }
}

/// The status of a request that was done.
pub const OK: u8 = 0;
/// The status of a request that the device does not offer.
pub const UNSUPPORTED: u8 = 2;
