//! `entropy`: random bytes. Served by the owner of the entropy device; everybody may ask.
//!
//! There is no other source and no fallback: what cannot be answered is refused.

use crate::Text;

protocol! {
    /// Marker of the protocol.
    pub Entropy = 9 "entropy" {
        /// Random bytes, as many as were asked for. While the device is tested the caller waits, for a
        /// bounded time: then `Unavailable`; `Busy` when too many wait. `Unavailable` as well when the device
        /// has given nothing for too long, `DeviceFailed` from the first failed test on, and for good.
        1 Random -> Text, again;
    }
}

payloads! {
    /// Asks for random bytes.
    pub struct Random {
        /// How many: 1 to [`Text::MAX`].
        pub len: u64,
    }
}
