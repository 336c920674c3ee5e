//! What a peer did that no peer does.

use core::fmt;

/// What the peer did that no peer does. The ring is of no use to this side until it is attached again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaved {
    /// It says that it made more entries than there is room for.
    Index {
        /// Its index.
        index: u16,
        /// Entries that it can have made since the last that was taken.
        room: u16,
    },
    /// It completed a request that it did not have.
    NotInFlight {
        /// The id that it named.
        id: u16,
    },
    /// It misbehaved before, and that was told.
    Before,
}

impl fmt::Display for Misbehaved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misbehaved::Index { index, room } => {
                write!(f, "the peer had room for {room} entries, and made more: index {index}")
            }
            Misbehaved::NotInFlight { id } => {
                write!(f, "the peer completed request {id}, which it did not have")
            }
            Misbehaved::Before => f.write_str("the peer misbehaved before"),
        }
    }
}
