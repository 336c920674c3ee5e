//! Where everything is, in bytes from the start of the memory.

use nexus_mmio::{Outside, TooSmall};

/// Most entries of each ring, and requests in flight.
pub const MAX_ENTRIES: usize = 64;

/// Bytes of a page, of which the memory is a whole number.
pub const PAGE: usize = 4096;

/// Where the data area begins.
pub const DATA: usize = PAGE;

/// Where the six words are that are not entries, as one side sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// The index of what it makes.
    pub(crate) index: usize,
    /// The attachment that it is in.
    pub(crate) attachment: usize,
    /// After which entry of the peer it wants to be told.
    pub(crate) event: usize,
    /// The index of what the peer makes.
    pub(crate) peer_index: usize,
    /// The attachment that the peer is in: on the same cache line as its index.
    pub(crate) peer_attachment: usize,
    /// After which entry the peer wants to be told.
    pub(crate) peer_event: usize,
}

pub(crate) const CONSUMER: Words = Words {
    index: 0,
    attachment: 8,
    event: 64,
    peer_index: 128,
    peer_attachment: 136,
    peer_event: 192,
};
pub(crate) const DRIVER: Words = Words {
    index: 128,
    attachment: 136,
    event: 192,
    peer_index: 0,
    peer_attachment: 8,
    peer_event: 64,
};

const SUBMISSIONS: usize = 256;
const SUBMISSION_LEN: usize = 32;
const COMPLETIONS: usize = SUBMISSIONS + SUBMISSION_LEN * MAX_ENTRIES;
const COMPLETION_LEN: usize = 8;

const _: () = assert!(COMPLETIONS + COMPLETION_LEN * MAX_ENTRIES <= DATA);

/// Bytes of memory, in whole pages, for a ring with so many bytes of data.
#[must_use]
pub const fn memory_len(data: usize) -> usize {
    DATA + data.next_multiple_of(PAGE)
}

/// Where the submission at place `place` is.
pub(crate) const fn submission(place: usize) -> usize {
    SUBMISSIONS + SUBMISSION_LEN * place
}

/// Where the completion at place `place` is.
pub(crate) const fn completion(place: usize) -> usize {
    COMPLETIONS + COMPLETION_LEN * place
}

/// Bytes of the data area in memory of `has` bytes.
///
/// # Errors
/// There is no room for what stands before it.
pub(crate) fn data_len(has: usize) -> Result<u32, TooSmall> {
    let len = has.checked_sub(DATA).ok_or(TooSmall { has, needs: DATA })?;
    Ok(u32::try_from(len).unwrap_or(u32::MAX))
}

/// Where in the memory `len` bytes at `offset` of `has` bytes are, which begin at `start` of the data area.
pub(crate) fn place(start: u32, has: u32, offset: usize, len: usize) -> Result<usize, Outside> {
    let has = has as usize;
    let inside = offset <= has && len <= has - offset;
    inside.then(|| DATA + start as usize + offset).ok_or(Outside)
}
