//! Minting windows at boot: nothing but whole pages outside RAM and the kernel's own devices.

use crate::common::*;
use core::ops::Range;
use neuron_core::object::window::Window;

const RAM: Range<u64> = 0x8000_0000..0x8800_0000;
const PLIC: Range<u64> = 0x0c00_0000..0x0c60_0000;
const CLINT: Range<u64> = 0x0200_0000..0x0201_0000;
const PHYS_END: u64 = 1 << 56;

fn mint(base: u64, len: u64) -> Result<(), Error> {
    Window::new(base, len, [RAM, PLIC, CLINT]).map(|_| ())
}

/// Every way to touch a range, and every way to miss it by a page.
fn touches(range: Range<u64>) {
    let size = range.end - range.start;
    for (base, len) in [
        (range.start, PAGE),
        (range.start, size),
        (range.end - PAGE, PAGE),
        (range.start - PAGE, 2 * PAGE),
        (range.end - PAGE, 2 * PAGE),
        (range.start - PAGE, size + 2 * PAGE),
        (range.start + PAGE, PAGE),
        (0, PHYS_END),
        (range.start, PHYS_END - range.start),
    ] {
        assert_eq!(mint(base, len), Err(Error::OutOfRange), "{base:#x}+{len:#x}");
    }
    assert_eq!(mint(range.start - PAGE, PAGE), Ok(()));
    assert_eq!(mint(range.end, PAGE), Ok(()));
}

// attack 7 U: a window that touches RAM at either end, lies in it or around it; `OutOfRange`; broken: window-over-ram
#[test]
fn test_reject_mmio_window_over_ram() {
    touches(RAM);
}

// attack 8 U: a window that touches the interrupt controller or the timer; `OutOfRange`; broken: window-over-ram
#[test]
fn test_reject_mmio_window_over_kernel_devices() {
    touches(PLIC);
    touches(CLINT);
}

#[test]
fn test_reject_mmio_mint_unaligned() {
    for part in [1, 0x800, 0xfff] {
        assert_eq!(mint(0x1000_0000 + part, PAGE), Err(Error::Misaligned));
        assert_eq!(mint(0x1000_0000, part), Err(Error::Misaligned));
        assert_eq!(mint(0x1000_0000, PAGE + part), Err(Error::Misaligned));
        // Never rounded, and found before what else is wrong.
        assert_eq!(mint(RAM.start + part, 0), Err(Error::Misaligned));
    }
    assert_eq!(mint(u64::MAX, u64::MAX), Err(Error::Misaligned));
}

#[test]
fn test_reject_mmio_mint_overflow() {
    let top = !(PAGE - 1);
    for (base, len) in [
        (top, PAGE),
        (top, 2 * PAGE),
        (PAGE, top),
        (0x1000_0000, top),
        (1 << 63, 1 << 63),
        (PHYS_END, PAGE),
        (PHYS_END - PAGE, 2 * PAGE),
        (PHYS_END + PAGE, PAGE),
    ] {
        assert_eq!(mint(base, len), Err(Error::OutOfRange), "{base:#x}+{len:#x}");
    }
    assert_eq!(mint(PHYS_END - PAGE, PAGE), Ok(()));
}

#[test]
fn test_reject_mmio_mint_zero_length() {
    for base in [0, PAGE, 0x1000_0000, RAM.start, PHYS_END - PAGE, PHYS_END] {
        assert_eq!(mint(base, 0), Err(Error::OutOfRange), "{base:#x}");
    }
}

#[test]
fn mint_allows_the_rest() {
    assert_eq!(mint(0, PAGE), Ok(()));
    assert_eq!(mint(0x1000_0000, PAGE), Ok(()));
    assert_eq!(mint(0x1000_0000, 0x1000_0000), Ok(()));
    assert_eq!(mint(RAM.end, PHYS_END - RAM.end), Ok(()));
}
