//! Where things are in a hostile process, so that the tests know which address must fault.

/// The page of hostile instructions: sealed, readable and executable.
pub const CODE: u64 = 0x30_0000_0000;

/// Two words in that page, given to the instructions in `a0`: the target, and the handle of the
/// device window.
pub const WORDS: u64 = CODE + 0x800;

/// The page that is mapped for an attack: of the device window, or of memory.
pub const PAGE: u64 = 0x31_0000_0000;

/// The startup block, read-only.
pub const STARTUP: u64 = nexus_abi::STARTUP_VA;

/// The last words of the page below the stack, which has 16 pages (tests/overlay/services/hostile-*.toml).
pub const BELOW_STACK: u64 = nexus_abi::STACK_TOP - 16 * nexus_abi::PAGE_SIZE - 8;

/// Past the user half, and no address of Sv39 at all.
pub const BEYOND: u64 = nexus_abi::USER_END;

/// Kernel text: mapped in every address space, for supervisor mode only.
pub const KERNEL_TEXT: u64 = 0xffff_ffff_8020_0000;

/// RAM in the kernel's direct map: mapped in every address space, for supervisor mode only.
pub const KERNEL_DATA: u64 = 0xffff_ffc0_8700_0000;
