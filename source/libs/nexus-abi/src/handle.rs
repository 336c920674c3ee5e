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

    /// Calls are numbered by the kernel, from 1; the number is kept in 47 bits.
    pub const CALL_MASK: u64 = (1 << 47) - 1;

    /// The reply handle for call number `call` by the thread in `slot`.
    #[must_use]
    pub fn reply(slot: u16, call: u64) -> Handle {
        Handle(Handle::REPLY_BIT | ((call & Handle::CALL_MASK) << 16) | u64::from(slot))
    }

    /// The thread slot of a reply handle.
    #[must_use]
    pub const fn reply_slot(self) -> u64 {
        self.0 & 0xffff
    }

    /// The call number of a reply handle.
    #[must_use]
    pub const fn reply_call(self) -> u64 {
        (self.0 >> 16) & Handle::CALL_MASK
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

    /// The generation half. For a reply handle it matches no generation.
    #[must_use]
    pub const fn generation(self) -> u64 {
        self.0 >> 32
    }
}
