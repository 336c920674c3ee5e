//! What a store does, whatever is under it.

use crate::check::{Check, Flaw};
use crate::device::DeviceError;
use crate::key::{Key, TreeId};
use crate::log::LogDamage;
use crate::span::Span;
use crate::superblock::Unreadable;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Bytes of the largest value that is put at once, and of the largest piece.
pub const MAX_VALUE: usize = 64 * 1024;
/// Pieces of the largest value.
pub const MAX_PIECES: u32 = 256;
/// Changes of the largest batch.
pub const MAX_BATCH: usize = 64;
/// Rows of the largest page of a list.
pub const MAX_ROWS: usize = 1024;

/// Which put a value is from. No two puts of a store have the same, in no life of it; a later one has a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// What must be there for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Any,
    /// No such key.
    Absent,
    /// The value with this version.
    Version(Version),
}

/// What is under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its version.
    pub version: Version,
    /// Bytes of the value.
    pub size: u64,
    /// Pieces that it is in; 0: it is whole.
    pub pieces: u32,
}

/// What a tree uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many keys.
    pub keys: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// What a tree may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many keys.
    pub keys: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// A change of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The value; none: the key is removed.
    pub value: Option<&'a [u8]>,
    /// What must be there before the batch.
    pub expect: Expect,
}

/// Which rows to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing<'a> {
    /// Only keys of which this is whole parts at the beginning, with something behind.
    pub under: Option<Key<'a>>,
    /// Only keys behind this one: the cursor. It need not be there any more.
    pub after: Option<Key<'a>>,
    /// At most so many rows, of [`MAX_ROWS`].
    pub rows: usize,
}

/// A row of a list, as it lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The key: UTF-8, as it was put.
    pub key: Span<'a>,
    /// What is under it.
    pub found: Found,
    /// The value, when it is whole.
    pub value: Option<Span<'a>>,
}

/// A row of a list, with memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: String,
    /// What is under it.
    pub found: Found,
    /// The value, when it is whole.
    pub value: Vec<u8>,
}

/// A page of a list, with memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows, in the order of their keys' bytes.
    pub rows: Vec<Row>,
    /// Whether more may follow behind the last of them.
    pub more: bool,
}

/// Whether what was put up to some point has been made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u64);

/// A value in pieces that is being put.
#[derive(Debug, PartialEq, Eq)]
pub struct Draft {
    pub(crate) object: u64,
    pub(crate) size: u64,
    pub(crate) pieces: u32,
}

/// What was asked for when damage was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This key.
    Key(String),
    /// The keys behind this one.
    Behind(String),
    /// The store's own records.
    Store,
}

/// Why nothing may be written any more, until the store is opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOnly {
    /// It was opened so.
    Asked,
    /// A write or flush of the log failed: what of it is on the disk is not known.
    LogWrite(DeviceError),
    /// A write or flush of the table failed.
    TableWrite(DeviceError),
    /// A page of the table is not what was written there; its number in the table.
    DamagedPage(u64),
    /// A page of the table could not be read.
    TableRead(DeviceError),
    /// Pages of the table do not fit together.
    Inconsistent,
    /// The table has no room for what is in the log.
    TableFull,
}

/// Why a store was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The disk.
    Device(DeviceError),
    /// The superblock.
    Superblock(Unreadable),
    /// The log.
    Log(LogDamage),
    /// The header of the table is not right.
    TableHeader,
    /// A page of the table is not right; its number, when the pass came so far.
    TablePage(Option<u64>),
    /// A row of the store's own is not there, or says nothing.
    Record,
    /// What is in the log could not be put into the table.
    Fold,
}

/// Which quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Keys of the tree.
    Keys,
    /// Bytes of the tree.
    Bytes,
}

/// Why something was not done. Whatever failed has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Something else is there: its version, if it is there.
    Conflict(Option<Version>),
    /// The value is in pieces: [`Store::get_piece`].
    InPieces(Found),
    /// There is no such piece, or not of this version any more.
    NoPiece,
    /// A value, a piece, a batch or a value in pieces is larger than it may be.
    TooLarge,
    /// The disk is full: deleting helps.
    NoSpace,
    /// The tree's quota is used up.
    Quota(Limit),
    /// What would have to be read for this is not what was written.
    Damaged(Asked),
    /// Nothing may be written.
    ReadOnly(ReadOnly),
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(None) => out.write_str("there is no such key"),
            Self::Conflict(Some(version)) => write!(out, "version {} is there", version.0),
            Self::InPieces(found) => write!(out, "the value is in {} pieces", found.pieces),
            Self::NoPiece => out.write_str("no such piece of this version"),
            Self::TooLarge => out.write_str("larger than it may be"),
            Self::NoSpace => out.write_str("the disk is full"),
            Self::Quota(Limit::Keys) => out.write_str("the tree has as many keys as it may"),
            Self::Quota(Limit::Bytes) => out.write_str("the tree has as many bytes as it may"),
            Self::Damaged(Asked::Key(key)) => write!(out, "damaged: {key}"),
            Self::Damaged(Asked::Behind(key)) => write!(out, "damaged: keys behind {key:?}"),
            Self::Damaged(Asked::Store) => out.write_str("damaged: the store's own records"),
            Self::ReadOnly(reason) => write!(out, "read-only: {reason}"),
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for ReadOnly {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => out.write_str("opened so"),
            Self::LogWrite(error) => write!(out, "the log could not be written: {error}"),
            Self::TableWrite(error) => write!(out, "the table could not be written: {error}"),
            Self::DamagedPage(page) => write!(out, "page {page} of the table is damaged"),
            Self::TableRead(error) => write!(out, "the table could not be read: {error}"),
            Self::Inconsistent => out.write_str("pages of the table do not fit together"),
            Self::TableFull => out.write_str("the table is full"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => error.fmt(out),
            Self::Superblock(why) => why.fmt(out),
            Self::Log(LogDamage::Frame(frame)) => {
                write!(out, "frame {frame} of the log was acknowledged and is not whole")
            }
            Self::Log(LogDamage::Meaning(frame)) => write!(out, "frame {frame} says nothing"),
            Self::TableHeader => out.write_str("the table's header is damaged"),
            Self::TablePage(Some(page)) => write!(out, "page {page} of the table is damaged"),
            Self::TablePage(None) => out.write_str("the table is damaged"),
            Self::Fold => out.write_str("what is in the log could not be put into the table"),
            Self::Record => out.write_str("the store's own records are damaged"),
        }
    }
}

impl core::error::Error for Refused {}

/// Values under keys, each key in a tree.
///
/// A change is seen by whoever asks next, and is durable when a [`sync`](Store::sync) after it has succeeded; a cut
/// before that may take it back, but never one that was made before another that stays.
pub trait Store {
    /// Puts the value into `out`, whose content before is gone. `None`: no such key.
    ///
    /// # Errors
    /// [`Error::InPieces`], [`Error::Damaged`].
    fn get(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Found>, Error>;

    /// Reads what is wanted soon of these keys, all of it together: what is asked for each of them afterwards need not
    /// wait for the disk. Nothing is said of what is wrong: whoever asks for it is told.
    fn ahead(&mut self, keys: &[(TreeId, Key<'_>)]);

    /// What is under a key.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    fn stat(&mut self, tree: TreeId, key: Key<'_>) -> Result<Option<Found>, Error>;

    /// Puts piece `index` of version `version` into `out`.
    ///
    /// # Errors
    /// [`Error::NoPiece`], [`Error::Damaged`].
    fn get_piece(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        version: Version,
        index: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Error>;

    /// Puts a value of at most [`MAX_VALUE`] bytes under a key.
    ///
    /// # Errors
    /// All but [`Error::InPieces`] and [`Error::NoPiece`].
    fn put(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        value: &[u8],
        expect: Expect,
    ) -> Result<Version, Error>;

    /// Removes a key; whether it was there.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Damaged`], [`Error::ReadOnly`], and [`Error::NoSpace`] when the log is full, too.
    fn delete(&mut self, tree: TreeId, key: Key<'_>, expect: Expect) -> Result<bool, Error>;

    /// Makes all changes, or none; no key twice. What each puts has the version that is returned.
    ///
    /// # Errors
    /// As [`put`](Store::put), for any of them.
    fn batch(&mut self, tree: TreeId, steps: &[Step<'_>]) -> Result<Version, Error>;

    /// Shows `take` keys in order, each as it lies in the store, until it has no room for one (false), or has as many
    /// as were asked for; whether there are more. What it had no room for is shown again by a list behind the last
    /// that it took.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    fn list(
        &mut self,
        tree: TreeId,
        listing: &Listing<'_>,
        take: &mut dyn FnMut(&Listed<'_>) -> bool,
    ) -> Result<bool, Error>;

    /// The same with memory of its own, and with values or without.
    ///
    /// # Errors
    /// As [`list`](Store::list).
    fn page(&mut self, tree: TreeId, listing: &Listing<'_>, values: bool) -> Result<Page, Error> {
        let mut rows = Vec::new();
        let more = self.list(tree, listing, &mut |row| {
            let key = String::from_utf8_lossy(row.key.bytes()).into_owned();
            let value =
                row.value.filter(|_| values).map_or_else(Vec::new, |value| value.bytes().into());
            rows.push(Row { key, found: row.found, value });
            true
        })?;
        Ok(Page { rows, more })
    }

    /// Begins a value in pieces. What is begun and not finished is gone at the next opening.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::ReadOnly`].
    fn begin(&mut self) -> Result<Draft, Error>;

    /// The next piece, of 1 to [`MAX_VALUE`] bytes, at most [`MAX_PIECES`] of them.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::NoSpace`], [`Error::ReadOnly`].
    fn piece(&mut self, draft: &mut Draft, bytes: &[u8]) -> Result<(), Error>;

    /// Puts the value that the pieces are under a key.
    ///
    /// # Errors
    /// As [`put`](Store::put), with the draft, which can be finished again or dropped.
    fn finish(
        &mut self,
        tree: TreeId,
        key: Key<'_>,
        draft: Draft,
        expect: Expect,
    ) -> Result<Version, (Draft, Error)>;

    /// Drops a value that was begun.
    ///
    /// # Errors
    /// [`Error::ReadOnly`].
    fn abandon(&mut self, draft: Draft) -> Result<(), Error>;

    /// Stands for all that was changed so far.
    fn ticket(&self) -> Ticket;

    /// What became of it: `None` before the sync, then the same for everybody who waits for that sync.
    fn settled(&self, ticket: Ticket) -> Option<Result<(), Error>>;

    /// Makes everything durable that was changed before.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]: what was changed since the last sync that succeeded is there or not.
    fn sync(&mut self) -> Result<(), Error>;

    /// Does a bounded part of the work that is left in the background; whether there is more.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; nobody waits for what failed.
    fn turn(&mut self) -> Result<bool, Error>;

    /// Whether that work must not wait until nobody asks for anything: else a sync has to do all of it at once.
    fn pressing(&self) -> bool;

    /// Verifies a bounded part of the store: every page that has anything, and every row; whether there is more. A
    /// check that begins is `Check::default()`; others may use the store between its steps.
    ///
    /// # Errors
    /// [`Flaw`]: one thing that is not as it must be. The next call goes on behind it.
    fn check(&mut self, check: &mut Check) -> Result<bool, Flaw>;

    /// What a tree uses.
    fn usage(&self, tree: TreeId) -> Usage;

    /// Sets what a tree may use from now on; more than that may be there already.
    fn set_quota(&mut self, tree: TreeId, quota: Quota);
}
