//! The disk under the store, and the part of it that the store has.

use alloc::vec::Vec;
use core::fmt;

/// Bytes of a sector: what a disk writes whole or not at all.
pub const SECTOR: usize = 512;
/// Bytes of a page: what the store reads and writes.
pub const PAGE: usize = 4096;
/// Sectors of a page.
pub const PAGE_SECTORS: u64 = (PAGE / SECTOR) as u64;

/// Why the disk did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The range is not on the disk, or no whole number of sectors.
    OutOfRange,
    /// The disk or its driver said no.
    Failed,
}

impl fmt::Display for DeviceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::OutOfRange => "outside the disk",
            Self::Failed => "the disk failed",
        })
    }
}

impl core::error::Error for DeviceError {}

/// A disk of sectors of 512 bytes.
///
/// What was written is on it for good after the next `flush` that succeeds, not before; until then any part of
/// it may be there, in whole sectors and in any order.
pub trait BlockDevice: fmt::Debug + Send + 'static {
    /// How many sectors there are.
    fn sectors(&self) -> u64;

    /// Reads whole sectors.
    ///
    /// # Errors
    /// [`DeviceError`].
    fn read(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError>;

    /// Writes whole sectors.
    ///
    /// # Errors
    /// [`DeviceError`]: then any part of it may have been written.
    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError>;

    /// Reads as many pages as there are sectors, each from its sector, one behind the other into `out`: together, where
    /// the disk can do several things at one time.
    ///
    /// # Errors
    /// [`DeviceError`]: of any of them.
    fn read_each(&mut self, sectors: &[u64], out: &mut [u8]) -> Result<(), DeviceError> {
        let mut each = sectors.iter().zip(out.chunks_exact_mut(PAGE));
        each.try_for_each(|(sector, page)| self.read(*sector, page))
    }

    /// Writes as many pages as there are sectors, one behind the other in `data`, each to its sector: together, where the
    /// disk can do several things at one time.
    ///
    /// # Errors
    /// [`DeviceError`]: then any part of any of them may have been written.
    fn write_each(&mut self, sectors: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        let mut each = sectors.iter().zip(data.chunks_exact(PAGE));
        each.try_for_each(|(sector, page)| self.write(*sector, page))
    }

    /// The same, and returns when they and all that was written before are on the disk for good, as
    /// [`write_flushed`](Self::write_flushed).
    ///
    /// # Errors
    /// As [`write_each`](Self::write_each) and [`flush`](Self::flush).
    fn write_each_flushed(&mut self, sectors: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        self.write_each(sectors, data)?;
        self.flush()
    }

    /// Returns when all that was written before is on the disk for good.
    ///
    /// # Errors
    /// [`DeviceError`]: then nothing written since the last success may be believed to be there.
    fn flush(&mut self) -> Result<(), DeviceError>;

    /// Writes whole sectors, and returns when they and all that was written before are on the disk for good: one
    /// request where the disk holds a flush back until the writes ahead of it are done.
    ///
    /// # Errors
    /// As [`write`](Self::write) and [`flush`](Self::flush): it is not told which of the two failed.
    fn write_flushed(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        self.write(sector, data)?;
        self.flush()
    }
}

/// What was asked of the disk so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reads.
    pub reads: u64,
    /// Pages that these read.
    pub pages_read: u64,
    /// Writes.
    pub writes: u64,
    /// Pages that these wrote.
    pub pages_written: u64,
    /// Flushes.
    pub flushes: u64,
    /// How often the disk was waited for: once for all that was asked of it together.
    pub waits: u64,
}

impl Counters {
    /// What was counted since `before`.
    #[must_use]
    pub const fn since(self, before: Counters) -> Counters {
        Counters {
            reads: self.reads - before.reads,
            pages_read: self.pages_read - before.pages_read,
            writes: self.writes - before.writes,
            pages_written: self.pages_written - before.pages_written,
            flushes: self.flushes - before.flushes,
            waits: self.waits - before.waits,
        }
    }
}

/// A run of sectors of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first sector.
    pub first: u64,
    /// How many.
    pub sectors: u64,
}

/// The store's part of a disk, in pages.
#[derive(Debug)]
pub(crate) struct Volume<D> {
    device: D,
    first_sector: u64,
    pages: u64,
    pub(crate) counters: Counters,
}

impl<D: BlockDevice> Volume<D> {
    pub(crate) fn new(device: D, extent: Extent) -> Result<Self, DeviceError> {
        let end = extent.first.checked_add(extent.sectors).ok_or(DeviceError::OutOfRange)?;
        if end > device.sectors() {
            return Err(DeviceError::OutOfRange);
        }
        let pages = extent.sectors / PAGE_SECTORS;
        Ok(Self { device, first_sector: extent.first, pages, counters: Counters::default() })
    }

    pub(crate) fn pages(&self) -> u64 {
        self.pages
    }

    pub(crate) fn into_device(self) -> D {
        self.device
    }

    pub(crate) fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The first sector of a run of `bytes` bytes at `page`, and how many pages that is.
    fn place(&self, page: u64, bytes: usize) -> Result<(u64, u64), DeviceError> {
        let pages = (bytes / PAGE) as u64;
        let end = page.checked_add(pages).ok_or(DeviceError::OutOfRange)?;
        if !bytes.is_multiple_of(PAGE) || end > self.pages {
            return Err(DeviceError::OutOfRange);
        }
        Ok((self.first_sector + page * PAGE_SECTORS, pages))
    }

    pub(crate) fn read(&mut self, page: u64, out: &mut [u8]) -> Result<(), DeviceError> {
        let (sector, pages) = self.place(page, out.len())?;
        self.counters.reads += 1;
        self.counters.pages_read += pages;
        self.counters.waits += 1;
        self.device.read(sector, out)
    }

    pub(crate) fn write(&mut self, page: u64, data: &[u8]) -> Result<(), DeviceError> {
        let sector = self.place_to_write(page, data)?;
        self.device.write(sector, data)
    }

    /// Writes it, and flushes it with all that was written before.
    pub(crate) fn write_flushed(&mut self, page: u64, data: &[u8]) -> Result<(), DeviceError> {
        let sector = self.place_to_write(page, data)?;
        self.counters.flushes += 1;
        self.device.write_flushed(sector, data)
    }

    fn place_to_write(&mut self, page: u64, data: &[u8]) -> Result<u64, DeviceError> {
        let (sector, pages) = self.place(page, data.len())?;
        self.counters.writes += 1;
        self.counters.pages_written += pages;
        self.counters.waits += 1;
        Ok(sector)
    }

    /// The first sectors of these pages, which are to fill so many bytes.
    fn places(&self, pages: &[u64], bytes: usize) -> Result<Vec<u64>, DeviceError> {
        if bytes != pages.len() * PAGE {
            return Err(DeviceError::OutOfRange);
        }
        let place = |page: &u64| self.place(*page, PAGE).map(|(sector, _)| sector);
        pages.iter().map(place).collect()
    }

    /// Reads these pages together.
    pub(crate) fn read_each(&mut self, pages: &[u64], out: &mut [u8]) -> Result<(), DeviceError> {
        let sectors = self.places(pages, out.len())?;
        self.counters.reads += pages.len() as u64;
        self.counters.pages_read += pages.len() as u64;
        self.counters.waits += 1;
        self.device.read_each(&sectors, out)
    }

    /// Writes these pages together.
    pub(crate) fn write_each(&mut self, pages: &[u64], data: &[u8]) -> Result<(), DeviceError> {
        let sectors = self.places_to_write(pages, data)?;
        self.device.write_each(&sectors, data)
    }

    /// Writes them, and flushes them with all that was written before.
    pub(crate) fn write_each_flushed(
        &mut self,
        pages: &[u64],
        data: &[u8],
    ) -> Result<(), DeviceError> {
        let sectors = self.places_to_write(pages, data)?;
        self.counters.flushes += 1;
        self.device.write_each_flushed(&sectors, data)
    }

    fn places_to_write(&mut self, pages: &[u64], data: &[u8]) -> Result<Vec<u64>, DeviceError> {
        let sectors = self.places(pages, data.len())?;
        self.counters.writes += pages.len() as u64;
        self.counters.pages_written += pages.len() as u64;
        self.counters.waits += 1;
        Ok(sectors)
    }

    pub(crate) fn flush(&mut self) -> Result<(), DeviceError> {
        self.counters.waits += 1;
        self.counters.flushes += 1;
        self.device.flush()
    }
}
