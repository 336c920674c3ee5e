//! Why something was not done.

use alloc::string::String;
use core::fmt;

use nexus_proto::read_payload;
use nexus_proto::state::{BadKey, Reason, ring as wire};
use nexus_rt::{CallError, StartError};

use crate::answer::{Done, Found, Version};

/// What was asked for when damage was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// This key.
    Key(String),
    /// Keys behind this one; all, when it is empty.
    Behind(String),
    /// The store's own records.
    Store,
}

/// Why something was not done. Unless it says otherwise it has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// This service shares no ring with statefsd, or one that is too small.
    NoRing(Option<StartError>),
    /// statefsd cannot be called.
    Call(CallError),
    /// statefsd did not answer in time. Whether a change was made is not known.
    TimedOut,
    /// statefsd ended meanwhile. Whether the change was made, and those since the last sync, is not known.
    Unknown,
    /// statefsd ended before. Changes that were answered, and after which no sync was, may be gone. Nothing was asked.
    Lost,
    /// What statefsd answers is no answer. Whether a change was made is not known.
    Garbled,
    /// With its key it does not fit the ring: at most so many bytes do, with no key. A larger value goes in pieces.
    NoRoom {
        /// Bytes that the request needs.
        needs: usize,
        /// Bytes that the ring has.
        has: usize,
    },
    /// Something else is there: its version, if anything is.
    Conflict(Option<Version>),
    /// The value is in pieces.
    InPieces(Found),
    /// There is no such piece, or not of this version any more.
    NoPiece,
    /// A value, a piece, a batch or a value in pieces is larger than it may be.
    TooLarge,
    /// The disk is full: deleting helps.
    NoSpace,
    /// The tree has as many keys as it may.
    QuotaKeys,
    /// The tree has as many bytes as it may.
    QuotaBytes,
    /// What would have to be read is not what was written.
    Damaged(Damage),
    /// Nothing may be written: why, and its detail.
    ReadOnly(Reason, u64),
    /// There is no open store: why, and its detail.
    NoStore(Reason, u64),
    /// Not this service's tree, and no line of the policy opens it for this.
    Denied,
    /// This service has no tree of its own.
    NoTree,
    /// No key.
    BadKey(BadKey),
    /// statefsd refuses the request as one that cannot be.
    Malformed,
    /// There is no such draft any more, or no room for another.
    NoDraft,
}

impl Error {
    /// What a status says that is not that it was done.
    pub(crate) fn of(done: &Done) -> Error {
        let version = done.version();
        match done.status {
            wire::CONFLICT => Error::Conflict(Some(version).filter(|version| version.0 != 0)),
            wire::IN_PIECES => Error::InPieces(done.found()),
            wire::NO_PIECE => Error::NoPiece,
            wire::TOO_LARGE => Error::TooLarge,
            wire::NO_SPACE => Error::NoSpace,
            wire::QUOTA_KEYS => Error::QuotaKeys,
            wire::QUOTA_BYTES => Error::QuotaBytes,
            wire::DAMAGED => Error::Damaged(Damage::Key(text(done))),
            wire::DAMAGED_BEHIND => Error::Damaged(Damage::Behind(text(done))),
            wire::DAMAGED_STORE => Error::Damaged(Damage::Store),
            wire::READ_ONLY => with_reason(done, Error::ReadOnly),
            wire::NO_STORE => with_reason(done, Error::NoStore),
            wire::DENIED => Error::Denied,
            wire::NO_TREE => Error::NoTree,
            wire::BAD_KEY => BadKey::from_code(done.head.n).map_or(Error::Garbled, Error::BadKey),
            wire::MALFORMED | nexus_ring::REFUSED => Error::Malformed,
            wire::NO_DRAFT => Error::NoDraft,
            _ => Error::Garbled,
        }
    }
}

fn text(done: &Done) -> String {
    String::from_utf8_lossy(done.body()).into_owned()
}

fn with_reason(done: &Done, error: fn(Reason, u64) -> Error) -> Error {
    Reason::from_code(done.head.n).map_or(Error::Garbled, |why| error(why, done.head.version))
}

impl From<CallError> for Error {
    fn from(why: CallError) -> Error {
        Error::Call(why)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Error::NoRing(None) => "this service shares no ring with statefsd",
            Error::NoRing(Some(why)) => return write!(out, "no ring with statefsd: {why:?}"),
            Error::Call(why) => return write!(out, "statefsd cannot be called: {why:?}"),
            Error::TimedOut => "statefsd did not answer in time",
            Error::Unknown => "statefsd ended meanwhile: whether it was done is not known",
            Error::Lost => "statefsd ended: what was not synced may be gone",
            Error::Garbled => "what statefsd answers is no answer",
            Error::NoRoom { needs, has } => {
                return write!(out, "{needs} bytes do not fit the ring, which has {has}");
            }
            Error::Conflict(None) => "there is no such key",
            Error::Conflict(Some(Version(version))) => {
                return write!(out, "version {version} is there");
            }
            Error::InPieces(found) => {
                return write!(out, "the value is in {} pieces", found.pieces);
            }
            Error::NoPiece => "no such piece of this version",
            Error::TooLarge => "larger than it may be",
            Error::NoSpace => "the disk is full: delete something",
            Error::QuotaKeys => "the tree has as many keys as it may",
            Error::QuotaBytes => "the tree has as many bytes as it may",
            Error::Damaged(Damage::Key(key)) => return write!(out, "damaged: {key:?}"),
            Error::Damaged(Damage::Behind(key)) => {
                return write!(out, "damaged: keys behind {key:?}");
            }
            Error::Damaged(Damage::Store) => "damaged: the store's own records",
            Error::ReadOnly(why, detail) => {
                return write!(out, "the store is read-only: {} {detail}", why.name());
            }
            Error::NoStore(why, detail) => {
                return write!(out, "the store is not open: {} {detail}", why.name());
            }
            Error::Denied => "no line of the policy opens this tree for that",
            Error::NoTree => "this service has no tree",
            Error::BadKey(BadKey::Length) => "a key has 1 to 255 bytes",
            Error::BadKey(BadKey::NotText) => "a key is UTF-8",
            Error::BadKey(BadKey::Control) => "a key has no control characters",
            Error::BadKey(BadKey::Part) => "no part of a key is empty, `.` or `..`",
            Error::BadKey(BadKey::Twice) => "a batch has a key twice",
            Error::Malformed => "statefsd refuses the request as one that cannot be",
            Error::NoDraft => "there is no such draft, or no room for another",
        };
        out.write_str(text)
    }
}

impl core::error::Error for Error {}

/// The head of the answer that these bytes are: as much follows it as it says.
pub(crate) fn answer(bytes: &[u8]) -> Option<wire::Answer> {
    let (head, rest) = read_payload::<wire::Answer>(bytes)?;
    rest.get(..usize::try_from(head.len).ok()?)?;
    Some(head)
}
