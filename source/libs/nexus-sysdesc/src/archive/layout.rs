//! How an archive stands in memory.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// First eight bytes of an archive.
pub const MAGIC: [u8; 8] = *b"NXBOOT1\0";

/// The version of this layout.
pub const VERSION: u32 = 2;

/// Payloads begin on multiples of this many bytes.
pub const PAGE: u64 = 4096;

/// Most entries in an archive; bounds the time that opening one can take.
pub const MAX_ENTRIES: u32 = 64;

/// Most frames that are set aside for devices: 4 GiB.
pub const MAX_DEVICE_FRAMES: u64 = 1 << 20;

/// Bytes of a name, padded with zeros.
pub const NAME_LEN: usize = 32;

/// Where [`Header::nonce`] stands. A harness writes it in place; the image's hash takes it as 0.
pub const NONCE_OFFSET: usize = 16;

/// Set in the nonce of a run of which a host reads records, also where the system is one in use.
pub const HOST_READS: u64 = 1 << 63;

/// The first bytes of an archive.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: U32,
    /// Entries that follow: 1 to [`MAX_ENTRIES`].
    pub count: U32,
    /// Number of this run, so that the records of two runs cannot be confused. 0 in a built image.
    pub nonce: U64,
    /// Bytes of the whole archive, header included.
    pub total_len: U64,
    /// Frames that the kernel sets aside for memory that devices reach: 0 to [`MAX_DEVICE_FRAMES`].
    pub device_frames: U64,
    /// Zero.
    pub reserved: [U64; 3],
}

/// One entry of the table that follows the header.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RawEntry {
    /// [`Kind::code`].
    pub kind: U32,
    /// Service id of the program; 0 for the description.
    pub id: U32,
    /// First byte of the payload, from the start of the archive. A multiple of [`PAGE`].
    pub offset: U64,
    /// Bytes of the payload, at least 1.
    pub len: U64,
    /// SHA-256 of the payload.
    pub sha256: [u8; 32],
    /// `[a-z0-9-]`, padded with zeros. For people only; no decision is taken by it.
    pub name: [u8; NAME_LEN],
}

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The ELF file of init, the only program that the kernel loads.
    Init,
    /// The ELF file of a service, loaded by init.
    Service,
    /// The compiled system description.
    Description,
}

impl Kind {
    /// As it stands in the entry.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Kind::Init => 1,
            Kind::Service => 2,
            Kind::Description => 3,
        }
    }

    /// The kind with this code.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Kind> {
        match code {
            1 => Some(Kind::Init),
            2 => Some(Kind::Service),
            3 => Some(Kind::Description),
            _ => None,
        }
    }
}

const _: () = assert!(size_of::<Header>() == 64);
const _: () = assert!(size_of::<RawEntry>() == 88);
