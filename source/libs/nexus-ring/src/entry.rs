//! What stands in the rings: words of eight bytes, as they are loaded and stored.

use nexus_mmio::{Shared, SharedMut};

/// The status of a request that was done.
pub const DONE: u8 = 0;

/// The status of a request that the ring itself refused: its id, operation or range cannot be, or its
/// reserved bytes are not 0. A driver has the other 254 for its own.
pub const REFUSED: u8 = 255;

/// A request. What operations there are, and what length and argument are to them, is said by who has the
/// device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Submission {
    /// Which of the requests in flight it is: less than the entries of the ring.
    pub id: u16,
    /// The operation: 0 to 63.
    pub op: u8,
    /// Bytes of data.
    pub len: u32,
    /// Where they are, from the start of the data area.
    pub offset: u32,
    /// For the operation.
    pub arg: u64,
}

impl Submission {
    pub(crate) const fn to_words(self) -> [u64; 3] {
        let Submission { id, op, len, offset, arg } = self;
        [id as u64 | (op as u64) << 16 | (len as u64) << 32, offset as u64, arg]
    }

    /// The submission, and true when its reserved bytes are 0.
    pub(crate) const fn from_words([first, second, arg]: [u64; 3]) -> (Submission, bool) {
        let (id, op, len) = (first as u16, (first >> 16) as u8, (first >> 32) as u32);
        let zero = (first >> 24) as u8 == 0 && second >> 32 == 0;
        (Submission { id, op, len, offset: second as u32, arg }, zero)
    }
}

/// A request that the driver is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Which of those in flight it was. It can be used again.
    pub id: u16,
    /// [`DONE`], [`REFUSED`], or the driver's own.
    pub status: u8,
    /// Bytes of data, no more than the request had. What they are is still the driver's word.
    pub len: u32,
}

impl Completion {
    pub(crate) const fn to_words(self) -> [u64; 1] {
        let Completion { id, status, len } = self;
        [id as u64 | (status as u64) << 16 | (len as u64) << 32]
    }

    /// The completion. Its reserved byte is not looked at.
    pub(crate) const fn from_words([word]: [u64; 1]) -> Completion {
        Completion { id: word as u16, status: (word >> 16) as u8, len: (word >> 32) as u32 }
    }
}

/// Loads an entry, each word once. All ones when it is not inside, which no caller asks for.
#[inline]
pub(crate) fn load<const WORDS: usize>(memory: &impl Shared, at: usize) -> [u64; WORDS] {
    let mut entry = [u64::MAX; WORDS];
    if let Ok(words) = memory.words(at, WORDS) {
        entry.iter_mut().zip(words).for_each(|(to, word)| *to = u64::from_le(word));
    }
    entry
}

/// Stores an entry. Does nothing when it is not inside, which no caller asks for.
#[inline]
pub(crate) fn store<const WORDS: usize>(
    memory: &mut impl SharedMut,
    at: usize,
    entry: [u64; WORDS],
) {
    let _ = memory.put_words(at, entry.into_iter().map(u64::to_le));
}
