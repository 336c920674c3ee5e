//! Making an archive. The same entries in the same order give the same bytes.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use sha2::{Digest as _, Sha256};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use super::layout::{Header, Kind, MAGIC, MAX_ENTRIES, NAME_LEN, PAGE, RawEntry, VERSION};
use super::{Archive, ArchiveError};

/// Why an archive could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// A name is longer than [`NAME_LEN`] bytes.
    NameTooLong,
    /// More entries than [`MAX_ENTRIES`], or sizes that do not fit 64 bits.
    TooLarge,
    /// The reader refuses the result.
    Refused(ArchiveError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::NameTooLong => write!(f, "a name is longer than {NAME_LEN} bytes"),
            WriteError::TooLarge => f.write_str("too many entries, or too large"),
            WriteError::Refused(error) => write!(f, "the archive would be refused: {error}"),
        }
    }
}

impl core::error::Error for WriteError {}

/// Collects entries and lays them out.
#[derive(Debug, Default)]
pub struct ArchiveWriter<'a> {
    entries: Vec<(Kind, u32, &'a str, &'a [u8])>,
    device_frames: u64,
}

impl<'a> ArchiveWriter<'a> {
    /// An archive without entries.
    #[must_use]
    pub fn new() -> ArchiveWriter<'a> {
        ArchiveWriter::default()
    }

    /// How many frames the kernel sets aside for memory that devices reach; 0 unless told.
    pub fn set_device_frames(&mut self, frames: u64) {
        self.device_frames = frames;
    }

    /// Appends an entry. `id` is the service id, 0 for the description.
    pub fn push(&mut self, kind: Kind, id: u32, name: &'a str, data: &'a [u8]) {
        self.entries.push((kind, id, name, data));
    }

    /// The bytes of the archive, with nonce 0.
    ///
    /// # Errors
    /// [`WriteError`]. What is returned has been opened by [`Archive::parse`] before.
    pub fn finish(&self) -> Result<Vec<u8>, WriteError> {
        let count = u32::try_from(self.entries.len()).map_err(|_| WriteError::TooLarge)?;
        if count > MAX_ENTRIES {
            return Err(WriteError::TooLarge);
        }
        let (table, total) = self.lay_out()?;
        let header = Header {
            magic: MAGIC,
            version: U32::new(VERSION),
            count: U32::new(count),
            nonce: U64::ZERO,
            total_len: U64::new(total),
            device_frames: U64::new(self.device_frames),
            reserved: [U64::ZERO; 3],
        };
        let mut bytes = Vec::new();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(table.as_bytes());
        for (_, _, _, data) in &self.entries {
            pad(&mut bytes);
            bytes.extend_from_slice(data);
        }
        pad(&mut bytes);
        Archive::parse(&bytes).map_err(WriteError::Refused)?;
        Ok(bytes)
    }

    /// The table, and the bytes of the whole archive.
    fn lay_out(&self) -> Result<(Vec<RawEntry>, u64), WriteError> {
        let table = self.entries.len().saturating_mul(size_of::<RawEntry>());
        let mut offset = page_up(byte_count(table.saturating_add(size_of::<Header>()))?)?;
        let mut raws = Vec::new();
        for (kind, id, name, data) in &self.entries {
            let len = byte_count(data.len())?;
            raws.push(raw_entry(*kind, *id, name, offset, len, data)?);
            offset = page_up(offset.saturating_add(len))?;
        }
        Ok((raws, offset))
    }
}

fn raw_entry(
    kind: Kind,
    id: u32,
    name: &str,
    offset: u64,
    len: u64,
    data: &[u8],
) -> Result<RawEntry, WriteError> {
    let mut padded = [0; NAME_LEN];
    padded.get_mut(..name.len()).ok_or(WriteError::NameTooLong)?.copy_from_slice(name.as_bytes());
    Ok(RawEntry {
        kind: U32::new(kind.code()),
        id: U32::new(id),
        offset: U64::new(offset),
        len: U64::new(len),
        sha256: Sha256::digest(data).into(),
        name: padded,
    })
}

fn byte_count(len: usize) -> Result<u64, WriteError> {
    u64::try_from(len).map_err(|_| WriteError::TooLarge)
}

fn page_up(bytes: u64) -> Result<u64, WriteError> {
    bytes.checked_next_multiple_of(PAGE).ok_or(WriteError::TooLarge)
}

/// Zeros up to the next page.
fn pad(bytes: &mut Vec<u8>) {
    let page = usize::try_from(PAGE).unwrap_or(4096);
    let gap = bytes.len().next_multiple_of(page).saturating_sub(bytes.len());
    bytes.extend(vec![0; gap]);
}
