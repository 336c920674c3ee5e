//! An image as a disk.

use anyhow::{Context, Result, bail};
use nexus_store::{BlockDevice, DeviceError, SECTOR};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A file of whole sectors.
#[derive(Debug)]
pub(super) struct ImageFile {
    file: File,
    sectors: u64,
}

impl ImageFile {
    /// Makes a new one of zeros; never over something that is there.
    pub(super) fn create(path: &Path, bytes: u64) -> Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(path);
        let file = file.with_context(|| format!("making {}", path.display()))?;
        file.set_len(bytes)?;
        Ok(Self { file, sectors: bytes / SECTOR as u64 })
    }

    /// Opens one for reading alone.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let bytes = file.metadata()?.len();
        if bytes == 0 || !bytes.is_multiple_of(SECTOR as u64) {
            bail!("{} is no disk image: it has {bytes} bytes", path.display());
        }
        Ok(Self { file, sectors: bytes / SECTOR as u64 })
    }

    /// Opens one to write to it, too: commands do not.
    #[cfg(test)]
    pub(super) fn open_to_write(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Self { file, ..Self::open(path)? })
    }

    fn at(&self, sector: u64, len: usize) -> Result<u64, DeviceError> {
        let sectors = (len / SECTOR) as u64;
        let end = sector.checked_add(sectors).ok_or(DeviceError::OutOfRange)?;
        let here = len.is_multiple_of(SECTOR) && end <= self.sectors;
        if here { Ok(sector * SECTOR as u64) } else { Err(DeviceError::OutOfRange) }
    }
}

impl BlockDevice for ImageFile {
    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError> {
        let at = self.at(sector, out.len())?;
        self.file.read_exact_at(out, at).map_err(|_| DeviceError::Failed)
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        let at = self.at(sector, data.len())?;
        self.file.write_all_at(data, at).map_err(|_| DeviceError::Failed)
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.file.sync_data().map_err(|_| DeviceError::Failed)
    }
}
