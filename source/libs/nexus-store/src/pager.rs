//! The table's pages: each is compared with its sum before redb sees it.
//!
//! Sums are held in memory, 8 bytes a page, and made with a number of this opening: what a page was before its last
//! write, and what another page is, have other sums. They are learned in the pass at the opening, in which every page
//! is compared with the one above it, up to the header, before redb sees any; a page without a sum is refused.
//!
//! The header is one sector, held in memory, with a sum and a number of its own: it is replaced whole or not at all.

use crate::behind::Behind;
use crate::device::{BlockDevice, DeviceError, PAGE, SECTOR, Volume};
use crate::format::{BRANCH, Node};
use crate::held::{Bytes, Held};
use crate::sum;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU64;
use core::ops::Range;

/// Bytes of redb's header. Behind them in the sector: its number, and the sum.
pub(crate) const HEADER: usize = 320;
const NUMBER_AT: usize = SECTOR - 16;
const SUM_AT: usize = SECTOR - 8;
const SUMS_IN_CHUNK: usize = 512;
/// Pages that are read ahead together at most: 256 KiB.
const AHEAD: usize = 64;
/// Pages that one step of a check looks at.
pub(crate) const CHECK_PAGES: u64 = 64;

/// What stopped an access to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Device(DeviceError),
    /// This page of the table is not what was written there last.
    Page(u64),
    /// The header is not right.
    Header,
    /// The table has no room.
    Full,
    /// redb asked for what it may not have: it was taken away from it.
    Detached,
}

/// The sums of the pages, in chunks that are made when a page of them is known.
#[derive(Debug, Default)]
struct Sums(Vec<Option<Box<[Option<NonZeroU64>; SUMS_IN_CHUNK]>>>);

impl Sums {
    fn place(page: u64) -> (usize, usize) {
        let page = usize::try_from(page).unwrap_or(usize::MAX);
        (page / SUMS_IN_CHUNK, page % SUMS_IN_CHUNK)
    }

    fn get(&self, page: u64) -> Option<NonZeroU64> {
        let (chunk, index) = Self::place(page);
        *self.0.get(chunk)?.as_ref()?.get(index)?
    }

    fn set(&mut self, page: u64, sum: Option<NonZeroU64>) {
        let (chunk, index) = Self::place(page);
        if self.0.len() <= chunk {
            self.0.resize_with(chunk + 1, || None);
        }
        let Some(chunk) = self.0.get_mut(chunk) else { return };
        let chunk = chunk.get_or_insert_with(|| Box::new([None; SUMS_IN_CHUNK]));
        if let Some(place) = chunk.get_mut(index) {
            *place = sum;
        }
    }

    fn bytes(&self) -> usize {
        self.0.iter().flatten().count() * SUMS_IN_CHUNK * 8
    }
}

/// The table's header, and how often it was written.
#[derive(Debug)]
struct Header {
    bytes: [u8; HEADER],
    number: u64,
}

/// The disk, and the table on it.
#[derive(Debug)]
pub(crate) struct Pager<D> {
    pub(crate) volume: Volume<D>,
    /// The first page of the table in the volume.
    start: u64,
    /// Pages that there are for it.
    pages: u64,
    /// The key of the sums on the disk.
    key: u64,
    /// The key of the sums in memory.
    seed: u64,
    header: Header,
    sums: Sums,
    held: Held,
    /// Bytes that redb takes its file to have.
    len: u64,
    /// What is written when nothing may be: by page of the table.
    overlay: Option<BTreeMap<u64, Box<[u8]>>>,
    /// What is to be written before the next flush, the header among it: it is read from here until then.
    behind: Behind,
    /// Pages with rows that there is room for in memory.
    leaves: usize,
    /// Which backend may use this.
    pub(crate) attached: u64,
    pub(crate) fault: Option<Fault>,
}

impl<D: BlockDevice> Pager<D> {
    pub(crate) fn new(volume: Volume<D>, table: Range<u64>, key: u64, seed: u64) -> Self {
        let pages = table.end - table.start;
        Self {
            volume,
            start: table.start,
            pages,
            key,
            seed,
            header: Header { bytes: [0; HEADER], number: 0 },
            sums: Sums::default(),
            held: Held::default(),
            len: 0,
            overlay: None,
            behind: Behind::default(),
            leaves: 0,
            attached: 0,
            fault: None,
        }
    }

    /// From now on nothing is written to the disk: the changes that redb makes when it opens stay in memory.
    pub(crate) fn write_nothing(&mut self) {
        self.overlay.get_or_insert_default();
    }

    /// How many pages are held in memory: of those that lead to others, and of those with rows.
    pub(crate) fn hold(&mut self, branches: usize, leaves: usize) {
        self.held = Held::new(branches, leaves);
        self.leaves = leaves;
    }

    pub(crate) fn sums_bytes(&self) -> usize {
        self.sums.bytes()
    }

    /// How many pages have a sum.
    #[cfg(test)]
    pub(crate) fn sums_pages(&self) -> u64 {
        (0..self.pages).filter(|page| self.sums_known(*page)).count() as u64
    }

    #[cfg(test)]
    pub(crate) fn sums_known(&self, page: u64) -> bool {
        self.sums.get(page).is_some()
    }

    /// Number of the header that is on the disk.
    #[cfg(test)]
    pub(crate) fn header_number(&self) -> u64 {
        self.header.number
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes that it may have.
    pub(crate) fn limit(&self) -> u64 {
        self.pages * PAGE as u64
    }

    pub(crate) fn table_pages(&self) -> u64 {
        self.pages
    }

    /// Lets redb take the file to be as long as it may become.
    pub(crate) fn stretch(&mut self) {
        self.len = self.limit();
    }

    /// Remembers why the caller is refused.
    pub(crate) fn refuse(&mut self, fault: Fault) -> Fault {
        // What came first is the reason.
        *self.fault.get_or_insert(fault)
    }

    pub(crate) fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Reads the header from the disk.
    pub(crate) fn load_header(&mut self) -> Result<(), Fault> {
        self.header = self.header_on_disk()?;
        self.stretch();
        Ok(())
    }

    fn header_on_disk(&mut self) -> Result<Header, Fault> {
        let mut page = vec![0; PAGE];
        self.volume.read(self.start, &mut page).map_err(Fault::Device)?;
        let number = word(&page, NUMBER_AT).ok_or(Fault::Header)?;
        let body = page.get(..SUM_AT).ok_or(Fault::Header)?;
        let right = word(&page, SUM_AT) == Some(sum::bound(self.key, self.start, number, body));
        let bytes = page.get(..HEADER).and_then(|bytes| bytes.try_into().ok());
        match bytes {
            Some(bytes) if right && number > 0 => Ok(Header { bytes, number }),
            _ => Err(Fault::Header),
        }
    }

    /// Compares what is on the disk from page `first` on, [`CHECK_PAGES`] of them at most, with what was written
    /// there; `count` more pages were right. An error names the page.
    pub(crate) fn check(&mut self, first: u64, count: &mut u64) -> Result<(), (u64, Fault)> {
        if first == 0 {
            self.check_header().map_err(|fault| (0, fault))?;
            *count += 1;
        }
        let on_disk = |page: &u64| self.changed(*page).is_none() && self.sums.get(*page).is_some();
        let all = first.max(1)..(first + CHECK_PAGES).min(self.pages);
        let known: Vec<u64> = all.filter(on_disk).collect();
        let (Some(from), Some(last)) = (known.first(), known.last()) else { return Ok(()) };
        let mut run = vec![0; usize::try_from(last - from + 1).unwrap_or(0) * PAGE];
        let at_once = self.volume.read(self.start + from, &mut run).is_ok();
        for (page, data) in (*from..).zip(run.chunks_exact_mut(PAGE)) {
            if known.binary_search(&page).is_err() {
                continue;
            }
            // Where all cannot be read at once, one by one.
            if !at_once {
                let read = self.volume.read(self.start + page, data);
                read.map_err(|error| (page, Fault::Device(error)))?;
            }
            if self.sum_of(page, data) != self.sums.get(page) {
                return Err((page, Fault::Page(page)));
            }
            *count += 1;
        }
        Ok(())
    }

    fn check_header(&mut self) -> Result<(), Fault> {
        if self.behind.get(0).is_some() {
            return Ok(());
        }
        let Header { bytes, number } = self.header_on_disk()?;
        let same = bytes == self.header.bytes && number == self.header.number;
        // What was not written is not there.
        if same || self.overlay.is_some() { Ok(()) } else { Err(Fault::Header) }
    }

    fn write_header(&mut self, data: &[u8]) -> Result<(), Fault> {
        let bytes = data.try_into().map_err(|_| Fault::Header)?;
        let number = self.header.number + 1;
        let mut page = data.to_vec();
        page.resize(NUMBER_AT, 0);
        page.extend(number.to_le_bytes());
        let sum = sum::bound(self.key, self.start, number, &page);
        page.extend(sum.to_le_bytes());
        page.resize(PAGE, 0);
        self.header = Header { bytes, number };
        if self.overlay.is_some() { Ok(()) } else { self.write_behind(0, page.into()) }
    }

    /// What a page is, where that is in memory alone.
    fn changed(&self, page: u64) -> Option<&[u8]> {
        let over = self.overlay.as_ref().and_then(|overlay| overlay.get(&page));
        over.map(|bytes| &**bytes).or_else(|| self.behind.get(page).map(|bytes| &**bytes))
    }

    /// Writes a single page, with others and before the next flush.
    fn write_behind(&mut self, page: u64, bytes: Bytes) -> Result<(), Fault> {
        if self.behind.insert(page, bytes) { self.drain(false) } else { Ok(()) }
    }

    /// Writes what is to be written, and flushes it or not. Where that fails all of it stays to be written: it is read
    /// as it is to be.
    fn drain(&mut self, flushed: bool) -> Result<(), Fault> {
        let (mut pages, bytes) = self.behind.all();
        pages.iter_mut().for_each(|page| *page += self.start);
        let written = if flushed {
            self.volume.write_each_flushed(&pages, &bytes)
        } else {
            self.volume.write_each(&pages, &bytes)
        };
        written.map_err(Fault::Device)?;
        self.behind.clear();
        Ok(())
    }

    /// Whether a page is in memory, right.
    pub(crate) fn has(&self, page: u64) -> bool {
        self.held.get(page).is_some() || self.changed(page).is_some()
    }

    /// Reads those of these pages that are single and not in memory, together, and holds each that is right. Whoever
    /// wants one that is not reads it himself, and is told what is wrong with it: here nothing is.
    ///
    /// No more are read than a quarter of those that there is room for: what was read first must not give way to what
    /// follows.
    pub(crate) fn ahead(&mut self, nodes: &[Node]) {
        let single = nodes.iter().filter(|node| node.pages == 1 && node.first > 0);
        let here = single.map(|node| node.first).filter(|page| *page < self.pages);
        let mut wanted: Vec<u64> = here.filter(|page| !self.has(*page)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.truncate(self.leaves / 4);
        for pages in wanted.chunks(AHEAD) {
            let places: Vec<u64> = pages.iter().map(|page| self.start + page).collect();
            let mut bytes = vec![0; pages.len() * PAGE];
            if self.volume.read_each(&places, &mut bytes).is_err() {
                return;
            }
            for (page, data) in pages.iter().zip(bytes.chunks_exact(PAGE)) {
                if self.compare(*page, data).is_ok() {
                    self.held.hold(*page, data.into());
                }
            }
        }
    }

    pub(crate) fn header(&self) -> &[u8; HEADER] {
        &self.header.bytes
    }

    /// Reads pages whose sums are not known, in the pass at the opening.
    pub(crate) fn read_unknown(&mut self, first: u64, pages: u64) -> Result<Vec<u8>, Fault> {
        if first == 0 || pages > self.pages || first > self.pages - pages {
            return Err(Fault::Page(first));
        }
        let mut bytes = vec![0; usize::try_from(pages).map_or(0, |pages| pages * PAGE)];
        self.volume.read(self.start + first, &mut bytes).map_err(Fault::Device)?;
        Ok(bytes)
    }

    /// From now on these pages are what is there. No page is in two places of the table.
    pub(crate) fn learn(&mut self, first: u64, bytes: &[u8]) -> Result<(), Fault> {
        for (page, data) in (first..).zip(bytes.chunks_exact(PAGE)) {
            if self.sums.get(page).is_some() {
                return Err(Fault::Page(page));
            }
            let sum = self.sum_of(page, data);
            self.sums.set(page, sum);
        }
        // Those with rows are many more than there is room for.
        if bytes.len() == PAGE && bytes.first() == Some(&BRANCH) {
            self.held.hold(first, bytes.into());
        }
        Ok(())
    }

    pub(crate) fn set_len(&mut self, len: u64) -> Result<(), Fault> {
        if len > self.limit() {
            return Err(Fault::Full);
        }
        self.len = len;
        Ok(())
    }

    pub(crate) fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), Fault> {
        if offset == 0 && out.len() <= HEADER {
            let header = self.header.bytes.get(..out.len()).ok_or(Fault::Header)?;
            out.copy_from_slice(header);
            return Ok(());
        }
        let first = self.first_page(offset, out.len())?;
        if let Some(held) = self.held.get(first).filter(|held| held.len() == out.len()) {
            out.copy_from_slice(held);
            return Ok(());
        }
        self.read_pages(first, out)?;
        if out.len() == PAGE && out.first() == Some(&BRANCH) {
            self.held.hold(first, (&*out).into());
        }
        Ok(())
    }

    /// What is in `pages` pages from `first` on, which are one of redb's.
    pub(crate) fn page(&mut self, first: u64, pages: u64) -> Result<Bytes, Fault> {
        let len = usize::try_from(pages).map_or(usize::MAX, |pages| pages.saturating_mul(PAGE));
        if let Some(held) = self.held.get(first).filter(|held| held.len() == len) {
            return Ok(held.clone());
        }
        let end = first.saturating_add(pages);
        if first == 0 || end > self.pages {
            return Err(Fault::Page(first));
        }
        let mut bytes = vec![0; len];
        self.read_pages(first, &mut bytes)?;
        let bytes = Bytes::from(bytes);
        if pages == 1 {
            self.held.hold(first, bytes.clone());
        }
        Ok(bytes)
    }

    /// Reads pages from the disk, and compares each with its sum.
    fn read_pages(&mut self, first: u64, out: &mut [u8]) -> Result<(), Fault> {
        let on_disk = out.len() > PAGE || self.behind.get(first).is_none();
        if on_disk {
            self.volume.read(self.start + first, out).map_err(Fault::Device)?;
        }
        for (page, data) in (first..).zip(out.chunks_exact_mut(PAGE)) {
            if let Some(changed) = self.changed(page) {
                data.copy_from_slice(changed);
            }
            self.compare(page, data)?;
        }
        Ok(())
    }

    fn first_page(&self, offset: u64, len: usize) -> Result<u64, Fault> {
        let page = offset / PAGE as u64;
        let aligned = offset.is_multiple_of(PAGE as u64) && len.is_multiple_of(PAGE);
        let end = page.saturating_add((len / PAGE) as u64);
        // Page 0 is the header's, which is read and written by itself.
        let here = page > 0 && end <= self.pages;
        if aligned && here { Ok(page) } else { Err(Fault::Page(page)) }
    }

    fn sum_of(&self, page: u64, data: &[u8]) -> Option<NonZeroU64> {
        NonZeroU64::new(sum::bound(self.seed, page, 0, data)).or(Some(NonZeroU64::MAX))
    }

    fn compare(&mut self, page: u64, data: &[u8]) -> Result<(), Fault> {
        let sum = self.sum_of(page, data);
        match self.sums.get(page) {
            Some(known) if Some(known) == sum => Ok(()),
            _ => Err(Fault::Page(page)),
        }
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Fault> {
        if offset == 0 && data.len() <= HEADER {
            return self.write_header(data);
        }
        let first = self.first_page(offset, data.len())?;
        for (page, data) in (first..).zip(data.chunks_exact(PAGE)) {
            let sum = self.sum_of(page, data);
            self.sums.set(page, sum);
            if let Some(overlay) = &mut self.overlay {
                overlay.insert(page, data.into());
            }
            self.held.forget(page);
            self.behind.forget(page);
        }
        let written = self.overlay.is_none();
        if data.len() == PAGE {
            let bytes = Bytes::from(data);
            self.held.hold(first, bytes.clone());
            return if written { self.write_behind(first, bytes) } else { Ok(()) };
        }
        if !written {
            return Ok(());
        }
        self.volume.write(self.start + first, data).map_err(Fault::Device)
    }

    pub(crate) fn sync(&mut self) -> Result<(), Fault> {
        if self.overlay.is_some() {
            return Ok(());
        }
        if self.behind.is_empty() {
            return self.volume.flush().map_err(Fault::Device);
        }
        self.drain(true)
    }
}

fn word(page: &[u8], at: usize) -> Option<u64> {
    page.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
#[path = "pager_tests.rs"]
mod tests;
