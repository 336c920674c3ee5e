//! Where all that is known comes from.

use crate::model::Snapshot;

/// Tells how the machine stands. Whoever serves asks at most once a second, and answers everybody from that.
pub trait Facts {
    /// Milliseconds since the machine started.
    fn now_ms(&self) -> u64;

    /// How it stands now, as far as can be asked for within bounds; never waits long.
    fn snapshot(&mut self) -> Snapshot;
}
