//! A disk in memory: it remembers in which order it was written, and fails when it is told to.

use crate::device::{BlockDevice, DeviceError, SECTOR};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use spin::Mutex;

/// What the disk was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Sectors were written.
    Write {
        /// The first one.
        sector: u64,
        /// Whole sectors.
        data: Vec<u8>,
    },
    /// All before it is there for good.
    Flush,
}

/// What fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// So many writes and flushes succeed before all others fail.
    pub writes_left: Option<u64>,
    /// So many flushes succeed before all others fail.
    pub flushes_left: Option<u64>,
    /// So many reads succeed before all others fail.
    pub reads_left: Option<u64>,
    /// This sector cannot be read.
    pub unreadable: Option<u64>,
}

#[derive(Debug)]
struct Inner {
    bytes: Vec<u8>,
    trace: Option<Vec<Event>>,
    faults: Faults,
}

/// A handle to the disk; a clone is the same disk.
#[derive(Clone, Debug)]
pub struct FakeDisk(Arc<Mutex<Inner>>);

fn left(count: &mut Option<u64>) -> Result<(), DeviceError> {
    match count {
        Some(0) => return Err(DeviceError::Failed),
        Some(count) => *count -= 1,
        None => {}
    }
    Ok(())
}

impl FakeDisk {
    /// A disk of zeros.
    #[must_use]
    pub fn new(sectors: u64) -> Self {
        Self::of(vec![0; usize::try_from(sectors).unwrap_or(0) * SECTOR])
    }

    /// A disk with these bytes.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Inner { bytes, trace: None, faults: Faults::default() })))
    }

    /// What is on it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().bytes.clone()
    }

    /// Changes what is on it behind everybody's back.
    pub fn tamper<T>(&self, work: impl FnOnce(&mut [u8]) -> T) -> T {
        work(&mut self.0.lock().bytes)
    }

    /// Remembers from now on what it is asked to do.
    pub fn record(&self) {
        self.0.lock().trace = Some(Vec::new());
    }

    /// What it was asked since [`record`](Self::record).
    #[must_use]
    pub fn trace(&self) -> Vec<Event> {
        self.0.lock().trace.clone().unwrap_or_default()
    }

    /// How much that is.
    #[must_use]
    pub fn trace_len(&self) -> usize {
        self.0.lock().trace.as_ref().map_or(0, Vec::len)
    }

    /// Fails from now on as told.
    pub fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }
}

impl Inner {
    fn range(&self, sector: u64, len: usize) -> Result<Range<usize>, DeviceError> {
        let first = usize::try_from(sector).map_err(|_| DeviceError::OutOfRange)? * SECTOR;
        let end = first.checked_add(len).ok_or(DeviceError::OutOfRange)?;
        let whole = len.is_multiple_of(SECTOR) && end <= self.bytes.len();
        if whole { Ok(first..end) } else { Err(DeviceError::OutOfRange) }
    }
}

impl BlockDevice for FakeDisk {
    fn sectors(&self) -> u64 {
        (self.0.lock().bytes.len() / SECTOR) as u64
    }

    fn read(&mut self, sector: u64, out: &mut [u8]) -> Result<(), DeviceError> {
        let mut inner = self.0.lock();
        left(&mut inner.faults.reads_left)?;
        let range = inner.range(sector, out.len())?;
        let end = sector + (out.len() / SECTOR) as u64;
        if inner.faults.unreadable.is_some_and(|bad| (sector..end).contains(&bad)) {
            return Err(DeviceError::Failed);
        }
        out.copy_from_slice(inner.bytes.get(range).ok_or(DeviceError::OutOfRange)?);
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DeviceError> {
        let mut inner = self.0.lock();
        left(&mut inner.faults.writes_left)?;
        let range = inner.range(sector, data.len())?;
        inner.bytes.get_mut(range).ok_or(DeviceError::OutOfRange)?.copy_from_slice(data);
        if let Some(trace) = &mut inner.trace {
            trace.push(Event::Write { sector, data: data.to_vec() });
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        let mut inner = self.0.lock();
        left(&mut inner.faults.writes_left)?;
        left(&mut inner.faults.flushes_left)?;
        if let Some(trace) = &mut inner.trace {
            trace.push(Event::Flush);
        }
        Ok(())
    }
}
