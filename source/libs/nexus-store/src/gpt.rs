//! The partition table: where on a disk a store is.
//!
//! Both copies are read and must be right and the same. A store is known by the GUID of its partition; nothing is
//! written by looking for it.

use crate::bytes::Reader;
use crate::device::{BlockDevice, DeviceError, Extent, PAGE_SECTORS, SECTOR};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use crc::{CRC_32_ISO_HDLC, Crc};
use uguid::{Guid, guid};

/// The type of a partition with a store.
pub const STORE_TYPE: [u8; 16] = guid!("f6edabb0-68f5-44d6-9e83-91dbef2b7dce").to_bytes();

/// Where a partition begins and ends: whole mebibytes.
const ALIGNMENT: u64 = (1 << 20) / SECTOR as u64;
/// Entries of a table that is written, and sectors that they take; a table that is read has no more.
const ENTRIES: u32 = 128;
const ENTRY_SECTORS: u64 = ENTRIES as u64 * 128 / SECTOR as u64;
/// Sectors before the first partition: the protective record, the header, the entries.
const FRONT: u64 = 2 + ENTRY_SECTORS;

/// Which copy of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableCopy {
    /// At the beginning of the disk.
    First,
    /// At its end.
    Second,
}

/// What is wrong with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFault {
    /// There is none.
    Missing,
    /// Its header has a wrong sum.
    HeaderSum,
    /// Its header says something that cannot be, or that this code does not know.
    Header,
    /// Its entries have a wrong sum.
    EntriesSum,
    /// A partition lies outside the disk, or over another.
    Entries,
}

/// Why no store was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStore {
    /// The disk.
    Device(DeviceError),
    /// A copy of the table is not right.
    Table(TableCopy, TableFault),
    /// Both copies are right, and say different things.
    Differ,
    /// No partition has this GUID.
    Absent,
    /// More than one has it.
    Twice,
    /// There is a store with another GUID.
    Other([u8; 16]),
    /// The partition with this GUID is no store by its type.
    WrongType,
    /// The partition does not begin on a page.
    Misaligned,
    /// A table is to be written, and the disk is not blank.
    NotBlank,
    /// A table is to be written, and the disk is too small.
    TooSmall,
}

impl fmt::Display for NoStore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Device(error) => return error.fmt(out),
            Self::Other(other) => {
                return write!(out, "the disk has another store: {}", Guid::from_bytes(*other));
            }
            Self::Table(copy, fault) => {
                let copy = if *copy == TableCopy::First { "first" } else { "second" };
                return write!(out, "the {copy} copy of the partition table: {fault}");
            }
            Self::Differ => "the two copies of the partition table differ",
            Self::Absent => "no partition is a store with this GUID",
            Self::Twice => "more than one partition has this GUID",
            Self::WrongType => "the partition with this GUID is no store",
            Self::Misaligned => "the partition does not begin on a page",
            Self::NotBlank => "the disk is not blank",
            Self::TooSmall => "the disk is too small",
        };
        out.write_str(text)
    }
}

impl fmt::Display for TableFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Missing => "there is none",
            Self::HeaderSum => "the header has a wrong sum",
            Self::Header => "the header says what cannot be",
            Self::EntriesSum => "the entries have a wrong sum",
            Self::Entries => "the partitions do not fit",
        })
    }
}

impl core::error::Error for NoStore {}

/// A partition of the type of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorePartition {
    /// Its own GUID.
    pub guid: [u8; 16],
    /// Where it is.
    pub extent: Extent,
}

/// What the header of a copy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    mine: u64,
    other: u64,
    first_usable: u64,
    last_usable: u64,
    disk: [u8; 16],
    entries_at: u64,
    entries: u32,
    entry_bytes: u32,
    entries_sum: u32,
}

const SIGNATURE: &[u8; 8] = b"EFI PART";
const REVISION: u32 = 0x0001_0000;
const HEADER_BYTES: u32 = 92;
const ENTRY_BYTES: u32 = 128;
/// Where the header has its own sum, which counts as zero in it.
const SUM_AT: Range<usize> = 16..20;

/// The sum that the UEFI specification wants: CRC-32 as in ISO 3309.
fn crc32(bytes: &[u8]) -> u32 {
    Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes)
}

fn header_sum(header: &[u8]) -> u32 {
    let mut bytes = header.to_vec();
    bytes.get_mut(SUM_AT).unwrap_or_default().fill(0);
    crc32(&bytes)
}

impl Header {
    fn decode(block: &[u8]) -> Result<Self, TableFault> {
        let bytes = block.get(..HEADER_BYTES as usize).ok_or(TableFault::Missing)?;
        let sum = bytes.get(SUM_AT).and_then(|sum| Reader(sum).u32());
        let (signature, rest) = bytes.split_at_checked(8).ok_or(TableFault::Missing)?;
        if signature != SIGNATURE {
            return Err(TableFault::Missing);
        }
        if sum != Some(header_sum(bytes)) {
            return Err(TableFault::HeaderSum);
        }
        Self::fields(&mut Reader(rest)).ok_or(TableFault::Header)
    }

    /// What is behind the signature, when it is of the form that this code knows.
    fn fields(reader: &mut Reader<'_>) -> Option<Self> {
        let form = (reader.u32()?, reader.u32()?);
        let (_sum, _reserved) = (reader.u32()?, reader.u32()?);
        let (mine, other) = (reader.u64()?, reader.u64()?);
        let (first_usable, last_usable) = (reader.u64()?, reader.u64()?);
        let (disk, entries_at) = (reader.guid()?, reader.u64()?);
        let (entries, entry_bytes) = (reader.u32()?, reader.u32()?);
        let entries_sum = reader.u32()?;
        (form == (REVISION, HEADER_BYTES)).then_some(Self {
            mine,
            other,
            first_usable,
            last_usable,
            disk,
            entries_at,
            entries,
            entry_bytes,
            entries_sum,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SECTOR);
        out.extend(SIGNATURE);
        out.extend(REVISION.to_le_bytes());
        out.extend(HEADER_BYTES.to_le_bytes());
        out.extend([0; 8]);
        for place in [self.mine, self.other, self.first_usable, self.last_usable] {
            out.extend(place.to_le_bytes());
        }
        out.extend(self.disk);
        out.extend(self.entries_at.to_le_bytes());
        for word in [self.entries, self.entry_bytes, self.entries_sum] {
            out.extend(word.to_le_bytes());
        }
        let sum = header_sum(&out).to_le_bytes();
        out.splice(SUM_AT, sum);
        out.resize(SECTOR, 0);
        out
    }

    /// Whether it can be, in this place of a disk with this last sector.
    fn is_plausible(&self, mine: u64, other: u64, last: u64) -> bool {
        let form = self.entry_bytes == ENTRY_BYTES && (1..=ENTRIES).contains(&self.entries);
        let places = (self.mine, self.other) == (mine, other)
            && self.first_usable <= self.last_usable
            && self.last_usable < last;
        let end = self.entries_at.saturating_add(ENTRY_SECTORS);
        let apart = (self.entries_at > 1 && end <= self.first_usable)
            || (self.entries_at > self.last_usable && end <= last);
        form && places && apart
    }
}

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    kind: [u8; 16],
    guid: [u8; 16],
    first: u64,
    last: u64,
    rest: [u8; 80],
}

impl Entry {
    /// `None`: not in use.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (kind, guid) = (reader.guid()?, reader.guid()?);
        let (first, last) = (reader.u64()?, reader.u64()?);
        let rest = reader.take(80)?.try_into().ok()?;
        (kind != [0; 16]).then_some(Self { kind, guid, first, last, rest })
    }

    fn extent(&self) -> Extent {
        Extent { first: self.first, sectors: self.last + 1 - self.first }
    }
}

/// A copy of the table that is right.
struct Table {
    header: Header,
    entries: Vec<Entry>,
}

fn read_copy<D: BlockDevice>(device: &mut D, copy: TableCopy) -> Result<Table, NoStore> {
    let fault = |fault| NoStore::Table(copy, fault);
    let last = device.sectors().checked_sub(1).ok_or(fault(TableFault::Missing))?;
    let (mine, other) = if copy == TableCopy::First { (1, last) } else { (last, 1) };
    let mut block = [0; SECTOR];
    device.read(mine, &mut block).map_err(NoStore::Device)?;
    let header = Header::decode(&block).map_err(fault)?;
    if !header.is_plausible(mine, other, last) {
        return Err(fault(TableFault::Header));
    }
    let mut array = vec![0; ENTRY_SECTORS as usize * SECTOR];
    device.read(header.entries_at, &mut array).map_err(NoStore::Device)?;
    array.truncate((header.entries * ENTRY_BYTES) as usize);
    if crc32(&array) != header.entries_sum {
        return Err(fault(TableFault::EntriesSum));
    }
    let entries: Vec<Entry> =
        array.chunks_exact(ENTRY_BYTES as usize).filter_map(Entry::decode).collect();
    if fit(&entries, &header) {
        Ok(Table { header, entries })
    } else {
        Err(fault(TableFault::Entries))
    }
}

/// Whether all partitions lie where they may, none over another.
fn fit(entries: &[Entry], header: &Header) -> bool {
    let inside = |entry: &Entry| {
        header.first_usable <= entry.first
            && entry.first <= entry.last
            && entry.last <= header.last_usable
    };
    let mut ranges: Vec<_> = entries.iter().map(|entry| (entry.first, entry.last)).collect();
    ranges.sort_unstable();
    let apart = ranges.windows(2).all(|pair| match pair {
        [(_, last), (first, _)] => last < first,
        _ => true,
    });
    apart && entries.iter().all(inside)
}

fn same(first: &Table, second: &Table) -> bool {
    let common = |header: &Header| {
        let range = (header.first_usable, header.last_usable);
        (range, header.disk, header.entries)
    };
    common(&first.header) == common(&second.header) && first.entries == second.entries
}

/// All partitions of a disk, whatever their type.
fn entries<D: BlockDevice>(device: &mut D) -> Result<Vec<Entry>, NoStore> {
    let first = read_copy(device, TableCopy::First)?;
    let second = read_copy(device, TableCopy::Second)?;
    if same(&first, &second) { Ok(first.entries) } else { Err(NoStore::Differ) }
}

/// The stores that the table of a disk names.
///
/// # Errors
/// [`NoStore::Device`], [`NoStore::Table`], [`NoStore::Differ`].
pub fn stores<D: BlockDevice>(device: &mut D) -> Result<Vec<StorePartition>, NoStore> {
    let entries = entries(device)?;
    let stores = entries.iter().filter(|entry| entry.kind == STORE_TYPE);
    Ok(stores.map(|entry| StorePartition { guid: entry.guid, extent: entry.extent() }).collect())
}

/// Where the one store of a disk is, which has this GUID.
///
/// # Errors
/// [`NoStore`] says what was seen instead. Nothing is written.
pub fn find<D: BlockDevice>(device: &mut D, guid: [u8; 16]) -> Result<Extent, NoStore> {
    let entries = entries(device)?;
    let other = entries.iter().find(|entry| entry.kind == STORE_TYPE && entry.guid != guid);
    if let Some(other) = other {
        return Err(NoStore::Other(other.guid));
    }
    let mut named = entries.iter().filter(|entry| entry.guid == guid);
    match (named.next(), named.next()) {
        (None, _) => Err(NoStore::Absent),
        (Some(_), Some(_)) => Err(NoStore::Twice),
        (Some(entry), None) if entry.kind != STORE_TYPE => Err(NoStore::WrongType),
        (Some(entry), None) if !entry.first.is_multiple_of(PAGE_SECTORS) => {
            Err(NoStore::Misaligned)
        }
        (Some(entry), None) => Ok(entry.extent()),
    }
}

/// Writes a table with one store, of all that there is, to a disk on which every sector is zero.
///
/// # Errors
/// [`NoStore::NotBlank`], [`NoStore::TooSmall`], [`NoStore::Device`].
pub fn create<D: BlockDevice>(
    device: &mut D,
    disk: [u8; 16],
    store: [u8; 16],
) -> Result<Extent, NoStore> {
    let sectors = device.sectors();
    let end = sectors.saturating_sub(FRONT) / ALIGNMENT * ALIGNMENT;
    if end < 2 * ALIGNMENT {
        return Err(NoStore::TooSmall);
    }
    if !is_blank(device)? {
        return Err(NoStore::NotBlank);
    }
    let extent = Extent { first: ALIGNMENT, sectors: end - ALIGNMENT };
    write(device, disk, store, extent).map_err(NoStore::Device)?;
    Ok(extent)
}

fn is_blank<D: BlockDevice>(device: &mut D) -> Result<bool, NoStore> {
    const AT_ONCE: u64 = 512;
    let mut buffer = vec![0; AT_ONCE as usize * SECTOR];
    let sectors = device.sectors();
    for first in (0..sectors).step_by(AT_ONCE as usize) {
        let count = usize::try_from((sectors - first).min(AT_ONCE)).unwrap_or(0);
        let Some(part) = buffer.get_mut(..count * SECTOR) else { return Ok(false) };
        device.read(first, part).map_err(NoStore::Device)?;
        if part.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The record that tells programs which know no such tables that all of the disk is taken.
pub(crate) fn protective_record(sectors: u64) -> Vec<u8> {
    let mut record = vec![0; SECTOR];
    let size = u32::try_from(sectors - 1).unwrap_or(u32::MAX).to_le_bytes();
    // Type 0xee from sector 1 on, to the end; first and last place as they are written for that.
    let entry = [0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0];
    let end = [0x55, 0xaa];
    for (at, bytes) in [(446, &entry[..]), (458, &size[..]), (510, &end[..])] {
        if let Some(place) = record.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    record
}

fn write<D: BlockDevice>(
    device: &mut D,
    disk: [u8; 16],
    store: [u8; 16],
    extent: Extent,
) -> Result<(), DeviceError> {
    let sectors = device.sectors();
    let last = sectors - 1;
    let mut array = Vec::with_capacity(ENTRY_SECTORS as usize * SECTOR);
    array.extend(STORE_TYPE);
    array.extend(store);
    array.extend(extent.first.to_le_bytes());
    array.extend((extent.first + extent.sectors - 1).to_le_bytes());
    array.extend([0; 8]);
    array.extend("nexus store".encode_utf16().flat_map(u16::to_le_bytes));
    array.resize(ENTRY_SECTORS as usize * SECTOR, 0);
    let first = Header {
        mine: 1,
        other: last,
        first_usable: FRONT,
        last_usable: last - 1 - ENTRY_SECTORS,
        disk,
        entries_at: 2,
        entries: ENTRIES,
        entry_bytes: ENTRY_BYTES,
        entries_sum: crc32(&array),
    };
    let second = Header { mine: last, other: 1, entries_at: last - ENTRY_SECTORS, ..first };
    for header in [second, first] {
        device.write(header.entries_at, &array)?;
        device.write(header.mine, &header.encode())?;
    }
    device.write(0, &protective_record(sectors))?;
    device.flush()
}
