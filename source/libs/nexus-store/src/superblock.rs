//! The first two pages: what the partition is, and in which format.
//!
//! Both pages have a copy, each in one sector. A copy is valid when its sum is right; the valid one with the higher
//! number counts. Whoever changes it writes the other copy with the next number: a cut leaves the one or the other.
//! So an older format is upgraded by writing what is new beside what is old, flushing, and then writing one copy.

use crate::bytes::Reader;
use crate::device::{BlockDevice, DeviceError, PAGE, SECTOR, Volume};
use crate::sum;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// The format that this code writes.
pub const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"NXstore\n";
const SUM_AT: usize = SECTOR - 8;
pub(crate) const COPIES: u64 = 2;
/// Pages of the smallest log and of the smallest table.
const LEAST_LOG: u32 = 16;
const LEAST_TABLE: u64 = 64;

/// Why a partition is not a store that can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Nothing was ever formatted here: both copies are zero.
    Blank,
    /// Neither copy is right.
    Damaged,
    /// The format is newer than this code.
    Newer(u32),
    /// No format has this number.
    Unknown(u32),
    /// The store belongs to another partition.
    Foreign([u8; 16]),
    /// The store is larger than the partition, or its parts do not fit.
    Geometry,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => out.write_str("nothing was formatted here"),
            Self::Damaged => out.write_str("neither copy of the superblock is right"),
            Self::Newer(format) => write!(out, "format {format} is newer than {FORMAT}"),
            Self::Unknown(format) => write!(out, "there is no format {format}"),
            Self::Foreign(_) => out.write_str("the store belongs to another partition"),
            Self::Geometry => out.write_str("the parts of the store do not fit the partition"),
        }
    }
}

/// What a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The partition's own GUID, as its table has it.
    pub guid: [u8; 16],
    /// What the sums on this disk are made with: another in each store, so that no sector of one is right in
    /// another.
    pub key: u64,
}

/// Where what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) log_pages: u32,
    pub(crate) table_pages: u64,
}

impl Layout {
    /// A log of `log_pages`, or a sixteenth of the partition (256 to 2,048 pages), and the rest for the table.
    pub(crate) fn of(pages: u64, log_pages: Option<u32>) -> Result<Self, Unreadable> {
        let sixteenth = u32::try_from(pages / 16).unwrap_or(u32::MAX).clamp(256, 2048);
        let log_pages = log_pages.unwrap_or(sixteenth);
        let table_pages = pages.saturating_sub(COPIES + u64::from(log_pages));
        let layout = Self { log_pages, table_pages };
        layout.check(pages).map(|()| layout)
    }

    fn check(&self, pages: u64) -> Result<(), Unreadable> {
        let end = self.table_start().checked_add(self.table_pages).ok_or(Unreadable::Geometry)?;
        let large = self.log_pages >= LEAST_LOG && self.table_pages >= LEAST_TABLE;
        if large && end <= pages { Ok(()) } else { Err(Unreadable::Geometry) }
    }

    pub(crate) fn log_start(&self) -> u64 {
        COPIES
    }

    pub(crate) fn table_start(&self) -> u64 {
        COPIES + u64::from(self.log_pages)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) identity: Identity,
    pub(crate) layout: Layout,
    format: u32,
    /// The number of the copy.
    generation: u64,
}

impl Superblock {
    pub(crate) fn new(identity: Identity, layout: Layout) -> Self {
        Self { identity, layout, format: FORMAT, generation: 1 }
    }

    /// The same, said to be of another format.
    #[cfg(any(test, feature = "trial"))]
    pub(crate) fn of_format(self, format: u32) -> Self {
        Self { format, ..self }
    }

    /// Puts both copies at the front of a volume.
    #[cfg(any(test, feature = "trial"))]
    pub(crate) fn put(&self, volume: &mut [u8]) {
        for (copy, page) in (0..COPIES).zip(volume.chunks_exact_mut(PAGE)) {
            page.copy_from_slice(&self.encode(copy));
        }
    }

    fn encode(&self, copy: u64) -> Vec<u8> {
        let mut page = Vec::with_capacity(PAGE);
        page.extend(MAGIC);
        page.extend(self.format.to_le_bytes());
        page.extend(self.layout.log_pages.to_le_bytes());
        page.extend(self.generation.to_le_bytes());
        page.extend(self.identity.guid);
        page.extend(self.identity.key.to_le_bytes());
        page.extend(self.layout.table_pages.to_le_bytes());
        page.resize(SUM_AT, 0);
        let sum = sum::bound(self.identity.key, copy, self.generation, &page);
        page.extend(sum.to_le_bytes());
        page.resize(PAGE, 0);
        page
    }

    fn decode(page: &[u8], copy: u64) -> Option<Self> {
        let (body, sum) = page.get(..SECTOR)?.split_at_checked(SUM_AT)?;
        let mut reader = Reader(body);
        let magic = reader.take(MAGIC.len())?;
        let (format, log_pages) = (reader.u32()?, reader.u32()?);
        let generation = reader.u64()?;
        let identity = Identity { guid: reader.guid()?, key: reader.u64()? };
        let layout = Layout { log_pages, table_pages: reader.u64()? };
        let right = sum::bound(identity.key, copy, generation, body) == Reader(sum).u64()?;
        (magic == MAGIC && right).then_some(Self { identity, layout, format, generation })
    }

    /// Reads both copies, and takes the newer of those that are right.
    pub(crate) fn read<D: BlockDevice>(
        volume: &mut Volume<D>,
    ) -> Result<Result<Self, Unreadable>, DeviceError> {
        let mut found: Option<Self> = None;
        let mut blank = true;
        for copy in 0..COPIES {
            let page = read_page(volume, copy)?;
            blank &= page.iter().all(|byte| *byte == 0);
            found = found.max_by_generation(Self::decode(&page, copy));
        }
        let none = if blank { Unreadable::Blank } else { Unreadable::Damaged };
        Ok(found.ok_or(none).and_then(|one| one.usable(volume.pages())))
    }

    /// One copy, when it is right.
    pub(crate) fn read_copy<D: BlockDevice>(
        volume: &mut Volume<D>,
        copy: u64,
    ) -> Result<Option<Self>, DeviceError> {
        read_page(volume, copy).map(|page| Self::decode(&page, copy))
    }

    fn usable(self, pages: u64) -> Result<Self, Unreadable> {
        match self.format {
            FORMAT => self.layout.check(pages).map(|()| self),
            newer if newer > FORMAT => Err(Unreadable::Newer(newer)),
            other => Err(Unreadable::Unknown(other)),
        }
    }

    /// Writes both copies, the second first: until the flush behind the first nothing is formatted.
    pub(crate) fn write<D: BlockDevice>(&self, volume: &mut Volume<D>) -> Result<(), DeviceError> {
        for copy in (0..COPIES).rev() {
            volume.write(copy, &self.encode(copy))?;
            volume.flush()?;
        }
        Ok(())
    }
}

fn read_page<D: BlockDevice>(volume: &mut Volume<D>, page: u64) -> Result<Vec<u8>, DeviceError> {
    let mut bytes = vec![0; PAGE];
    volume.read(page, &mut bytes).map(|()| bytes)
}

trait ByGeneration {
    fn max_by_generation(self, other: Self) -> Self;
}

impl ByGeneration for Option<Superblock> {
    fn max_by_generation(self, other: Self) -> Self {
        match (self, other) {
            (Some(one), Some(two)) if two.generation > one.generation => Some(two),
            (Some(one), _) => Some(one),
            (None, other) => other,
        }
    }
}

#[cfg(test)]
#[path = "superblock_tests.rs"]
mod tests;
