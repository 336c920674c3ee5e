//! Fields that payloads are made of.

use nexus_abi::Sender;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// A field whose value can be told valid beyond what its bytes already say.
pub trait Wire {
    /// True when this is the one encoding of a valid value.
    fn is_canonical(&self) -> bool;
}

macro_rules! plain {
    ($($ty:ty),+) => { $(impl Wire for $ty {
        #[inline]
        fn is_canonical(&self) -> bool { true }
    })+ };
}
plain!((), bool, u8, u16, u32, u64);

impl<T: Wire, const N: usize> Wire for [T; N] {
    fn is_canonical(&self) -> bool {
        self.iter().all(Wire::is_canonical)
    }
}

/// A byte that is zero.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(u8)]
enum ZeroByte {
    Zero = 0,
}

/// Explicit padding: `N` bytes that must be zero.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(transparent)]
pub struct Zero<const N: usize>([ZeroByte; N]);

impl<const N: usize> Zero<N> {
    /// The only value.
    pub const ZERO: Zero<N> = Zero([ZeroByte::Zero; N]);
}

impl<const N: usize> Default for Zero<N> {
    fn default() -> Zero<N> {
        Zero::ZERO
    }
}

impl<const N: usize> Wire for Zero<N> {
    #[inline]
    fn is_canonical(&self) -> bool {
        true
    }
}

/// A short name in UTF-8, up to `N` bytes, the rest zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Name<const N: usize>([u8; N]);

impl<const N: usize> Name<N> {
    /// `name`, cut at a character boundary when it is longer than `N` bytes, or before its first
    /// NUL.
    #[must_use]
    pub fn new(name: &str) -> Name<N> {
        let mut bytes = [0; N];
        let mut used = 0;
        for c in name.chars().take_while(|c| *c != '\0') {
            let Some(room) = bytes.get_mut(used..used + c.len_utf8()) else { break };
            c.encode_utf8(room);
            used += c.len_utf8();
        }
        Name(bytes)
    }

    /// The name; empty when the bytes are not UTF-8, which decoding refuses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let used = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        core::str::from_utf8(self.0.get(..used).unwrap_or(&[])).unwrap_or("")
    }
}

impl<const N: usize> Default for Name<N> {
    fn default() -> Name<N> {
        Name([0; N])
    }
}

impl<const N: usize> Wire for Name<N> {
    fn is_canonical(&self) -> bool {
        let used = self.0.iter().position(|byte| *byte == 0).unwrap_or(N);
        let (name, rest) = self.0.split_at(used);
        core::str::from_utf8(name).is_ok() && rest.iter().all(|byte| *byte == 0)
    }
}

impl<const N: usize> core::fmt::Debug for Name<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Up to 48 bytes of text, and whether more follows. The bytes are whatever the sender wrote:
/// whoever shows them escapes control characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Text {
    len: u8,
    more: bool,
    zero: Zero<6>,
    bytes: [u8; Text::MAX],
}

impl Text {
    /// Most bytes in one piece.
    pub const MAX: usize = 48;

    /// A last piece with no bytes.
    pub const EMPTY: Text = Text { len: 0, more: false, zero: Zero::ZERO, bytes: [0; Text::MAX] };

    /// The first piece of `bytes`; [`Text::more`] tells whether anything is left. The next piece
    /// is `Text::piece(&bytes[text.as_bytes().len()..])`.
    #[must_use]
    pub fn piece(bytes: &[u8]) -> Text {
        let mut text = Text::EMPTY;
        let used = bytes.len().min(Text::MAX);
        for (to, from) in text.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        text.len = u8::try_from(used).unwrap_or(0);
        text.more = bytes.len() > Text::MAX;
        text
    }

    /// The pieces of `bytes`, in order; one empty piece when there are none.
    pub fn pieces(bytes: &[u8]) -> impl Iterator<Item = Text> + '_ {
        let mut left = Some(bytes);
        core::iter::from_fn(move || {
            let text = Text::piece(left?);
            left = left.and_then(|bytes| bytes.get(Text::MAX..)).filter(|bytes| !bytes.is_empty());
            Some(text)
        })
    }

    /// The same piece, marked as having more after it or not.
    #[must_use]
    pub const fn with_more(mut self, more: bool) -> Text {
        self.more = more;
        self
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// True when another piece follows.
    #[must_use]
    pub const fn more(&self) -> bool {
        self.more
    }
}

impl Wire for Text {
    fn is_canonical(&self) -> bool {
        let rest = self.bytes.get(usize::from(self.len)..);
        rest.is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
    }
}

impl core::fmt::Debug for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let more = if self.more { "+" } else { "" };
        write!(f, "\"{}\"{more}", self.as_bytes().escape_ascii())
    }
}

payloads! {
    /// A service that a message is about: which one, and which life of it.
    #[derive(Default)]
    pub struct Subject {
        /// Service id.
        pub id: u32,
        /// Incarnation, from 1; 0 where none is known.
        pub incarnation: u32,
    }

}

/// On whose behalf something is asked for. Which life of it does not matter.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(transparent)]
pub struct Asker {
    /// Service id; 0 for nobody.
    pub id: u32,
}

impl Wire for Asker {
    #[inline]
    fn is_canonical(&self) -> bool {
        true
    }
}

/// Which registers of a window can be written, one at a time: a mask whose bit n is the 32-bit
/// register at 4n, or none at all, so that the whole window is mapped writable. Nine bytes that
/// begin anywhere: whether there is a mask, and the mask, little-endian.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(C)]
pub struct Registers {
    masked: bool,
    mask: [u8; 8],
}

impl Registers {
    /// No mask.
    pub const UNMASKED: Registers = Registers::new(None);

    /// With this mask, or with none.
    #[must_use]
    pub const fn new(mask: Option<u64>) -> Registers {
        match mask {
            None => Registers { masked: false, mask: [0; 8] },
            Some(mask) => Registers { masked: true, mask: mask.to_le_bytes() },
        }
    }

    /// The mask, where there is one.
    #[must_use]
    pub const fn mask(self) -> Option<u64> {
        if self.masked { Some(u64::from_le_bytes(self.mask)) } else { None }
    }

    /// True when nothing can be written by `self` that cannot be written by `other`.
    #[must_use]
    pub fn is_within(self, other: Registers) -> bool {
        match (self.mask(), other.mask()) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(other)) => own & !other == 0,
        }
    }
}

impl Wire for Registers {
    /// Where there is no mask its bytes are zero.
    fn is_canonical(&self) -> bool {
        self.masked || self.mask == [0; 8]
    }
}

impl From<Option<u64>> for Registers {
    fn from(mask: Option<u64>) -> Registers {
        Registers::new(mask)
    }
}

impl core::fmt::Display for Registers {
    /// The mask in hexadecimal, or `-`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.mask() {
            None => f.pad("-"),
            Some(mask) => write!(f, "{mask:x}"),
        }
    }
}

impl From<Sender> for Subject {
    fn from(sender: Sender) -> Subject {
        Subject { id: sender.service_id, incarnation: sender.incarnation }
    }
}

impl Asker {
    /// This service.
    #[must_use]
    pub const fn new(id: u32) -> Asker {
        Asker { id }
    }
}

impl From<Sender> for Asker {
    fn from(sender: Sender) -> Asker {
        Asker::new(sender.service_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 31 U: bytes hidden behind a name in an array; seen wherever it stands
    #[test]
    fn an_array_is_canonical_when_each_part_is() {
        let good = Name::<4>::new("ab");
        let bad = Name::<4>::try_read_from_bytes(b"a\0b\0").unwrap();
        assert!(good.is_canonical() && !bad.is_canonical());
        assert!([good, good].is_canonical());
        assert!(![good, bad].is_canonical() && ![bad, good].is_canonical());
    }
}
