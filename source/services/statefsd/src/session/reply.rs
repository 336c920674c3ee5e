//! What is answered.

use alloc::vec::Vec;

use nexus_proto::Zero;
use nexus_proto::state::{Reason, ring as wire};
use nexus_store::{Asked, Error, Found, Limit, Page, Version};
use zerocopy::IntoBytes;

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

/// The rows of a page that have room, and what stands in the head. `None`: there is no room for the first.
pub(crate) fn rows(page: &Page, room: usize, out: &mut Vec<u8>) -> Option<Head> {
    out.clear();
    let mut head = Head { more: page.more, ..Head::default() };
    for row in &page.rows {
        let left = room - out.len();
        let bare = size_of::<wire::Row>() + row.key.len();
        let whole = bare + row.value.len();
        // The first is given without its value, when it has no room with it: else there would be no way past it.
        let fits = if whole <= left { Some(row.value.as_slice()) } else { None };
        let alone = (head.n == 0 && bare <= left).then_some(&[][..]);
        let Some(value) = fits.or(alone) else {
            head.more = true;
            break;
        };
        let Found { version, size, pieces } = row.found;
        let entry = wire::Row {
            version: version.0,
            size,
            pieces,
            value: u32::try_from(value.len()).unwrap_or(u32::MAX),
            key: u16::try_from(row.key.len()).unwrap_or(u16::MAX),
            zero: Zero::ZERO,
        };
        out.extend_from_slice(entry.as_bytes());
        out.extend_from_slice(row.key.as_bytes());
        out.extend_from_slice(value);
        head.n += 1;
    }
    (head.n > 0 || page.rows.is_empty()).then_some(head)
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
