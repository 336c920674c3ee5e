//! Guest memory as the host read it.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// A copy of guest RAM.
#[derive(Debug)]
pub struct Ram {
    base: u64,
    bytes: Vec<u8>,
}

impl Ram {
    /// RAM that begins at physical address `base`.
    #[must_use]
    pub fn new(base: u64, bytes: Vec<u8>) -> Ram {
        Ram { base, bytes }
    }

    /// RAM from a file that QEMU's `pmemsave` wrote.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(base: u64, file: &Path) -> Result<Ram> {
        let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        Ok(Ram::new(base, bytes))
    }

    /// First address.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// First address past the end.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.base.saturating_add(self.bytes.len() as u64)
    }

    /// True when all `len` bytes from `address` are RAM.
    #[must_use]
    pub fn contains(&self, address: u64, len: u64) -> bool {
        let Some(end) = address.checked_add(len) else { return false };
        address >= self.base && end <= self.end()
    }

    /// The 64-bit word at `address`; `None` when it is not RAM.
    #[must_use]
    pub fn word(&self, address: u64) -> Option<u64> {
        let offset = usize::try_from(address.checked_sub(self.base)?).ok()?;
        let bytes = self.bytes.get(offset..offset.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }
}
