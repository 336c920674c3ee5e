//! Why an attachment is over.

use core::fmt;

/// Why an attachment is over: the peer began anew, or did what no peer does. The ring is of no use to this
/// side until it is attached again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The peer says that it made more entries than there is room for.
    Index {
        /// Its index.
        index: u16,
        /// Entries that it can have made since the last that was taken.
        room: u16,
    },
    /// The peer completed a request that it did not have.
    NotInFlight {
        /// The id that it named.
        id: u16,
    },
    /// The peer is in this attachment no more: it is another life, or has begun another one. Whether requests
    /// that were in flight were done is unknown.
    PeerGone,
    /// It was over before, and that was told; or both sides never were in it.
    Before,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Index { index, room } => {
                write!(f, "the peer had room for {room} entries, and made more: index {index}")
            }
            Ended::NotInFlight { id } => {
                write!(f, "the peer completed request {id}, which it did not have")
            }
            Ended::PeerGone => f.write_str("the peer has begun anew"),
            Ended::Before => f.write_str("the attachment was over before"),
        }
    }
}
