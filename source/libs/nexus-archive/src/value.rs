//! The values that are no records.

use nexus_proto::Zero;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::Hash;

/// A value of a fixed layout.
pub trait Stored: TryFromBytes + IntoBytes + Immutable + KnownLayout + Copy {
    /// What these bytes say; `None` when they are of another length, or say what cannot be.
    #[must_use]
    fn read(bytes: &[u8]) -> Option<Self> {
        Self::try_read_from_bytes(bytes).ok()
    }
}

macro_rules! stored {
    ($($(#[$meta:meta])* pub struct $Name:ident { $($(#[$fmeta:meta])* pub $field:ident: $ty:ty,)* })+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct $Name { $($(#[$fmeta])* pub $field: $ty,)* }

        impl Stored for $Name {}
    )+ };
}

stored! {
    /// The last boot that has a number.
    pub struct Last {
        /// Its number; the first is 1.
        pub boot: u32,
    }

    /// What a boot was, from its first part on.
    pub struct Facts {
        /// Hash of its first record: which ledger this is.
        pub first: Hash,
        /// Number of the run, as the first record has it.
        pub nonce: u64,
        /// Ticks a second.
        pub timebase_hz: u64,
        /// A tick at which the wall clock of logd was known.
        pub ticks: u64,
        /// Nanoseconds since 1970-01-01 00:00 UTC at that tick; 0 when it was not known.
        pub unix_ns: u64,
        /// Which life of the archive has begun this boot.
        pub life: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Where a ledger ends, as far as it is here.
    pub struct Head {
        /// Number of the last record.
        pub records: u64,
        /// Its hash.
        pub own: Hash,
        /// Records that are here.
        pub here: u64,
        /// Number of the anchor; 0 while none is here.
        pub anchor: u64,
        /// Number of the last part.
        pub part: u32,
        /// Which life of logd the last record of [`Event::Resume`](nexus_proto::log::Event::Resume) is of; 1
        /// where there is none.
        pub logd: u32,
    }

    /// Boots that were dropped for room.
    pub struct Dropped {
        /// Number of the first of them.
        pub first: u32,
        /// Number of the last of them.
        pub last: u32,
        /// Records of all of them that were here.
        pub here: u64,
        /// Number of the last record of the last of them.
        pub records: u64,
        /// Its hash.
        pub own: Hash,
        /// Number of the anchor of the last of them; 0 when it had none.
        pub anchor: u64,
    }
}
