//! Mapping and capabilities of one process.

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot, Rights};

use nexus_test::bare::{mmio_map, unmap};

use crate::count::{between, cap_derive, cap_drop, instret};
use crate::samples::Samples;

/// The page that is mapped and unmapped. Its page table is there, because other pages of it are
/// mapped all the time.
pub(crate) const PAGE: u64 = 0x30_0000_0000;
/// The first of the pages of memory that stay mapped.
pub(crate) const NEIGHBOURS: u64 = PAGE + PAGE_SIZE;
/// The first of the pages of the same window that stay mapped.
pub(crate) const WINDOW_PAGES: u64 = 0x31_0000_0000;

/// Maps a device page, and unmaps it.
pub(crate) fn map(window: Handle) -> Result<[Samples; 2], Error> {
    Samples::take_two(|| {
        let start = instret();
        let mapped = mmio_map(window, 0, PAGE_SIZE, PAGE, Prot::READ | Prot::WRITE);
        let end = instret();
        mapped?;
        let map = between(start, end);
        let start = instret();
        let unmapped = unmap(PAGE);
        let end = instret();
        unmapped?;
        Ok([map, between(start, end)])
    })
}

/// Derives a capability, and drops the child.
pub(crate) fn derive(parent: Handle) -> Result<[Samples; 2], Error> {
    Samples::take_two(|| {
        let start = instret();
        let child = cap_derive(parent, Rights::SEND, 0, 0);
        let end = instret();
        let child = child?;
        let derive = between(start, end);
        let start = instret();
        let dropped = cap_drop(child);
        let end = instret();
        dropped?;
        Ok([derive, between(start, end)])
    })
}
