//! Sizes and bounds that both sides of the interface share.

/// Bytes in a page. There is no other page size in user mappings.
pub const PAGE_SIZE: u64 = 4096;

/// First virtual address that can be mapped; page zero is never mapped.
pub const USER_START: u64 = PAGE_SIZE;

/// First virtual address past the user half (Sv39, RISC-V Privileged 1.12, 4.4).
pub const USER_END: u64 = 1 << 38;

/// Most pages that one call maps or allocates (2 MiB): bounds the time a call can take.
pub const MAX_PAGES_PER_CALL: u64 = 512;

/// Pages that stay free behind each object of memory that a device reaches (RFC-0004, DM2).
pub const DEVICE_GUARD_PAGES: u64 = 128;

/// First virtual address past a process's first stack. Its image lies below the stack.
pub const STACK_TOP: u64 = 0x3000_0000;

/// Virtual address of the startup block of every process.
pub const STARTUP_VA: u64 = 0x3001_0000;

/// First virtual address that whoever starts a process leaves free: heap, then windows.
pub const FREE_START: u64 = 0x4000_0000;
