//! Why a program of these cannot go on.

use nexus_ring::{Ended, Refused};

/// Why it cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// As every test program.
    Program(nexus_test::Failed),
    /// The driver, or its attachment, is over.
    Ring(Ended),
    /// A request was not taken.
    Refused(Refused),
    /// The memory of the ring has no room.
    Room,
    /// A request that must be done was not: operation and status.
    Request(u8, u8),
    /// The sector holds something else than it must.
    Holds(u64),
    /// So many writes were acknowledged, and the power is still there.
    NotCut(u64),
    /// The driver counts something else than was asked of it.
    Counts,
}

impl<T: Into<nexus_test::Failed>> From<T> for Failed {
    fn from(why: T) -> Failed {
        Failed::Program(why.into())
    }
}
