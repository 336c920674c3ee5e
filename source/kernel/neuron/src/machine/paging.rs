//! The kernel's page tables in memory: builds the final map and switches to it.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use neuron::layout::{DIRECT, DIRECT_END, IMAGE, PAGE};
use neuron::map::{Access, Builder, MapError, Table};
use neuron::range::{Full, Range, RangeSet};
use neuron::tree::Board;

use super::boot::Part;
use super::csr;

/// Tables for the kernel half: the root, two for the image, and, for each range of RAM, two at
/// each end and one for each gigabyte between.
const TABLES: usize = 32;

struct Pool {
    tables: UnsafeCell<[Table; TABLES]>,
    taken: AtomicBool,
}

// SAFETY: (1) `taken` lets exactly one caller of `take` have the tables.
unsafe impl Sync for Pool {}

static POOL: Pool =
    Pool { tables: UnsafeCell::new([Table::EMPTY; TABLES]), taken: AtomicBool::new(false) };

impl Pool {
    #[allow(clippy::mut_from_ref, reason = "lends the tables once")]
    fn take(&'static self) -> Option<&'static mut [Table; TABLES]> {
        if self.taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        // SAFETY: (1) this line is reached once, so that the reference is the only one.
        Some(unsafe { &mut *self.tables.get() })
    }
}

/// Why there is no final map.
#[derive(Debug)]
pub(super) enum PagingError {
    /// The kernel half is built already.
    Twice,
    /// RAM is in too many pieces.
    TooMany,
    /// A page twice, or an odd boundary.
    BadRange,
    /// The tables do not hold it.
    NoTable,
    /// The kernel image is not in RAM that is free for it.
    ImageNotInRam,
    /// RAM beyond what the direct map can hold.
    RamTooHigh,
}

impl From<Full> for PagingError {
    fn from(_: Full) -> PagingError {
        PagingError::TooMany
    }
}

impl From<MapError> for PagingError {
    fn from(error: MapError) -> PagingError {
        match error {
            MapError::BadRange => PagingError::BadRange,
            MapError::NoTable => PagingError::NoTable,
        }
    }
}

/// The finished kernel half.
pub(super) struct KernelHalf {
    root: &'static Table,
    /// Selects the kernel half alone, as address space 0.
    pub(super) satp: u64,
    /// RAM in the direct map.
    pub(super) direct: RangeSet,
}

impl KernelHalf {
    /// Builds the final map and selects it. The boot map, and with it the identity map, is gone.
    pub(super) fn activate(board: &Board) -> Result<KernelHalf, PagingError> {
        let mut direct = board.ram.clone();
        for taken in board.reserved.iter() {
            direct.remove(taken)?;
        }
        if !direct.contains(Part::Image.phys()) {
            return Err(PagingError::ImageNotInRam);
        }
        if direct.iter().any(|range| range.end > DIRECT_END) {
            return Err(PagingError::RamTooHigh);
        }
        if !cfg!(broken = "kernel-text-alias") {
            direct.remove(Part::Text.phys())?;
        }
        direct.remove(Part::Rodata.phys())?;

        let tables = POOL.take().ok_or(PagingError::Twice)?;
        let base = tables.as_ptr().addr() as u64 - IMAGE;
        let mut builder = Builder::new(tables, base)?;
        for range in direct.iter() {
            builder.map(range.start + DIRECT, range.start, range.len(), Access::ReadWrite)?;
        }
        for (part, access) in [
            (Part::Text, Access::ReadExec),
            (Part::Rodata, Access::Read),
            (Part::Data, Access::ReadWrite),
            (Part::Stack, Access::ReadWrite),
            (Part::EmergencyStack, Access::ReadWrite),
        ] {
            let Range { start, end } = part.virt();
            builder.map(start, start - IMAGE, end - start, access)?;
        }
        let satp = csr::satp(base / PAGE, 0);
        let half = KernelHalf { root: builder.finish(), satp, direct };
        // SAFETY: (1) the new map has the kernel image with the access that each part needs, the
        // stack, and the direct map. (2) Nothing else is in use: the device tree and the boot
        // archive are read through the direct map.
        unsafe { csr::set_satp(satp) };
        csr::fence_all();
        Ok(half)
    }

    /// Entry `index` (256 to 511) of every root table.
    pub(super) fn entry(&self, index: usize) -> u64 {
        self.root.0.get(index).copied().unwrap_or(0)
    }
}

/// Selects the address space of a process, or the kernel half alone. `flush` when address spaces
/// have no numbers.
#[inline(always)]
pub(super) fn enter_space(satp: u64, flush: bool) {
    // SAFETY: (1) the value is `KernelHalf::satp`, or one that `Machine::satp` made for a root
    // table that the kernel logic filled with `KernelHalf::entry`; either has the kernel half.
    unsafe { csr::set_satp(satp) };
    if flush {
        csr::fence_all();
    }
}
