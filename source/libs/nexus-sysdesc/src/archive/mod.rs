//! The boot archive: one file, given to the machine as its initial RAM disk.
//!
//! A [`Header`], then `count` entries ([`RawEntry`]), then the payloads. Each payload begins on a
//! page, payloads lie in the order of their entries, and the space between them is zero. All
//! numbers are little endian.

mod error;
#[cfg(feature = "hash")]
mod hash;
mod layout;
mod reader;
#[cfg(all(feature = "alloc", feature = "hash"))]
mod writer;

pub use error::ArchiveError;
#[cfg(feature = "hash")]
pub use hash::{Digest, image_hash};
pub use layout::{
    HOST_READS, Header, Kind, MAGIC, MAX_DEVICE_FRAMES, MAX_ENTRIES, NAME_LEN, NONCE_OFFSET, PAGE,
    RawEntry, VERSION,
};
pub use reader::{Archive, Entry};
#[cfg(all(feature = "alloc", feature = "hash"))]
pub use writer::{ArchiveWriter, WriteError};
