//! What comes back.

use alloc::string::String;
use alloc::vec::Vec;

pub use nexus_proto::state::ring::{Checked, Usage};
use nexus_proto::{read_payload, state::ring as wire};

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

/// An answer as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) status: u8,
    pub(crate) head: wire::Answer,
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

    /// The rows of a list.
    pub(crate) fn page(&self) -> Result<Page, Error> {
        let mut rest = self.bytes.as_slice();
        let mut rows = Vec::new();
        while !rest.is_empty() {
            let (row, behind) = row(rest).ok_or(Error::Garbled)?;
            rows.push(row);
            rest = behind;
        }
        // Whoever asks for what is behind the last row must get on.
        if self.head.more && rows.is_empty() {
            return Err(Error::Garbled);
        }
        Ok(Page { rows, more: self.head.more })
    }

    /// A payload that is all of the bytes.
    pub(crate) fn payload<T: nexus_proto::Payload>(&self) -> Result<T, Error> {
        let (payload, rest) = read_payload(&self.bytes).ok_or(Error::Garbled)?;
        if rest.is_empty() { Ok(payload) } else { Err(Error::Garbled) }
    }
}

fn row(bytes: &[u8]) -> Option<(Row, &[u8])> {
    let (row, rest) = read_payload::<wire::Row>(bytes)?;
    let (key, rest) = rest.split_at_checked(row.key.into())?;
    let (value, rest) = rest.split_at_checked(usize::try_from(row.value).ok()?)?;
    let key = core::str::from_utf8(key).ok()?.into();
    let found = Found { version: Version(row.version), size: row.size, pieces: row.pieces };
    Some((Row { key, found, value: value.to_vec() }, rest))
}
