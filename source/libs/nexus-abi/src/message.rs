//! Messages: eight words in registers, of which the last ones may be capabilities.

use crate::Handle;

/// Words in a message.
pub const WORDS: usize = 8;

/// Most capabilities in a message. With `n` capabilities, words `8 - n` to `7` hold their handles.
pub const MAX_CAPS: u64 = 4;

/// A deadline that never passes. Deadlines are absolute, in ticks of the `time` CSR.
pub const NO_DEADLINE: u64 = u64::MAX;

/// First word of a message: bits 0-3 words used (0 to 8), bits 4-6 capabilities (0 to 4),
/// bit 8 set by the kernel on a notification, bits 32-63 the label (an operation, or a status).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Tag(pub u64);

impl Tag {
    /// Bits that a sender may set.
    pub const SENDER_BITS: u64 = 0xffff_ffff_0000_007f;
    /// Set by the caller of `reply_recv`: the line whose handle is in `t5` is acknowledged before the
    /// answer goes (RFC-0003 I6). The kernel takes it away.
    pub const ACK: u64 = 1 << 7;
    /// Set by the kernel: word 0 holds notification bits, and there is no reply.
    pub const NOTIFICATION: u64 = 1 << 8;

    /// A tag for `words` words (capability words included) of which the last `caps` of the
    /// message are capabilities. Values out of range give a tag that the kernel refuses.
    #[must_use]
    pub fn new(label: u32, words: u8, caps: u8) -> Tag {
        Tag((u64::from(label) << 32) | (u64::from(caps & 7) << 4) | u64::from(words & 15))
    }

    /// The label.
    #[must_use]
    #[allow(clippy::as_conversions, reason = "32 bits after the shift")]
    pub const fn label(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Words used: the kernel copies none when 0, four when 1 to 4, else eight.
    #[must_use]
    pub const fn words(self) -> u64 {
        self.0 & 15
    }

    /// Capabilities carried.
    #[must_use]
    pub const fn caps(self) -> u64 {
        (self.0 >> 4) & 7
    }

    /// True when the kernel delivered notification bits rather than a message.
    #[must_use]
    pub const fn is_notification(self) -> bool {
        self.0 & Tag::NOTIFICATION != 0
    }

    /// True when a sender may use this tag.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.0 & !Tag::SENDER_BITS == 0 && self.words() <= 8 && self.caps() <= MAX_CAPS
    }
}

/// A message as it stands in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Message {
    /// Label and counts.
    pub tag: Tag,
    /// Payload; words past `tag.words()` are zero or left over from an earlier message of the
    /// same thread, never of another.
    pub words: [u64; WORDS],
}

impl Message {
    /// A message of up to eight data words. More are cut off.
    #[must_use]
    pub fn new(label: u32, data: &[u64]) -> Message {
        let mut words = [0; WORDS];
        let mut count = 0u8;
        for (to, from) in words.iter_mut().zip(data) {
            *to = *from;
            count = count.wrapping_add(1);
        }
        Message { tag: Tag::new(label, count, 0), words }
    }

    /// A message that carries one capability, which the kernel derives for the receiver.
    /// At most seven data words fit beside it.
    #[must_use]
    pub fn with_cap(label: u32, data: &[u64], cap: Handle) -> Message {
        let mut message = Message::new(label, data);
        let [.., last] = &mut message.words;
        *last = cap.0;
        message.tag = Tag::new(label, 8, 1);
        message
    }

    /// The handles of the capabilities that came with this message, first to last.
    pub fn caps(&self) -> impl Iterator<Item = Handle> + '_ {
        let caps = usize::try_from(self.tag.caps()).unwrap_or(0).min(4);
        self.words.iter().skip(WORDS.saturating_sub(caps)).map(|word| Handle(*word))
    }
}

/// Who sent a message, as the kernel stamps it. Nothing in a payload is ever identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Sender {
    /// The numeric identity that the spawner gave the process. Zero is the kernel.
    pub service_id: u32,
    /// Which life of that service it is, from 1.
    pub incarnation: u32,
}

impl Sender {
    /// As one register word: incarnation in the high half.
    #[must_use]
    pub fn to_word(self) -> u64 {
        (u64::from(self.incarnation) << 32) | u64::from(self.service_id)
    }

    /// Back from a register word.
    #[must_use]
    #[allow(clippy::as_conversions, reason = "each half is 32 bits")]
    pub const fn from_word(word: u64) -> Sender {
        Sender { service_id: word as u32, incarnation: (word >> 32) as u32 }
    }
}

/// What a receive returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// Who sent it; service id 0 for a notification.
    pub sender: Sender,
    /// The one-use capability to answer it; [`Handle::NONE`] for a notification.
    pub reply: Handle,
}
