//! An image as a disk.

use super::lock;
use anyhow::{Context, Error, Result, anyhow, bail};
use nexus_store::{BlockDevice, DeviceError, SECTOR};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A file of whole sectors, locked.
#[derive(Debug)]
pub(super) struct ImageFile {
    file: File,
    sectors: u64,
}

impl ImageFile {
    /// Makes a new one: zeros that `fill` writes to. It gets its name when it is whole, and never that of something
    /// that is there. Locked for writing.
    ///
    /// # Errors
    /// Those of `fill`; when it cannot be made; when there is something.
    pub(super) fn create<T>(
        path: &Path,
        bytes: u64,
        fill: impl FnOnce(Self) -> Result<T>,
    ) -> Result<(Self, T)> {
        let making = || format!("making {}", path.display());
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let new = tempfile::Builder::new().prefix(".new-").suffix(".disk").tempfile_in(directory);
        let new = new.with_context(making)?;
        new.as_file().set_len(bytes).with_context(making)?;
        lock::alone(new.as_file(), path)?;
        let sectors = bytes / SECTOR as u64;
        let image = |file: File| Self { file, sectors };
        let made = fill(image(new.as_file().try_clone()?))?;
        new.as_file().sync_all().with_context(making)?;
        let file = new.persist_noclobber(path).map_err(|refused| match refused.error.kind() {
            ErrorKind::AlreadyExists => anyhow!(
                "{} is there, and nothing is ever made over it; give another name, or move it elsewhere",
                path.display()
            ),
            _ => Error::from(refused.error).context(making()),
        })?;
        File::open(directory).and_then(|directory| directory.sync_all()).with_context(making)?;
        Ok((image(file), made))
    }

    /// Opens one for reading alone.
    ///
    /// # Errors
    /// When it is not there, no image, or being written.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        lock::shared(&file, path)?;
        Self::of(file, path)
    }

    /// Opens one for whoever writes to it.
    ///
    /// # Errors
    /// When it is not there, no image, or in use.
    pub(super) fn open_to_write(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).open(path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        lock::alone(&file, path)?;
        Self::of(file, path)
    }

    fn of(file: File, path: &Path) -> Result<Self> {
        let about = file.metadata()?;
        let bytes = about.len();
        if about.is_dir() {
            bail!("{} is a directory, and no disk image", path.display());
        }
        if bytes == 0 || !bytes.is_multiple_of(SECTOR as u64) {
            bail!("{} is no disk image: it has {bytes} bytes", path.display());
        }
        Ok(Self { file, sectors: bytes / SECTOR as u64 })
    }

    /// Has programs that are started from now on keep the lock.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn hand_on_lock(&self) -> Result<()> {
        lock::hand_on(&self.file)
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
