//! Rows: what the log and the table hold.
//!
//! | first byte | then | row |
//! |---|---|---|
//! | 0 | `m` | how far the table is: frame, page, epoch, charge |
//! | 0 | `b`, index | nothing: room that is kept for deleting |
//! | 0 | `o`, object | a value in pieces that is not finished |
//! | 0 | `u`, tree | what the tree uses |
//! | 1 | tree, key | version, and the value or what is known of its pieces |
//! | 2 | object, index | a piece |

use crate::bytes::Reader;
use crate::key::{Key, MAX_KEY, TreeId};
use crate::log::Mark;
use crate::span::Span;
use crate::store::{Found, MAX_VALUE, Usage, Version};
use alloc::vec::Vec;

const META: u8 = 0;
const DATA: u8 = 1;
const PIECE: u8 = 2;
/// Bytes before the key in the key of a row with data.
const TREE_END: usize = 17;
/// Bytes of the longest key of a row.
pub(crate) const MAX_ROW_KEY: usize = TREE_END + MAX_KEY;

/// The row that says how far the table is.
pub(crate) const STATE: &[u8] = &[META, b'm'];
/// The rows that keep room for deleting.
const BALLAST: &[u8] = &[META, b'b'];
/// Where the rows of unfinished values begin and end.
pub(crate) const OBJECTS: &[u8] = &[META, b'o'];
pub(crate) const OBJECTS_END: &[u8] = &[META, b'o' + 1];
/// Where the rows of trees' use begin and end.
pub(crate) const TREES: &[u8] = &[META, b'u'];
pub(crate) const TREES_END: &[u8] = &[META, b'u' + 1];

/// The key of a row: without memory of its own.
#[derive(Clone, Copy)]
pub(crate) struct RowKey {
    bytes: [u8; MAX_ROW_KEY],
    len: usize,
}

impl RowKey {
    fn of(parts: [&[u8]; 3]) -> Self {
        let mut key = Self { bytes: [0; MAX_ROW_KEY], len: 0 };
        for (to, from) in key.bytes.iter_mut().zip(parts.iter().copied().flatten()) {
            *to = *from;
            key.len += 1;
        }
        key
    }

    pub(crate) fn data(tree: TreeId, key: &str) -> Self {
        Self::of([&[DATA], &tree.0.to_be_bytes(), key.as_bytes()])
    }

    /// Behind all rows of `tree`, or behind all under `prefix` and a slash.
    pub(crate) fn end(tree: TreeId, prefix: Option<Key<'_>>) -> Self {
        match prefix {
            // The byte behind the slash.
            Some(prefix) => {
                let mut key = Self::data(tree, prefix.as_str());
                if let Some(place) = key.bytes.get_mut(key.len) {
                    *place = b'/' + 1;
                    key.len += 1;
                }
                key
            }
            // No key has a byte that is not of UTF-8.
            None => Self::of([&[DATA], &tree.0.to_be_bytes(), &[0xff]]),
        }
    }

    /// Before all rows of `tree`, or before all under `prefix` and a slash.
    pub(crate) fn begin(tree: TreeId, prefix: Option<Key<'_>>) -> Self {
        let mut key = Self::data(tree, prefix.map_or("", Key::as_str));
        if prefix.is_some()
            && let Some(place) = key.bytes.get_mut(key.len)
        {
            *place = b'/';
            key.len += 1;
        }
        key
    }

    pub(crate) fn piece(object: u64, index: u32) -> Self {
        Self::of([&[PIECE], &object.to_be_bytes(), &index.to_be_bytes()])
    }

    pub(crate) fn object(object: u64) -> Self {
        Self::of([OBJECTS, &object.to_be_bytes(), &[]])
    }

    pub(crate) fn ballast(index: u32) -> Self {
        Self::of([BALLAST, &index.to_be_bytes(), &[]])
    }

    pub(crate) fn usage(tree: TreeId) -> Self {
        Self::of([TREES, &tree.0.to_be_bytes(), &[]])
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Tree and key of a row with data.
pub(crate) fn tree_and_key(row_key: &[u8]) -> Option<(TreeId, Key<'_>)> {
    let mut reader = Reader(row_key);
    if reader.u8()? != DATA {
        return None;
    }
    let tree = TreeId(u128::from_be_bytes(reader.guid()?));
    Some((tree, Key::from_bytes(reader.0).ok()?))
}

/// The key of a row with data, as it was checked when it was put.
pub(crate) fn key_in_tree(row_key: Span<'_>) -> Option<Span<'_>> {
    let (first, key) = (row_key.byte(0)?, row_key.behind(TREE_END)?);
    (first == DATA && !key.is_empty()).then_some(key)
}

/// What a row with data holds, and its value when that is whole. As [`Data::decode`], of a row that is copied.
#[inline]
pub(crate) fn found(row: Span<'_>) -> Option<(Found, Option<Span<'_>>)> {
    if row.byte(VERSION_END)? != WHOLE {
        return Data::decode(row.bytes()).map(|data| (data.found(), None));
    }
    let (version, value) = (Version(row.number()?), row.behind(VERSION_END + 1)?);
    let size = value.len() as u64;
    let whole = value.len() <= MAX_VALUE;
    whole.then_some((Found { version, size, pieces: 0 }, Some(value)))
}

/// The tree of a row `u`.
pub(crate) fn tree_of_usage(row_key: &[u8]) -> Option<TreeId> {
    let mut reader = Reader(row_key.strip_prefix(TREES)?);
    Some(TreeId(u128::from_be_bytes(reader.guid()?)))
}

/// The object of a row `o`.
pub(crate) fn object_of(row_key: &[u8]) -> Option<u64> {
    let bytes = row_key.strip_prefix(OBJECTS)?;
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// The object of a piece.
pub(crate) fn object_of_piece(row_key: &[u8]) -> Option<u64> {
    let mut reader = Reader(row_key);
    let object = (reader.u8()? == PIECE).then(|| reader.take(8))??;
    reader.u32()?;
    let whole = reader.0.is_empty();
    object.try_into().ok().filter(|_| whole).map(u64::from_be_bytes)
}

/// Whether a row of the store's own, that no object has, says what it must.
pub(crate) fn is_own(row_key: &[u8], row: &[u8]) -> bool {
    match row_key {
        STATE => State::decode(row).is_some(),
        _ if row_key.strip_prefix(BALLAST).is_some_and(|index| index.len() == 4) => true,
        _ => tree_of_usage(row_key).is_some() && Usage::decode(row).is_some(),
    }
}

/// What a row with data holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Data<'a> {
    pub(crate) version: Version,
    pub(crate) content: Content<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    Whole(&'a [u8]),
    Pieces { object: u64, size: u64, pieces: u32 },
}

/// Where the byte is that says which one it is.
const VERSION_END: usize = 8;
const WHOLE: u8 = 0;
const PIECES: u8 = 1;

impl<'a> Data<'a> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.extend(self.version.0.to_le_bytes());
        match self.content {
            Content::Whole(value) => {
                out.push(WHOLE);
                out.extend(value);
            }
            Content::Pieces { object, size, pieces } => {
                out.push(PIECES);
                out.extend(object.to_le_bytes());
                out.extend(size.to_le_bytes());
                out.extend(pieces.to_le_bytes());
            }
        }
        out
    }

    #[inline]
    pub(crate) fn decode(row: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(row);
        let version = Version(reader.u64()?);
        let content = match reader.u8()? {
            WHOLE if reader.0.len() <= MAX_VALUE => Content::Whole(reader.0),
            PIECES => {
                let (object, size) = (reader.u64()?, reader.u64()?);
                Content::Pieces { object, size, pieces: reader.u32()? }
            }
            _ => return None,
        };
        Some(Self { version, content })
    }

    /// Bytes of the value.
    pub(crate) fn size(&self) -> u64 {
        match self.content {
            Content::Whole(value) => value.len() as u64,
            Content::Pieces { size, .. } => size,
        }
    }
}

/// How far the table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) mark: Mark,
    /// The opening that folded last.
    pub(crate) epoch: u32,
    /// What all rows together may take of the table, in bytes.
    pub(crate) charge: u64,
}

impl State {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        out.extend(self.mark.frame.to_le_bytes());
        out.extend(self.mark.page.to_le_bytes());
        out.extend(self.epoch.to_le_bytes());
        out.extend(self.charge.to_le_bytes());
        out
    }

    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        let mut reader = Reader(row);
        let mark = Mark { frame: reader.u64()?, page: reader.u32()? };
        let state = Self { mark, epoch: reader.u32()?, charge: reader.u64()? };
        reader.0.is_empty().then_some(state)
    }
}

impl Usage {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        out.extend(self.keys.to_le_bytes());
        out.extend(self.bytes.to_le_bytes());
        out
    }

    pub(crate) fn decode(row: &[u8]) -> Option<Self> {
        let mut reader = Reader(row);
        let usage = Self { keys: reader.u64()?, bytes: reader.u64()? };
        reader.0.is_empty().then_some(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Kept;
    use std::vec;

    #[test]
    fn a_value_is_as_long_as_it_may_be() {
        let row = |len| vec![WHOLE; 9 + len];
        let size = |row: &[u8]| {
            let size = Data::decode(row).map(|data| data.size());
            let found = found(Kept::new(row).span()).map(|(found, value)| {
                assert_eq!(value.map(|value| value.len() as u64), Some(found.size));
                found.size
            });
            assert_eq!(size, found);
            size
        };
        assert_eq!(size(&row(MAX_VALUE)), Some(MAX_VALUE as u64));
        assert_eq!(size(&row(MAX_VALUE + 1)), None);
        assert_eq!((size(&row(0)), size(&[0; 8])), (Some(0), None));
        assert_eq!(size(&[0, 0, 0, 0, 0, 0, 0, 0, 2]), None);
    }

    #[test]
    fn rows_of_the_store_are_known() {
        let usage = Usage { keys: 1, bytes: 2 }.encode();
        let tree = RowKey::usage(TreeId(3));
        let ballast = RowKey::ballast(0);
        assert!(is_own(tree.as_bytes(), &usage) && is_own(STATE, &State::default().encode()));
        assert!(is_own(ballast.as_bytes(), b""));
        for (key, row) in [
            (tree.as_bytes(), &usage[1..]),
            (&tree.as_bytes()[1..], &usage),
            (STATE, &usage),
            (&ballast.as_bytes()[..4], b""),
            (&[META, b'z'], b""),
        ] {
            assert!(!is_own(key, row), "{key:?}");
        }
        let piece = RowKey::piece(9, 1);
        assert_eq!(object_of_piece(piece.as_bytes()), Some(9));
        assert_eq!(object_of_piece(&piece.as_bytes()[..12]), None);
        assert_eq!(object_of_piece(RowKey::object(9).as_bytes()), None);
        assert_eq!(object_of(RowKey::object(9).as_bytes()), Some(9));
    }
}
