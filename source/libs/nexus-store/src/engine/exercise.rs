//! What a disk is taken for, for bytes that anybody made up who knows how its sums are made: they are right.
#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::prelude::rust_2024::*;
use std::sync::OnceLock;
use std::vec;

use crc::{CRC_32_ISO_HDLC, Crc};

use super::Engine;
use crate::bytes::Reader;
use crate::fake::FakeDisk;
use crate::log::frame::Head;
use crate::row::{self, Content, Data, State};
use crate::superblock::{Layout, Superblock};
use crate::trial::content::{GUID, TREE, formatted, key, open, open_with, options};
use crate::{
    BlockDevice, Check, DeviceError, Expect, Identity, Key, Listing, SECTOR, Store, TreeId, Usage,
    gpt,
};

/// A store with rows in its table and in its log.
fn base() -> FakeDisk {
    static BASE: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BASE.get_or_init(|| {
        let disk = formatted(16, 64);
        let mut store = open(&disk);
        for at in 0..24 {
            store.put(TREE, key(&std::format!("a/{at}")), &[at; 300], Expect::Any).unwrap();
            store.sync().unwrap();
            while store.turn().unwrap() {}
        }
        drop(store);
        disk.bytes()
    });
    FakeDisk::of(bytes.clone())
}

/// Does with an open store what it is there for. What comes of it may be an error.
fn used(store: &mut Engine<FakeDisk>) {
    let trees: Vec<TreeId> = store.trees().map(|(tree, _)| tree).chain([TREE]).take(8).collect();
    for tree in trees {
        let listing = Listing { under: None, after: None, rows: 64 };
        let Ok(page) = store.page(tree, &listing, false) else { continue };
        assert!(page.rows.is_sorted_by(|one, next| one.key < next.key), "in order, none twice");
        for shown in &page.rows {
            let (name, mut out) = (Key::new(&shown.key).unwrap(), Vec::new());
            if let Ok(found) = store.get(tree, name, &mut out) {
                assert_eq!(found, Some(shown.found), "what is listed is there");
            }
            let _ = store.get_piece(tree, name, shown.found.version, 0, &mut out);
        }
        let _ = store.put(tree, key("a/new"), b"new", Expect::Any);
        let _ = store.delete(tree, key("a/1"), Expect::Any);
    }
    let _ = store.sync();
    for _ in 0..64 {
        if !store.turn().unwrap_or(false) {
            break;
        }
    }
    let mut check = Check::default();
    for _ in 0..500 {
        if let Ok(false) = store.check(&mut check) {
            break;
        }
    }
}

/// Takes `data` for the next frame of a log: the number of the opening that wrote it, then its changes. True when
/// the store is opened.
///
/// # Panics
/// Something is not true that must be.
#[must_use]
pub fn frame(data: &[u8]) -> bool {
    let Some((epoch, changes)) = data.split_first_chunk() else { return false };
    let head = Head { epoch: u32::from_le_bytes(*epoch) };
    let disk = base();
    let mut store = open(&disk);
    let appended = {
        let volume = &mut store.pager.lock().volume;
        store.log.append(volume, head, changes)
    };
    drop(store);
    // One that is too long is not written.
    if !appended.is_ok_and(|frame| frame.is_some()) {
        return false;
    }
    let Ok(mut store) = open_with(&disk, &options()) else { return false };
    used(&mut store);
    drop(store);
    // What it has made of that it opens itself.
    if let Ok(mut store) = open_with(&disk, &options()) {
        used(&mut store);
    }
    true
}

/// Takes `data` for what a superblock says, in both copies. True when the store is opened.
///
/// # Panics
/// Something is not true that must be.
#[must_use]
pub fn superblock(data: &[u8]) -> bool {
    let mut reader = Reader(data);
    let mut fields = || Some((reader.u32()?, reader.u64()?, reader.u64()?, reader.u32()?));
    let Some((log_pages, table_pages, key, format)) = fields() else { return false };
    let disk = base();
    let layout = Layout { log_pages, table_pages };
    let written = Superblock::new(Identity { guid: GUID, key }, layout).of_format(format);
    disk.tamper(|bytes| written.put(bytes));
    match open_with(&disk, &options()) {
        Ok(mut store) => {
            assert!(store.bytes() as usize <= disk.bytes().len());
            used(&mut store);
            true
        }
        Err(_) => false,
    }
}

/// Takes `data` for a row of the table: a byte says how long its key is. True when it is one that there can be.
///
/// # Panics
/// What was read, written again, is something else.
#[must_use]
pub fn row(data: &[u8]) -> bool {
    let Some((len, rest)) = data.split_first() else { return false };
    let (key, row) = rest.split_at(usize::from(*len).min(rest.len()));
    if let Some(data) = Data::decode(row) {
        let again = data.encode();
        assert!(row.starts_with(&again), "{data:?}");
        assert!(!matches!(data.content, Content::Whole(_)) || again == row);
    }
    if let Some(state) = State::decode(row) {
        assert_eq!(state.encode(), row);
    }
    if let Some(usage) = Usage::decode(row) {
        assert_eq!(usage.encode(), row);
    }
    if let Some((tree, name)) = row::tree_and_key(key) {
        assert_eq!(row::RowKey::data(tree, name.as_str()).as_bytes(), key);
    }
    let object = row::object_of(key).or(row::object_of_piece(key));
    row::is_own(key, row) || object.is_some()
}

/// A disk of which few sectors are not zero.
#[derive(Clone, Debug)]
struct Sparse {
    sectors: u64,
    written: BTreeMap<u64, Vec<u8>>,
}

impl Sparse {
    fn places(&self, sector: u64, bytes: usize) -> Result<Range<u64>, DeviceError> {
        let end = sector.saturating_add((bytes / SECTOR) as u64);
        if end <= self.sectors { Ok(sector..end) } else { Err(DeviceError::OutOfRange) }
    }

    fn bytes(&mut self, sector: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.read(sector, &mut bytes).unwrap();
        bytes
    }
}

impl BlockDevice for Sparse {
    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError> {
        for (place, to) in self.places(sector, out.len())?.zip(out.chunks_mut(SECTOR)) {
            match self.written.get(&place) {
                Some(bytes) => to.copy_from_slice(bytes),
                None => to.fill(0),
            }
        }
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        for (place, from) in self.places(sector, data.len())?.zip(data.chunks(SECTOR)) {
            self.written.insert(place, from.to_vec());
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }
}

/// Changes a partition table as `data` says, in threes of bytes: what and where, and the byte from then on. True
/// when a store is found.
///
/// # Panics
/// What is found is not within the disk, or not what both copies say.
#[must_use]
pub fn table(data: &[u8]) -> bool {
    const SECTORS: u64 = 8192;
    const ENTRIES: usize = 32 * SECTOR;
    let mut disk = Sparse { sectors: SECTORS, written: BTreeMap::new() };
    gpt::create(&mut disk, *b"the disk's guid.", GUID).unwrap();
    // The header and the entries of either copy.
    let parts = [(1, SECTOR), (2, ENTRIES), (SECTORS - 1, SECTOR), (SECTORS - 33, ENTRIES)];
    let mut parts = parts.map(|(sector, len)| (sector, disk.bytes(sector, len)));
    for change in data.as_chunks::<3>().0 {
        let [what, at, byte] = *change;
        // The fields of the header, and the first two entries.
        let bytes = &mut parts[usize::from(what & 3)].1;
        bytes[usize::from(at)] = byte;
    }
    let sum = |bytes: &[u8]| Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes).to_le_bytes();
    for copy in [0, 2] {
        let entries = Reader(&parts[copy].1[80..]).u32().unwrap() as usize;
        let of_entries = sum(parts[copy + 1].1.get(..entries.saturating_mul(128)).unwrap_or(&[]));
        let header = &mut parts[copy].1;
        header[88..92].copy_from_slice(&of_entries);
        header[16..20].fill(0);
        let of_header = sum(&header[..92]);
        header[16..20].copy_from_slice(&of_header);
    }
    for (sector, bytes) in &parts {
        disk.write(*sector, bytes).unwrap();
    }
    let found = gpt::find(&mut disk, GUID);
    if let Ok(extent) = found {
        let end = extent.first.checked_add(extent.sectors).unwrap();
        assert!(extent.sectors > 0 && end <= SECTORS - 33 && extent.first >= 34, "{extent:?}");
        let stores = gpt::stores(&mut disk).unwrap();
        assert!(stores.iter().any(|store| store.guid == GUID && store.extent == extent));
        // Each copy alone says the same.
        for copy in [1, SECTORS - 1] {
            let mut one = disk.clone();
            one.write(copy, &[0; SECTOR]).unwrap();
            assert!(gpt::find(&mut one, GUID).is_err(), "with one copy");
        }
    }
    found.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::content::KEY;

    // attack 67 U: a log whose sums are right says that the last opening there can be wrote it; the store is not opened, for its versions would begin anew; broken: store-last-epoch
    #[test]
    fn what_was_not_changed_is_taken_and_what_cannot_be_is_not() {
        assert!(frame(&[1, 0, 0, 0]), "without changes");
        assert!(!frame(&[1, 0, 0, 0, 0xff]), "what is no change");
        assert!(!frame(&[0xff; 4]), "behind the last opening there is none");
        let fields = |log: u32, table: u64, format: u32| {
            let words = [&log.to_le_bytes()[..], &table.to_le_bytes(), &KEY.to_le_bytes()];
            [words.concat(), format.to_le_bytes().to_vec()].concat()
        };
        assert!(superblock(&fields(16, 64, crate::FORMAT)));
        for (log, pages, format) in
            [(16, 64, crate::FORMAT + 1), (16, 64, 0), (16, 65, 1), (16, u64::MAX, 1), (0, 64, 1)]
        {
            assert!(!superblock(&fields(log, pages, format)), "{log} {pages} {format}");
        }
        // The GUID of the disk, in one copy and in both; the type of the partition.
        assert!(table(&[]) && !table(&[0, 56, 7]) && table(&[0, 56, 7, 2, 56, 7]));
        assert!(!table(&[1, 0, 7, 3, 0, 7]));
    }
}
