//! The kernel's page tables in memory: builds the final map and switches to it.

use neuron::layout::{DEVICES, DIRECT, IMAGE, PAGE};
use neuron::map::{Access, Builder, MapError, Table};
use neuron::plic::Controller;
use neuron::range::Range;
use neuron::tree::Board;

use super::boot::Part;
use super::csr;
use super::phys::FreeRam;

/// The finished kernel half.
pub(super) struct KernelHalf {
    root: &'static Table,
    /// The last-level table of the device pages.
    devices: &'static mut Table,
    /// Selects the kernel half alone, as address space 0.
    pub(super) satp: u64,
}

impl KernelHalf {
    /// Builds the final map, with RAM and the interrupt controller in the direct map, and selects it. The boot map, and with it
    /// the identity map, is gone.
    pub(super) fn activate(board: &Board, free: &mut FreeRam) -> Result<KernelHalf, MapError> {
        let mut direct = board.ram.clone();
        direct.cut(Part::Image.phys());
        // The root, three for the image, one above the device pages, for each range of RAM two at each end, and two for
        // each of three pages.
        let count = 11 + 4 * u32::try_from(direct.iter().count()).unwrap_or(0);
        let tables = free.array(count, || Table::EMPTY).ok_or(MapError::NoTable)?;
        let base = tables.as_ptr().addr() as u64 - DIRECT;
        let mut builder = Builder::new(tables, base)?;
        for range in direct.iter() {
            builder.map(range.start + DIRECT, range.start, range.len(), Access::ReadWrite)?;
        }
        for page in board.plic.iter().flat_map(Controller::pages) {
            builder.map(page + DIRECT, page, PAGE, Access::ReadWrite)?;
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
        let [devices] = free.array(1, || Table::EMPTY).ok_or(MapError::NoTable)? else {
            return Err(MapError::NoTable);
        };
        builder.link(DEVICES, (&raw const *devices).addr() as u64 - DIRECT)?;
        let satp = csr::satp(base / PAGE, 0);
        let half = KernelHalf { root: builder.finish(), devices, satp };
        // SAFETY: (1) the new map has the kernel image with the access that each part needs, the
        // stack, and all free RAM in the direct map, where the tables are. (2) Nothing else is in
        // use: what the boot loader left has been copied to RAM.
        unsafe { csr::set_satp(satp) };
        csr::fence_all();
        Ok(half)
    }

    /// Entry `index` (256 to 511) of every root table.
    pub(super) fn entry(&self, index: usize) -> u64 {
        self.root.0.get(index).copied().unwrap_or(0)
    }

    /// Entry `index` of the table of device pages.
    #[cfg(feature = "checker")]
    pub(super) fn device(&self, index: u32) -> u64 {
        self.devices.0.get(index as usize).copied().unwrap_or(0)
    }

    /// Sets it.
    pub(super) fn set_device(&mut self, index: u32, entry: u64) {
        if let Some(word) = self.devices.0.get_mut(index as usize) {
            // SAFETY: (1) a word of a table that is this type's alone. (2) Volatile, because hardware
            // reads it. (3) What it maps is a device's, and no memory of Rust's: windows are disjoint
            // from RAM.
            unsafe { (&raw mut *word).write_volatile(entry) };
        }
    }

    /// Stores 32 bits at `offset` of the device page of entry `index`, after all stores to memory of
    /// before.
    pub(super) fn write_device(&mut self, index: u32, offset: u64, value: u32) {
        let register = register(index, offset);
        csr::fence_device();
        // SAFETY: (1) in these 2 MiB nothing but pages of devices is ever mapped, so that no value of
        // Rust's changes; where nothing is mapped, it is a trap, which ends in a panic. (2) Aligned.
        // (3) Volatile: it is a device that is written.
        unsafe { register.write_volatile(value) };
    }

    /// Loads 32 bits from there.
    pub(super) fn read_device(&self, index: u32, offset: u64) -> u32 {
        // SAFETY: as in `write_device`; any bits are a valid `u32`.
        unsafe { register(index, offset).read_volatile() }
    }
}

/// The address of the register at `offset` of the device page of entry `index`.
fn register(index: u32, offset: u64) -> *mut u32 {
    let place = (u64::from(index) * PAGE + offset) & (DEVICE_BYTES - 1) & !3;
    (DEVICES + place) as *mut u32
}

/// Bytes that the table of device pages maps.
const DEVICE_BYTES: u64 = 512 * PAGE;

/// Selects the address space of a process, or the kernel half alone. `flush` when address spaces
/// have no numbers.
pub(super) fn enter_space(satp: u64, flush: bool) {
    // SAFETY: (1) the value is `KernelHalf::satp`, or one that `Machine::satp` made for a root
    // table that the kernel logic filled with `KernelHalf::entry`; either has the kernel half.
    unsafe { csr::set_satp(satp) };
    if flush {
        csr::fence_all();
    }
}
