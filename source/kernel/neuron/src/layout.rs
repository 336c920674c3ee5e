//! Where the kernel half of every address space has what (Sv39, `0xffffffc0_00000000` up).
//!
//! | virtual | what |
//! |---|---|
//! | `0xffffffc0_00000000 + p` | RAM at physical `p`, RW-NX, without the kernel image and without what is reserved |
//! | `0xffffffff_c0000000 + 4096 n` | device page `n` (1 to 511), RW-NX, where a window with a mask begins |
//! | `0xffffffff_00000000 + p` | the kernel image at physical `p`: text R-X, rodata R, data RW-NX, guard pages unmapped |

/// Bytes in a page.
pub const PAGE: u64 = 4096;

/// Virtual minus physical address of RAM in the direct map.
pub const DIRECT: u64 = 0xffff_ffc0_0000_0000;

/// Virtual minus physical address of the kernel image. The link script has the same number.
pub const IMAGE: u64 = 0xffff_ffff_0000_0000;

/// Virtual address of the table's first device page, which is never there.
pub const DEVICES: u64 = 0xffff_ffff_c000_0000;

/// First physical address that the direct map cannot hold: it ends where the image begins.
pub const DIRECT_END: u64 = IMAGE - DIRECT;

/// Most banks of RAM, which lie apart: a frame is looked for in one after the other.
pub const MAX_BANKS: usize = 8;

/// First physical address past what a page-table entry can name.
pub const PHYS_END: u64 = 1 << 56;
