//! What comes back.

use alloc::string::String;
use alloc::vec::Vec;

pub use nexus_proto::state::ring::{Checked, Usage};
use nexus_proto::{read_payload, state::ring as wire};

use zerocopy::TryFromBytes;

use crate::Error;

/// Which put a value is from. A later one has a higher one, in every life of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

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

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its version.
    pub version: Version,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: String,
    /// What is under it.
    pub found: Found,
    /// The value, when it was asked for, is whole, and had room; [`Found::size`] says how long it is.
    pub value: Vec<u8>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows, in the order of their keys' bytes.
    pub rows: Vec<Row>,
    /// Whether more may follow behind the last of them.
    pub more: bool,
}

/// A page of a list as it came: its rows are looked at where they lie. A page that is used again takes no new memory.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    done: Done,
}

/// A row of such a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRef<'a> {
    /// The key: UTF-8.
    pub key: &'a [u8],
    /// What is under it.
    pub found: Found,
    /// As [`Row::value`].
    pub value: &'a [u8],
}

impl Rows {
    pub(crate) const fn new(done: Done) -> Rows {
        Rows { done }
    }

    /// The memory that it has.
    pub(crate) fn into_memory(self) -> Vec<u8> {
        self.done.bytes
    }

    /// Whether more may follow behind the last of them.
    #[must_use]
    pub const fn more(&self) -> bool {
        self.done.head.more
    }

    /// The rows, in the order of their keys' bytes. An error is the last one: what was answered is none.
    pub fn iter(&self) -> impl Iterator<Item = Result<RowRef<'_>, Error>> {
        let mut rest = self.done.body();
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (row, behind) =
                row(rest).map_or((Err(Error::Garbled), &[][..]), |(row, behind)| (Ok(row), behind));
            rest = behind;
            Some(row)
        })
    }
}

/// An answer as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) status: u8,
    pub(crate) head: wire::Answer,
    /// The head once more, and what follows it.
    pub(crate) bytes: Vec<u8>,
}

impl Done {
    pub(crate) const fn version(&self) -> Version {
        Version(self.head.version)
    }

    pub(crate) const fn found(&self) -> Found {
        let wire::Answer { size, pieces, .. } = self.head;
        Found { version: self.version(), size, pieces }
    }

    /// What follows the head: as much as that says.
    pub(crate) fn body(&self) -> &[u8] {
        let rest = self.bytes.get(size_of::<wire::Answer>()..).unwrap_or_default();
        rest.get(..self.head.len as usize).unwrap_or_default()
    }

    /// A payload that is all of the bytes.
    pub(crate) fn payload<T: nexus_proto::Payload>(&self) -> Result<T, Error> {
        let (payload, rest) = read_payload(self.body()).ok_or(Error::Garbled)?;
        if rest.is_empty() { Ok(payload) } else { Err(Error::Garbled) }
    }
}

fn row(bytes: &[u8]) -> Option<(RowRef<'_>, &[u8])> {
    // Memory for an answer begins with a word, and so does each row.
    let (row, rest) = match wire::Row::try_ref_from_prefix(bytes) {
        Ok((row, rest)) => (*row, rest),
        Err(_) => anywhere(bytes)?,
    };
    let (key, rest) = part(rest, row.key)?;
    let (value, behind) = part(rest, row.value.into())?;
    let found = Found { version: Version(row.version), size: row.size, pieces: row.pieces };
    Some((RowRef { key, found, value }, behind))
}

/// A row's head that does not begin with a word. Apart, so that the other one is loaded in words.
#[cold]
#[inline(never)]
fn anywhere(bytes: &[u8]) -> Option<(wire::Row, &[u8])> {
    read_payload(bytes)
}

/// So many bytes, and what is behind the zeros that follow them.
fn part(bytes: &[u8], len: u64) -> Option<(&[u8], &[u8])> {
    const BEHIND: usize = wire::ROW_ALIGN - 1;
    let len = usize::try_from(len).ok()?;
    let (part, rest) = bytes.split_at_checked(len.checked_add(BEHIND)? & !BEHIND)?;
    Some((part.get(..len)?, rest))
}

impl TryFrom<RowRef<'_>> for Row {
    type Error = Error;

    fn try_from(RowRef { key, found, value }: RowRef<'_>) -> Result<Row, Error> {
        let key = core::str::from_utf8(key).map_err(|_| Error::Garbled)?;
        Ok(Row { key: key.into(), found, value: value.into() })
    }
}
