//! What is answered.

use alloc::vec::Vec;

use nexus_proto::state::{Reason, ring as wire};
use nexus_store::{Asked, Error, Found, Limit, Listed, Span, Version};
use zerocopy::transmute;

use super::ask::Bad;
use crate::reason;
use crate::trees::Refusal;

/// Bytes of the head of an answer.
pub(crate) const ANSWER: usize = size_of::<wire::Answer>();

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Fail {
    /// The store says so.
    Store(Error),
    /// It is not the client's.
    Refused(Refusal),
    /// The request is none.
    Bad(Bad),
    /// There is no open store: why, and its detail.
    NoStore((Reason, u64)),
    /// Another status.
    Status(u8),
}

impl From<Error> for Fail {
    fn from(why: Error) -> Fail {
        Fail::Store(why)
    }
}

impl From<Refusal> for Fail {
    fn from(why: Refusal) -> Fail {
        Fail::Refused(why)
    }
}

/// An answer: what stands in its head; its bytes are elsewhere.
pub(crate) type Head = wire::Answer;

pub(crate) fn of_version(version: Version) -> Head {
    Head { version: version.0, ..Head::default() }
}

pub(crate) fn of_found(found: Found) -> Head {
    let Found { version, size, pieces } = found;
    Head { version: version.0, size, pieces, ..Head::default() }
}

/// Keeps of `out` what begins at `from` and has room; whether there is more behind it.
pub(crate) fn cut(out: &mut Vec<u8>, from: u64, room: usize) -> bool {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(out.len());
    out.drain(..from);
    let more = out.len() > room;
    out.truncate(room);
    more
}

/// Bytes of a word.
const WORD: usize = wire::ROW_ALIGN;
/// Words of the head of a row.
const ROW: usize = size_of::<wire::Row>() / WORD;

/// A page of a list, made of rows as they come from the store: in words, each part of a row begins with one.
pub(crate) struct Rows<'a> {
    page: &'a mut [u64],
    /// Words that have been written.
    used: usize,
    values: bool,
    count: u32,
}

impl<'a> Rows<'a> {
    /// In `memory`, which is made as large as it has to be and has anything, of at most `room` bytes.
    pub(crate) fn new(memory: &'a mut Vec<u64>, room: usize, values: bool) -> Rows<'a> {
        let words = room / WORD;
        if memory.len() < words {
            memory.resize(words, 0);
        }
        let page = memory.get_mut(..words).unwrap_or_default();
        Rows { page, used: 0, values, count: 0 }
    }

    /// Adds a row; false when there is no room for it.
    pub(crate) fn take(&mut self, row: &Listed<'_>) -> bool {
        let left = self.page.get_mut(self.used..).unwrap_or_default();
        let key_words = row.key.words();
        let bare = ROW + key_words;
        let value = row.value.filter(|_| self.values).unwrap_or_default();
        // The first is given without its value, when it has no room with it: else there would be no way past it.
        let value = match bare + value.words() <= left.len() {
            true => value,
            false if self.count == 0 && bare <= left.len() => Span::default(),
            false => return false,
        };
        let Found { version, size, pieces } = row.found;
        let entry = wire::Row {
            version: version.0,
            size,
            pieces,
            value: u32::try_from(value.len()).unwrap_or(u32::MAX),
            key: row.key.len() as u64,
        };
        let words = bare + value.words();
        let Some((head, rest)) = left.split_first_chunk_mut::<ROW>() else { return false };
        let Some((key_place, rest)) = rest.split_at_mut_checked(key_words) else { return false };
        let Some(value_place) = rest.get_mut(..words - bare) else { return false };
        *head = transmute!(entry);
        row.key.copy_to(key_place);
        value.copy_to(value_place);
        self.used += words;
        self.count += 1;
        true
    }

    /// How many words are used.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// What stands in the head, with more rows behind these or none. `None`: there was no room for the first.
    pub(crate) fn head(&self, more: bool) -> Option<Head> {
        let head = Head { more, n: self.count, ..Head::default() };
        (self.count > 0 || !more).then_some(head)
    }
}

/// Status and head of what was not done; what it is about goes into `out`.
pub(crate) fn failed(why: Fail, out: &mut Vec<u8>) -> (u8, Head) {
    out.clear();
    match why {
        Fail::Store(error) => of_error(error, out),
        Fail::Refused(refusal) => (refusal.status(), Head::default()),
        Fail::Bad(Bad::Key(key)) => (wire::BAD_KEY, Head { n: key.code(), ..Head::default() }),
        Fail::Bad(Bad::TooLarge) => (wire::TOO_LARGE, Head::default()),
        Fail::Bad(Bad::Malformed) => (wire::MALFORMED, Head::default()),
        Fail::NoStore(why) => (wire::NO_STORE, of_reason(why)),
        Fail::Status(status) => (status, Head::default()),
    }
}

fn of_error(error: Error, out: &mut Vec<u8>) -> (u8, Head) {
    let none = Head::default();
    match error {
        Error::Conflict(version) => (wire::CONFLICT, of_version(version.unwrap_or(Version(0)))),
        Error::InPieces(found) => (wire::IN_PIECES, of_found(found)),
        Error::NoPiece => (wire::NO_PIECE, none),
        Error::TooLarge => (wire::TOO_LARGE, none),
        Error::NoSpace => (wire::NO_SPACE, none),
        Error::Quota(Limit::Keys) => (wire::QUOTA_KEYS, none),
        Error::Quota(Limit::Bytes) => (wire::QUOTA_BYTES, none),
        Error::Damaged(Asked::Key(key)) => {
            out.extend_from_slice(key.as_bytes());
            (wire::DAMAGED, none)
        }
        Error::Damaged(Asked::Behind(key)) => {
            out.extend_from_slice(key.as_bytes());
            (wire::DAMAGED_BEHIND, none)
        }
        Error::Damaged(Asked::Store) => (wire::DAMAGED_STORE, none),
        Error::ReadOnly(why) => (wire::READ_ONLY, of_reason(reason::read_only(why))),
    }
}

/// What stands in the head for a reason.
fn of_reason((reason, detail): (Reason, u64)) -> Head {
    Head { version: detail, n: reason.code(), ..Head::default() }
}
