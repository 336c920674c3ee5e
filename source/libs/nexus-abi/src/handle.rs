//! Capability handles.

/// Names one capability of the process that holds it: a slot and the slot's generation.
///
/// A handle is plain data. It means nothing in another process, and once its capability is gone
/// it never names the slot's next content (RFC-0001).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Handle(pub u64);

impl Handle {
    /// Names no capability. Where a call takes a process, it stands for the caller itself.
    pub const NONE: Handle = Handle(0);

    /// Set in the handle of a one-use reply capability.
    pub const REPLY_BIT: u64 = 1 << 63;

    /// The handle for `slot` at `generation`; `generation` is from 1 to 2^31 - 1.
    #[must_use]
    pub fn new(slot: u32, generation: u32) -> Handle {
        Handle((u64::from(generation) << 32) | u64::from(slot))
    }

    /// The reply handle for the call number `generation` of the thread in `slot`.
    #[must_use]
    pub fn reply(slot: u32, generation: u32) -> Handle {
        Handle(Handle::new(slot, generation).0 | Handle::REPLY_BIT)
    }

    /// True for a one-use reply capability.
    #[must_use]
    pub const fn is_reply(self) -> bool {
        self.0 & Handle::REPLY_BIT != 0
    }

    /// The slot half.
    #[must_use]
    #[allow(clippy::as_conversions, reason = "keeps the low half by intent")]
    pub const fn slot(self) -> u32 {
        self.0 as u32
    }

    /// The generation half, without the reply bit.
    #[must_use]
    #[allow(clippy::as_conversions, reason = "31 bits after the mask")]
    pub const fn generation(self) -> u32 {
        ((self.0 & !Handle::REPLY_BIT) >> 32) as u32
    }
}
