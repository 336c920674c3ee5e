//! Why a driver's death was not survived.

use nexus_ring::{Ended, Refused};

/// Why a driver's death was not survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// As every test program.
    Program(nexus_test::Failed),
    /// The attachment is over, and not because the driver died.
    Ring(Ended),
    /// A request was not taken.
    Refused(Refused),
    /// A request was not done: its status.
    Request(u8),
    /// The memory has no room.
    Room,
    /// What was acknowledged is not there: which request of which round.
    Lost(u32, u16),
    /// No death came while something was in flight, so that nothing was shown.
    Idle,
}

impl<T: Into<nexus_test::Failed>> From<T> for Failed {
    fn from(why: T) -> Failed {
        Failed::Program(why.into())
    }
}
