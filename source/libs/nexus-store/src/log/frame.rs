//! A frame: what one sync made durable, all or nothing.

use crate::bytes::Reader;
use crate::sum;
use alloc::vec::Vec;

/// Bytes of a frame's head.
pub(crate) const HEAD: usize = 24;

/// A change of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    pub(crate) key: &'a [u8],
    /// The row from now on; none: it is removed.
    pub(crate) row: Option<&'a [u8]>,
    /// Bytes of the row before, if there was one: so that what is used can be counted again from the log alone.
    pub(crate) old: Option<Old>,
}

/// What is known of the row before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Old {
    /// Bytes of the row itself.
    pub(crate) row: u32,
    /// Bytes of the value that it stands for.
    pub(crate) size: u64,
}

const SET: u8 = 1;
const WAS: u8 = 2;

impl<'a> Change<'a> {
    /// Bytes when it is written.
    pub(crate) fn len(&self) -> usize {
        let old = if self.old.is_some() { 12 } else { 0 };
        3 + self.key.len() + old + self.row.map_or(0, |row| 4 + row.len())
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let set = if self.row.is_some() { SET } else { 0 };
        let was = if self.old.is_some() { WAS } else { 0 };
        out.push(set | was);
        out.extend(u16::try_from(self.key.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend(self.key);
        if let Some(old) = self.old {
            out.extend(old.row.to_le_bytes());
            out.extend(old.size.to_le_bytes());
        }
        if let Some(row) = self.row {
            out.extend(u32::try_from(row.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend(row);
        }
    }

    fn decode(reader: &mut Reader<'a>) -> Option<Self> {
        let flags = reader.u8()?;
        let len = reader.u16()?;
        let key = reader.take(usize::from(len))?;
        let old = match flags & WAS {
            0 => None,
            _ => Some(Old { row: reader.u32()?, size: reader.u64()? }),
        };
        let row = match flags & SET {
            0 => None,
            _ => {
                let len = usize::try_from(reader.u32()?).ok()?;
                Some(reader.take(len)?)
            }
        };
        (flags <= SET | WAS).then_some(Self { key, row, old })
    }
}

/// What a frame says beside its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The opening that wrote it.
    pub(crate) epoch: u32,
}

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) head: Head,
    changes: Vec<u8>,
}

pub(super) fn encode(key: u64, number: u64, head: Head, changes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + changes.len());
    out.extend(head.epoch.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    out.extend((changes.len() as u64).to_le_bytes());
    let sum = sum::bound(key, number, u64::from(head.epoch), changes);
    out.extend(sum.to_le_bytes());
    out.extend(changes);
    out
}

/// The frame in the payloads of its sectors; none when these were not written together.
pub(super) fn decode(key: u64, number: u64, payload: &[u8]) -> Option<Frame> {
    let mut reader = Reader(payload);
    let head = Head { epoch: reader.u32()? };
    reader.u32()?;
    let len = usize::try_from(reader.u64()?).ok()?;
    let sum = reader.u64()?;
    let changes = reader.take(len)?;
    let right = sum == sum::bound(key, number, u64::from(head.epoch), changes);
    right.then(|| Frame { head, changes: changes.to_vec() })
}

impl Frame {
    /// The changes in order; `None` for one that is none, behind which there is nothing.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Option<Change<'_>>> {
        let mut reader = Reader(&self.changes);
        core::iter::from_fn(move || {
            if reader.0.is_empty() {
                return None;
            }
            let change = Change::decode(&mut reader);
            if change.is_none() {
                reader.0 = &[];
            }
            Some(change)
        })
    }
}
